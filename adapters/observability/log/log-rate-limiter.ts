// Keeps the log readable when the same thing happens a million times: of each kind and reason so many are let through in a while, the rest
// are counted, and the count is told at the end of that while. Its memory is bounded by the number of kinds and reasons.
import type { Clock, LifecycleEvent, BrokerEvent, Timer } from 'hexmq/ports';

const WINDOW_MS = 10_000;

interface Flow {
  readonly first: BrokerEvent | LifecycleEvent;
  passed: number;
  heldBack: number;
}

export class LogRateLimiter {
  readonly #flows = new Map<string, Flow>();
  #timer: Timer | undefined;

  constructor(
    readonly clock: Clock,
    /** Tells how many like this one were held back. */
    readonly summarise: (event: BrokerEvent | LifecycleEvent, count: number, seconds: number) => void,
  ) {}

  /** Whether the event may be logged. `burst`: how many of its like may be in one window. */
  allows(event: BrokerEvent | LifecycleEvent, burst: number): boolean {
    if (burst === Infinity) return true;
    const key = 'reason' in event ? `${event.kind} ${event.reason}` : event.kind;
    const flow = this.#flows.get(key);
    if (flow === undefined) {
      this.#flows.set(key, { first: event, passed: 1, heldBack: 0 });
      this.#timer ??= this.clock.at(this.clock.nowMs() + WINDOW_MS, () => {
        this.close();
      });
      return true;
    }
    if (flow.passed < burst) {
      flow.passed++;
      return true;
    }
    flow.heldBack++;
    return false;
  }

  /** Ends the window; the next event begins another. */
  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const flows = [...this.#flows.values()];
    this.#flows.clear();
    for (const { first, heldBack } of flows) if (heldBack > 0) this.summarise(first, heldBack, WINDOW_MS / 1000);
  }
}
