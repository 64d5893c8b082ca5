// The recipient of a message as routing sees it: a session.
import type { QoS } from '../../protocol/packets.js';
import type { DeliverySource } from '../queues/queue-entry.js';
import type { Pressed } from '../slowed-publisher.js';
import type { DeliveryOptions } from '../messages/delivery-options.js';
import type { Message, MessageDraft } from '../messages/message.js';
import type { DeliveryOutcome } from '../messages/publication.js';
import type { ClientId, TopicFilter, TopicName } from '../identifiers.js';

export interface Recipient {
  readonly clientId: ClientId;
  readonly stored: boolean;
  readonly isConnected: boolean;
  /** Whether the session has ended. Its subscriptions may be found for some steps more. */
  readonly isOver: boolean;
  /** Whether its client acknowledges about as fast as messages are sent to it. */
  readonly keepsUp: boolean;
  /** There is a backlog for its client: what that acknowledges matters more than what it publishes. */
  hurry(): void;
  hasSubscription(topicFilter: TopicFilter): boolean;
  /** True for a client that is not connected: its permissions are checked when it returns. */
  mayReceive(topic: TopicName): boolean;
  /** `mayReceive`, and the message is not too large for the client [MQTT5-3.1.2-24]; true if it is not connected. */
  takes(message: Message, qos: QoS, identifiers: readonly number[] | undefined): boolean;
  /** Whether a message of this QoS delivered now would be sent now. */
  isReadyFor(qos: QoS): boolean;
  /** If there is no room for a message that would have to wait: what its publisher waits for. */
  fullFor(draft: MessageDraft): Pressed | undefined;
  /** Its client can take a message now: shared groups have messages waiting for that. */
  capacityAvailable(): void;
  /** Records the session's present state. */
  record(): void;
  /** @param source takes the message back if it cannot be delivered. */
  deliver(message: Message, options: DeliveryOptions, source?: DeliverySource): DeliveryOutcome;
}
