// An Application Message as the core holds it: what was accepted, from whom, and until when it is worth delivering. It is made once for
// each accepted PUBLISH or will and shared, unchanged, by every queue and connection that it goes to.
import type { Properties, QoS } from '../../protocol/packets.js';
import type { ClientId, MessageId, TopicName } from '../identifiers.js';

export interface Message {
  readonly id: MessageId;
  readonly topic: TopicName;
  /**
   * A view of the bytes that arrived. A storage adapter that keeps it beyond the commit copies it, so that a small message does not hold
   * a large chunk in memory.
   */
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
