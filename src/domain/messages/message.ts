// An Application Message as the core holds it: its contents, its publisher and its expiry. One object is created for
// each accepted PUBLISH or will and shared, unchanged, by every queue and connection that it goes to.
import type { Properties, QoS } from '../../protocol/packets.js';
import type { ClientId, MessageId, TopicName } from '../identifiers.js';

/** What is to be published: it has no number and no expiry yet, because both count from its acceptance. */
export interface MessageDraft {
  readonly topic: TopicName;
  /** A view of the received bytes or, once the message has to wait (`detachPayload`), a copy of its own. */
  readonly payload: Uint8Array;
  /** The QoS of the PUBLISH: the highest at which the message can be delivered [MQTT-3.8.4-6]. */
  readonly qos: QoS;
  /** The flag of the PUBLISH; whether a delivery carries RETAIN is decided per delivery. */
  readonly retain: boolean;
  /** The MQTT 5 properties forwarded with the message; `undefined` from a 3.x client. */
  readonly properties: Properties | undefined;
}

/** An accepted message. An adapter must not change its payload. */
export interface Message extends MessageDraft {
  readonly id: MessageId;
  /** The client that published it, or `undefined` if the broker itself did. */
  readonly publisher: ClientId | undefined;
  /** In broker time. */
  readonly acceptedAtMs: number;
  /** In broker time; `undefined` if it never expires. */
  readonly expiresAtMs: number | undefined;
}

/** The same properties with bytes of their own, where they are part of a larger buffer. */
export function detachedProperties(properties: Properties): Properties {
  const { correlationData, userProperties } = properties;
  const ownData =
    correlationData !== undefined && correlationData.byteLength < correlationData.buffer.byteLength
      ? new Uint8Array(correlationData)
      : correlationData;
  const ownUserProperties = userProperties?.detached();
  if (ownData === correlationData && ownUserProperties === userProperties) return properties;
  return {
    ...properties,
    ...(ownData !== undefined && { correlationData: ownData }),
    ...(ownUserProperties !== undefined && { userProperties: ownUserProperties }),
  };
}

/**
 * Replaces payload and properties by copies if they are views of a larger buffer: a message that waits must not keep
 * alive the whole chunk that it arrived in. A message that is forwarded at once is not copied. All holders of the
 * message see the copy.
 */
export function detachPayload(message: MessageDraft): void {
  const { payload, properties } = message;
  if (payload.byteLength < payload.buffer.byteLength)
    (message as { payload: Uint8Array }).payload = new Uint8Array(payload);
  if (properties !== undefined) (message as { properties: Properties }).properties = detachedProperties(properties);
}

/** Whether the time of a message is over: then it is sent to no further client (MQTT 5 section 3.3.2.3.3). */
export const hasExpired = ({ expiresAtMs }: Message, nowMs: number): boolean =>
  expiresAtMs !== undefined && expiresAtMs <= nowMs;
