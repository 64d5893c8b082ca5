// The independent model: it sees what the broker gets, what leaves it, what the disk keeps and what clients take, and knows nothing of the broker's
// insides. What it cannot know (a publish whose acknowledgement never came) it allows both ways. What the acknowledgement level allows a crash to lose
// it looks up on the disk, and goes on from there: all that is left is as sure as before.
import { PacketType } from '../../protocol/packets.js';
import type { AcknowledgementPacket, ConnectPacket, Packet, PublishPacket, QoS } from '../../protocol/packets.js';
import type { AckLevel, Change, DropReason, BrokerEvent, QueueId, LifecycleEvent } from '../../ports/index.js';
import type { ClientObserver, Confusion, SimulatedClient } from './client.js';
import { ExpiryWatch } from './expiry-watch.js';
import type { ExpiryWatchOptions, Visit } from './expiry-watch.js';
import { GroupWatch } from './group-watch.js';
import { subscriptionsOf, valueOf } from './ledger.js';
import type { ConnectionEnd, NetworkObserver, SimulatedConnection } from './network.js';
import { tagOf } from './plan.js';
import { Moments, Publications, isPromised, willOf } from './publications.js';
import type { Publication } from './publications.js';
import { Rules } from './rules.js';
import type { Script } from './script.js';
import { Subscriber, matches, queueOf } from './subscribers.js';
import type { Standing } from './subscribers.js';
import { nothingTaken } from './taken.js';
import type { Taken } from './taken.js';
import { WillWatch } from './will-watch.js';

/** What is known of one connection. */
interface Talk extends Visit {
  readonly connect: ConnectPacket;
  readonly willTag: string | undefined;
  /** Session Present, as far as it is known before the answer. */
  readonly wasStored: Subscriber['stored'];
  /** What stood before CONNECT. */
  readonly before: readonly Standing[];
  /** When CONNECT came. */
  readonly since: number;
  /** Which life of the broker it belongs to. */
  readonly life: number;
  /** Messages at QoS 1 and 2 sent though the rules that were surely in force refused them, and since when those were. */
  late: { readonly since: number; count: number };
  isAccepted: boolean;
  /** What the client has sent here, by identifier. */
  readonly published: Map<number, { readonly publication: Publication; readonly at: number }>;
  readonly subscribing: Map<number, readonly Standing[]>;
  readonly unsubscribing: Map<number, { readonly meant: readonly Standing[]; readonly at: number }>;
  /** What was sent to the client here and is not acknowledged to the end, by identifier. */
  readonly open: Map<number, string>;
}

export interface ModelOptions extends ExpiryWatchOptions {
  readonly maxInflight: number;
  /** Bytes that may wait for a client, on top of those from which on it counts as slow. */
  readonly mostBufferedAbove: number;
  readonly script: Script;
}

export class Model implements NetworkObserver, ClientObserver {
  readonly moments = new Moments();
  readonly publications = new Publications();
  readonly rules = new Rules(this.moments);
  readonly wills: WillWatch;
  readonly expiries: ExpiryWatch;
  readonly groups: GroupWatch;
  /** Whether the broker is stopping: connections that end now end for that reason. */
  isStopping = false;
  readonly #options: ModelOptions;
  #ackLevel: AckLevel = 'flushed';
  #life = 0;
  /** Whether storage may be given less than it was to have: the broker stops waiting for it. */
  #isAbandoned = false;
  /** What acknowledgements promised that did not wait for the disk: to be looked for when the broker has handed over all that it had. */
  #promised: (() => void)[] = [];
  /** Acknowledged, and a loss of power or, without waiting for the disk, any crash may still lose it. */
  #unflushed = new Set<Publication>();
  readonly #talks = new Map<SimulatedConnection, Talk>();
  readonly #subscribers = new Map<string, Subscriber>();
  readonly #taken = new Map<string, Taken>();
  /** Drops that were told, by queue and topic; without a topic where nobody looked. */
  readonly #drops = new Map<QueueId, Map<string | undefined, number>>();

