// An ordered queue of messages. It knows its size without holding its contents: the queue of a stored session or group
// lives in storage, and memory holds a bounded buffer from its front. The buffer is filled one page at a time (paging)
// until it reaches the end of the queue; from then on new messages join it on their way to storage (caught up). A queue
// that is not stored is held in its buffer entirely. The owner, an outbound window or a shared group, decides when to
// read.
import type { Append } from '../changes.js';
import type { Context } from '../context.js';
import { Backlog, HALF } from './backlog.js';
import { drop } from '../messages/drops.js';
import type { DeliveryOptions } from '../messages/delivery-options.js';
import { contentBytes, deliveryBytes } from '../messages/content-bytes.js';
import { detachPayload } from '../messages/message.js';
import type { Message, MessageDraft } from '../messages/message.js';
import { NOW } from '../durability.js';
import type { StoredEntry } from '../inputs.js';
import type { QueueId, Seq } from '../identifiers.js';
import type { DropReason } from '../reasons.js';
import { DroppedRange } from './dropped-range.js';
import { makeRoom } from './make-room.js';
import { QueueBuffer } from './queue-buffer.js';
import { entryOfPage, QueueEntry, SENT_ENTRY_BYTES, WAITING_ENTRY_BYTES } from './queue-entry.js';
import type { Pressed } from '../slowed-publisher.js';
import type { DeliverySource } from './queue-entry.js';
import type { QueueOwner } from './queue-owner.js';
import { StoredShare } from './stored-share.js';
import { READ_AHEAD_CONSTRAINED, readAheadNow } from './read-ahead.js';

export class MessageQueue {
  /** Entries in the queue, including those in flight. */
  count = 0;
  /** Payload bytes of these entries; of a queue in memory, all that they take there. */
  bytes = 0;
  /** The seq of the next entry. */
  next = 0;
  readonly buffer: QueueBuffer;
  /**
   * Every entry below this seq has been in the buffer or is gone. Without a reader, the next one begins here: below it
   * there may still be entries that a shared group has reserved.
   */
  #bufferedUpTo = 0;
  /** Whether the queue has a reader. Without one, a stored queue keeps nothing in memory. */
  #open = false;
  /**
   * The number of the outstanding page request, 0 if there is none, and the value of `next` at that time. A page for an
   * earlier reader has another number.
   */
  #request = 0;
  #readUpTo = 0;
  /** The ticket of the last append since the reader attached; `undefined` until it has read its first page. */
  #ticket: number | undefined;
  backlog: Backlog | undefined;
  readonly #inStorage: StoredShare | undefined;
  /** Waiting entries that were dropped to make room. */
  readonly #dropped = new DroppedRange();
  /** After a restart: seqs below this are missing, and which ones is unknown. 0 if none are. */
  #holesBelow = 0;
  /** Entries that were dropped unread and stay, empty, until a page shows whether they need a PUBREL. */
  #emptied = 0;

  constructor(
    readonly id: QueueId,
    readonly stored: boolean,
    readonly owner: QueueOwner,
    readonly context: Context,
  ) {
    this.buffer = new QueueBuffer(stored, owner, context);
    if (stored) this.#inStorage = new StoredShare(id, this, context);
  }

  /** Sets the bounds that the store reported at start. @param wholeFrom from this seq on no entry is missing. */
  restore(first: Seq, next: Seq, count: number, bytes: number, wholeFrom: number): void {
    this.#bufferedUpTo = first;
    this.next = next;
    this.context.queued += count - this.count;
    this.count = count;
    this.bytes = bytes;
    this.#inStorage?.changed(count, bytes);
    this.#holesBelow = count === next - first ? 0 : wholeFrom;
  }

  /** The share of what may wait: 1 is a full queue, 0 one in which nothing waits. */
  get level(): number {
    const waiting = this.count - this.owner.inFlightCount;
    return waiting <= 0 ? 0 : Math.max(waiting / this.context.limits.maxQueueSize, this.bytes / this.#maxBytes);
  }

  get #maxBytes(): number {
    return this.stored ? this.context.limits.maxQueueBytes : this.context.limits.maxTransientQueueBytes;
  }

