// Queues in the store: a header for each, rewritten with every batch that touches the queue, and the entries under the
// queue's number. Opening a store reads headers, not entries. The bounds in a header let a read start behind the keys
// that are gone, which the engine would otherwise have to step over.
//
// Whether an entry is there is always known before a change is applied: from what was remembered of it, or because
// `entry-pass.ts` has looked.
import type { QueueAppend, QueueId, Seq } from 'hexmq/ports';
import type { Bodies } from './bodies.js';
import { CHUNK, yieldToEventLoop } from './chunks.js';
import type { Counters } from './counters.js';
import { EMPTY_VALUE } from './engine.js';
import type { Database, Writes } from './engine.js';
import { Space, entryKey, fenceKey, namedKey, releasedKey } from './keys.js';
import { KNOWN_BYTES_MAX, KnownEntries } from './known-entries.js';
import { NamedSlots } from './named-slots.js';
import { NOTHING_KNOWN, bodyOf, bytesOf, isReleased, knownThrough, tightenBounds } from './queue-slot.js';
import type { EntryInfo, QueueSlot } from './queue-slot.js';
import * as records from './records/index.js';
import type { Sweeper } from './sweeper.js';

/** A queue with more entries than this is dropped by its number, and swept later. */
export const DROPPED_AT_ONCE_MAX = 32;
const CACHED_MAX = 100_000;

const NO_QUEUE = { number: 0, head: 0, tail: 0, count: 0, bytes: 0 };

export class Queues {
  readonly slots: NamedSlots<QueueId, QueueSlot>;
  readonly known: KnownEntries;
  readonly #counters: Counters;
  readonly #bodies: Bodies;
  readonly #sweeper: Sweeper;
  #commits = 0;
  #touched = new Set<QueueSlot>();

  constructor(db: Database, counters: Counters, bodies: Bodies, sweeper: Sweeper, knownBytesMax = KNOWN_BYTES_MAX) {
    this.known = new KnownEntries(knownBytesMax);
    this.slots = new NamedSlots<QueueId, QueueSlot>(
      db,
      Space.queue,
      (id, record) => ({
        id,
        ...(record === undefined ? NO_QUEUE : records.decodeQueue(record)),
        changedIn: this.#commits,
        known: NOTHING_KNOWN,
      }),
      CACHED_MAX,
      (slot) => {
        this.known.forget(slot);
      },
    );
    this.#counters = counters;
    this.#bodies = bodies;
    this.#sweeper = sweeper;
  }

  /** Batches committed so far, which dates what is read. */
  get commits(): number {
    return this.#commits;
  }

  /**
   * Forgets everything. What was read until now counts as older than what comes: a commit that failed may be in the
   * store.
   */
  clear(): void {
    this.slots.clear();
    this.known.clear();
    this.#commits++;
    this.endBatch();
  }

  append(change: QueueAppend, writes: Writes): void {
    const { seq, message } = change;
    const slot = this.slots.get(change.queue);
    if (slot.number === 0) {
      slot.number = this.#counters.takeNumber();
      slot.head = slot.tail = seq;
      writes.put(fenceKey(Space.entry, slot.number), EMPTY_VALUE);
    }
    this.#counters.noteMessageId(message);
    // Before an entry with the same seq gives up its reference: it may refer to the same body.
    const body = this.#bodies.reference(message, false, writes);
    const present = seq < slot.tail ? slot.known.get(seq) : undefined;
    if (present !== undefined) this.#deleteEntry(slot, seq, present, writes);
    writes.put(entryKey(slot.number, seq), records.encodeEntry(change, body));
    if (slot.count === 0) {
      slot.head = seq;
      slot.tail = seq + 1;
    } else if (seq >= slot.tail) {
      slot.tail = seq + 1;
    } else if (seq < slot.head) {
      slot.head = seq;
    }
    slot.count++;
    slot.bytes += message.payload.byteLength;
    this.remember(slot, seq, message.payload.byteLength, body, false);
    this.#touched.add(slot);
  }

  /** @returns a promise where there is so much to remove that other work must have a turn in between. */
  trim(queue: QueueId, through: number, writes: Writes): void | Promise<void> {
    const slot = this.slots.get(queue);
    if (isLongTrim(slot, through)) return this.#trimInChunks(slot, through, writes);
    this.#trim(slot, through, writes);
  }

  remove(queue: QueueId, seq: number, writes: Writes): void {
    const slot = this.slots.get(queue);
    const entry = slot.known.get(seq);
    if (entry === undefined) return;
    this.#deleteEntry(slot, seq, entry, writes);
    if (seq === slot.head) slot.head++;
    if (seq === slot.tail - 1) slot.tail--;
    tightenBounds(slot);
    this.#touched.add(slot);
  }

