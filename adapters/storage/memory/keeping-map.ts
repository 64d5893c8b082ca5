// A map of which one moment can be kept while it changes: what the map had then stays as it is, and changes go into a
// second map above it, until the moment is let go of and they are merged, a few at a time. Keeping costs nothing, and
// merging as much as has changed meanwhile.

/** What reading a moment needs. */
export interface Kept<K, V> extends Iterable<readonly [K, V]> {
  get(key: K): V | undefined;
  values(): Iterable<V>;
}

const GONE = Symbol('gone');

export class KeepingMap<K, V extends object> implements Kept<K, V> {
  readonly #below = new Map<K, V>();
  /** What differs from `below`: while a moment is kept, and until all of it has been merged. */
  #above: Map<K, V | typeof GONE> | undefined;
  #isKept = false;

  get(key: K): V | undefined {
    if (this.#above !== undefined) {
      const value = this.#above.get(key);
      if (value !== undefined) return value === GONE ? undefined : value;
    }
    return this.#below.get(key);
  }

  set(key: K, value: V): void {
    if (this.#isKept) {
      this.#above?.set(key, value);
      return;
    }
    this.#below.set(key, value);
    this.#above?.delete(key);
  }

  delete(key: K): void {
    if (this.#isKept && this.#below.has(key)) {
      this.#above?.set(key, GONE);
      return;
    }
    this.#below.delete(key);
    this.#above?.delete(key);
  }

  /** A value that is to be changed in place: a copy of it, if the kept moment has it. */
  own(key: K, copy: (value: V) => V): V | undefined {
    if (!this.#isKept || this.#above?.has(key) === true) return this.get(key);
    const value = this.#below.get(key);
    if (value === undefined) return undefined;
    const own = copy(value);
    this.#above?.set(key, own);
    return own;
  }

  *[Symbol.iterator](): Generator<readonly [K, V]> {
    const above = this.#above;
    if (above === undefined) {
      yield* this.#below;
      return;
    }
    for (const pair of this.#below) if (!above.has(pair[0])) yield pair;
    for (const [key, value] of above) if (value !== GONE) yield [key, value];
  }

  *values(): Generator<V> {
    for (const [, value] of this) yield value;
  }

  /** @returns the map as it is now. Call it again only when everything has been merged. */
  keep(): Kept<K, V> {
    this.#above = new Map<K, V | typeof GONE>();
    this.#isKept = true;
    return this.#below;
  }

  /** The kept moment is not read any more. */
  letGo(): void {
    this.#isKept = false;
  }

  /**
   * Merges some of what has changed since the moment that was kept.
   * @param own called with each value that is no longer shared with that moment.
   * @returns whether nothing is left.
   */
  merge(max: number, own: (value: V) => void = () => undefined): boolean {
    let merged = 0;
    for (const [key, value] of this.#above ?? []) {
      if (merged++ >= max) return false;
      this.#above?.delete(key);
      if (value === GONE) {
        this.#below.delete(key);
        continue;
      }
      own(value);
      this.#below.set(key, value);
    }
    this.#above = undefined;
    return true;
  }
}
