// A rate as a bucket of tokens: it fills with so many a second, up to what one second brings, and whoever takes more than there is leaves it in
// debt until time has paid. So a burst of a second's worth passes at once, and over any longer time the rate holds exactly.

/** One token, and what adding up fractions may have lost of it. */
const WHOLE = 1 - 1e-9;

export class TokenBucket {
  #tokens: number;
  #filledMs: number;

  /** @param perS at least 1. */
  constructor(
    readonly perS: number,
    nowMs: number,
  ) {
    this.#tokens = perS;
    this.#filledMs = nowMs;
  }

  /** In milliseconds; 0: something may be taken now. */
  waitMs(nowMs: number): number {
    this.#fill(nowMs);
    return this.#tokens >= WHOLE ? 0 : Math.ceil(((WHOLE - this.#tokens) / this.perS) * 1000);
  }

  take(count: number, nowMs: number): void {
    this.#fill(nowMs);
    this.#tokens -= count;
  }

  /** Whether it has all that it can have: forgetting it then changes nothing. */
  isFull(nowMs: number): boolean {
    this.#fill(nowMs);
    return this.#tokens >= this.perS;
  }

  #fill(nowMs: number): void {
    if (nowMs <= this.#filledMs) return;
    this.#tokens = Math.min(this.perS, this.#tokens + ((nowMs - this.#filledMs) / 1000) * this.perS);
    this.#filledMs = nowMs;
  }
}
