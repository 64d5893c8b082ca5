// How often each of many has failed lately, in bounded memory. Those who are slowed have a place of their own: a flood of names that fail once or
// twice each only drives out its like.

interface Entry {
  readonly failures: number;
  readonly forgetAtMs: number;
}

export class FailureCounter {
  // Both in the order of the last failure, which is that in which they are forgotten.
  readonly #below = new Map<string, Entry>();
  readonly #above = new Map<string, Entry>();

  /** @param max entries of those who failed less often than `allowance`, and again as many of the others. */
  constructor(
    readonly allowance: number,
    readonly max: number,
    readonly forgetAfterMs: number,
  ) {}

  get size(): number {
    return this.#below.size + this.#above.size;
  }

  failuresOf(key: string, nowMs: number): number {
    const entry = this.#above.get(key) ?? this.#below.get(key);
    return entry === undefined || entry.forgetAtMs <= nowMs ? 0 : entry.failures;
  }

  /** @returns the failures, with this one. */
  recordFailure(key: string, nowMs: number): number {
    const failures = this.failuresOf(key, nowMs) + 1;
    this.forget(key);
    const place = failures < this.allowance ? this.#below : this.#above;
    for (const [oldest, { forgetAtMs }] of place) {
      if (forgetAtMs > nowMs && place.size < this.max) break;
      place.delete(oldest);
    }
    place.set(key, { failures, forgetAtMs: nowMs + this.forgetAfterMs });
    return failures;
  }

  forget(key: string): void {
    this.#below.delete(key);
    this.#above.delete(key);
  }
}
