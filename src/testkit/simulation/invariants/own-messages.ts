// Messages of the broker itself: they leave at QoS 0 and are never on the disk; a new subscription gets the latest of
// each topic, and never one of an earlier incarnation, in whose memory it was.
import type { Change } from '../../../ports/index.js';
import type { Evidence } from '../evidence/evidence.js';
import type { Publication } from '../evidence/publications.js';
import type { Departure, Observations } from '../observations.js';
import type { Fail } from '../violation.js';

const isOwn = (topic: string): boolean => topic.startsWith('$SYS/');

export class OwnMessages implements Observations {
  /** Of the present incarnation. */
  readonly #tags = new Set<string>();
  /** The tag of the latest that is to be retained, by topic. */
  readonly #latest = new Map<string, string>();

  constructor(
    readonly evidence: Evidence,
    readonly fail: Fail,
  ) {}

  started(): void {
    this.#tags.clear();
    this.#latest.clear();
  }

  announced({ tag, topic, retain }: Publication): void {
    this.#tags.add(tag);
    if (retain) this.#latest.set(topic, tag);
  }

  departed(departure: Departure): void {
    if (departure.kind !== 'publish' || !isOwn(departure.packet.topic)) return;
    const { packet, tag, connection } = departure;
    const { name } = connection.client;
    if (packet.qos > 0) this.fail(`${name} gets ${tag} on ${packet.topic} at QoS ${packet.qos}`);
    if (!this.#tags.has(tag)) this.fail(`${name} gets ${tag} on ${packet.topic}, of an earlier incarnation`);
  }

  kept(batch: readonly Change[]): void {
    for (const change of batch)
      if ('message' in change && isOwn(change.message.topic)) this.fail(`${change.message.topic} is on the disk`);
  }

  audited(retained: ReadonlyMap<string, readonly string[]>): void {
    // Then the auditor has no subscription to them.
    if (this.evidence.options.most.maxSubscriptionsPerClient !== undefined) return;
    for (const [topic, tag] of this.#latest) {
      const [found] = retained.get(topic) ?? [];
      if (found !== tag)
        this.fail(`${topic} has ${found ?? 'no message'} for a new subscription, the latest is ${tag}`);
    }
  }
}
