// Who a message can be given to, as those see it who give: a session.
import type { QoS } from '../../protocol/packets.js';
import type { DeliverySource } from './message-queue.js';
import type { DeliveryOptions } from '../delivery/delivery-options.js';
import type { Message } from '../delivery/message.js';
import type { ClientId, TopicName } from '../identifiers.js';

export interface Recipient {
  readonly clientId: ClientId;
  readonly stored: boolean;
  readonly isConnected: boolean;
  /** Of one that is not connected, nobody knows: it is judged when it returns. */
  mayReceive(topic: TopicName): boolean;
  /** Whether a message of this QoS given to it now goes out now. */
  isReadyFor(qos: QoS): boolean;
  /** `source`: whom the message goes back to if it cannot be delivered. */
  deliver(message: Message, options: DeliveryOptions, source?: DeliverySource): void;
}