  /** If there is no room for the message: what its publisher waits for. */
  fullFor(draft: MessageDraft): Pressed | undefined {
    const held = contentBytes(draft) + WAITING_ENTRY_BYTES;
    const bytes = this.stored ? draft.payload.byteLength : held;
    if (this.#over(bytes) === undefined && (this.#inStorage?.admits(held) ?? this.buffer.admits(held)))
      return undefined;
    return (this.backlog ??= new Backlog(this, this.context, HALF));
  }

  /** A message waits for a connected client. */
  grew(): void {
    if (this.backlog === undefined) {
      if (this.level <= HALF) return;
      this.backlog = new Backlog(this, this.context, HALF);
      this.owner.fellBehind();
    }
    this.backlog.grew();
  }

  /** Whether the buffer reaches the end of the queue. */
  get isCaughtUp(): boolean {
    return this.#bufferedUpTo === this.next;
  }

  /**
   * Appends a message, or drops one according to the policy.
   * @param bounded false for retained messages of a new subscription, which have a limit of their own
   * (`retainedQueueSize`) that is checked when they are requested.
   * @returns why the message was dropped; `undefined` if it is in the queue.
   */
  push(
    message: Message,
    options: DeliveryOptions,
    source: DeliverySource | undefined,
    bounded: boolean,
  ): DropReason | undefined {
    const { limits, counters, changes } = this.context;
    const held = deliveryBytes(message, options) + WAITING_ENTRY_BYTES;
    const bytes = this.stored ? message.payload.byteLength : held;
    counters.started++;
    // Under `refuse` there was room before the message was accepted.
    if (bounded && (limits.queueFullPolicy !== 'refuse' || this.context.mayDrop)) {
      const full = this.#full(bytes, held);
      if (full !== undefined && (limits.queueFullPolicy !== 'discard-oldest' || !this.#makeRoom(full, bytes, held))) {
        this.dropped(full, message, options.qos);
        source?.onSettled?.();
        return full;
      }
    }
    const seq = this.next++ as Seq;
    this.count++;
    this.context.queued++;
    this.bytes += bytes;
    this.#inStorage?.added(held - message.payload.byteLength, this.count, this.bytes);
    // The reader has fallen behind: from now on the buffer is filled by pages until it reaches the end again.
    const isBuffered = !this.stored || (this.#reaches(seq) && this.buffer.fits(bytes, held) && this.#reaches(seq));
    let append: Append | undefined;
    if (this.stored) {
      // Until it is stored, which is soon, the payload may share the chunk that it arrived in; in the buffer it stays.
      if (isBuffered) detachPayload(message);
      append = changes.append(this.id, seq, message, options);
      if (this.#ticket !== undefined) this.#ticket = append.ticket;
    }
    this.context.trace?.queued(this.id, seq, message, options);
    if (!isBuffered) return undefined;
    this.#bufferedUpTo = seq + 1;
    this.buffer.add(new QueueEntry(seq, message, options, changes.step, append, source, bytes, held));
    return undefined;
  }

  /** Whether the buffer has everything below this seq. Not any more, if it was freed to make room in memory. */
  #reaches(seq: Seq): boolean {
    return this.#open && this.#bufferedUpTo === seq;
  }

  /** A reader attaches: the buffer begins at the front of the queue. */
  open(): void {
    if (this.level > HALF) this.backlog ??= Backlog.found(this, this.context);
    if (!this.stored || this.#open) return;
    this.#open = true;
    this.#ticket = undefined;
    if (this.count === 0 && this.#emptied === 0) this.#bufferedUpTo = this.next;
  }

  /**
   * The reader detaches. The owner gets the buffered entries; a stored queue then discards its buffer.
   * @param front the seq at which the next reader begins.
   */
  close(front: number): void {
    this.backlog?.readerGone();
    this.#open = false;
    this.#request = 0;
    if (!this.stored) return;
    this.buffer.close();
    this.#bufferedUpTo = front;
  }

  /** Nothing will be put into it or taken from it any more. */
  ended(): void {
    this.context.queued -= this.count;
    this.#inStorage?.close();
  }

  /**
   * Makes room in memory for others, because nothing holds more: drops a waiting message, or forgets the
   * buffer of a queue that is stored and will be read again. @returns false if nothing waits.
   */
  freeMemory(): boolean {
    const { buffer } = this;
    const first = buffer.peek();
    if (first === undefined) return false;
    if (this.stored) {
      buffer.clear();
      this.#request = 0; // A page that is on its way would leave a gap.
      this.#bufferedUpTo = first.seq;
      return true;
    }
    const entry = buffer.take(this.context.limits.queueFullPolicy === 'discard-oldest') ?? first;
    this.remove(entry, undefined);
    this.dropped('memory-full', entry.message, entry.qos);
    return true;
  }

  /** The entry has been sent, and its message is kept no longer. */
  sent(entry: QueueEntry): void {
    entry.forget();
    this.#resize(entry, SENT_ENTRY_BYTES);
  }

  /** The entry is held by the queue of a member of the group, with its message. */
  reserved(entry: QueueEntry): void {
    entry.message = undefined;
    this.context.queued--; // its delivery continues there
    this.#resize(entry, 0);
  }

  #resize(entry: QueueEntry, held: number): void {
    this.buffer.hold(held - entry.held);
    entry.held = held;
    if (this.stored) return;
    this.bytes += held - entry.bytes;
    entry.bytes = held;
  }

  /** The seq of the lowest entry that has not been removed from the buffer. */
  get firstUndelivered(): number {
    return this.buffer.peek()?.seq ?? this.#bufferedUpTo;
  }

  /**
   * Requests the next page if the buffer is short and storage has more; if read-ahead is constrained, only if the
   * entries can be sent at once.
   */
  fill(canSend: boolean): void {
    if (!this.#open || this.#bufferedUpTo === this.next || this.#request > 0) return;
    const readAhead = readAheadNow(this.context);
    const { refillBelow, page } = readAhead;
    if (this.buffer.length >= refillBelow || (readAhead === READ_AHEAD_CONSTRAINED && !canSend)) return;
    this.buffer.reserve(page.maxBytes);
    this.#request = ++this.context.lastRequest;
    this.#readUpTo = this.next;
    // The first page must reflect everything that the previous reader did. Entries after it are unchanged since they
    // were appended, so later pages need not wait for acknowledgements to be stored.
    const { changes, effects } = this.context;
    effects.readQueue(this.id, this.#bufferedUpTo as Seq, page, this.#request, this.#ticket ?? changes.last);
    this.#ticket ??= NOW;
  }

  /** Takes the page that `fill` requested. */
  filled(request: number, entries: readonly StoredEntry[]): void {
    if (request !== this.#request) return;
    this.#request = 0;
    this.buffer.reserve(0);
    if (entries.length === 0) {
      // Entries that the page was to begin with: in the queue, neither in memory nor appended since.
      if (this.count - this.owner.inFlightCount - this.buffer.length > this.next - this.#readUpTo) {
        this.context.effects.lacks(this.id, this.#bufferedUpTo as Seq);
        return;
      }
      this.#bufferedUpTo = this.#readUpTo;
    }
    for (const stored of entries) {
      this.#bufferedUpTo = stored.seq + 1;
      const isDropped = this.#dropped.take(stored.seq);
      if (this.#isGone(stored, isDropped)) continue;
      this.buffer.add(entryOfPage(stored, isDropped));
    }
  }

  /** Whether nothing is left to do for an entry of a page: see `#makeRoom`. */
  #isGone({ seq, qos, released }: StoredEntry, isDropped: boolean): boolean {
    const { changes, counters } = this.context;
    if (isDropped && seq >= this.owner.doubtBelow) return true;
    if (isDropped) this.#emptied--;
    if (qos === 1 && (isDropped || released)) {
      if (!isDropped) {
        // Dropped by an earlier process, and counted again at start.
        this.#dropped.add(seq);
        this.#take(0);
        counters.dropped['queue-full']++;
      }
      changes.remove({ kind: 'queue.remove', queue: this.id, seq }, undefined);
      return true;
    }
    if (!isDropped) return false;
    // PUBREL is left to send: that is another delivery.
    this.count++;
    this.context.queued++;
    counters.started++;
    return false;
  }

  /** PUBREC: keeps the entry, discards its payload. */
  release(entry: QueueEntry): void {
    entry.release();
    this.#resize(entry, SENT_ENTRY_BYTES);
    if (!this.stored) return;
    this.bytes -= entry.bytes;
    entry.bytes = 0;
    this.#inStorage?.changed(this.count, this.bytes);
    this.context.changes.record({ kind: 'queue.release', queue: this.id, seq: entry.seq });
  }

  /**
   * Removes an entry that has left the buffer.
   * @param lowest the lowest remaining entry, if this one was the lowest until now.
   */
  remove(entry: QueueEntry, lowest: number | undefined): void {
    this.#take(entry.bytes);
    this.buffer.hold(-entry.held);
    entry.source?.onSettled?.();
    this.context.trace?.removed(this.id, entry.seq);
    if (!this.stored) return;
    const { changes } = this.context;
    if (lowest === undefined) changes.remove({ kind: 'queue.remove', queue: this.id, seq: entry.seq }, entry.append);
    else changes.remove({ kind: 'queue.trim', queue: this.id, through: (lowest - 1) as Seq }, entry.append);
  }

  /** Why a message of `bytes` does not fit, if it does not. An empty queue takes a message larger than the limit. */
  #full(bytes: number, held: number): DropReason | undefined {
    const over = this.#over(bytes);
    if (over !== undefined) return over;
    if (this.#inStorage !== undefined) return this.#inStorage.fits(held) ? undefined : 'stored-queues-full';
    return this.buffer.hasMemoryFor(bytes) ? undefined : 'memory-full';
  }

  /** The same as `#full` for the limits of this queue alone. */
  #over(bytes: number): DropReason | undefined {
    const { limits } = this.context;
    const waiting = this.count - this.owner.inFlightCount;
    if (waiting >= limits.maxQueueSize) return 'queue-full';
    return waiting > 0 && this.bytes + bytes > this.#maxBytes ? 'queue-bytes-full' : undefined;
  }

  #makeRoom(reason: DropReason, bytes: number, held: number): boolean {
    return makeRoom(this, reason, bytes, () => this.#full(bytes, held) !== undefined);
  }

  /** Drops the oldest waiting entry, if its seq is below this one. @returns false if none can be. */
  dropOldest(reason: DropReason, below = this.next): boolean {
    if (this.count - this.owner.inFlightCount <= 0) return false;
    const oldest = this.buffer.peek();
    if (oldest !== undefined) {
      // It was in flight when the client disconnected, or may have been, and is sent again before everything else.
      const { sentBelow, doubtBelow } = this.owner;
      if (oldest.seq >= below) return false;
      if (oldest.seq < (oldest.qos === 1 ? sentBelow : Math.max(sentBelow, doubtBelow))) return false;
      this.buffer.shift();
      this.remove(oldest, undefined);
      this.#dropped.add(oldest.seq);
      this.owner.droppedWaiting(oldest.seq);
      this.dropped(reason, oldest.message, oldest.qos);
      return true;
    }
    const seq = Math.max(this.#bufferedUpTo, this.owner.sentBelow, this.#dropped.below, this.#holesBelow) as Seq;
    if (seq >= below) return false;
    this.#dropUnread(seq);
    this.dropped(reason, undefined, undefined, undefined, seq);
    return true;
  }

  /** Drops an entry unread. In doubt, it may be of QoS 2 and need a PUBREL: it stays, empty, until a page shows it. */
  #dropUnread(seq: Seq): void {
    const { changes } = this.context;
    this.#dropped.add(seq);
    this.#take(Math.floor(this.bytes / this.count));
    const isInDoubt = seq < this.owner.doubtBelow;
    if (isInDoubt) this.#emptied++;
    if (isInDoubt) changes.record({ kind: 'queue.release', queue: this.id, seq });
    else changes.remove({ kind: 'queue.remove', queue: this.id, seq }, undefined);
    this.owner.droppedWaiting(seq);
  }

  #take(bytes: number): void {
    this.count--;
    this.context.queued--;
    this.bytes -= bytes;
    if (this.count === 0) {
      this.bytes = 0; // Entries that were dropped unread counted at an average size.
      this.#holesBelow = 0;
    }
    this.#inStorage?.removed(this.count, this.bytes);
    this.backlog?.fell();
  }

  /** Counts and reports the end of a delivery that was in the queue or was about to be. */
  dropped(reason: DropReason, message: Message | undefined, qos?: 0 | 1 | 2, detail?: string, seq?: Seq): void {
    drop(this.context, reason, message, qos, this.id, detail, seq);
  }
}
