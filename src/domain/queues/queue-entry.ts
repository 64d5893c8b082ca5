// One message in a queue, and where it came from if that was a shared group.
import type { Append } from '../changes.js';
import { NOW } from '../durability.js';
import type { Ticket } from '../durability.js';
import type { Seq } from '../identifiers.js';
import type { StoredEntry } from '../inputs.js';
import { deliveryBytes } from '../messages/content-bytes.js';
import { deliveryOptions } from '../messages/delivery-options.js';
import type { DeliveryOptions } from '../messages/delivery-options.js';
import type { Message } from '../messages/message.js';

/** Memory that a waiting entry takes besides its payload and topic: its objects, and its place in the queue. */
export const WAITING_ENTRY_BYTES = 256;
/** Memory of an entry whose message has been sent and is kept no longer. */
export const SENT_ENTRY_BYTES = 160;

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
    public options: DeliveryOptions,
    /** What a delivery at QoS 2 waits for, or what the last one left after. */
    public after: Ticket,
    /** The record that stored it, if this process recorded it. */
    readonly append: Append | undefined,
    readonly source: DeliverySource | undefined,
    /** The entry's share of the queue's bytes. */
    public bytes: number,
    /** What it counts for in memory. */
    public held: number,
  ) {}

  /** The message has been sent and is kept no longer, nor are its Subscription Identifiers. */
  forget(): void {
    this.message = undefined;
    this.#forgetIdentifiers();
  }

  /** PUBREC: nothing but PUBREL is sent any more. */
  release(): void {
    this.released = true;
    this.message = undefined;
    this.#forgetIdentifiers();
  }

  #forgetIdentifiers(): void {
    const { qos, retain, identifiers } = this.options;
    if (identifiers !== undefined) this.options = deliveryOptions(qos, retain, undefined);
  }

  get qos(): 1 | 2 {
    return this.options.qos as 1 | 2;
  }
}

/** @param isDropped whether only its PUBREL is left to send. */
export function entryOfPage(
  { seq, message, qos, retain, identifiers, released }: StoredEntry,
  isDropped: boolean,
): QueueEntry {
  const isReleased = released || isDropped;
  const bytes = isReleased ? 0 : message.payload.byteLength;
  const options = deliveryOptions(qos, retain, identifiers);
  const held = bytes - message.payload.byteLength + deliveryBytes(message, options) + WAITING_ENTRY_BYTES;
  const entry = new QueueEntry(seq, message, options, NOW, undefined, undefined, bytes, held);
  entry.released = isReleased;
  return entry;
}
