// The evidence of a run: everything that an observer of the broker's connections, disk and events can conclude, without
// looking inside the broker. Facts that cannot be concluded (whether a PUBLISH without an acknowledgement was accepted)
// stay open both ways. After a crash that may lose promised facts, by the level of acknowledgement, the disk shows
// which ones remain, and from there on they are as certain as before.
import type { AckLevel, BrokerEvent, Change, LifecycleEvent } from '../../../ports/index.js';
import { PacketType } from '../../../protocol/packets.js';
import type { ConnackPacket, ConnectPacket, Packet } from '../../../protocol/packets.js';
import { ReasonCode } from '../../../protocol/reason-codes.js';
import type { RefusalReason } from '../../../domain/reasons.js';
import type { ConnectionEnd, SimulatedConnection } from '../network.js';
import type { Departure, Gap } from '../observations.js';
import { BeforeConnect } from './before-connect.js';
import type { DiskContents } from './disk-contents.js';
import { Drops } from './drops.js';
import type { EvidenceOptions } from './evidence-options.js';
import { LogicalClock } from './logical-clock.js';
import { OperatorCommands } from './operator-commands.js';
import type { ObservedCommand } from './operator-commands.js';
import { ObservedClient } from './observed-client.js';
import { isStored, lastsMs, observeConnection, saysNew } from './observed-connection.js';
import type { ObservedConnection } from './observed-connection.js';
import { Publications } from './publications.js';
import type { Publication } from './publications.js';
import { isRefusal, Publishing } from './publishing.js';
import { ReceiveRules } from './receive-rules.js';
import { recover } from './recovery.js';
import { SessionLifetimes } from './session-lifetimes.js';
import { SharedGroups } from './shared-groups.js';
import { Tokens } from './tokens.js';
import { Undecided } from './undecided.js';
import { Unflushed } from './unflushed.js';
import { valueOf } from './value-of.js';
import { WillLog } from './will-log.js';

export class Evidence {
  readonly clock = new LogicalClock();
  readonly publications = new Publications();
  readonly rules = new ReceiveRules(this.clock);
  readonly drops: Drops;
  readonly tokens = new Tokens();
  readonly clients = new Map<string, ObservedClient>();
  readonly disk: DiskContents;
  readonly wills: WillLog;
  readonly lifetimes: SessionLifetimes;
  readonly groups: SharedGroups;
  readonly unflushed: Unflushed;
  readonly commands: OperatorCommands;
  readonly undecided: Undecided;
  readonly publishing: Publishing;
  /** When the disk last got a batch: what waited for that leaves then. */
  lastKeptMs = -Infinity;
  /** Of the present incarnation of the broker. */
  ackLevel: AckLevel = 'flushed';
  /** The number of starts of the broker. */
  incarnation = 0;
  /** Whether the broker gave up waiting for storage when it stopped, so that the stop may lose as much as a crash. */
  hasAbandonedChanges = false;
  readonly #connections = new Map<SimulatedConnection, ObservedConnection>();
  readonly #byAddress = new Map<string | undefined, ObservedConnection>();

  constructor(readonly options: EvidenceOptions) {
    this.drops = new Drops(options.isRefusing);
    const { clients, publications, rules, drops } = this;
    this.disk = options.disk;
    this.undecided = new Undecided(this.clock, options.publishersWait);
    this.groups = new SharedGroups({ disk: this.disk, publications, rules, clients, drops });
    this.unflushed = new Unflushed({
      disk: this.disk,
      publications,
      clients,
      groups: this.groups,
      owedClients: (publication) => this.owedClients(publication),
    });
    this.wills = new WillLog(this.clock, this.disk, (publication) => {
      this.unflushed.add(publication);
    });
    this.lifetimes = new SessionLifetimes(options, clients);
    const { clock, disk } = this;
    const sessionMayEnd = (name: string): void => {
      this.wills.sessionMayEnd(name);
    };
    const connections = (): Iterable<ObservedConnection> => this.connections;
    this.commands = new OperatorCommands({ clock, disk, clients, publications, connections, sessionMayEnd });
    this.publishing = new Publishing(this);
  }

  connectionOf(link: SimulatedConnection): ObservedConnection | undefined {
    return this.#connections.get(link);
  }

