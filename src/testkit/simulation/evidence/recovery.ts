// What a crash leaves of one client's session when the level of acknowledgement allows a loss: what the disk has of it,
// and the deliveries that may repeat or collide because the disk no longer has how far they had come.
import type { DiskContents } from './disk-contents.js';
import type { ObservedClient } from './observed-client.js';
import type { Publications } from './publications.js';

export interface CrashContext {
  readonly disk: DiskContents;
  readonly publications: Publications;
  /** The incarnation of the broker that has died. */
  readonly incarnation: number;
}

export function recover(context: CrashContext, client: ObservedClient): void {
  const { disk } = context;
  const { name } = client;
  noteStaleInbound(context, client);
  noteDoubtfulIdentifiers(context, client);
  noteExcused(context, client);
  client.sessionRestored(disk.sessions.has(name) ? disk.subscriptionsOf(name) : undefined);
}

/**
 * Inbound identifiers of other messages than the client now publishes with them: the broker takes those for repeats.
 */
function noteStaleInbound({ disk }: CrashContext, { name, published, staleInbound }: ObservedClient): void {
  for (const [packetId, at] of disk.inbound.get(name) ?? []) {
    const publication = published.get(packetId);
    if (publication?.qos !== 2 || (publication.firstReceivedAt ?? 0) > at) staleInbound.add(packetId);
  }
}

/** Packet Identifiers that the client may still hold for a message that the broker no longer knows. */
function noteDoubtfulIdentifiers({ disk }: CrashContext, client: ObservedClient): void {
  const { latestQos2ById, inDoubt } = client.received;
  for (const [packetId, tag] of latestQos2ById) {
    // Of several copies an observer cannot tell which one is missing.
    const copies = [...latestQos2ById.values()].filter((other) => other === tag).length;
    const isMissing = disk.appendCount(client.queue, tag) < copies;
    if (tag === '' || client.hasShared || isMissing) inDoubt.add(`${packetId} ${tag}`);
  }
}

/** QoS 2 messages that may come once more, because the disk lost that they came, or that they were released. */
function noteExcused({ disk, publications, incarnation }: CrashContext, client: ObservedClient): void {
  const { name, queue, newSessionSince } = client;
  const { sentAtQos2, released, excused, qos2Receptions } = client.received;
  const since = disk.sessions.get(name);
  // The session may be one that, as its client knows, no longer exists.
  const isOlder = since !== undefined && since < newSessionSince;
  const unreleased = new Set<string>();
  for (const entry of disk.entriesOf(queue)) if (!entry.released) unreleased.add(entry.tag);
  for (const tag of sentAtQos2) {
    const waitsInGroup = [...(disk.everQueuedIn.get(tag) ?? [])].some(
      (one) => one.startsWith('g:') && disk.has(one, tag),
    );
    const comesAgain = disk.everHad(queue, tag)
      ? unreleased.has(tag) && (isOlder || released.has(tag))
      : publications.get(tag)?.acknowledgedAt === undefined;
    if (!comesAgain && !waitsInGroup) continue;
    excused.set(tag, incarnation);
    qos2Receptions.delete(tag);
    released.delete(tag);
  }
}
