// The system clock: the wall-clock time at the start of the process, advanced by the monotonic clock. Later corrections
// of the wall clock have no effect, so that setting the date neither delays a deadline nor triggers it early.
import type { Clock, Timer } from 'hexmq/ports';

/** `setTimeout` replaces a longer delay by one millisecond. */
const LONGEST_DELAY_MS = 2 ** 31 - 1;

export function createClock(): Clock {
  return systemClock;
}

const systemClock: Clock = {
  nowMs,
  at: (atMs, callback) => new SystemTimer(atMs, callback),
};

/** Whole milliseconds, because instants are stored as integers. */
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
    return setTimeout(SystemTimer.#fire, Math.min(Math.max(this.#atMs - nowMs(), 0), LONGEST_DELAY_MS), this);
  }

  /**
   * The clock of the event loop is coarser and can fire a moment early, and a delay over `LONGEST_DELAY_MS` is split:
   * in both cases the timer is armed again.
   */
  static #fire(this: void, timer: SystemTimer): void {
    if (nowMs() < timer.#atMs) timer.#timeout = timer.#arm();
    else timer.#callback();
  }
}
