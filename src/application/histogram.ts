// A histogram of measurements, as counts of buckets. To observe a value costs a short search and two additions; what is
// made of it for an operator is made when it is read.
import type { HistogramReading } from '../ports/measures.js';

/** Of durations in seconds: from a tenth of a millisecond to ten seconds. */
export const SECONDS = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];
/** Of numbers of things. */
export const COUNTS = [1, 4, 16, 64, 256, 1024, 4096, 16_384, 65_536];

export class Histogram {
  readonly #counts: number[];
  #sum = 0;

  /** @param bounds the upper bounds of the buckets, ascending; one more bucket has what is above all of them. */
  constructor(readonly bounds: readonly number[]) {
    this.#counts = new Array<number>(bounds.length + 1).fill(0);
  }

  observe(value: number): void {
    const { bounds } = this;
    let at = 0;
    while (at < bounds.length && value > (bounds[at] as number)) at++;
    this.#counts[at] = (this.#counts[at] as number) + 1;
    this.#sum += value;
  }

  read(): HistogramReading {
    return { bounds: this.bounds, counts: [...this.#counts], sum: this.#sum };
  }
}
