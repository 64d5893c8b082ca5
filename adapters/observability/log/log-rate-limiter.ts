// Keeps the log readable when the same thing happens a million times: per kind and reason, a number of events is logged
// in each window, the rest are counted, and the count is logged when the window ends. Memory is bounded by the number
// of kinds and reasons.
import type { BrokerEvent, Clock, LifecycleEvent, Timer } from 'hexmq/ports';

const WINDOW_MS = 10_000;

interface Group {
  readonly first: BrokerEvent | LifecycleEvent;
  logged: number;
  suppressed: number;
}

export class LogRateLimiter {
  readonly #groups = new Map<string, Group>();
  #timer: Timer | undefined;

  constructor(
    readonly clock: Clock,
    /** Logs how many events like this one were suppressed, and in how many seconds. */
    readonly summarize: (event: BrokerEvent | LifecycleEvent, count: number, seconds: number) => void,
  ) {}

  /** Whether the event may be logged. @param burst the number of such events that are logged per window. */
  allows(event: BrokerEvent | LifecycleEvent, burst: number): boolean {
    if (burst === Infinity) return true;
    const key = 'reason' in event ? `${event.kind} ${event.reason}` : event.kind;
    const group = this.#groups.get(key);
    if (group === undefined) {
      this.#groups.set(key, { first: event, logged: 1, suppressed: 0 });
      this.#timer ??= this.clock.at(this.clock.nowMs() + WINDOW_MS, () => {
        this.close();
      });
      return true;
    }
    if (group.logged < burst) {
      group.logged++;
      return true;
    }
    group.suppressed++;
    return false;
  }

  /** Ends the window and logs its counts; the next event begins another. */
  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const groups = [...this.#groups.values()];
    this.#groups.clear();
    for (const { first, suppressed } of groups) if (suppressed > 0) this.summarize(first, suppressed, WINDOW_MS / 1000);
  }
}
