// Scheduled work of one plugin. A task that fails harms itself only: the failure is reported, and a repeated task goes
// on.
import type { Clock, Timer } from '../../ports/clock.js';
import type { Scheduler } from '../../ports/services.js';
import { messageOf } from '../timeout.js';

/** The longest that Node's timers know. */
const DELAY_MAX_MS = 2 ** 31 - 1;

type Task = () => void | Promise<void>;

export class PluginScheduler implements Scheduler {
  readonly #clock: Clock;
  readonly #failed: (error: string) => void;
  readonly #pending = new Set<Timer>();
  #isClosed = false;

  /** @param failed is called with what a task threw. */
  constructor(clock: Clock, failed: (error: string) => void) {
    this.#clock = clock;
    this.#failed = failed;
  }

  after(delayMs: number, task: Task): Timer {
    requireDelay('delayMs', delayMs, 0);
    return this.#schedule(delayMs, task, false);
  }

  every(intervalMs: number, task: Task): Timer {
    requireDelay('intervalMs', intervalMs, 1);
    return this.#schedule(intervalMs, task, true);
  }

  /** Cancels everything; what is scheduled from now on never runs. */
  close(): void {
    this.#isClosed = true;
    for (const timer of [...this.#pending]) timer.cancel();
  }

  #schedule(delayMs: number, task: Task, isRepeated: boolean): Timer {
    let current: Timer | undefined;
    let isCancelled = this.#isClosed;
    const handle: Timer = {
      cancel: () => {
        isCancelled = true;
        current?.cancel();
        this.#pending.delete(handle);
      },
    };
    const arm = (): void => {
      current = this.#clock.at(this.#clock.nowMs() + delayMs, () => void run());
    };
    const run = async (): Promise<void> => {
      try {
        await task();
      } catch (error) {
        this.#failed(messageOf(error));
      }
      if (isCancelled) return;
      if (isRepeated) arm();
      else this.#pending.delete(handle);
    };
    if (isCancelled) return handle;
    this.#pending.add(handle);
    arm();
    return handle;
  }
}

function requireDelay(name: string, value: number, least: number): void {
  if (Number.isFinite(value) && value >= least && value <= DELAY_MAX_MS) return;
  throw new RangeError(`${name}: ${value} is not valid, expected ${least} to ${DELAY_MAX_MS} milliseconds`);
}
