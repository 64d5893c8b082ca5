// Bodies: messages that are stored once and referred to by entries and by the retained table, with the number of
// references to each.
//
// - A message that goes to one queue stands in its entry; one that goes to several, is retained, or is large, stands in
//   a body with a number of its own.
// - How many references a body has is a record beside it (none: one), written in the batch that changes it; the last
//   reference takes the body with it.
// - The count can be a count, although batches may come twice, because it changes only when an entry really appears or
//   disappears, and whether an entry is there is always known. (A key per reference would need no look-up, and a second
//   write and a second removal for every entry.)
// - Bodies are numbered by this adapter, not by message id: two messages are the same when they are the same object,
//   which a number could not prove.
import type { Message } from 'hexmq/ports';
import type { Counters } from './counters.js';
import type { Database, Writes } from './engine.js';
import { GenerationalCache } from './generational-cache.js';
import { Space, numberedKey } from './keys.js';
import * as records from './records/index.js';

/**
 * A message with a payload of this size or more gets a body even if it has one reference only, so that reading entries
 * does not read payloads.
 */
const BODY_BYTES_MIN = 4096;
const CACHED_MAX = 20_000;

interface Body {
  readonly number: number;
  references: number;
  /** The references that the store knows of; 0 while the body is not stored. */
  stored: number;
  /** No longer to be referred to through this object: the body is gone, or its count was evicted. */
  isStale: boolean;
}

export class Bodies {
  readonly #db: Database;
  readonly #counters: Counters;
  readonly #cache = new GenerationalCache<number, Body>(
    CACHED_MAX,
    () => 1,
    (body) => {
      body.isStale = true;
    },
  );
  #ofMessage = new WeakMap<Message, Body>();
  /** References that the batch under way adds. */
  #added = new Map<Message, number>();
  #touched = new Set<Body>();

  constructor(db: Database, counters: Counters) {
    this.#db = db;
    this.#counters = counters;
  }

  /** The batch is going to refer to the message (once more). */
  expectReference(message: Message): void {
    this.#added.set(message, (this.#added.get(message) ?? 0) + 1);
  }

  /** Fetches the counts of bodies that may lose a reference. */
  async fetch(numbers: ReadonlySet<number>): Promise<void> {
    if (numbers.size === 0) return;
    const missing = [...numbers].filter((number) => this.#cache.get(number) === undefined);
    if (missing.length === 0) return;
    const counts = await this.#db.getMany(missing.map((number) => numberedKey(Space.references, number)));
    for (let i = 0; i < missing.length; i++) {
      const record = counts[i];
      const references = record === undefined ? 1 : records.decodeReferences(record);
      const number = missing[i] as number;
      this.#cache.set(number, { number, references, stored: references, isStale: false });
    }
  }

  isFetched(number: number): boolean {
    return this.#cache.get(number) !== undefined;
  }

  /**
   * Adds a reference to the message.
   * @param needsBody whether the reference cannot hold the message itself.
   * @returns the number of its body, or 0 if it has none and needs none.
   */
  reference(message: Message, needsBody: boolean, writes: Writes): number {
    let body = this.#ofMessage.get(message);
    if (body === undefined || body.isStale) {
      const isLarge = message.payload.byteLength >= BODY_BYTES_MIN;
      if (!needsBody && !isLarge && (this.#added.get(message) ?? 0) <= 1) return 0;
      body = { number: this.#counters.takeBody(), references: 0, stored: 0, isStale: false };
      this.#cache.set(body.number, body);
      this.#ofMessage.set(message, body);
      writes.put(numberedKey(Space.body, body.number), records.encodeBody(message));
    }
    body.references++;
    this.#touched.add(body);
    return body.number;
  }

  dereference(number: number): void {
    const body = this.#cache.get(number);
    if (body === undefined) throw new Error(`the count of references to body ${String(number)} was not fetched`);
    body.references--;
    if (body.references === 0) body.isStale = true;
    this.#touched.add(body);
  }

  /** Writes the counts that the batch has changed, and removes the bodies that have no reference left. */
  finish(writes: Writes): void {
    for (const body of this.#touched) this.#finishOne(body, writes);
  }

  endBatch(): void {
    // New collections instead of cleared ones: V8 chains a Map or Set before `clear` to the one after, with everything
    // that was in it. Once a link of the chain is old, only a full collection frees what hangs on it: every payload of
    // every batch.
    this.#added = new Map();
    this.#touched = new Set();
  }

  evict(): void {
    this.#cache.evict();
  }

  clear(): void {
    this.#cache.clear();
    this.#ofMessage = new WeakMap();
    this.endBatch();
  }

  #finishOne(body: Body, writes: Writes): void {
    const { number, references, stored } = body;
    if (references === 0) {
      writes.del(numberedKey(Space.body, number));
      if (stored > 1) writes.del(numberedKey(Space.references, number));
      this.#cache.delete(number);
      return;
    }
    if (references === stored) return;
    if (references > 1) writes.put(numberedKey(Space.references, number), records.encodeReferences(references));
    else if (stored > 1) writes.del(numberedKey(Space.references, number));
    body.stored = references;
  }
}
