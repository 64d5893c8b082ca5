// A bounded memory of what was lately looked at, in two generations: what is used moves to the young one, and when that is full the old one is
// forgotten as a whole. Nothing is forgotten between two calls of `tidy`, so that what was fetched for a piece of work is there until it is done.

export class Recent<Key, Value> {
  #young = new Map<Key, Value>();
  #old = new Map<Key, Value>();
  #weight = 0;

  /**
   * @param weightMax what a generation holds, about; all there is comes to twice as much.
   * @param weightOf what a value counts as it joins a generation.
   */
  constructor(
    readonly weightMax: number,
    readonly weightOf: (value: Value) => number = () => 1,
    readonly onForgotten: (value: Value) => void = () => undefined,
  ) {}

  get(key: Key): Value | undefined {
    const value = this.#young.get(key);
    return value !== undefined || this.#old.size === 0 ? value : this.#promote(key);
  }

  set(key: Key, value: Value): void {
    this.#old.delete(key);
    this.#young.set(key, value);
    this.#weight += this.weightOf(value);
  }

  delete(key: Key): void {
    this.#young.delete(key);
    this.#old.delete(key);
  }

  /** Something that is remembered has grown. */
  grown(by: number): void {
    this.#weight += by;
  }

  tidy(): void {
    if (this.#weight <= this.weightMax) return;
    for (const value of this.#old.values()) this.onForgotten(value);
    this.#old = this.#young;
    this.#young = new Map();
    this.#weight = 0;
  }

  clear(): void {
    for (const generation of [this.#old, this.#young]) {
      for (const value of generation.values()) this.onForgotten(value);
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
