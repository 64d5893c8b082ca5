// A queue of messages in order, that knows what is in it without holding it. The queue of a stored session or group lives in storage: memory
// holds a bounded run from its front, read a page at a time ("paging"), until the run reaches the end and new messages join it on their way to
// storage ("tailing"). A queue that is not stored is all run. Who reads the queue, and when, is decided by its owner: an outbound window or a
// shared group.
import type { Append } from '../changes.js';
import type { Context } from '../context.js';
import { deliveryOptions } from '../delivery/delivery-options.js';
import type { DeliveryOptions } from '../delivery/delivery-options.js';
import { detachPayload } from '../delivery/message.js';
import type { Message } from '../delivery/message.js';
import { NOW } from '../durability.js';
import type { Ticket } from '../durability.js';
import type { StoredEntry } from '../inputs.js';
import type { QueueId, Seq } from '../identifiers.js';
import type { DropReason } from '../reasons.js';
import { Fifo } from './fifo.js';

/** Bounds of the run of a stored queue: beyond them messages wait in storage alone. */
const RUN_ENTRIES_MAX = 1000;
const RUN_BYTES_MAX = 1024 * 1024;
/** What an entry counts for in memory besides its payload. */
const ENTRY_BYTES = 256;

interface ReadAhead {
  /** A page is asked for when the run is shorter than this. */
  readonly low: number;
  readonly page: { readonly maxEntries: number; readonly maxBytes: number };
}

const AMPLE: ReadAhead = { low: 200, page: { maxEntries: 400, maxBytes: 128 * 1024 } };
/** When many clients come back at once, each reads little, and only what it can send. */
const SCARCE: ReadAhead = { low: 1, page: { maxEntries: 32, maxBytes: 16 * 1024 } };
/** From here on, all runs together, room for reading ahead is scarce. */
const READ_AHEAD_BYTES_MAX = 6 * 1024 * 1024;
/** From here on new messages join a run only if it is shorter than that: each that does not costs a read. */
const RUNS_BYTES_AMPLE = 32 * 1024 * 1024;
const SCARCE_RUN_ENTRIES_MAX = 16;

/** Someone who gave a message to a session and takes it back if the session cannot deliver it: a shared group. */
export interface DeliverySource {
  returnUndelivered(entry: QueueEntry): void;
  /** Whether there is anyone but this one who could get it, now or later. */
  hasOtherCandidate(recipient: object): boolean;
  /** The recipient's queue is done with it, whatever came of it; `takeBack` may follow. Left out by a source that has kept nothing of it. */
  onSettled?(): void;
}

export class QueueEntry {
  /** PUBREC has come, PUBREL is what is left to send. */
  released = false;

  constructor(
    readonly seq: Seq,
    /** `undefined` once it was sent: a repeat is read from storage, and a session that is not stored makes none. */
    public message: Message | undefined,
    readonly options: DeliveryOptions,
    /** What a delivery at QoS 2 waits for. */
    readonly after: Ticket,
    /** The record that stored it, if this process recorded it. */
    readonly append: Append | undefined,
    readonly source: DeliverySource | undefined,
    /** What it counts in the queue's bytes. */
    public bytes: number,
  ) {}

  get qos(): 1 | 2 {
    return this.options.qos as 1 | 2;
  }
}

/** What the owner alone knows about its queue. */
export interface QueueOwner {
  /** Entries sent and not yet acknowledged: they are in the queue but do not wait. */
  readonly inFlightCount: number;
  /** All entries below this have been sent on some connection. */
  readonly sentBelow: number;
}

export class MessageQueue {
  /** Entries in the queue, those in flight too. */
  count = 0;
  /** Their payload bytes. */
  bytes = 0;
  /** The next entry's. */
  next = 0;
  /** No entry is stored below this. */
  first = 0;
  readonly buffer = new Fifo<QueueEntry>();
  #runBytes = 0;
  /** All below this has been in the run, or is gone. */
  #runNext = 0;
  /** Whether someone reads the queue: without a reader, a stored queue keeps nothing in memory. */
  #open = false;
  /** The number of the page asked for, and what `next` was then; 0: none is. An answer to a reader that has gone since bears another number. */
  #request = 0;
  #readUpTo = 0;
  /** Counted for the page asked for until it is there. */
  #reservedBytes = 0;
  /** Of the last append since the reader came; `undefined` until it has read its first page. */
  #ticket: number | undefined;
  /** Entries below this that were not sent were dropped to make room. */
  #droppedBelow = 0;
  /** After a restart: whether places are empty, nobody knows which. */
  #hasHoles = false;

  constructor(
    readonly id: QueueId,
    readonly stored: boolean,
    readonly owner: QueueOwner,
    readonly context: Context,
  ) {}

