// The drops that the broker reported, by queue: what is missing from a queue must be covered by them.
import type { BrokerEvent, QueueId } from '../../../ports/index.js';
import type { LogicalClock } from './logical-clock.js';
import type { Publications } from './publications.js';
import { valueOf } from './value-of.js';

type Drop = Extract<BrokerEvent, { kind: 'message-dropped' }>;

/** Whether a drop loses what can be acknowledged. */
const IS_LOSS: Readonly<Record<Drop['reason'], boolean>> = {
  'queue-full': true,
  'queue-bytes-full': true,
  'stored-queues-full': true,
  'memory-full': true,
  purged: true,
  'no-subscriber': false,
  'client-offline': false,
  'slow-consumer': false,
  expired: false,
  'session-ended': false,
  'not-authorized': false,
  'packet-too-large': false,
  'dropped-by-interceptor': false,
  'refused-by-client': false,
  'retained-full': false,
  'retained-bytes-full': false,
  'retained-payloads-full': false,
};

const NOT_RETAINED: ReadonlySet<Drop['reason']> = new Set([
  'retained-full',
  'retained-bytes-full',
  'retained-payloads-full',
] as const);

export class Drops {
  /** @param isRefusing whether full queues refuse messages: then nothing but wills may be dropped for them. */
  constructor(readonly isRefusing: boolean) {}

  /** Counts by queue and topic; the topic is `undefined` where the broker dropped without reading the message. */
  readonly #counts = new Map<QueueId, Map<string | undefined, number>>();

  /** The queues that an operator has purged. */
  readonly #purged = new Set<QueueId>();

  get isEmpty(): boolean {
    return this.#counts.size === 0;
  }

  /**
   * Only drops from a full queue or from full memory, and a purge, lose what can be acknowledged. A message that could
   * not be retained went to its subscribers.
   */
  dropped({ queue, reason, topic }: Drop, publications: Publications, clock: LogicalClock): void {
    if (topic !== undefined && NOT_RETAINED.has(reason)) publications.notRetained(topic, clock.tick());
    if (queue === undefined || !IS_LOSS[reason]) return;
    if (reason === 'purged') this.#purged.add(queue);
    const counts = valueOf(this.#counts, queue, () => new Map<string | undefined, number>());
    counts.set(topic, (counts.get(topic) ?? 0) + 1);
  }

  has(queue: QueueId): boolean {
    return this.#counts.has(queue);
  }

  /**
   * The first topic of which more is missing than was dropped, given all that is missing from the queue; `undefined`
   * when there is none.
   */
  firstUncovered(queue: QueueId, missing: ReadonlyMap<string, readonly string[]>): string | undefined {
    const counts = this.#counts.get(queue);
    let withoutTopic = counts?.get(undefined) ?? 0;
    const isRefusing = this.isRefusing && !this.#purged.has(queue);
    for (const [topic, tags] of missing) {
      if (isRefusing && tags.some((tag) => !tag.startsWith('w-'))) return topic;
      const more = tags.length - (counts?.get(topic) ?? 0);
      if (more <= 0) continue;
      withoutTopic -= more;
      if (withoutTopic < 0) return topic;
    }
    return undefined;
  }
}