  constructor(options: ModelOptions) {
    this.#options = options;
    this.wills = new WillWatch(this.moments, options.ledger, options.verdict, (publication) =>
      this.#unflushed.add(publication),
    );
    this.expiries = new ExpiryWatch(options, this.#subscribers);
    this.groups = new GroupWatch({
      ledger: options.ledger,
      verdict: options.verdict,
      publications: this.publications,
      rules: this.rules,
      subscribers: this.#subscribers,
      takenBy: (name) => this.#takenBy(name),
      hasDropped: (queue) => this.#drops.has(queue),
      missing: (queue, who, missing) => {
        this.#missing(queue, who, missing);
      },
    });
  }

  // -- What the broker gets --

  delivered(connection: SimulatedConnection, packet: Packet): void {
    this.expiries.pass();
    const now = this.moments.next();
    this.#options.script.packet(connection.peer.remoteAddress, '=>', packet);
    if (packet.type === PacketType.connect) {
      this.#connectCame(connection, packet);
      return;
    }
    const talk = this.#talks.get(connection);
    if (talk === undefined) return;
    const { subscriber } = talk;
    switch (packet.type) {
      case PacketType.publish: {
        const publication = this.#publicationOf(subscriber, packet);
        publication.came(now);
        if (packet.qos === 0) return;
        publication.packetId = packet.packetId;
        publication.isReleased = false;
        if (packet.qos === 2) publication.isSwallowed = this.#isStored(talk) && subscriber.stale.has(packet.packetId);
        talk.published.set(packet.packetId, { publication, at: now });
        subscriber.published.set(packet.packetId, publication);
        return;
      }
      case PacketType.pubrel: {
        const publication = subscriber.published.get(packet.packetId);
        if (publication !== undefined) publication.isReleased = true;
        subscriber.stale.delete(packet.packetId);
        return;
      }
      case PacketType.puback:
      case PacketType.pubcomp: {
        const tag = talk.open.get(packet.packetId);
        talk.open.delete(packet.packetId);
        if (tag !== undefined) this.#takenBy(subscriber.name).done.add(tag);
        return;
      }
      case PacketType.subscribe:
        talk.subscribing.set(
          packet.packetId,
          packet.subscriptions.map(({ topicFilter, qos }) => subscriber.subscribe(topicFilter, qos)),
        );
        return;
      case PacketType.unsubscribe: {
        const meant = packet.topicFilters.flatMap((text) => subscriber.unsubscribe(text));
        talk.unsubscribing.set(packet.packetId, { meant, at: now });
        return;
      }
      case PacketType.disconnect:
        this.wills.disconnected(talk.willTag);
        return;
      case PacketType.pubrec:
      case PacketType.pingreq:
      case PacketType.connack:
      case PacketType.suback:
      case PacketType.unsuback:
      case PacketType.pingresp:
      case PacketType.auth:
        return;
    }
  }

  /** A message without a payload bears no tag: a repeat is known by its identifier. */
  #publicationOf(subscriber: Subscriber, { payload, topic, qos, retain, dup, packetId }: PublishPacket): Publication {
    const repeated = dup && payload.length === 0 ? subscriber.published.get(packetId) : undefined;
    return repeated?.isClear === true
      ? repeated
      : this.publications.known(tagOf(payload), subscriber.name, topic, qos, retain);
  }

