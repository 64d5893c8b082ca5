// A bounded cache of what was used recently, in two generations: what is used moves to the young one, and when that is
// full the old one is dropped as a whole. Nothing is dropped between two calls of `evict`, so what was fetched for a
// batch is there until the batch is done.

export class GenerationalCache<Key, Value> {
  #young = new Map<Key, Value>();
  #old = new Map<Key, Value>();
  #weight = 0;

  /**
   * @param weightMax roughly what one generation holds; both together hold twice as much.
   * @param weightOf what the value of a key counts for when it enters the young generation.
   * @param onEvicted runs for each value that is dropped.
   */
  constructor(
    readonly weightMax: number,
    readonly weightOf: (key: Key) => number = () => 1,
    readonly onEvicted: (value: Value) => void = () => undefined,
  ) {}

  get(key: Key): Value | undefined {
    const value = this.#young.get(key);
    return value !== undefined || this.#old.size === 0 ? value : this.#promote(key);
  }

  set(key: Key, value: Value): void {
    this.#old.delete(key);
    this.#young.set(key, value);
    this.#weight += this.weightOf(key);
  }

  delete(key: Key): void {
    this.#young.delete(key);
    this.#old.delete(key);
  }

  evict(): void {
    if (this.#weight <= this.weightMax) return;
    for (const value of this.#old.values()) this.onEvicted(value);
    this.#old = this.#young;
    this.#young = new Map();
    this.#weight = 0;
  }

  clear(): void {
    for (const generation of [this.#old, this.#young]) {
      for (const value of generation.values()) this.onEvicted(value);
      generation.clear();
    }
    this.#weight = 0;
  }

  #promote(key: Key): Value | undefined {
    const value = this.#old.get(key);
    if (value !== undefined) this.set(key, value);
    return value;
  }
}
