// The part of a queue that is in memory, and what it counts for there: against the limits of the buffers of stored
// queues, and as the share of its client or group in what waits for all clients.
import type { Context } from '../context.js';
import type { MemoryShare } from '../waiting-memory.js';
import { Fifo } from './fifo.js';
import { WAITING_ENTRY_BYTES } from './queue-entry.js';
import type { QueueEntry } from './queue-entry.js';

/** Bounds of a stored queue's buffer: beyond them messages wait in storage only. */
const BUFFER_ENTRIES_MAX = 1000;
const BUFFER_BYTES_MAX = 1024 * 1024;

/**
 * Above this total, a new message joins a buffer only if it is shorter than the limit below; otherwise it costs a read
 * later.
 */
const BUFFERED_BYTES_NORMAL_MAX = 32 * 1024 * 1024;
const CONSTRAINED_BUFFER_ENTRIES_MAX = 16;

export interface BufferOwner {
  /** Whether a message pushed now would be sent now. */
  readonly canSendNow: boolean;
  /** What its client or group holds in memory. */
  readonly memoryShare: MemoryShare;
}

export class QueueBuffer {
  readonly #entries = new Fifo<QueueEntry>();
  #bytes = 0;
  /** What its entries count for, those that were sent as well, and where: set while it has a reader, or has entries. */
  #heldBytes = 0;
  #share: MemoryShare | undefined;
  /** Bytes reserved for the requested page until it arrives. */
  #reservedBytes = 0;

  constructor(
    readonly stored: boolean,
    readonly owner: BufferOwner,
    readonly context: Context,
  ) {}

  get length(): number {
    return this.#entries.length;
  }

  peek(): QueueEntry | undefined {
    return this.#entries.peek();
  }

  [Symbol.iterator](): Iterator<QueueEntry> {
    return this.#entries[Symbol.iterator]();
  }

  /** The first entry whose seq is not below this one; entries are in the order of their seq. */
  from(seq: number): QueueEntry | undefined {
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#entries.at(middle)?.seq ?? 0) < seq) low = middle + 1;
      else high = middle;
    }
    return this.#entries.at(low);
  }

  add(entry: QueueEntry): void {
    this.#entries.push(entry);
    this.#bytes += entry.bytes;
    if (this.stored) this.context.bufferedBytes += entry.bytes + WAITING_ENTRY_BYTES;
    this.hold(entry.held);
  }

  /** Removes the oldest entry. Until it is settled, it counts on. */
  shift(): QueueEntry | undefined {
    const entry = this.#entries.shift();
    if (entry !== undefined) this.#left(entry);
    return entry;
  }

  /** Removes the oldest entry, or the newest. */
  take(isOldest: boolean): QueueEntry | undefined {
    if (isOldest) return this.shift();
    const entry = this.#entries.pop();
    if (entry !== undefined) this.#left(entry);
    return entry;
  }

  #left(entry: QueueEntry): void {
    this.#bytes -= entry.bytes;
    if (this.stored) this.context.bufferedBytes -= entry.bytes + WAITING_ENTRY_BYTES;
  }

  /** Forgets its entries, and what was reserved; those that were sent count on. */
  clear(): void {
    this.reserve(0);
    for (const { held } of this.#entries) this.hold(-held);
    this.#forget();
  }

  /** Forgets its entries, and what was sent. */
  discard(): void {
    this.#forget();
    this.hold(-this.#heldBytes);
  }

  #forget(): void {
    if (this.stored) this.context.bufferedBytes -= this.#bytes + this.#entries.length * WAITING_ENTRY_BYTES;
    this.#entries.clear();
    this.#bytes = 0;
  }

  /** The reader has gone: another one may belong to another share. */
  close(): void {
    this.discard();
    this.#share = undefined;
    this.reserve(0);
  }

  /** Counts so many bytes more, or less. */
  hold(bytes: number): void {
    this.#heldBytes += bytes;
    (this.#share ??= this.owner.memoryShare).add(bytes);
  }

  reserve(bytes: number): void {
    this.context.bufferedBytes += bytes - this.#reservedBytes;
    this.#reservedBytes = bytes;
  }

  /** Whether a message of a stored queue may join it. */
  fits(bytes: number, held: number): boolean {
    if (this.length >= BUFFER_ENTRIES_MAX || this.#bytes + bytes > BUFFER_BYTES_MAX) return false;
    if (this.length >= CONSTRAINED_BUFFER_ENTRIES_MAX && this.context.bufferedBytes >= BUFFERED_BYTES_NORMAL_MAX)
      return false;
    return this.hasMemoryFor(held);
  }

  /** The same for a message that can still be refused. */
  admits(bytes: number): boolean {
    return this.owner.canSendNow || this.context.memory.admits(bytes);
  }

  /** Whether so much more may wait in memory. What is sent at once does not wait. */
  hasMemoryFor(bytes: number): boolean {
    const { memory } = this.context;
    if (memory.bytes + bytes <= memory.limit || this.owner.canSendNow) return true;
    return memory.fits((this.#share ??= this.owner.memoryShare), bytes);
  }
}
