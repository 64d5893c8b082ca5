// Recent failures by key, in bounded memory. Keys at or above the allowance have a table of their own: a flood of keys
// that fail once or twice each evicts only keys like them, and none that are being slowed.

interface Entry {
  readonly failures: number;
  readonly expiresAtMs: number;
}

export class FailureCounter {
  // Both in order of the latest failure, which is the order of expiry.
  readonly #below = new Map<string, Entry>();
  readonly #above = new Map<string, Entry>();

  /**
   * @param allowance failures of one key that have no consequence.
   * @param maxEntries in each of the two tables.
   * @param forgetAfterMs time without a failure after which a key is forgotten.
   */
  constructor(
    readonly allowance: number,
    readonly maxEntries: number,
    readonly forgetAfterMs: number,
  ) {}

  get size(): number {
    return this.#below.size + this.#above.size;
  }

  failuresOf(key: string, nowMs: number): number {
    const entry = this.#above.get(key) ?? this.#below.get(key);
    return entry === undefined || entry.expiresAtMs <= nowMs ? 0 : entry.failures;
  }

  /** @returns the number of failures including this one. */
  recordFailure(key: string, nowMs: number): number {
    const failures = this.failuresOf(key, nowMs) + 1;
    this.forget(key);
    const table = failures < this.allowance ? this.#below : this.#above;
    for (const [oldest, { expiresAtMs }] of table) {
      if (expiresAtMs > nowMs && table.size < this.maxEntries) break;
      table.delete(oldest);
    }
    table.set(key, { failures, expiresAtMs: nowMs + this.forgetAfterMs });
    return failures;
  }

  forget(key: string): void {
    this.#below.delete(key);
    this.#above.delete(key);
  }
}
