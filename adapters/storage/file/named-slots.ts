// What a batch has to know of named records (queues, clients, retained topics) before it is applied: fetched together,
// and kept as long as it is used. A name without a record has a slot as well, so that looking for it once is enough.
import { CHUNK } from './chunks.js';
import type { Database } from './engine.js';
import { GenerationalCache } from './generational-cache.js';
import { namedKey } from './keys.js';
import type { Space } from './keys.js';

/** A longer name counts for as many slots as it has lengths like this: names may have 65,535 bytes. */
const NAME_LENGTH_USUAL = 128;

export class NamedSlots<Name extends string, Slot> {
  readonly #db: Database;
  readonly #space: Space;
  readonly #decode: (name: Name, record: Buffer | undefined) => Slot;
  readonly #cache: GenerationalCache<Name, Slot>;
  #missing = new Set<Name>();

  constructor(
    db: Database,
    space: Space,
    decode: (name: Name, record: Buffer | undefined) => Slot,
    countMax: number,
    onEvicted?: (slot: Slot) => void,
  ) {
    this.#db = db;
    this.#space = space;
    this.#decode = decode;
    this.#cache = new GenerationalCache(countMax, (name) => Math.max(1, name.length / NAME_LENGTH_USUAL), onEvicted);
  }

  /** Marks the slot to be fetched, unless it is here. */
  need(name: Name): void {
    if (this.#cache.get(name) === undefined) this.#missing.add(name);
  }

  async fetchMissing(): Promise<void> {
    if (this.#missing.size === 0) return;
    const names = [...this.#missing];
    this.#missing = new Set();
    for (let from = 0; from < names.length; from += CHUNK) {
      const chunk = names.slice(from, from + CHUNK);
      const found = await this.#db.getMany(chunk.map((name) => namedKey(this.#space, name)));
      for (let i = 0; i < chunk.length; i++) {
        const name = chunk[i] as Name;
        this.#cache.set(name, this.#decode(name, found[i]));
      }
    }
  }

  /** A slot that `need` and `fetchMissing` have brought. */
  get(name: Name): Slot {
    const slot = this.#cache.get(name);
    if (slot === undefined) throw new Error('a record was not fetched before it was needed');
    return slot;
  }

  getIfCached(name: Name): Slot | undefined {
    return this.#cache.get(name);
  }

  evict(): void {
    this.#cache.evict();
  }

  clear(): void {
    this.#cache.clear();
    this.#missing = new Set();
  }
}
