// Reports what happens again and again: the first time at once, and then, as long as it goes on, a count every ten
// seconds. A handler that fails for every message must not fill the log.
import type { Clock, Timer } from '../../ports/clock.js';

const INTERVAL_MS = 10_000;

export class Burst<Detail> {
  #timer: Timer | undefined;
  #isOver = false;
  #count = 0;
  #last: Detail | undefined;

  /** @param report gets the latest detail, and how often it happened since the report before. */
  constructor(
    readonly clock: Pick<Clock, 'nowMs' | 'at'>,
    readonly report: (detail: Detail, count: number) => void,
  ) {}

  happened(detail: Detail): void {
    this.#count++;
    this.#last = detail;
    if (this.#isOver) this.#say();
    else if (this.#timer === undefined) this.#tell();
  }

  /** Reports what was not reported yet; afterwards, everything is reported at once. */
  end(): void {
    this.#isOver = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#count > 0) this.#say();
  }

  #tell(): void {
    // First the timer: what is reported may cause the same thing again.
    this.#timer = this.clock.at(this.clock.nowMs() + INTERVAL_MS, () => {
      this.#timer = undefined;
      if (this.#count > 0) this.#tell();
    });
    this.#say();
  }

  #say(): void {
    const count = this.#count;
    const detail = this.#last as Detail;
    this.#count = 0;
    this.#last = undefined;
    this.report(detail, count);
  }
}
