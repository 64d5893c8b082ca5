// Acknowledged is stored: when an answer leaves the broker, the disk has what the answer promises. At level `received`
// answers do not wait for the disk; there the check waits until the broker has handed over all that it had. PUBACK and
// PUBREC make the broker the owner of a message ([MQTT-4.3.2-2], [MQTT-4.3.3-2]), PUBREL says that it is not sent again
// [MQTT-4.3.3-1], and a session is kept for its whole life [MQTT-4.1.0-1].
import type { Change, QueueId } from '../../../ports/index.js';
import { PacketType } from '../../../protocol/packets.js';
import type { AcknowledgementPacket } from '../../../protocol/packets.js';
import { ReasonCode } from '../../../protocol/reason-codes.js';
import type { Evidence } from '../evidence/evidence.js';
import type { ObservedClient } from '../evidence/observed-client.js';
import { isStored, saysNew } from '../evidence/observed-connection.js';
import type { ObservedCommand } from '../evidence/operator-commands.js';
import type { ObservedConnection, Unsubscription } from '../evidence/observed-connection.js';
import type { Publication } from '../evidence/publications.js';
import { isSame } from '../evidence/subscription-interval.js';
import type { SubscriptionInterval } from '../evidence/subscription-interval.js';
import type { Departure, Observations } from '../observations.js';
import type { Fail } from '../violation.js';

type DepartureOf<Kind extends Departure['kind']> = Extract<Departure, { readonly kind: Kind }>;

export class AcknowledgedIsStored implements Observations {
  #deferred: { readonly at: number; readonly check: () => void }[] = [];
  /** How many PUBRECs each Packet Identifier of a client has had. */
  readonly #received = new Map<string, number>();

  constructor(
    readonly evidence: Evidence,
    readonly fail: Fail,
  ) {}

  departed(departure: Departure): void {
    const { connection } = departure;
    switch (departure.kind) {
      case 'connack':
        this.#connack(departure);
        return;
      case 'suback':
        for (const interval of departure.intervals ?? []) this.#subscribed(connection, interval);
        return;
      case 'unsuback':
        if (departure.unsubscription !== undefined) this.#unsubscribed(connection.client, departure.unsubscription);
        return;
      case 'acknowledgement':
        this.#acknowledged(departure);
        return;
      case 'pubrel':
        this.#released(departure);
        return;
      case 'pubcomp':
        this.#completed(departure);
        return;
      case 'publish':
        this.#published(departure);
        return;
      case 'other':
        return;
    }
  }

  kept(_batch: readonly Change[], isFlushed: boolean): void {
    const { ackLevel } = this.evidence;
    if (!isFlushed && ackLevel !== 'stored') this.fail(`a batch is not flushed, at ${ackLevel}`);
  }

  settled(): void {
    for (const { check } of this.#deferred.splice(0)) check();
  }

  /** A backup has all that was promised before it, at every level. */
  commandAnswered({ command, givenAt }: ObservedCommand): void {
    if (command.kind === 'backup') for (const { at, check } of this.#deferred) if (at < givenAt) check();
  }

  crashed(): void {
    this.#deferred = [];
  }

  #promise(check: () => void): void {
    if (this.evidence.ackLevel === 'received') this.#deferred.push({ at: this.evidence.clock.now, check });
    else check();
  }

  #early({ name }: ObservedClient, detail: string): void {
    this.fail(`to ${name}: ${detail}`);
  }

