// Messages that were acknowledged and that a crash may still lose: at level `stored` a loss of power, at level
// `received` any crash. What a crash has lost is no longer owed to anyone, but it must be the end of what was promised
// and not something in the middle.
import type { Gap } from '../observations.js';
import type { DiskContents } from './disk-contents.js';
import type { ObservedClient } from './observed-client.js';
import type { Publication, Publications } from './publications.js';
import type { SharedGroups } from './shared-groups.js';

export interface UnflushedParts {
  readonly disk: DiskContents;
  readonly publications: Publications;
  readonly clients: ReadonlyMap<string, ObservedClient>;
  readonly groups: SharedGroups;
  /** Clients whose own queue on the disk must have the message. */
  readonly owedClients: (publication: Publication) => Iterable<ObservedClient>;
}

export class Unflushed {
  readonly #publications = new Set<Publication>();

  constructor(readonly parts: UnflushedParts) {}

  add(publication: Publication): void {
    this.#publications.add(publication);
  }

  clear(): void {
    this.#publications.clear();
  }

  /**
   * From here on what the disk has is what there is. @returns messages that are missing though a later one is there.
   */
  crashed(): Gap[] {
    const { disk, publications } = this.parts;
    const kept: Publication[] = [];
    const lost: Publication[] = [];
    for (const publication of this.#publications) {
      const { receivedCount, tag } = publication;
      if (!this.#isOnDisk(publication)) lost.push(publication);
      else if (receivedCount === 1 && disk.everQueuedIn.has(tag)) kept.push(publication);
    }
    const gaps: Gap[] = [];
    for (const publication of lost) {
      const { receivedCount, tag, mayExpire } = publication;
      const later = kept.find((one) => cameLater(one, publication));
      const isMissed = !mayExpire && !this.#isQueuedForClients(publication);
      if (later !== undefined && receivedCount === 1 && isMissed) gaps.push({ lost: publication, later });
      publication.undo(disk.retainedAt.has(tag));
      this.#publications.delete(publication);
    }
    for (const topic of publications.topics) publications.undoAfter(topic, disk.retained.get(topic));
    return gaps;
  }

  /** Whether all that was promised with its acknowledgement is on the disk. */
  #isOnDisk(publication: Publication): boolean {
    const { disk, clients, groups } = this.parts;
    const { tag, qos, retain, isClear, packetId, isReleased, firstReceivedAt = 0, certainEffectAt = 0 } = publication;
    const publisher = clients.get(publication.publisher);
    const isExpectedInbound =
      qos === 2 &&
      publisher?.sessionStored === 'yes' &&
      publisher.published.get(packetId) === publication &&
      !isReleased;
    if (isExpectedInbound && (disk.inbound.get(publisher.name)?.get(packetId) ?? 0) < firstReceivedAt) return false;
    if (isClear) return true;
    // A repeat retains the message again, after others have replaced it: only the latest put is what was promised.
    if (retain && (disk.retainedAt.get(tag) ?? -1) < certainEffectAt) return false;
    return this.#isQueuedForClients(publication) && groups.isStoredForAll(publication);
  }

  /** Whether every client that is owed the message has or had it in its queue, or has completed it. */
  #isQueuedForClients(publication: Publication): boolean {
    const { tag } = publication;
    for (const { queue, received } of this.parts.owedClients(publication))
      if (!this.parts.disk.everHad(queue, tag) && !received.completed.has(tag)) return false;
    return true;
  }
}

/**
 * Whether the broker certainly accepted the message after another one. Of two publishers it may accept first what came
 * last, as long as it has answered neither: each connection is read when its turn comes.
 */
function cameLater({ publisher, isWill, firstReceivedAt = 0 }: Publication, than: Publication): boolean {
  const isOrdered = publisher === than.publisher && !isWill;
  return firstReceivedAt > (isOrdered ? (than.firstReceivedAt ?? 0) : (than.acknowledgedAt ?? Infinity));
}