  /** The connection from an address, if its CONNECT has come. */
  connectionFrom(remoteAddress: string): ObservedConnection | undefined {
    return this.#byAddress.get(remoteAddress);
  }

  get connections(): Iterable<ObservedConnection> {
    return this.#connections.values();
  }

  /** Clients whose own queue on the disk must have the message. */
  *owedClients(publication: Publication): Generator<ObservedClient> {
    const { topic, firstReceivedAt = 0 } = publication;
    for (const client of this.clients.values()) {
      // A session that began later is not owed the message, and a message that the client may not receive is not
      // queued.
      if (client.sessionStored !== 'yes' || client.queueIntactSince > firstReceivedAt) continue;
      if (!client.isOwed(publication)) continue;
      if (!this.rules.mayBeRefusedSince(client.name, topic, firstReceivedAt)) yield client;
    }
  }

  timePassed(): void {
    this.lifetimes.timePassed();
    this.wills.timePassed(this.options.nowMs());
  }

  /** Whether a stored session of the client exists or may exist. */
  mayBeStored(name: string): boolean {
    this.lifetimes.timePassed();
    return (this.clients.get(name)?.sessionStored ?? 'no') !== 'no';
  }

  // -- The broker receives --

  delivered(link: SimulatedConnection, packet: Packet): void {
    this.timePassed();
    const now = this.clock.tick();
    if (packet.type === PacketType.connect) {
      this.#connectReceived(link, packet);
      return;
    }
    const connection = this.#connections.get(link);
    if (connection === undefined) return;
    const { client } = connection;
    switch (packet.type) {
      case PacketType.publish:
        this.publishing.received(connection, packet);
        return;
      case PacketType.pubrel: {
        const publication = client.published.get(packet.packetId);
        if (publication !== undefined) publication.isReleased = true;
        client.staleInbound.delete(packet.packetId);
        return;
      }
      case PacketType.pubrec:
        if (packet.reasonCode < ReasonCode.unspecifiedError) return;
        this.publishing.completed(connection, packet);
        return;
      case PacketType.puback:
      case PacketType.pubcomp:
        this.publishing.completed(connection, packet);
        return;
      case PacketType.subscribe:
        connection.subscribing.set(
          packet.packetId,
          packet.subscriptions.map((request) =>
            client.subscribe(request.topicFilter, {
              ...request,
              identifier: packet.properties?.subscriptionIdentifiers?.[0],
            }),
          ),
        );
        return;
      case PacketType.unsubscribe: {
        const intervals = packet.topicFilters.flatMap((topicFilter) => client.unsubscribe(topicFilter));
        connection.unsubscribing.set(packet.packetId, { intervals, at: now });
        return;
      }
      case PacketType.disconnect:
        if (packet.reasonCode === ReasonCode.normalDisconnection) this.wills.disconnected(connection.willTag);
        this.lifetimes.disconnectReceived(connection, packet.properties?.sessionExpiryInterval);
        return;
      case PacketType.pingreq:
      case PacketType.connack:
      case PacketType.suback:
      case PacketType.unsuback:
      case PacketType.pingresp:
      case PacketType.auth:
        return;
    }
  }

