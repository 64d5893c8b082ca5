// Removes what dropped queues and clients leave behind. Dropping one removes its header and notes its number, whatever
// its size; the records under that number no longer count, and are removed a few at a time, between commits.
import type { Bodies } from './bodies.js';
import type { Database, Writes } from './engine.js';
import { Space, fenceKey, isReleasedKey, numberOf, numberedKey, rangeOf } from './keys.js';
import * as records from './records/index.js';
import type { DroppedOwner } from './records/index.js';

/** Records and bytes read in one sweep. */
const RECORDS_MAX = 500;
const BYTES_MAX = 256 * 1024;

export class Sweeper {
  readonly #db: Database;
  readonly #bodies: Bodies;
  /** The numbers of dropped queues and clients that may have records left. */
  readonly #dropped = new Map<number, DroppedOwner>();
  /** The last key that was removed, if records of the same number are left behind it. */
  #sweptTo: { readonly number: number; readonly key: Buffer } | undefined;

  constructor(db: Database, bodies: Bodies) {
    this.#db = db;
    this.#bodies = bodies;
  }

  get dropped(): ReadonlyMap<number, unknown> {
    return this.#dropped;
  }

  async load(): Promise<void> {
    this.#dropped.clear();
    this.#sweptTo = undefined;
    for await (const [key, record] of this.#db.iterator(rangeOf(Space.dropped)))
      this.#dropped.set(numberOf(key), records.decodeDropped(record));
  }

  /** Leaves the records under the number to be swept. */
  drop(number: number, owner: DroppedOwner, writes: Writes): void {
    writes.put(numberedKey(Space.dropped, number), records.encodeDropped(owner));
    this.#dropped.set(number, owner);
  }

  /**
   * Removes some records of one dropped number. Synced, although it could be repeated: of two batches that were not
   * synced, a loss of power can leave the later one alone.
   */
  async sweep(): Promise<void> {
    const [next] = this.#dropped;
    if (next === undefined) return;
    const [number, owner] = next;
    const spaces = owner === 'client' ? ([Space.subscription, Space.inbound] as const) : ([Space.entry] as const);
    this.#bodies.endBatch();
    const found = await this.#remaining(number, spaces);
    const bodies = found
      .filter(([key]) => key[0] === Space.entry && !isReleasedKey(key))
      .map(([, value]) => records.entryWeight(value).body)
      .filter((body) => body > 0);
    await this.#bodies.fetch(new Set(bodies));
    const writes = this.#db.batch();
    for (const [key] of found) writes.del(key);
    for (const body of bodies) this.#bodies.dereference(body);
    const isLast = found.length < RECORDS_MAX;
    if (isLast) {
      for (const space of spaces) writes.del(fenceKey(space, number));
      writes.del(numberedKey(Space.dropped, number));
    }
    this.#bodies.finish(writes);
    await writes.write({ sync: true });
    this.#bodies.endBatch();
    const last = found.at(-1);
    this.#sweptTo = last === undefined || isLast ? undefined : { number, key: last[0] };
    if (isLast) this.#dropped.delete(number);
  }

  /**
   * The next records under the number, from where the sweep before ended. Each range is read up to its fence and no
   * further.
   */
  async #remaining(number: number, spaces: readonly Space[]): Promise<[Buffer, Buffer][]> {
    const found: [Buffer, Buffer][] = [];
    const sweptTo = this.#sweptTo?.number === number ? this.#sweptTo.key : undefined;
    for (const space of spaces) {
      if (sweptTo !== undefined && (sweptTo[0] as number) > space) continue;
      const range =
        sweptTo?.[0] === space
          ? { gt: sweptTo, lt: fenceKey(space, number) }
          : { gte: numberedKey(space, number), lt: fenceKey(space, number) };
      found.push(
        ...(await this.#db
          .iterator({ ...range, limit: RECORDS_MAX - found.length, highWaterMarkBytes: BYTES_MAX })
          .all()),
      );
      if (found.length >= RECORDS_MAX) break;
    }
    return found;
  }
}
