// The system clock: the monotonic clock for durations, the date of the machine for instants. The monotonic clock begins
// with the date at the start of the process, only so that its values look familiar; corrections of the date neither
// delay a timer nor trigger it early.
import type { Clock, Timer } from 'hexmq/ports';

/** How often the two clocks are compared, and by how much they have to part. */
const WATCH_MS = 1000;
const PARTED_MS = 500;

/** `setTimeout` replaces a longer delay by one millisecond. */
const LONGEST_DELAY_MS = 2 ** 31 - 1;

export function createClock(): Clock {
  return systemClock;
}

const systemClock: Clock = {
  nowMs,
  wallMs: () => Date.now(),
  exactMs: () => performance.now(),
  watch,
  at: (atMs, callback) => new SystemTimer(atMs, callback),
};

function nowMs(): number {
  return Math.floor(performance.timeOrigin + performance.now());
}

function watch(corrected: () => void): Timer {
  let aheadMs = Date.now() - nowMs();
  const interval = setInterval(() => {
    const latestMs = Date.now() - nowMs();
    if (Math.abs(latestMs - aheadMs) < PARTED_MS) return;
    aheadMs = latestMs;
    corrected();
  }, WATCH_MS);
  return {
    cancel: () => {
      clearInterval(interval);
    },
  };
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