  #connack({ connection, packet }: DepartureOf<'connack'>): void {
    const { client, willTag, since } = connection;
    const { disk, wills } = this.evidence;
    const { name } = client;
    this.#promise(() => {
      if (!saysNew(connection, packet.sessionPresent)) return;
      if ((disk.sessions.get(name) ?? Infinity) < since)
        this.#early(client, 'CONNACK of a new session: the disk still has the one before');
    });
    this.#promise(() => {
      // At level `received` the session may have ended since, and another one have begun that is not looked at yet.
      if (client.newSessionSince > since) return;
      if (isStored(connection) && client.sessionStored === 'yes' && !disk.sessions.has(name))
        this.#early(client, 'CONNACK: the disk does not have the session');
    });
    if (willTag === undefined) return;
    this.#promise(() => {
      // At level `received` the connection may have ended since.
      const isPromised = this.evidence.ackLevel !== 'received' || wills.stateOf(willTag) === 'held';
      if (isPromised && disk.wills.get(name) !== willTag)
        this.#early(client, `CONNACK: the disk does not have the will ${willTag}`);
    });
  }

  #subscribed(connection: ObservedConnection, interval: SubscriptionInterval): void {
    if (interval.certainFrom === undefined) return; // It is refused.
    const { client } = connection;
    const { topicFilter } = interval;
    this.#promise(() => {
      // With an UNSUBSCRIBE, or a SUBSCRIBE to the same filter, on its way the disk may be ahead of this answer.
      const isSuperseded = interval.certainUntil !== undefined || client.latest(topicFilter) !== interval;
      const stored = this.evidence.disk.subscriptions.get(client.name)?.get(topicFilter);
      if (isStored(connection) && !isSuperseded && (stored === undefined || !isSame(stored, interval)))
        this.#early(client, `SUBACK: the disk does not have ${topicFilter} q${interval.qos}`);
    });
  }

  #unsubscribed(client: ObservedClient, { intervals, at }: Unsubscription): void {
    for (const { topicFilter } of intervals) {
      this.#promise(() => {
        const isBack = client.current.some((one) => one.topicFilter === topicFilter && one.possibleFrom > at);
        if (!isBack && this.evidence.disk.subscriptions.get(client.name)?.has(topicFilter) === true)
          this.#early(client, `UNSUBACK: the disk still has ${topicFilter}`);
      });
    }
  }

  #acknowledged({ connection, packet, publication }: DepartureOf<'acknowledgement'>): void {
    if (publication === undefined || publication.isTreatedAsDuplicate || publication.isDenied || publication.isDropped)
      return;
    if (packet.reasonCode >= ReasonCode.unspecifiedError) return;
    const { certainEffectAt = 0 } = publication;
    const identifier = identifierOf(connection, packet);
    if (publication.qos === 2) this.#received.set(identifier, (this.#received.get(identifier) ?? 0) + 1);
    this.#promise(() => {
      this.#checkInbound(connection, packet, publication);
      this.#checkEffects(connection.client, packet, publication, certainEffectAt);
    });
  }

  /** [MQTT-4.3.3-2]: the Packet Identifier is stored until PUBREL. */
  #checkInbound(connection: ObservedConnection, { packetId }: AcknowledgementPacket, publication: Publication): void {
    const { client } = connection;
    const isExpected = publication.qos === 2 && client.published.get(packetId) === publication;
    // A session that has ended since has no identifiers.
    const isDone = publication.isReleased || client.queueIntactSince > (publication.firstReceivedAt ?? 0);
    const isOnDisk = this.evidence.disk.inbound.get(client.name)?.has(packetId) === true;
    if (isStored(connection) && isExpected && !isDone && !isOnDisk)
      this.#early(client, `PUBREC ${packetId}: the disk does not have the identifier`);
  }

  #checkEffects(
    client: ObservedClient,
    { type }: AcknowledgementPacket,
    publication: Publication,
    certainEffectAt: number,
  ): void {
    const { disk, publications, drops, groups } = this.evidence;
    const { tag, topic, retain, isClear } = publication;
    const answer = `${type === PacketType.puback ? 'PUBACK' : 'PUBREC'} of ${tag}`;
    if (retain) {
      const stored = publications.get(disk.retained.get(topic) ?? '');
      if (stored !== undefined && stored.lastEffectAt < certainEffectAt)
        this.#early(client, `${answer}: the disk still has ${stored.tag} as retained`);
    }
    // A message that has expired is nowhere any more.
    if (isClear || publication.expiresAtMs <= this.evidence.options.nowMs()) return;
    if (retain && (disk.retainedAt.get(tag) ?? -1) < certainEffectAt && !publications.mayBeUnretained(publication))
      this.#early(client, `${answer}: the disk does not have it as retained`);
    for (const { queue, name, received } of this.evidence.owedClients(publication)) {
      if (disk.everHad(queue, tag) || received.completed.has(tag) || drops.has(queue)) continue;
      this.#early(client, `${answer}: the disk never had it for ${name}`);
    }
    for (const topicFilter of groups.neverStoredFor(publication))
      this.#early(client, `${answer}: the disk never had it for ${topicFilter}`);
  }

  /** [MQTT-4.3.3-1]: PUBREL says that the message is not sent again. */
  #released({ connection, packet, tag }: DepartureOf<'pubrel'>): void {
    if (tag === undefined || !isStored(connection)) return;
    const { client } = connection;
    this.#promise(() => {
      const isAmbiguous = tag === '' || client.hasShared || client.received.completed.has(tag);
      if (this.evidence.ackLevel === 'received' && isAmbiguous) return;
      const entries = [...this.evidence.disk.entriesOf(client.queue)].filter((entry) => entry.tag === tag);
      // Of several copies (a group's and its own) an observer cannot tell which one this is about.
      if (entries.length > 0 && entries.every(({ released }) => !released))
        this.#early(client, `PUBREL ${packet.packetId}: the disk still has ${tag} as not received`);
    });
  }

  #completed({ connection, packet }: DepartureOf<'pubcomp'>): void {
    const { client } = connection;
    const { packetId } = packet;
    const identifier = identifierOf(connection, packet);
    const uses = this.#received.get(identifier);
    this.#promise(() => {
      // At level `received` the client may have used the identifier again before this is looked at.
      if (this.#received.get(identifier) !== uses) return;
      const isOnDisk = this.evidence.disk.inbound.get(client.name)?.has(packetId) === true;
      if (isStored(connection) && isOnDisk && !client.published.has(packetId))
        this.#early(client, `PUBCOMP ${packetId}: the disk still has the identifier`);
    });
  }

  /** A QoS 2 message must be stored before it is sent: after a crash the broker has to know that it may have been. */
  #published({ connection, packet, tag, publication }: DepartureOf<'publish'>): void {
    if (packet.qos !== 2 || packet.retain || publication === undefined || !isStored(connection)) return;
    // At level `received` the acknowledgement to the publisher promises it.
    if (this.evidence.ackLevel === 'received') return;
    const queue: QueueId = connection.client.queue;
    if (!this.evidence.disk.has(queue, tag))
      this.#early(connection.client, `PUBLISH of ${tag} at QoS 2: it is not on the disk`);
  }
}

const identifierOf = ({ client }: ObservedConnection, { packetId }: { readonly packetId: number }): string =>
  `${packetId} ${client.name}`;
