// An Application Message as the core holds it: what was accepted, from whom, and until when it is worth delivering. It is made once for
// each accepted PUBLISH or will and shared, unchanged, by every queue and connection that it goes to.
import type { Properties, QoS } from '../../protocol/packets.js';
import type { ClientId, MessageId, TopicName } from '../identifiers.js';

export interface Message {
  readonly id: MessageId;
  readonly topic: TopicName;
  /** A view of the bytes that arrived, or, once the message has to wait (`keepPayload`), a copy of its own. */
  readonly payload: Uint8Array;
  /** As published: the highest QoS at which it can be delivered [MQTT-3.8.4-6]. */
  readonly qos: QoS;
  /** As published; whether a delivery carries RETAIN is decided for each delivery. */
  readonly retain: boolean;
  /** The MQTT 5 properties that travel with the message; `undefined` from a 3.x client. */
  readonly properties: Properties | undefined;
  /** `undefined` when the broker itself is the publisher. */
  readonly publisher: ClientId | undefined;
  readonly acceptedAtMs: number;
  /** `undefined`: never. */
  readonly expiresAtMs: number | undefined;
}

/**
 * Gives the message its own copy of the payload, if it is part of something larger: a message that waits must not hold the whole chunk that it
 * came in. What goes straight through is not copied. For all who have the message this is the same message.
 */
export function detachPayload(message: Message): void {
  const { payload } = message;
  if (payload.byteLength < payload.buffer.byteLength) (message as { payload: Uint8Array }).payload = payload.slice();
}
