// Calls that wait for something outside: so many at once, and each caller only for so long. A call that takes longer
// goes on, and keeps its place until it has ended.
import { AdministrationError } from '../ports/index.js';
import type { Clock } from '../ports/index.js';

export interface CallBounds {
  readonly max: number;
  readonly timeoutMs: number;
  /** For a caller that is refused because too many are under way. */
  readonly busy: string;
  /** For a caller that has waited long enough. */
  readonly late: string;
}

export class BoundedCalls {
  #running = 0;

  constructor(
    readonly clock: Clock,
    readonly bounds: CallBounds,
  ) {}

  /** @throws AdministrationError `busy` or `unavailable` (as a rejection), or what the call throws. */
  async run<T>(call: () => Promise<T>): Promise<T> {
    const { max, timeoutMs, busy, late } = this.bounds;
    if (this.#running >= max) throw new AdministrationError('busy', busy);
    this.#running++;
    const called = call().finally(() => this.#running--);
    return new Promise((resolve, reject) => {
      const timer = this.clock.at(this.clock.nowMs() + timeoutMs, () => {
        reject(new AdministrationError('unavailable', late));
      });
      called.then(resolve, reject).finally(() => {
        timer.cancel();
      });
    });
  }
}
