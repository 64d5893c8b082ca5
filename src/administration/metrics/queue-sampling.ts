// The largest queue and the oldest waiting message, without looking at a million queues at once: each reading looks at
// the next 1000 sessions and groups, and the result is that of the last whole round and of the present one.
import type { BrokerControl, Clock, Cursor, QueueView } from '../../ports/index.js';

export interface QueueSample {
  readonly largest: number;
  readonly oldestAgeS: number;
}

interface Round {
  largest: number;
  oldestAtMs: number;
}

const EXAMINED = 1000;
/** Several who read at once share one look. */
const LOOK_INTERVAL_MS = 500;

const begin = (): Round => ({ largest: 0, oldestAtMs: Infinity });

export class QueueSampling {
  #cursor: Cursor<QueueView> | undefined;
  #last = begin();
  #present = begin();
  #lookedAtMs = -Infinity;

  constructor(
    readonly control: Pick<BrokerControl, 'query'>,
    readonly clock: Clock,
  ) {}

  read(): QueueSample {
    const nowMs = this.clock.nowMs();
    if (nowMs - this.#lookedAtMs >= LOOK_INTERVAL_MS) {
      this.#lookedAtMs = nowMs;
      this.#look();
    }
    const oldestAtMs = Math.min(this.#last.oldestAtMs, this.#present.oldestAtMs);
    return {
      largest: Math.max(this.#last.largest, this.#present.largest),
      oldestAgeS: oldestAtMs === Infinity ? 0 : Math.max(0, (this.clock.wallMs() - oldestAtMs) / 1000),
    };
  }

  #look(): void {
    const page = this.control.query({ kind: 'queues', examine: EXAMINED, cursor: this.#cursor });
    const round = this.#present;
    for (const { inFlight, queued, oldestAcceptedAtMs = Infinity } of page.items) {
      round.largest = Math.max(round.largest, inFlight + queued);
      round.oldestAtMs = Math.min(round.oldestAtMs, oldestAcceptedAtMs);
    }
    this.#cursor = page.next;
    if (page.next !== undefined) return;
    this.#last = round;
    this.#present = begin();
  }
}