  release(queue: QueueId, seq: number, writes: Writes): void {
    const slot = this.slots.get(queue);
    const entry = slot.known.get(seq);
    if (entry === undefined || isReleased(entry)) return;
    writes.put(releasedKey(slot.number, seq), EMPTY_VALUE);
    slot.bytes -= bytesOf(entry);
    slot.changedIn = this.#commits + 1;
    this.known.set(slot, seq, { bytes: bytesOf(entry), body: bodyOf(entry), isReleased: true });
    this.#touched.add(slot);
  }

  drop(queue: QueueId, writes: Writes): void {
    const slot = this.slots.get(queue);
    if (slot.number === 0) return;
    if (this.#canDropAtOnce(slot)) {
      for (const [seq, entry] of [...slot.known]) this.#deleteEntry(slot, seq, entry, writes);
      writes.del(fenceKey(Space.entry, slot.number));
    } else {
      this.#sweeper.drop(slot.number, 'queue', writes);
    }
    writes.del(namedKey(Space.queue, slot.id));
    slot.number = slot.head = slot.tail = slot.count = slot.bytes = 0;
    slot.changedIn = this.#commits + 1;
    this.known.forget(slot);
    this.#touched.delete(slot);
  }

  remember(slot: QueueSlot, seq: number, bytes: number, body: number, isReleasedEntry: boolean): void {
    const entry = body === 0 && !isReleasedEntry ? bytes : { bytes, body, isReleased: isReleasedEntry };
    this.known.set(slot, seq, entry);
  }

  /**
   * Remembers an entry that was read, so that removing it needs no look-up. Entries read last are removed first, so
   * more of them are remembered than of those appended, until the next commit.
   * @param number of the queue when it was read.
   * @param asOf the value of `commits` when it was read.
   */
  rememberRead(
    queue: QueueId,
    number: number,
    asOf: number,
    seq: Seq,
    bytes: number,
    body: number,
    isReleasedEntry: boolean,
  ): void {
    const slot = this.slots.getIfCached(queue);
    if (
      slot === undefined ||
      slot.number !== number ||
      slot.changedIn > asOf ||
      slot.known.has(seq) ||
      !this.known.hasRoomToRead(slot)
    )
      return;
    this.remember(slot, seq, bytes, body, isReleasedEntry);
  }

  /** Writes the headers of the queues that the batch has touched. */
  async finish(writes: Writes): Promise<void> {
    let written = 0;
    for (const slot of this.#touched) {
      if (++written % CHUNK === 0) await yieldToEventLoop();
      writes.put(namedKey(Space.queue, slot.id), records.encodeQueue(slot));
    }
  }

  /** The batch is in the store. */
  committed(): void {
    this.#commits++;
    this.known.settle(this.#touched);
  }

  endBatch(): void {
    if (this.#touched.size > 0) this.#touched = new Set();
  }

  /** All of a long trim but the last chunk, with a turn of the event loop after each; then the rest. */
  async #trimInChunks(slot: QueueSlot, through: number, writes: Writes): Promise<void> {
    while (isLongTrim(slot, through)) {
      this.#trim(slot, slot.head + CHUNK - 1, writes);
      await yieldToEventLoop();
    }
    this.#trim(slot, through, writes);
  }

  #trim(slot: QueueSlot, through: number, writes: Writes): void {
    if (slot.count === 0 || through < slot.head) return;
    for (const seq of knownThrough(slot, through))
      this.#deleteEntry(slot, seq, slot.known.get(seq) as EntryInfo, writes);
    slot.head = Math.min(through + 1, slot.tail);
    tightenBounds(slot);
    this.#touched.add(slot);
  }

  #deleteEntry(slot: QueueSlot, seq: number, entry: EntryInfo, writes: Writes): void {
    writes.del(entryKey(slot.number, seq));
    this.known.delete(slot, seq);
    slot.count--;
    slot.changedIn = this.#commits + 1;
    if (typeof entry === 'number') {
      slot.bytes -= entry;
      return;
    }
    if (entry.isReleased) writes.del(releasedKey(slot.number, seq));
    else slot.bytes -= entry.bytes;
    if (entry.body > 0) this.#bodies.dereference(entry.body);
  }

  #canDropAtOnce({ known, count }: QueueSlot): boolean {
    if (known.size < count || count > DROPPED_AT_ONCE_MAX) return false;
    for (const entry of known.values()) if (bodyOf(entry) > 0 && !this.#bodies.isFetched(bodyOf(entry))) return false;
    return true;
  }
}

/** Where there are more gaps than entries, a chunk of seqs would be no chunk of work. */
const isLongTrim = (slot: QueueSlot, through: number): boolean =>
  slot.head + CHUNK <= Math.min(through, slot.tail - 1) && slot.known.size * 2 > slot.tail - slot.head;
