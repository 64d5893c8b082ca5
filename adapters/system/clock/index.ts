// The time of this machine: the wall clock as it was when the process started, advanced by the monotonic one. It
// follows no later correction of the wall clock, so that a deadline is neither missed nor met early because someone set
// the date.
import type { Clock, Timer } from 'hexmq/ports';

/** `setTimeout` turns a longer delay into one millisecond. */
const LONGEST_DELAY_MS = 2 ** 31 - 1;

export function createClock(): Clock {
  return systemClock;
}

const systemClock: Clock = {
  nowMs,
  at: (atMs, callback) => new SystemTimer(atMs, callback),
};

/** Whole milliseconds: instants are stored, and a store should not have to know about fractions. */
function nowMs(): number {
  return Math.floor(performance.timeOrigin + performance.now());
}

class SystemTimer implements Timer {
  readonly #atMs: number;
  readonly #callback: () => void;
  #timeout: NodeJS.Timeout;

  constructor(atMs: number, callback: () => void) {
    this.#atMs = atMs;
    this.#callback = callback;
    this.#timeout = this.#arm();
  }

  cancel(): void {
    clearTimeout(this.#timeout);
  }

  #arm(): NodeJS.Timeout {
    return setTimeout(SystemTimer.#ring, Math.min(Math.max(this.#atMs - nowMs(), 0), LONGEST_DELAY_MS), this);
  }

  /**
   * The event loop's own clock is coarser than ours and can ring a moment early, and a long delay rings in stages: then
   * it is armed again.
   */
  static #ring(this: void, timer: SystemTimer): void {
    if (nowMs() < timer.#atMs) timer.#timeout = timer.#arm();
    else timer.#callback();
  }
}