  /** As found in the store at start. */
  restore(first: Seq, next: Seq, count: number, bytes: number): void {
    this.first = this.#runNext = first;
    this.next = next;
    this.count = count;
    this.bytes = bytes;
    this.#hasHoles = count !== next - first;
  }

  get isEmpty(): boolean {
    return this.count === 0;
  }

  /** Whether the run holds all there is to read. */
  get isCaughtUp(): boolean {
    return this.#runNext === this.next;
  }

  /**
   * Adds a message behind all others, or drops one according to the policy. Not `bounded`: what a new subscription brings along has a limit of
   * its own (`retainedQueueSize`), checked where it is asked for.
   */
  push(message: Message, options: DeliveryOptions, source: DeliverySource | undefined, bounded: boolean): void {
    const { limits, counters, changes } = this.context;
    // Where memory is what it waits in, its topic counts as well.
    const bytes = message.payload.byteLength + (this.stored ? 0 : message.topic.length);
    counters.started++;
    if (bounded) {
      const full = this.#full(bytes);
      if (full !== undefined && (limits.queueFullPolicy === 'discard' || !this.#makeRoom(full, bytes))) {
        this.dropped(full, message, options.qos);
        source?.onSettled?.();
        return;
      }
    }
    const seq = this.next++ as Seq;
    this.count++;
    this.bytes += bytes;
    // Tailing ends when the reader falls behind: from here on the run is filled by pages until it meets the end again.
    const joinsRun = !this.stored || (this.#open && this.#runNext === seq && this.#hasRoomInRun(bytes));
    let append: Append | undefined;
    if (this.stored) {
      // Until it is stored it can share the chunk that it came in: that is soon, and counted. In the run it may stay.
      if (joinsRun) detachPayload(message);
      append = changes.append(this.id, seq, message, options);
      if (this.#ticket !== undefined) this.#ticket = append.ticket;
    }
    if (!joinsRun) return;
    this.#runNext = seq + 1;
    this.#addToRun(new QueueEntry(seq, message, options, changes.step, append, source, bytes));
  }

  /** A reader comes: the run begins at the front. */
  open(): void {
    if (!this.stored || this.#open) return;
    this.#open = true;
    this.#ticket = undefined;
    this.#runNext = this.count === 0 ? this.next : this.first;
  }

  /** The reader is gone. The run is forgotten where storage has it; the entries are for the owner to look through first. */
  close(first: number): void {
    this.#open = false;
    this.#request = 0;
    if (!this.stored) return;
    this.first = first;
    this.context.bufferedBytes -= this.#runBytes + this.buffer.length * ENTRY_BYTES;
    this.buffer.clear();
    this.#runBytes = 0;
    this.#reserve(0);
    this.#runNext = first;
  }

  /** The front of the run, taken out. */
  shift(): QueueEntry | undefined {
    const entry = this.buffer.shift();
    if (entry === undefined) return undefined;
    this.#runBytes -= entry.bytes;
    if (this.stored) this.context.bufferedBytes -= entry.bytes + ENTRY_BYTES;
    return entry;
  }

  /** The lowest entry that has not been taken out of the run. */
  get firstUndelivered(): number {
    return this.buffer.peek()?.seq ?? this.#runNext;
  }

  /** Asks for the next page if the run is short and storage has more; where room is scarce, only if it can go on at once. */
  fill(canSend: boolean): void {
    if (!this.#open || this.#runNext === this.next || this.#request > 0) return;
    const readAhead = this.#readAhead();
    const { low, page } = readAhead;
    if (this.buffer.length >= low || (readAhead === SCARCE && !canSend)) return;
    this.#reserve(page.maxBytes);
    this.#request = ++this.context.lastRequest;
    this.#readUpTo = this.next;
    // The first page must know of everything that the last reader did. What lies behind it nobody has touched since it was appended, so the pages
    // that follow need not wait for acknowledgements to be stored.
    const { changes, effects } = this.context;
    effects.readQueue(this.id, this.#runNext as Seq, page, this.#request, this.#ticket ?? changes.last);
    this.#ticket ??= NOW;
  }

  /** The answer to `fill`. */
  filled(request: number, entries: readonly StoredEntry[]): void {
    if (request !== this.#request) return;
    this.#request = 0;
    this.#reserve(0);
    if (entries.length === 0) this.#runNext = this.#readUpTo;
    for (const stored of entries) {
      this.#runNext = stored.seq + 1;
      if (stored.seq >= this.owner.sentBelow && stored.seq < this.#droppedBelow) continue;
      const bytes = stored.released ? 0 : stored.message.payload.byteLength;
      const entry = new QueueEntry(
        stored.seq,
        stored.message,
        deliveryOptions(stored.qos, stored.retain, stored.identifiers),
        NOW,
        undefined,
        undefined,
        bytes,
      );
      entry.released = stored.released;
      this.#addToRun(entry);
    }
  }

  #readAhead(): ReadAhead {
    return this.context.bufferedBytes < READ_AHEAD_BYTES_MAX ? AMPLE : SCARCE;
  }

  #hasRoomInRun(bytes: number): boolean {
    if (this.buffer.length >= RUN_ENTRIES_MAX || this.#runBytes + bytes > RUN_BYTES_MAX) return false;
    return this.buffer.length < SCARCE_RUN_ENTRIES_MAX || this.context.bufferedBytes < RUNS_BYTES_AMPLE;
  }

  #addToRun(entry: QueueEntry): void {
    this.buffer.push(entry);
    this.#runBytes += entry.bytes;
    if (this.stored) this.context.bufferedBytes += entry.bytes + ENTRY_BYTES;
  }

  #reserve(bytes: number): void {
    this.context.bufferedBytes += bytes - this.#reservedBytes;
    this.#reservedBytes = bytes;
  }

  /** PUBREC: the entry stays, its payload goes. */
  release(entry: QueueEntry): void {
    entry.released = true;
    this.bytes -= entry.bytes;
    entry.bytes = 0;
    if (this.stored) this.context.changes.record({ kind: 'queue.release', queue: this.id, seq: entry.seq });
  }

  /** Takes an entry, already out of the run, off the books. `lowest`: the lowest entry that is left, if this one was the lowest until now. */
  remove(entry: QueueEntry, lowest: number | undefined): void {
    this.#take(entry.bytes);
    entry.source?.onSettled?.();
    if (lowest !== undefined) this.first = lowest;
    if (!this.stored) return;
    const { changes } = this.context;
    if (lowest === undefined) changes.remove({ kind: 'queue.remove', queue: this.id, seq: entry.seq }, entry.append);
    else changes.remove({ kind: 'queue.trim', queue: this.id, through: (lowest - 1) as Seq }, entry.append);
  }

  /** Why one more of `bytes` does not fit; `undefined`: it does. A message larger than the limit fits an empty queue. */
  #full(bytes: number): DropReason | undefined {
    const { limits } = this.context;
    const waiting = this.count - this.owner.inFlightCount;
    if (waiting >= limits.maxQueueSize) return 'queue-full';
    const maxBytes = this.stored ? limits.maxQueueBytes : limits.maxTransientQueueBytes;
    return waiting > 0 && this.bytes + bytes > maxBytes ? 'queue-bytes-full' : undefined;
  }

  /** Drops the oldest waiting entries until there is room for one of `bytes`. False where nothing is left to drop. */
  #makeRoom(reason: DropReason, bytes: number): boolean {
    while (this.#full(bytes) !== undefined) {
      if (this.count - this.owner.inFlightCount <= 0) return false;
      const oldest = this.buffer.peek();
      if (oldest !== undefined) {
        // It was in flight when the client went, and comes again first of all.
        if (oldest.seq < this.owner.sentBelow) return false;
        this.shift();
        this.remove(oldest, undefined);
        this.#droppedBelow = oldest.seq + 1;
        this.dropped(reason, oldest.message, oldest.qos);
        continue;
      }
      if (this.#hasHoles) return false;
      // In storage alone: it is dropped unread, and counted at the average size of what is there.
      const seq = Math.max(this.#open ? this.#runNext : this.first, this.owner.sentBelow, this.#droppedBelow);
      if (seq >= this.next) return false;
      this.#droppedBelow = seq + 1;
      this.#take(Math.floor(this.bytes / this.count));
      this.context.changes.remove({ kind: 'queue.remove', queue: this.id, seq: seq as Seq }, undefined);
      this.dropped(reason, undefined, undefined);
    }
    return true;
  }

  #take(bytes: number): void {
    this.count--;
    this.bytes -= bytes;
    if (this.count > 0) return;
    // What was dropped unread was counted at an average: an empty queue has nothing left over.
    this.bytes = 0;
    this.#hasHoles = false;
  }

  /** Counts and tells the end of a delivery that was, or was to be, in the queue. */
  dropped(reason: DropReason, message: Message | undefined, qos: 0 | 1 | 2 | undefined, detail?: string): void {
    this.context.counters.dropped[reason]++;
    this.context.effects.emit({
      kind: 'message-dropped',
      reason,
      topic: message?.topic,
      qos,
      queue: this.id,
      ...(detail === undefined ? {} : { detail }),
    });
  }
}
