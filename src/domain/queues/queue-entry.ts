// One entry of a queue, and the source to which it may be returned.
import type { Append } from '../changes.js';
import type { DeliveryOptions } from '../messages/delivery-options.js';
import type { Message } from '../messages/message.js';
import type { Ticket } from '../durability.js';
import type { Seq } from '../identifiers.js';

/** The source of a message: a shared group, to which a session returns a message that it cannot deliver. */
export interface DeliverySource {
  returnUndelivered(entry: QueueEntry): void;
  /** Whether another member could get the message, now or later. */
  hasOtherCandidate(recipient: object): boolean;
  /**
   * The recipient's queue has removed the message, delivered or not; `returnUndelivered` may follow. Omitted by a
   * source that kept no reservation.
   */
  onSettled?(): void;
}

export class QueueEntry {
  /** PUBREC has arrived; only PUBREL is left to send. */
  released = false;

  constructor(
    readonly seq: Seq,
    /** `undefined` once sent: a repeat is read from storage, and a session that is not stored never repeats. */
    public message: Message | undefined,
    readonly options: DeliveryOptions,
    /** What a delivery at QoS 2 waits for. */
    readonly after: Ticket,
    /** The record that stored it, if this process recorded it. */
    readonly append: Append | undefined,
    readonly source: DeliverySource | undefined,
    /** The entry's share of the queue's bytes. */
    public bytes: number,
  ) {}

  get qos(): 1 | 2 {
    return this.options.qos as 1 | 2;
  }
}
