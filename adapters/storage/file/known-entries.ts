// What is remembered of entries, over all queues: one bound in bytes, whatever the mix of queues and entries. What was
// forgotten is looked up again when it is needed.
//
// Nothing is forgotten while a batch is written, because what was looked up for it must be there until it is done. When
// it is done, the queues that were used least recently forget what is known of them.
import { NOTHING_KNOWN, forgetHalf } from './queue-slot.js';
import type { EntryInfo, QueueSlot } from './queue-slot.js';

export const KNOWN_BYTES_MAX = 32 * 1024 * 1024;
/** The part that stays when something has to be forgotten, so that not every commit has to forget. */
const SHARE_LEFT = 0.75;
/** How far reading pages may go beyond the bound until the next commit. */
const SHARE_READ = 1.5;
/** Of one queue, kept after a commit; twice as many while pages are read. */
const KNOWN_IN_QUEUE_MAX = 16_384;
/** What an entry takes: its place in a map, and the object if there is one. */
const PLAIN_BYTES = 48;
const OBJECT_BYTES = 96;
/** What the map of a queue takes by itself. */
const MAP_BYTES = 160;

const costOf = (entry: EntryInfo): number => (typeof entry === 'number' ? PLAIN_BYTES : OBJECT_BYTES);

export class KnownEntries {
  #bytes = 0;
  /** The queues of which entries are known, the one that was used least recently first. */
  #queues = new Set<QueueSlot>();

  /** @param bytesMax what is kept after a commit. */
  constructor(private readonly bytesMax = KNOWN_BYTES_MAX) {}

  /** What all of it takes, about. */
  get bytes(): number {
    return this.#bytes;
  }

  set(slot: QueueSlot, seq: number, entry: EntryInfo): void {
    const before = slot.known.get(seq);
    if (before !== undefined) this.#bytes -= costOf(before);
    else if (slot.known.size === 0) this.#begin(slot);
    slot.known.set(seq, entry);
    this.#bytes += costOf(entry);
  }

  delete(slot: QueueSlot, seq: number): void {
    const before = slot.known.get(seq);
    if (before === undefined) return;
    if (slot.known.size === 1) {
      this.forget(slot);
      return;
    }
    slot.known.delete(seq);
    this.#bytes -= costOf(before);
  }

  forget(slot: QueueSlot): void {
    if (slot.known.size === 0) return;
    this.#bytes -= bytesOfAll(slot);
    slot.known = NOTHING_KNOWN;
    this.#queues.delete(slot);
  }

  clear(): void {
    this.#bytes = 0;
    this.#queues = new Set();
  }

  /** Whether an entry that was read, and is not known, may be remembered until the next commit. */
  hasRoomToRead(slot: QueueSlot): boolean {
    return slot.known.size < 2 * KNOWN_IN_QUEUE_MAX && this.#bytes < SHARE_READ * this.bytesMax;
  }

  /** After a batch that has used these queues: forgets what is too much. */
  settle(used: Iterable<QueueSlot>): void {
    for (const slot of used) {
      if (slot.known.size > KNOWN_IN_QUEUE_MAX) this.#forgetHalf(slot);
      if (this.#queues.delete(slot)) this.#queues.add(slot);
    }
    if (this.#bytes <= this.bytesMax) return;
    for (const slot of this.#queues) {
      if (this.#bytes <= SHARE_LEFT * this.bytesMax) return;
      this.forget(slot);
    }
  }

  #begin(slot: QueueSlot): void {
    slot.known = new Map();
    this.#queues.add(slot);
    this.#bytes += MAP_BYTES;
  }

  #forgetHalf(slot: QueueSlot): void {
    this.#bytes -= bytesOfAll(slot);
    forgetHalf(slot.known);
    this.#bytes += bytesOfAll(slot);
  }
}

function bytesOfAll({ known }: QueueSlot): number {
  let bytes = MAP_BYTES;
  for (const entry of known.values()) bytes += costOf(entry);
  return bytes;
}
