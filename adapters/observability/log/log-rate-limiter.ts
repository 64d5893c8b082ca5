// Keeps the log readable when the same thing happens a million times: per kind and reason, a number of events is logged
// in each window, the rest are counted, and the count is logged when the window ends, for messages by the queue that
// lost them. Memory is bounded by the number of kinds and reasons, and for each of them by a number of queues.
import type { BrokerEvent, Clock, LifecycleEvent, Timer } from 'hexmq/ports';

const WINDOW_MS = 10_000;
/** Queues that one summary names, and the length of their names together: clients choose them. */
const QUEUES_MAX = 100;
const NAMES_LENGTH_MAX = 8192;

/** What was not logged in a window. */
export interface Suppressed {
  readonly count: number;
  readonly seconds: number;
  /** How many of them by queue; `undefined` if they are not of queues. */
  readonly queues: Readonly<Record<string, number>> | undefined;
  /** How many were of queues that are not named, because there are too many. */
  readonly inOtherQueues: number;
}

interface Group {
  readonly first: BrokerEvent | LifecycleEvent;
  logged: number;
  suppressed: number;
  readonly queues: Map<string, number>;
  namesLength: number;
  inOtherQueues: number;
}

export class LogRateLimiter {
  readonly #groups = new Map<string, Group>();
  #timer: Timer | undefined;

  constructor(
    readonly clock: Clock,
    /** Logs how many events like this one were suppressed. */
    readonly summarize: (event: BrokerEvent | LifecycleEvent, suppressed: Suppressed) => void,
  ) {}

  /** Whether the event may be logged. @param burst the number of such events that are logged per window. */
  allows(event: BrokerEvent | LifecycleEvent, burst: number): boolean {
    if (burst === Infinity) return true;
    const key = 'reason' in event ? `${event.kind} ${event.reason}` : event.kind;
    const group = this.#groups.get(key);
    if (group === undefined) {
      this.#groups.set(key, {
        first: event,
        logged: 1,
        suppressed: 0,
        queues: new Map(),
        namesLength: 0,
        inOtherQueues: 0,
      });
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
    if ('queue' in event && event.queue !== undefined) countIn(group, event.queue);
    return false;
  }

  /** Ends the window and logs its counts; the next event begins another. */
  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const groups = [...this.#groups.values()];
    this.#groups.clear();
    for (const { first, suppressed, queues, inOtherQueues } of groups) {
      if (suppressed === 0) continue;
      this.summarize(first, {
        count: suppressed,
        seconds: WINDOW_MS / 1000,
        queues: queues.size === 0 ? undefined : Object.fromEntries(queues),
        inOtherQueues,
      });
    }
  }
}

function countIn(group: Group, queue: string): void {
  const { queues } = group;
  const count = queues.get(queue);
  if (count !== undefined) {
    queues.set(queue, count + 1);
    return;
  }
  if (queues.size >= QUEUES_MAX || group.namesLength + queue.length > NAMES_LENGTH_MAX) {
    group.inOtherQueues++;
    return;
  }
  queues.set(queue, 1);
  group.namesLength += queue.length;
}
