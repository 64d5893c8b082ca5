// Nothing acknowledged is lost: every acknowledged message reaches every subscription that certainly existed and could
// receive it all the time, unless the broker reported a drop of that queue [MQTT-4.5.0-1]. A message for a shared group
// reaches one of its members.
import type { QueueId } from '../../../ports/index.js';
import type { Evidence } from '../evidence/evidence.js';
import type { ObservedClient } from '../evidence/observed-client.js';
import { groupQueueOf } from '../evidence/shared-groups.js';
import { valueOf } from '../evidence/value-of.js';
import type { Gap, Observations } from '../observations.js';
import type { Fail } from '../violation.js';

export class NothingLost implements Observations {
  constructor(
    readonly evidence: Evidence,
    readonly fail: Fail,
  ) {}

  recovered(restoredDeliveries: number): void {
    const { entryCount } = this.evidence.disk;
    if (restoredDeliveries !== entryCount)
      this.fail(`${restoredDeliveries} deliveries were found at the start, the disk keeps ${entryCount}`);
  }

  /** A level of acknowledgement allows a crash to lose the latest promised messages, not some between kept ones. */
  crashed(_mayLose: boolean, gaps: readonly Gap[]): void {
    if (!this.evidence.drops.isEmpty) return;
    for (const { lost, later } of gaps)
      this.fail(`a crash has lost ${lost.tag}, and not ${later.tag}, which came later`);
  }

  rested(): void {
    const { clients, groups } = this.evidence;
    for (const client of clients.values()) this.#check(client.queue, client.name, this.#undelivered(client));
    for (const [topicFilter, members] of groups.all)
      this.#check(groupQueueOf(topicFilter), topicFilter, groups.undelivered(topicFilter, members));
  }

  /** Promised messages that the client was owed and never received, by topic. */
  #undelivered(client: ObservedClient): Map<string, string[]> {
    const { publications, rules } = this.evidence;
    const { receptions, treatedAsDuplicate, refused } = client.received;
    const missing = new Map<string, string[]>();
    for (const publication of publications.all) {
      const { tag, topic, firstReceivedAt = 0 } = publication;
      if (!publication.isPromised || firstReceivedAt <= client.queueIntactSince) continue;
      if (receptions.has(tag) || refused.has(tag) || treatedAsDuplicate.has(tag) || !client.isOwed(publication))
        continue;
      if (rules.mayBeRefusedSince(client.name, topic, firstReceivedAt)) continue;
      valueOf(missing, topic, () => []).push(tag);
    }
    return missing;
  }

  #check(queue: QueueId, recipient: string, missing: ReadonlyMap<string, readonly string[]>): void {
    const topic = this.evidence.drops.firstUncovered(queue, missing);
    if (topic === undefined) return;
    const tags = missing.get(topic) ?? [];
    this.fail(`${recipient} never got ${tags.slice(0, 5).join(', ')} on ${topic}, ${tags.length} in all`);
  }
}
