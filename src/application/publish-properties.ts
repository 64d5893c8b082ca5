// The properties of an outgoing PUBLISH (MQTT 5): those of the publisher, what is left of the message's lifetime
// [MQTT5-3.3.2-6], and the subscriptions that it matched [MQTT5-3.3.4-3].
import type { Message } from '../domain/messages/message.js';
import type { Properties } from '../protocol/packets.js';

export function outgoingProperties(
  { properties, expiresAtMs }: Message,
  identifiers: readonly number[] | undefined,
  nowMs: number,
): Properties | undefined {
  if (identifiers === undefined && expiresAtMs === undefined) return properties;
  return {
    ...properties,
    ...(expiresAtMs === undefined
      ? {}
      : { messageExpiryInterval: Math.max(0, Math.ceil((expiresAtMs - nowMs) / 1000)) }),
    ...(identifiers === undefined ? {} : { subscriptionIdentifiers: identifiers }),
  };
}
