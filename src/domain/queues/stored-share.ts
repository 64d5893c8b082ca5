// What one stored queue takes of the limit for all stored queues together (`maxStoredQueueBytes`): it bounds them where
// the store is in memory, or wherever a configuration sets it. When the limit is reached, the queue that takes most
// loses its oldest waiting message, as in `WaitingMemory`; if it has none that waits, its session ends.
import type { Context } from '../context.js';
import type { QueueId } from '../identifiers.js';
import { MemoryShare } from '../waiting-memory.js';
import type { MemoryHolder } from '../waiting-memory.js';
import { WAITING_ENTRY_BYTES } from './queue-entry.js';

/** What a stored message takes in memory besides its payload and topic, as measured. */
const STORED_ENTRY_BYTES = 400;
/** A message above this part of the limit finds room or does not: others lose nothing for it. */
const LARGE_PARTS = 8;

/** @param held what a message counts for while it waits in memory. */
const storedBytes = (held: number): number => held - WAITING_ENTRY_BYTES + STORED_ENTRY_BYTES;

interface Droppable {
  dropOldest(reason: 'stored-queues-full'): boolean;
}

export class StoredShare implements MemoryHolder<QueueId> {
  /** Created when there is a limit. */
  #share: MemoryShare<QueueId> | undefined;
  /** Of its topics, properties and Subscription Identifiers: removing a message takes the average. */
  #contentBytes = 0;

  constructor(
    /** The queue. */
    readonly holder: QueueId,
    readonly queue: Droppable,
    readonly context: Context,
  ) {}

  freeMemory(): boolean {
    return this.queue.dropOldest('stored-queues-full');
  }

  freeBuffer(): boolean {
    return false;
  }

  /**
   * Whether a message has room, after queues that take more have made it.
   * @param held what it counts for while it waits in memory.
   */
  fits(held: number): boolean {
    const { storedQueues, limits } = this.context;
    const more = storedBytes(held);
    if (storedQueues.bytes + more <= storedQueues.limit) return true;
    // Under `refuse` the publisher waits, and nothing is dropped.
    if (limits.queueFullPolicy === 'refuse' || more * LARGE_PARTS > storedQueues.limit) return false;
    return storedQueues.fits(this.#open(), more);
  }

  /** The same for a message that can still be refused, with what it adds to other queues. */
  admits(held: number): boolean {
    const { storedQueues } = this.context;
    const planned = storedQueues.planned + storedBytes(held);
    if (storedQueues.bytes + planned > storedQueues.limit) return false;
    storedQueues.planned = planned;
    return true;
  }

  /**
   * A message was added. The queue has so many now, and so many bytes of payload.
   * @param held what it counts for while it waits in memory, without its payload.
   */
  added(held: number, count: number, bytes: number): void {
    this.#contentBytes += held - WAITING_ENTRY_BYTES;
    this.changed(count, bytes);
  }

  removed(count: number, bytes: number): void {
    this.#contentBytes = count <= 0 ? 0 : this.#contentBytes - Math.ceil(this.#contentBytes / (count + 1));
    this.changed(count, bytes);
  }

  changed(count: number, bytes: number): void {
    if (this.context.storedQueues.limit === Infinity) return;
    const share = this.#open();
    share.add(count * STORED_ENTRY_BYTES + bytes + this.#contentBytes - share.bytes);
  }

  /** The queue has ended. */
  close(): void {
    this.#share?.close();
  }

  #open(): MemoryShare<QueueId> {
    if (this.#share?.isClosed !== false) this.#share = new MemoryShare<QueueId>(this, this.context.storedQueues);
    return this.#share;
  }
}
