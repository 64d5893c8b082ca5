// A rate limit as a token bucket. It fills with `perS` tokens a second, up to the amount of one second. A caller may
// take more than there is: the bucket goes into debt and recovers over time. So a burst of one second's worth passes at
// once, a message larger than that passes as well, and over any longer time the rate holds exactly.

/** One token, less what summing fractions may have lost. */
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

  /**
   * The bucket for a rate in force. A rate that has changed begins with a full one, and one that has not goes on with
   * the present one, debt included, whatever else a reload has changed.
   */
  static at(perS: number | undefined, present: TokenBucket | undefined, nowMs: number): TokenBucket | undefined {
    if (perS === present?.perS) return present;
    return perS === undefined ? undefined : new TokenBucket(perS, nowMs);
  }

  /** Milliseconds until a token is available; 0 if one is available now. */
  waitMs(nowMs: number): number {
    this.#fill(nowMs);
    return this.#tokens >= WHOLE ? 0 : Math.ceil(((WHOLE - this.#tokens) / this.perS) * 1000);
  }

  take(count: number, nowMs: number): void {
    this.#fill(nowMs);
    this.#tokens -= count;
  }

  /** A full bucket is as good as a new one: it can be forgotten. */
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