  #connectReceived(link: SimulatedConnection, connect: ConnectPacket): void {
    const { clientId, will, clean } = connect;
    const client = valueOf(this.clients, clientId, () => new ObservedClient(clientId, this.clock));
    const before = new BeforeConnect(client);
    const publication = this.publishing.offered(clientId, will);
    client.lastConnectAt = this.clock.now;
    client.leastPacketSize = Math.min(client.leastPacketSize, connect.properties?.maximumPacketSize ?? Infinity);
    this.wills.connected(clientId, publication, clean);
    this.lifetimes.connected(client);
    const connection = observeConnection(client, connect, {
      willTag: publication?.tag,
      since: this.clock.now,
      connectedAtMs: this.options.nowMs(),
      incarnation: this.incarnation,
      lastsMs: lastsMs(connect, this.options.sessionExpiryMs),
      before,
    });
    this.#connections.set(link, connection);
    this.#byAddress.set(link.peer.remoteAddress, connection);
    if (clean) client.sessionMayHaveEnded();
    // A session that this CONNECT resumes and does not prolong may end before CONNACK leaves.
    const mayEnd = (clean || !isStored(connection)) && client.sessionStored === 'yes';
    const mayBegin = client.sessionStored === 'no' && isStored(connection);
    if (mayEnd || mayBegin) client.sessionStored = 'unknown';
    before.connected();
  }

  ended(link: SimulatedConnection, how: ConnectionEnd): void {
    this.clock.tick();
    const connection = this.#connections.get(link);
    if (connection === undefined) return;
    const { client, willTag, isAccepted, connect, earlierSubscriptions } = connection;
    connection.isEnded = true;
    if (connection.hadNoEffect) return;
    this.wills.connectionEnded(willTag, how, this.lifetimes.isStopping, {
      nowMs: this.options.nowMs(),
      delayMs: (connect.will?.properties?.willDelayInterval ?? 0) * 1000,
      lastsMs: connection.lastsMs,
      takenOverAt: client.openConnections > 1 ? client.lastConnectAt : undefined,
      mayBeDeleted: client.deletionGivenAt > connection.since,
    });
    const endsSession = !isStored(connection);
    if (endsSession) this.groups.cleanMemberLeft(client, how);
    this.lifetimes.connectionEnded(connection, how);
    if (!endsSession) return;
    // A clean session ends with its connection; an earlier one may exist until CONNACK has said otherwise.
    client.sessionEnded(client.current.filter((one) => isAccepted || !earlierSubscriptions.includes(one)));
    if (!isAccepted) {
      if (client.sessionStored === 'yes') client.sessionStored = 'unknown';
    } else if (client.openConnections === 0 && how !== 'died') {
      client.sessionStored = 'no';
      client.isSessionAnnounced = false;
    }
  }

  // -- The broker sends --

  /** @returns `undefined` when no CONNECT has come on the connection. */
  departed(link: SimulatedConnection, packet: Packet): Departure | undefined {
    this.timePassed();
    this.clock.tick();
    const connection = this.#connections.get(link);
    if (connection === undefined) return undefined;
    const { client } = connection;
    switch (packet.type) {
      case PacketType.connack:
        if (packet.reasonCode !== 0) break;
        return { kind: 'connack', connection, link, packet, wasAnnounced: this.#accepted(connection, packet) };
      case PacketType.suback: {
        const intervals = connection.subscribing.get(packet.packetId);
        connection.subscribing.delete(packet.packetId);
        if (intervals?.length === packet.reasonCodes.length)
          for (const [i, interval] of intervals.entries())
            if (isRefusal(packet.reasonCodes[i])) client.subscriptionRefused(interval);
            else client.subscribed(interval);
        return { kind: 'suback', connection, link, packet, intervals };
      }
      case PacketType.unsuback: {
        const unsubscription = connection.unsubscribing.get(packet.packetId);
        connection.unsubscribing.delete(packet.packetId);
        client.unsubscribed(unsubscription?.intervals ?? []);
        return { kind: 'unsuback', connection, link, unsubscription };
      }
      case PacketType.publish:
        return this.publishing.departed(connection, link, packet);
      case PacketType.puback:
      case PacketType.pubrec:
        return {
          kind: 'acknowledgement',
          connection,
          link,
          packet,
          publication: this.publishing.acknowledged(connection, packet),
        };
      case PacketType.pubrel: {
        const { released, latestQos2ById } = client.received;
        released.add(latestQos2ById.get(packet.packetId) ?? '');
        return { kind: 'pubrel', connection, link, packet, tag: connection.inFlight.get(packet.packetId) };
      }
      case PacketType.pubcomp:
        client.published.delete(packet.packetId);
        return { kind: 'pubcomp', connection, link, packet };
      case PacketType.pingresp:
      case PacketType.disconnect:
      case PacketType.connect:
      case PacketType.subscribe:
      case PacketType.unsubscribe:
      case PacketType.pingreq:
      case PacketType.auth:
        break;
    }
    return { kind: 'other', connection, link, packet };
  }

  /** @returns whether the session that may have existed before was announced. */
  #accepted(connection: ObservedConnection, { sessionPresent }: ConnackPacket): boolean {
    const { client, earlierSubscriptions, published, since, willTag } = connection;
    const wasAnnounced = connection.sessionWasAnnounced ?? client.isSessionAnnounced;
    connection.isAccepted = true;
    const isNew = saysNew(connection, sessionPresent);
    this.wills.accepted(willTag, since, isNew);
    client.isSessionAnnounced = isStored(connection);
    client.lasts = { leastMs: connection.lastsMs, mostMs: connection.lastsMs };
    // By an operator's deletion, or by a later CONNECT whose CONNACK does not leave if its connection is lost first.
    const mayHaveEnded = client.lastConnectAt > since || (isStored(connection) && client.deletionGivenAt > since);
    client.sessionStored = mayHaveEnded ? 'unknown' : isStored(connection) ? 'yes' : 'no';
    if (!isNew) return wasAnnounced;
    client.sessionEnded(earlierSubscriptions);
    client.newSessionSince = since;
    for (const [packetId, publication] of client.published)
      if (published.get(packetId)?.publication !== publication) {
        client.published.delete(packetId);
        // A client that does not get this CONNACK takes the new session for the old one.
        publication.mayBeForgotten = true;
      }
    client.staleInbound.clear();
    return wasAnnounced;
  }

  // -- The disk, and the broker's starts and ends --

  kept(batch: readonly Change[], isFlushed: boolean): void {
    this.timePassed();
    this.clock.tick();
    this.lastKeptMs = this.options.nowMs();
    this.wills.kept(batch);
    if (isFlushed && this.ackLevel !== 'received') this.unflushed.clear();
  }

  /** The broker has handed over all its changes, and the disk has them. */
  settled(isFlushed: boolean): void {
    this.timePassed();
    this.groups.settled();
    this.undecided.settled((client) => this.lifetimes.isStillHandled(client));
    if (this.ackLevel !== 'received') return;
    if (isFlushed) this.unflushed.clear();
    this.wills.settled();
  }

  event(event: BrokerEvent | LifecycleEvent): void {
    this.lifetimes.event(event);
    if (event.kind === 'message-dropped') this.drops.dropped(event, this.publications, this.clock);
    else if (event.kind === 'changes-abandoned') this.hasAbandonedChanges = true;
    else if (event.kind === 'client-connected') this.#admitted(this.connectionFrom(event.remoteAddress));
    else if (event.kind === 'connection-refused') this.#refused(this.connectionFrom(event.remoteAddress), event.reason);
  }

  commandAnswered(command: ObservedCommand): void {
    this.commands.answered(command);
    if (command.clear !== undefined && this.ackLevel !== 'flushed') this.unflushed.add(command.clear);
  }

  /** A CONNECT that is refused has no effect: not on the session of its client either, nor on a will. */
  #refused(connection: ObservedConnection | undefined, reason: RefusalReason): void {
    if (connection === undefined) return;
    connection.refusedFor = reason;
    connection.hadNoEffect = connection.before.restore(this.wills, connection.willTag);
  }

  /** CONNACK is under way. The broker cannot know whether it arrives, even if the connection ends before it leaves. */
  #admitted(connection: ObservedConnection | undefined): void {
    if (connection === undefined) return;
    const { client, willTag } = connection;
    connection.isAdmitted = true;
    connection.sessionWasAnnounced = client.isSessionAnnounced;
    client.isSessionAnnounced = isStored(connection);
    this.wills.admitted(willTag);
  }

  started(ackLevel: AckLevel): void {
    this.ackLevel = ackLevel;
    this.hasAbandonedChanges = false;
    this.incarnation++;
    this.lifetimes.started();
    for (const client of this.clients.values()) {
      client.foundAtStart(this.disk, this.options.nowMs());
      for (const { tag } of this.disk.entriesOf(client.queue)) client.received.queuedAtStart.add(tag);
    }
  }

  /** Whether a crash now may lose something that was promised. `isLossy`: the disk has less than it had. */
  mayLose(isLossy: boolean): boolean {
    return isLossy || this.ackLevel === 'received';
  }

  /** The broker has died, and the disk has what remains. */
  crashed(mayLose: boolean): readonly Gap[] {
    this.timePassed();
    this.clock.tick();
    this.lifetimes.crashed();
    this.undecided.crashed();
    const gaps = mayLose ? this.unflushed.crashed() : [];
    this.wills.crashed(mayLose, this.options.nowMs());
    this.commands.crashed();
    if (mayLose) for (const client of this.clients.values()) recover(this, client);
    return gaps;
  }
}
