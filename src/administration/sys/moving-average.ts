// The rate of a counter per minute, as an exponential moving average: what is older than the period has lost two thirds
// of its weight. It takes a reading whenever there is one, so the times between readings need not be equal.

export const MINUTE_MS = 60_000;

export class MovingAverage {
  #perMinute = 0;

  /** @param periodMs over which it is averaged. */
  constructor(readonly periodMs: number) {}

  get perMinute(): number {
    return this.#perMinute;
  }

  /** The counter has grown by so much in this time. */
  add(growth: number, duringMs: number): void {
    const rate = (growth * MINUTE_MS) / duringMs;
    this.#perMinute = rate + (this.#perMinute - rate) * Math.exp(-duringMs / this.periodMs);
  }
}