  #connectCame(connection: SimulatedConnection, connect: ConnectPacket): void {
    const { clientId, will, clean } = connect;
    const subscriber = valueOf(this.#subscribers, clientId, () => new Subscriber(clientId, this.moments));
    const publication =
      will === undefined
        ? undefined
        : this.publications.known(tagOf(will.payload), willOf(clientId), will.topic, will.qos, will.retain);
    this.wills.connected(clientId, publication);
    this.expiries.came(subscriber);
    this.#talks.set(connection, {
      connect,
      subscriber,
      willTag: publication?.tag,
      wasStored: subscriber.stored,
      before: [...subscriber.standing],
      since: this.moments.now,
      cameMs: this.#options.nowMs(),
      expiry: subscriber.expiry,
      life: this.#life,
      late: { since: 0, count: 0 },
      isAccepted: false,
      published: new Map(),
      subscribing: new Map(),
      unsubscribing: new Map(),
      open: new Map(),
    });
    if (clean) {
      subscriber.mayHaveEnded();
      if (subscriber.stored === 'yes') subscriber.stored = 'unknown';
    } else if (subscriber.stored === 'no') subscriber.stored = 'unknown';
  }

  ended(connection: SimulatedConnection, how: ConnectionEnd): void {
    this.moments.next();
    this.#options.script.note(connection.peer.remoteAddress, `-- ends, ${how}`);
    const talk = this.#talks.get(connection);
    if (talk === undefined) return;
    this.wills.connectionEnded(talk.willTag, how, this.isStopping, talk.isAccepted);
    if (talk.connect.clean) this.groups.cleanMemberGoes(talk.subscriber, how);
    this.expiries.left(talk, how);
    // A session of Clean Session 1 ends with its connection; one before it may be there until CONNACK said otherwise.
    if (talk.connect.clean)
      talk.subscriber.ended(talk.subscriber.standing.filter((one) => talk.isAccepted || !talk.before.includes(one)));
  }

  failed(error: unknown): void {
    this.#options.verdict.fail('no failure', error instanceof Error ? (error.stack ?? error.message) : String(error));
  }

  // -- The lives of the broker --

  begins(ackLevel: AckLevel): void {
    this.#ackLevel = ackLevel;
    this.#isAbandoned = false;
    this.#life++;
    this.expiries.restart();
    for (const subscriber of this.#subscribers.values()) {
      for (const { tag } of this.#options.ledger.queues.get(queueOf(subscriber))?.values() ?? [])
        this.#takenBy(subscriber.name).own.add(tag);
    }
  }

  /** The broker has died, and the ledger holds what is left. `isLossy`: that is less than it was. */
  died(isLossy: boolean): void {
    this.expiries.pass();
    this.moments.next();
    this.expiries.died();
    this.#promised = [];
    const mayLose = isLossy || this.#ackLevel === 'received';
    if (mayLose) this.#reckon();
    this.wills.died();
    if (!mayLose) return;
    this.groups.undone();
    for (const subscriber of this.#subscribers.values()) this.#restored(subscriber);
  }

  /** It has stopped as it was told to: that loses nothing, unless it had to give up waiting for storage. */
  stopped(isFlushed: boolean): void {
    if (!this.#isAbandoned) this.settled(isFlushed);
    this.died(this.#isAbandoned);
  }

  /** The disk has something more. */
  kept(batch: readonly Change[], isFlushed: boolean): void {
    this.moments.next();
    this.wills.kept(batch);
    if (!isFlushed && this.#ackLevel !== 'stored')
      this.#options.verdict.fail('acknowledged is stored', `a batch is not flushed, at ${this.#ackLevel}`);
    if (isFlushed && this.#ackLevel !== 'received') this.#unflushed.clear();
  }

  /** The broker has handed over all that it had, and the disk has it: storing follows at once. */
  settled(isFlushed: boolean): void {
    this.expiries.pass();
    if (!this.isStopping) this.expiries.settled();
    this.groups.settled();
    for (const check of this.#promised.splice(0)) check();
    if (this.#ackLevel !== 'received') return;
    if (isFlushed) this.#unflushed.clear();
    this.wills.settled();
  }

  /** Checks what is promised: now, or, where nobody waits for the disk, as soon as nobody is waiting for it any more. */
  #promise(check: () => void): void {
    if (this.#ackLevel === 'received') this.#promised.push(check);
    else check();
  }

  /** What the level allows to be lost is lost: from here on what the disk has is what there is. */
  #reckon(): void {
    const { ledger, verdict } = this.#options;
    let latest: Publication | undefined;
    const lost: Publication[] = [];
    for (const publication of this.#unflushed) {
      if (!this.#isOnDisk(publication)) lost.push(publication);
      else if (
        publication.sends === 1 &&
        ledger.queuedIn.has(publication.tag) &&
        (publication.first ?? 0) > (latest?.first ?? 0)
      )
        latest = publication;
    }
    for (const publication of lost) {
      if (
        this.#drops.size === 0 &&
        publication.sends === 1 &&
        !this.#owedHaveIt(publication) &&
        (publication.first ?? 0) < (latest?.first ?? 0)
      ) {
        verdict.fail(
          'nothing acknowledged is lost',
          `a crash has lost ${publication.tag}, and not ${latest?.tag ?? ''}, which came later`,
        );
      }
      publication.undone(ledger.everRetained.has(publication.tag));
      this.#unflushed.delete(publication);
    }
    for (const topic of this.publications.retainedTopics)
      this.publications.undoneAfter(topic, ledger.retained.get(topic));
  }

  /** Whether all that was promised with its acknowledgement is on the disk. */
  #isOnDisk(publication: Publication): boolean {
    const { tag, qos, retain, isClear, packetId, isReleased, first = 0 } = publication;
    const { ledger } = this.#options;
    const publisher = this.#subscribers.get(publication.publisher);
    if (qos === 2 && publisher?.stored === 'yes' && publisher.published.get(packetId) === publication && !isReleased) {
      if ((ledger.inbound.get(publisher.name)?.get(packetId) ?? 0) < first) return false;
    }
    if (isClear) return true;
    if (retain && !ledger.everRetained.has(tag)) return false;
    if (!this.#owedHaveIt(publication)) return false;
    return this.groups.haveIt(publication);
  }

  #owedHaveIt(publication: Publication): boolean {
    return [...this.#owed(publication)].every((reader) => this.#hasOrHad(reader, publication.tag));
  }

  #hasOrHad(reader: Subscriber, tag: string): boolean {
    return (
      this.#options.ledger.queuedIn.get(tag)?.has(queueOf(reader)) === true || this.#takenBy(reader.name).done.has(tag)
    );
  }

  /** What is left of a session is what the disk has of it. */
  #restored(subscriber: Subscriber): void {
    const { name, published, stale, newSince } = subscriber;
    const { ledger } = this.#options;
    const since = ledger.sessions.get(name);
    // It may be one that its client was told is no more.
    const isOlder = since !== undefined && since < newSince;
    for (const [packetId, at] of ledger.inbound.get(name) ?? []) {
      const publication = published.get(packetId);
      if (publication?.qos !== 2 || (publication.first ?? 0) > at) stale.add(packetId);
    }
    const taken = this.#takenBy(name);
    const unreleased = new Set(
      [...(ledger.queues.get(queueOf(subscriber))?.values() ?? [])]
        .filter(({ released }) => !released)
        .map(({ tag }) => tag),
    );
    const isForgotten = (tag: string): boolean => ledger.queuedIn.get(tag)?.has(queueOf(subscriber)) !== true;
    for (const [packetId, tag] of taken.lastQos2) {
      // Of several copies nobody outside knows which one it is that is missing.
      const copies = [...taken.lastQos2.values()].filter((other) => other === tag).length;
      const isMissing = (ledger.appends.get(`${queueOf(subscriber)} ${tag}`) ?? 0) < copies;
      if (tag === '' || subscriber.shares || isMissing) taken.limbo.add(`${packetId} ${tag}`);
    }
    for (const tag of taken.sentQos2) {
      const isForAGroup = [...(ledger.queuedIn.get(tag) ?? [])].some(
        (queue) => queue.startsWith('g:') && ledger.has(queue, tag),
      );
      const comesAnew = isForgotten(tag)
        ? this.publications.get(tag)?.acknowledged === undefined
        : unreleased.has(tag) && (isOlder || taken.released.has(tag));
      if (!comesAnew && !isForAGroup) continue;
      taken.forgiven.set(tag, this.#life);
      taken.qos2Times.delete(tag);
      taken.released.delete(tag);
    }
    subscriber.restored(since === undefined ? undefined : subscriptionsOf(ledger, name));
  }

  event(event: BrokerEvent | LifecycleEvent): void {
    if (event.kind === 'message-dropped') this.#dropped(event.queue, event.reason, event.topic);
    else if (event.kind === 'fatal') this.failed(event.error);
    else if (event.kind === 'session-ended' && event.reason === 'expired') this.expiries.told(event.clientId);
    else if (event.kind === 'changes-abandoned') this.#isAbandoned = true;
  }

  #dropped(queue: QueueId | undefined, reason: DropReason, topic: string | undefined): void {
    if (queue === undefined || (reason !== 'queue-full' && reason !== 'queue-bytes-full')) return;
    const drops = valueOf(this.#drops, queue, () => new Map<string | undefined, number>());
    drops.set(topic, (drops.get(topic) ?? 0) + 1);
  }

  // -- What leaves the broker --

  departed(connection: SimulatedConnection, packet: Packet): void {
    this.expiries.pass();
    this.moments.next();
    this.#options.script.packet(connection.peer.remoteAddress, '<-', packet);
    const mostBuffered = connection.network.highWaterMark + this.#options.mostBufferedAbove;
    if (connection.bufferedBytes > mostBuffered) {
      this.#options.verdict.fail(
        'bounded memory',
        `${connection.peer.remoteAddress} has ${connection.bufferedBytes} bytes waiting, ${mostBuffered} are allowed`,
      );
    }
    const talk = this.#talks.get(connection);
    if (talk === undefined) {
      this.#options.verdict.fail('no failure', `${connection.peer.remoteAddress} is sent something before its CONNECT`);
      return;
    }
    switch (packet.type) {
      case PacketType.connack:
        if (packet.reasonCode === 0) this.#connackLeaves(talk, packet.sessionPresent);
        return;
      case PacketType.suback:
        this.#subackLeaves(talk, packet.packetId, packet.reasonCodes);
        return;
      case PacketType.unsuback:
        this.#unsubackLeaves(talk, packet.packetId);
        return;
      case PacketType.publish:
        this.#publishLeaves(talk, packet);
        return;
      case PacketType.puback:
      case PacketType.pubrec:
        this.#acknowledgementLeaves(talk, packet);
        return;
      case PacketType.pubrel:
        this.#pubrelLeaves(talk, packet.packetId);
        return;
      case PacketType.pubcomp: {
        const { subscriber } = talk;
        const { packetId } = packet;
        subscriber.published.delete(packetId);
        this.#promise(() => {
          const isKept =
            this.#isStored(talk) && this.#options.ledger.inbound.get(subscriber.name)?.has(packetId) === true;
          if (isKept && !subscriber.published.has(packetId))
            this.#early(subscriber, `PUBCOMP ${packetId}: the disk still has the identifier`);
        });
        return;
      }
      case PacketType.pingresp:
      case PacketType.disconnect:
      case PacketType.connect:
      case PacketType.subscribe:
      case PacketType.unsubscribe:
      case PacketType.pingreq:
      case PacketType.auth:
        return;
    }
  }

  #connackLeaves(talk: Talk, sessionPresent: boolean): void {
    const { subscriber, connect, wasStored, willTag } = talk;
    const { ledger, verdict } = this.#options;
    const { name } = subscriber;
    talk.isAccepted = true;
    const mustBe =
      connect.clean || connect.protocolVersion === 3 || wasStored === 'no'
        ? false
        : wasStored === 'yes'
          ? true
          : undefined;
    if (mustBe !== undefined && mustBe !== sessionPresent) {
      verdict.fail(
        'session present',
        `${name}: it is ${sessionPresent ? 1 : 0} where the session was ${wasStored === 'yes' ? 'stored' : 'not stored or is clean'}`,
      );
    }
    if (connect.clean || (!sessionPresent && connect.protocolVersion !== 3)) {
      this.#promise(() => {
        // One that nobody was told of, and that nothing came into, is as good as new.
        const since = connect.clean ? ledger.sessions.get(name) : ledger.filled.get(name);
        if ((since ?? Infinity) < talk.since)
          this.#early(subscriber, 'CONNACK of a new session: the disk still has the one before');
      });
    }
    if (connect.clean) {
      subscriber.stored = 'no';
      subscriber.ended(talk.before);
    } else {
      subscriber.stored = 'yes';
      this.#promise(() => {
        if (subscriber.stored === 'yes' && !ledger.sessions.has(name))
          this.#early(subscriber, 'CONNACK: the disk does not have the session');
      });
      if (!sessionPresent && connect.protocolVersion !== 3) subscriber.ended(talk.before);
    }
    if (connect.clean || (!sessionPresent && connect.protocolVersion !== 3)) {
      subscriber.newSince = talk.since;
      for (const [packetId, publication] of subscriber.published)
        if (talk.published.get(packetId)?.publication !== publication) subscriber.published.delete(packetId);
      subscriber.stale.clear();
    }
    if (willTag === undefined) return;
    this.#promise(() => {
      if (this.#isPromisedWill(willTag) && ledger.wills.get(name) !== willTag)
        this.#early(subscriber, `CONNACK: the disk does not have the will ${willTag}`);
    });
  }

  /** Where nobody waited for the disk, the connection may have ended meanwhile. */
  #isPromisedWill(tag: string): boolean {
    return this.#ackLevel !== 'received' || this.wills.isHeld(tag);
  }

  #subackLeaves(talk: Talk, packetId: number, granted: readonly number[]): void {
    const { subscriber } = talk;
    const subscribed = talk.subscribing.get(packetId);
    talk.subscribing.delete(packetId);
    if (subscribed?.length !== granted.length) {
      this.#options.verdict.fail('packet identifiers', `${subscriber.name}: SUBACK ${packetId} answers no SUBSCRIBE`);
      return;
    }
    for (const [i, standing] of subscribed.entries()) {
      if (granted[i] !== standing.qos)
        this.#options.verdict.fail(
          'granted QoS',
          `${subscriber.name}: ${standing.text} q${standing.qos} is granted ${granted[i]}`,
        );
      this.#promise(() => {
        const isLatest = subscriber.standing.filter(({ text }) => text === standing.text).at(-1) === standing;
        // Asked to go, or for another QoS, meanwhile: the disk may be further than this answer.
        const isMoot = standing.surelyUntil !== undefined || !isLatest;
        const kept = this.#options.ledger.subscriptions.get(subscriber.name)?.get(standing.text);
        if (this.#isStored(talk) && !isMoot && kept !== standing.qos)
          this.#early(subscriber, `SUBACK: the disk does not have ${standing.text} q${standing.qos}`);
      });
      subscriber.subscribed(standing);
    }
  }

  #unsubackLeaves(talk: Talk, packetId: number): void {
    const { subscriber } = talk;
    const unsubscribing = talk.unsubscribing.get(packetId);
    talk.unsubscribing.delete(packetId);
    for (const { text } of unsubscribing?.meant ?? []) {
      this.#promise(() => {
        const isBack = subscriber.standing.some(
          (one) => one.text === text && one.perhapsFrom > (unsubscribing?.at ?? 0),
        );
        if (!isBack && this.#options.ledger.subscriptions.get(subscriber.name)?.has(text) === true) {
          this.#early(subscriber, `UNSUBACK: the disk still has ${text}`);
        }
      });
    }
    subscriber.unsubscribed(unsubscribing?.meant ?? []);
  }

  #acknowledgementLeaves(talk: Talk, { type, packetId }: AcknowledgementPacket): void {
    const { subscriber } = talk;
    const name = type === PacketType.puback ? 'PUBACK' : 'PUBREC';
    const published = talk.published.get(packetId);
    if (published === undefined || published.publication.qos !== (type === PacketType.puback ? 1 : 2)) {
      this.#options.verdict.fail('packet identifiers', `${subscriber.name}: ${name} ${packetId} answers no PUBLISH`);
      return;
    }
    const { publication, at } = published;
    if (publication.isSwallowed) return;
    publication.acknowledged ??= this.moments.now;
    if (publication.qos === 1) subscriber.published.delete(packetId);
    // At QoS 2 it may be the coming before this one that counted.
    const sureAt = publication.qos === 2 ? (publication.first ?? at) : Math.max(at, publication.sureAt ?? 0);
    publication.sureAt = sureAt;
    if (this.#ackLevel !== 'flushed') this.#unflushed.add(publication);
    this.#promise(() => {
      this.#checkAcknowledged(talk, publication, packetId, sureAt, name);
    });
  }

  #checkAcknowledged(
    talk: Talk,
    publication: Publication,
    packetId: number,
    sureAt: number,
    name: 'PUBACK' | 'PUBREC',
  ): void {
    const { subscriber } = talk;
    const { ledger } = this.#options;
    const { tag } = publication;
    // Nobody owes anything to a session that has ended meanwhile.
    const isKnown =
      ledger.inbound.get(subscriber.name)?.has(packetId) === true || subscriber.resetAt > (publication.first ?? 0);
    if (
      publication.qos === 2 &&
      this.#isStored(talk) &&
      subscriber.published.get(packetId) === publication &&
      !publication.isReleased &&
      !isKnown
    ) {
      this.#early(subscriber, `PUBREC ${packetId}: the disk does not have the identifier`);
    }
    if (publication.retain) {
      const kept = this.publications.get(ledger.retained.get(publication.topic) ?? '');
      if (kept !== undefined && kept.last < sureAt)
        this.#early(subscriber, `${name} of ${tag}: the disk still has ${kept.tag} as retained`);
    }
    if (publication.isClear) return;
    if (publication.retain && !ledger.everRetained.has(tag))
      this.#early(subscriber, `${name} of ${tag}: the disk does not have it as retained`);
    const queues = ledger.queuedIn.get(tag);
    for (const reader of this.#owed(publication)) {
      const queue = queueOf(reader);
      if (queues?.has(queue) === true || this.#takenBy(reader.name).done.has(tag) || this.#drops.has(queue)) continue;
      this.#early(subscriber, `${name} of ${tag}: the disk never had it for ${reader.name}`);
    }
    for (const text of this.groups.missing(publication))
      this.#early(subscriber, `${name} of ${tag}: the disk never had it for ${text}`);
  }

  /** Whose queue on the disk must have it, by a subscription of their own. */
  *#owed(publication: Publication): Generator<Subscriber> {
    const { topic, first = 0 } = publication;
    for (const reader of this.#subscribers.values()) {
      // A session that began since owes it nothing.
      if (
        reader.stored !== 'yes' ||
        reader.resetAt > first ||
        !this.#direct(reader, publication).some((one) => isOwed(publication, one))
      )
        continue;
      // What it may not receive is not kept for it.
      if (!this.rules.mayBeRefusedSince(reader.name, topic, first)) yield reader;
    }
  }

  #pubrelLeaves(talk: Talk, packetId: number): void {
    const { subscriber } = talk;
    const { released, lastQos2 } = this.#takenBy(subscriber.name);
    released.add(lastQos2.get(packetId) ?? '');
    const tag = talk.open.get(packetId);
    if (tag === undefined || !this.#isStored(talk)) return;
    this.#promise(() => {
      // Others may have come since, if not all are told by their tag.
      if (
        this.#ackLevel === 'received' &&
        (tag === '' || subscriber.shares || this.#takenBy(subscriber.name).done.has(tag))
      )
        return;
      const entries = [...(this.#options.ledger.queues.get(queueOf(subscriber))?.values() ?? [])].filter(
        (entry) => entry.tag === tag,
      );
      // Of several copies (a group's and its own) nobody outside knows which one this is about.
      if (entries.length > 0 && entries.every(({ released }) => !released))
        this.#early(subscriber, `PUBREL ${packetId}: the disk still has ${tag} as not received`);
    });
  }

  #publishLeaves(talk: Talk, publish: PublishPacket): void {
    const { subscriber } = talk;
    const { verdict, ledger, maxInflight } = this.#options;
    const { name } = subscriber;
    const tag = tagOf(publish.payload);
    if (publish.qos > 0) {
      const open = talk.open.get(publish.packetId) ?? tag;
      if (open !== tag)
        verdict.fail('packet identifiers', `${name}: ${tag} is sent with ${publish.packetId}, which ${open} still has`);
      talk.open.set(publish.packetId, tag);
      if (talk.open.size > maxInflight)
        verdict.fail('window', `${name}: ${talk.open.size} are in flight, ${maxInflight} are allowed`);
    }
    if (publish.qos === 2) {
      const { sentQos2, lastQos2 } = this.#takenBy(name);
      sentQos2.add(tag);
      lastQos2.set(publish.packetId, tag);
    }
    if (tag === '') return;
    this.wills.departed(tag);
    const publication = this.publications.get(tag);
    if (publication?.first === undefined || publication.topic !== publish.topic) {
      verdict.fail('only to subscribers', `${name} gets ${tag} on ${publish.topic}, which nobody published there`);
      return;
    }
    this.#checkRules(talk, publication, publish);
    if (publish.retain) {
      this.#retainedLeaves(subscriber, publication, publish.qos);
      return;
    }
    const standing = subscriber.mayGet(publication);
    if (standing.length === 0) {
      verdict.fail('only to subscribers', `${name} gets ${tag} on ${publish.topic} without a subscription`);
      return;
    }
    const most = Math.min(publication.qos, Math.max(...standing.map(({ qos }) => qos)));
    if (publish.qos > most)
      verdict.fail('granted QoS', `${name} gets ${tag} at QoS ${publish.qos}, at most ${most} was granted`);
    if (publish.qos > 0) this.groups.handedTo(subscriber, publication, publish.qos);
    const owed = Math.min(publication.qos, Math.max(0, ...this.#direct(subscriber, publication).map(({ qos }) => qos)));
    // One that was sent again may have been accepted again, under other subscriptions.
    if (!subscriber.shares && (publication.sends === 1 || publication.qos === 2) && publish.qos < owed)
      verdict.fail('granted QoS', `${name} gets ${tag} at QoS ${publish.qos}, ${owed} was granted`);
    // Where nobody waits for the disk this is promised with the publisher's acknowledgement alone.
    if (
      publish.qos === 2 &&
      this.#ackLevel !== 'received' &&
      this.#isStored(talk) &&
      !ledger.has(queueOf(subscriber), tag)
    ) {
      this.#early(subscriber, `PUBLISH of ${tag} at QoS 2: it is not on the disk`);
    }
    if (publish.qos > 0 && !publish.dup && !subscriber.shares && publication.sends > 0) {
      const { fresh } = this.#takenBy(name);
      const times = (fresh.get(tag) ?? 0) + 1;
      fresh.set(tag, times);
      if (times > publication.sends)
        verdict.fail(
          'no repeat without DUP',
          `${name} is sent ${tag} without DUP ${times} times, it came ${publication.sends} times`,
        );
    }
  }

  /**
   * Nothing leaves that could not be received at any moment since it may have been handed out. And once rules are in force, no more that they refuse
   * leaves than had been handed out before: a window.
   */
  #checkRules(talk: Talk, { topic, tag, first }: Publication, { qos, retain }: PublishPacket): void {
    const { verdict, maxInflight } = this.#options;
    const { name } = talk.subscriber;
    const from = Math.max(talk.since, retain ? 0 : (first ?? 0));
    if (this.rules.isRefusedSince(name, topic, from))
      verdict.fail('only what may be received', `${name} gets ${tag} on ${topic}, which it may not receive`);
    const since = this.rules.surelySince(name);
    if (qos === 0 || since === undefined || !this.rules.isRefusedSince(name, topic, since)) return;
    if (talk.late.since !== since) talk.late = { since, count: 0 };
    if (++talk.late.count > maxInflight)
      verdict.fail(
        'only what may be received',
        `${name} gets ${tag} on ${topic}, the ${talk.late.count}th message that it may not receive any more`,
      );
  }

  /** A retained message that was replaced for sure before the subscription began is not sent any more. */
  #retainedLeaves(subscriber: Subscriber, publication: Publication, qos: QoS): void {
    const { verdict } = this.#options;
    const standing = subscriber.ever.filter(
      ({ filter, shareName }) => shareName === undefined && this.#matchesTopic(filter, publication),
    );
    const from = Math.min(
      ...standing
        .filter(({ perhapsUntil }) => (perhapsUntil ?? Infinity) > subscriber.resetAt)
        .map(({ perhapsFrom }) => perhapsFrom),
    );
    if (standing.length === 0)
      verdict.fail(
        'only to subscribers',
        `${subscriber.name} gets the retained ${publication.tag} without a subscription`,
      );
    else if (!publication.retain) verdict.fail('retained state', `${publication.tag} was not published to be retained`);
    else if (!this.publications.mayBeRetained(publication, from))
      verdict.fail('retained state', `${subscriber.name} gets ${publication.tag}, which had been replaced`);
    const most = Math.min(publication.qos, Math.max(...standing.map((one) => one.qos)));
    if (qos > most)
      verdict.fail(
        'granted QoS',
        `${subscriber.name} gets the retained ${publication.tag} at QoS ${qos}, at most ${most} was granted`,
      );
  }

  #matchesTopic(filter: string, { topic, first }: Publication): boolean {
    return first !== undefined && matches(filter, topic);
  }

  #direct(subscriber: Subscriber, publication: Publication): Standing[] {
    return subscriber.surelyGets(publication).filter(({ shareName }) => shareName === undefined);
  }

  #isStored({ connect }: Talk): boolean {
    return !connect.clean;
  }

  #early(subscriber: Subscriber, detail: string): void {
    this.#options.verdict.fail('acknowledged is stored', `to ${subscriber.name}: ${detail}`);
  }

  // -- What clients take --

  took(client: SimulatedClient, connection: SimulatedConnection, publish: PublishPacket): void {
    const tag = tagOf(publish.payload);
    const publication = this.publications.get(tag);
    const subscriber = this.#subscribers.get(client.name);
    if (publication === undefined || subscriber === undefined || publish.retain) return;
    const { verdict } = this.#options;
    const taken = this.#takenBy(client.name);
    const times = (taken.times.get(tag) ?? 0) + 1;
    taken.times.set(tag, times);
    if (publish.qos === 2 && (taken.forgiven.get(tag) ?? 0) < (this.#talks.get(connection)?.life ?? 0)) {
      const qos2Times = (taken.qos2Times.get(tag) ?? 0) + 1;
      taken.qos2Times.set(tag, qos2Times);
      const shares = new Set(
        subscriber
          .mayGet(publication)
          .map(({ shareName, filter }) => (shareName === undefined ? '' : `${shareName}/${filter}`)),
      );
      if (qos2Times > shares.size)
        verdict.fail('QoS 2 comes once', `${client.name} has taken ${tag} ${qos2Times} times`);
    }
    // What the publisher sent again may come out of its order, a group gives what another member could not take, and a crash can undo a drop, that of
    // a will among them.
    const mayBeOutOfTurn = publication.isWill || subscriber.shares || (publication.sends > 1 && publish.qos < 2);
    if (times > 1 || mayBeOutOfTurn || this.#drops.has(queueOf(subscriber))) return;
    const stream = `${publication.publisher} ${publication.topic} ${publish.qos}`;
    const latest = taken.latest.get(stream);
    if (latest !== undefined && (latest.first as number) > (publication.first as number)) {
      verdict.fail('order', `${client.name} has taken ${tag} after ${latest.tag} (${stream})`);
    }
    taken.latest.set(stream, publication);
  }

  confused(client: SimulatedClient, { packetId, tag, kept, detail }: Confusion): void {
    const taken = this.#takenBy(client.name);
    if (kept !== undefined && taken.limbo.has(`${packetId} ${kept}`)) taken.swallowed.add(tag);
    else this.#options.verdict.fail('packet identifiers', `${client.name}: ${detail}`);
  }

  #takenBy(name: string): Taken {
    return valueOf(this.#taken, name, nothingTaken);
  }

  // -- The end --

  /** Whether a stored session is, or may be, with the broker. */
  mayBeStored(name: string): boolean {
    this.expiries.pass();
    return (this.#subscribers.get(name)?.stored ?? 'no') !== 'no';
  }

  /** All is quiet: whatever was promised has been kept. */
  atEnd(): void {
    this.wills.atEnd();
    for (const subscriber of this.#subscribers.values()) this.#checkNothingLost(subscriber);
    this.groups.atEnd();
  }

  #checkNothingLost(subscriber: Subscriber): void {
    const { times, swallowed } = this.#takenBy(subscriber.name);
    const missing = new Map<string, string[]>();
    for (const publication of this.publications.all.values()) {
      if (
        !isPromised(publication) ||
        (publication.first as number) <= subscriber.resetAt ||
        times.has(publication.tag) ||
        swallowed.has(publication.tag)
      )
        continue;
      if (!this.#direct(subscriber, publication).some((one) => isOwed(publication, one))) continue;
      if (this.rules.mayBeRefusedSince(subscriber.name, publication.topic, publication.first as number)) continue;
      valueOf(missing, publication.topic, () => [] as string[]).push(publication.tag);
    }
    this.#missing(queueOf(subscriber), subscriber.name, missing);
  }

  /** What is missing must have been dropped and told. */
  #missing(queue: QueueId, who: string, missing: ReadonlyMap<string, readonly string[]>): void {
    const drops = this.#drops.get(queue);
    let unread = drops?.get(undefined) ?? 0;
    for (const [topic, tags] of missing) {
      const more = tags.length - (drops?.get(topic) ?? 0);
      if (more <= 0) continue;
      unread -= more;
      if (unread < 0)
        this.#options.verdict.fail(
          'nothing acknowledged is lost',
          `${who} never got ${tags.slice(0, 5).join(', ')} on ${topic}, ${tags.length} in all`,
        );
    }
  }
}

const isOwed = (publication: Publication, { qos }: Standing): boolean => Math.min(publication.qos, qos) > 0;
