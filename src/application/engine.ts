// The loop around the core: bytes become packets, packets become events, and what the core tells becomes bytes, commits and reads. It works in
// turns: all that arrives at once is handled, then, at the end of the turn, one commit begins and each connection gets one write. The gates are
// here: what promises durability waits on its link for the batch that carries its changes.
import type {
  AcknowledgementType,
  AnswerPacket,
  AuthenticationRequest,
  Effects,
  PageLimit,
} from '../domain/effects.js';
import type { RestoredFact } from '../domain/changes.js';
import type { Input } from '../domain/inputs.js';
import { Broker } from '../domain/broker.js';
import { MAX_PACKET_SIZE_BEFORE_CONNECT } from '../domain/connect/limits.js';
import type { ListenerLimits, Limits, PerListenerLimits } from '../domain/connect/limits.js';
import type { PeerInfo } from '../domain/connect/peer.js';
import type { DeliveryOptions } from '../domain/delivery/delivery-options.js';
import type { Message } from '../domain/delivery/message.js';
import type { Ticket } from '../domain/durability.js';
import type { ConnectionId, QueueId, Seq, TopicName } from '../domain/identifiers.js';
import type { BrokerEvent } from '../domain/events.js';
import type { EndReason } from '../domain/reasons.js';
import {
  encodePacket,
  encodePublishProperties,
  encodeTopic,
  publishSize,
  writeAcknowledgement,
  writePublish,
  writePublishHead,
} from '../protocol/encoder.js';
import { MalformedPacketError } from '../protocol/malformed.js';
import { PacketType } from '../protocol/packets.js';
import type { Properties, ProtocolVersion, QoS } from '../protocol/packets.js';
import type { Clock, Timer } from '../ports/clock.js';
import type { IncomingConnection, Channel, ChannelHandler } from '../ports/network.js';
import type { Random } from '../ports/random.js';
import type { AckLevel, Storage, StorageError } from '../ports/storage.js';
import type { LifecycleEvent, Telemetry } from '../ports/telemetry.js';
import type { Admission } from './admission.js';
import { emitToAll } from './emit-to-all.js';
import { ConnectionTracker } from './connection-tracker.js';
import type { ConnectionTrackerOwner, ConnectionOrigin } from './connection-tracker.js';
import { Committer } from './committer.js';
import type { CommitterObserver } from './committer.js';
import type { ConnectionLimitReason } from './connection-limiter.js';
import { PartialPacketBudget } from './partial-packet-budget.js';
import { Link } from './link.js';
import type { LinkOwner } from './link.js';
import type { OutputBuffer } from './output-buffer.js';
import { Pager } from './pager.js';
import type { PagerObserver } from './pager.js';
import { Throttle } from './throttle.js';
import type { ClientRates } from './throttle.js';
import { PendingRequest } from './pending-request.js';
import { Reauthorization } from './reauthorization.js';
import { LiveSettings } from './settings.js';

/** A link with more than this to write does not wait for the end of the turn. */
const FLUSH_BYTES = 64 * 1024;
/** Answers that a peer may leave unread before we stop reading from it. */
const UNREAD_ANSWERS_MAX_BYTES = 64 * 1024;
/** What may wait at a link's gate before we stop reading from it: a window of messages, or answers to one who asks on while storage is slow. */
const HELD_MAX_BYTES = 1024 * 1024;
/** A payload from this size on goes out as it is, behind its header, instead of being copied for each subscriber. */
const LARGE_PAYLOAD_BYTES = 32 * 1024;
const LARGE_PIECE_BYTES = 1024 * 1024;
/** How often those who do not keep up are looked at, at most. */
const LOOK_FOR_PROGRESS_MS = 1000;
/** How long a closing connection may take to take what was written to it. */
const CLOSE_GRACE_MS = 5000;

export interface EngineParts {
  readonly storage: Storage;
  readonly admission: Admission;
  readonly telemetry: readonly Telemetry[];
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: Limits;
  /** Default: none has its own. */
  readonly limitsOfListeners?: PerListenerLimits | undefined;
  /** Default `flushed`. */
  readonly ackLevel?: AckLevel | undefined;
  /** Calls back when all input that is there now has been handled. */
  readonly atEndOfTurn: (callback: () => void) => void;
  readonly fatal: (error: Error) => void;
}

/** Those that are written. */
function ratesOf({ maxPublishRate, maxPublishByteRate }: ClientRates): ClientRates {
  return {
    ...(maxPublishRate === undefined ? {} : { maxPublishRate }),
    ...(maxPublishByteRate === undefined ? {} : { maxPublishByteRate }),
  };
}

export class Engine implements Effects, LinkOwner, ConnectionTrackerOwner, CommitterObserver, PagerObserver {
  readonly broker: Broker;
  readonly committer: Committer;
  readonly #pager: Pager;
  readonly #reauthorization: Reauthorization;
  readonly #parts: EngineParts;
  /** Whether promises wait for storage at all. */
  readonly #isGated: boolean;
  readonly #links = new Map<ConnectionId, Link>();
  #limits: Limits;
  readonly #settings: LiveSettings;
  /** Of publishing, of the listeners that have limits of their own. */
  #rates = new Map<string, ClientRates>();
  readonly #connectionTracker: ConnectionTracker;
  readonly #throttle: Throttle<Link>;
  /** Whether anyone's rate of publishing is limited. */
  #isThrottled = false;
  readonly #partialPackets: PartialPacketBudget<Link>;
  #dirty: Link[] = [];
  /** Links with something at the gate. */
  readonly #gated = new Set<Link>();
  readonly #congested = new Set<Link>();
  #admitting: { readonly link: Link; readonly after: Ticket }[] = [];
  /** Links of which the core wants to know when they are quiet. */
  #unheard: Link[] = [];
  #resumed: Link[] = [];
  #nextLookMs = 0;
  #turnIsScheduled = false;
  #stepping = false;
  #deferred: Input[] = [];
  #timer: Timer | undefined;
  #timerAtMs = Infinity;
  #pressure = false;
  #isDown = false;
  #whenNoLinks: (() => void) | undefined;
  readonly #endTurn = (): void => {
    this.#endOfTurn();
  };

  // What was last encoded, and where those bytes are: a fan-out encodes once and copies.
  #lastMessage: Message | undefined;
  #lastVersion: ProtocolVersion = 4;
  #lastQos: QoS = 0;
  #lastFlags = 0;
  #lastBytes: Buffer | undefined;
  #lastFrom = 0;
  #lastTo = 0;
  #lastIdOffset = 0;

  constructor(parts: EngineParts) {
    this.#parts = parts;
    this.#isGated = parts.ackLevel !== 'received';
    this.committer = new Committer(
      parts.storage,
      parts.clock,
      this,
      parts.ackLevel === 'stored' ? 'stored' : 'flushed',
    );
    this.#pager = new Pager(parts.storage, parts.clock, this.committer, this);
    this.#settings = new LiveSettings({
      limits: parts.limits,
      perListener: parts.limitsOfListeners ?? new Map<string, ListenerLimits>(),
    });
    this.#reauthorization = new Reauthorization({
      authorization: parts.admission.authorization,
      clock: parts.clock,
      settings: this.#settings,
      atEndOfTurn: parts.atEndOfTurn,
      applyPermissions: (connection, permissions) => {
        this.step({ kind: 'permissions', connection, permissions });
      },
      emit: (event) => {
        this.emit(event);
      },
    });
    this.broker = new Broker({
      changes: this.committer,
      effects: this,
      limits: parts.limits,
      newClientId: () => `auto-${Buffer.from(parts.random.bytes(16)).toString('hex')}`,
    });
    this.#limits = parts.limits;
    const ofListeners = parts.limitsOfListeners ?? new Map<string, ListenerLimits>();
    this.#connectionTracker = new ConnectionTracker(parts.limits, ofListeners, parts.clock, this);
    this.#throttle = new Throttle(parts.clock, (link) => {
      this.#resume(link);
    });
    this.#partialPackets = new PartialPacketBudget((link) => {
      this.step({ kind: 'incomplete', connection: link.id });
    });
    this.limit(parts.limits, ofListeners);
  }

  get linkCount(): number {
    return this.#links.size;
  }

  restore(fact: RestoredFact): void {
    this.broker.restore(fact, this.#parts.clock.nowMs());
  }

  /** Other limits from now on; see `Broker.limit`. */
  limit(limits: Limits, ofListeners: PerListenerLimits): void {
    this.#limits = limits;
    this.#settings.replace({ limits, perListener: ofListeners });
    this.broker.limit(limits, ofListeners);
    this.#connectionTracker.setLimits(limits, ofListeners);
    this.#throttle.total = limits;
    this.#rates = new Map(
      [...ofListeners].map(([listener, own]) => [listener, { ...ratesOf(limits), ...ratesOf(own) }]),
    );
    const all = [
      ratesOf(limits),
      ...this.#rates.values(),
      { messages: limits.maxTotalPublishRate, bytes: limits.maxTotalPublishByteRate },
    ];
    this.#isThrottled = all.some((rates) => Object.values(rates).some((rate) => rate !== undefined));
  }

  /** Begins to keep deadlines, after everything has been restored. */
  start(): void {
    this.#scheduleTurn();
  }

  /** A connection has arrived at the listener. @returns `undefined`: it may not come in. */
  handleConnection(listener: string, peer: PeerInfo): IncomingConnection | undefined {
    return this.#connectionTracker.open(listener, peer);
  }

  connectionRejected(id: ConnectionId, { remoteAddress }: PeerInfo, reason: ConnectionLimitReason): void {
    this.emit({
      kind: 'connection-refused',
      connection: id,
      clientId: undefined,
      reason,
      detail: undefined,
      remoteAddress,
    });
  }

  connectionAccepted({ id, listener, ipAddress }: ConnectionOrigin, channel: Channel): ChannelHandler {
    const link = new Link(id, listener, ipAddress, channel, this, MAX_PACKET_SIZE_BEFORE_CONNECT);
    this.#links.set(id, link);
    this.step({ kind: 'opened', connection: id, listener, peer: channel.peer });
    return link;
  }

  /** Disconnects everyone and resolves when all connections have gone and all that was recorded is durable, or cannot be. */
  async shutdown(): Promise<void> {
    for (const link of [...this.#links.values()]) {
      this.step({ kind: 'shutdown', connection: link.id });
      this.#close(link, CLOSE_GRACE_MS);
    }
    const gone =
      this.#links.size === 0 ? Promise.resolve() : new Promise<void>((resolve) => (this.#whenNoLinks = resolve));
    await Promise.all([gone, this.committer.flush()]);
    this.down();
  }

  /** At once: nothing more is read, written or committed. */
  down(): void {
    if (this.#isDown) return;
    this.#isDown = true;
    this.#timer?.cancel();
    this.committer.stop();
    this.#pager.stop();
    this.#throttle.stop();
    this.#reauthorization.stop();
    for (const link of this.#links.values()) this.#close(link, 0);
  }

  /** What authorizers say has changed: everyone who is connected is asked about anew. */
  reauthorize(): void {
    if (!this.#isDown) this.#reauthorization.refreshAll();
  }

  /** One event for the core, and those that came of it. */
  step(event: Input): void {
    this.#step(event, this.#parts.clock.nowMs());
  }

  #step(event: Input, nowMs: number): void {
    if (this.#isDown) return;
    if (this.#stepping) {
      this.#deferred.push(event);
      return;
    }
    this.#scheduleTurn();
    this.#stepping = true;
    try {
      this.#handle(event, nowMs);
      while (this.#deferred.length > 0) this.#handle(this.#deferred.shift() as Input, nowMs);
    } finally {
      this.#stepping = false;
    }
  }

  #handle(event: Input, nowMs: number): void {
    this.committer.beginStep();
    this.broker.handle(event, nowMs);
  }

  // Links

  received(link: Link, chunk: Uint8Array): void {
    if (link.isEnded) return;
    link.decoder.push(chunk);
    this.#read(link);
    // Most chunks end with a packet.
    if (link.isIncomplete || link.decoder.partialPacketBytes > 0) this.#keepBooks(link);
  }

  #keepBooks(link: Link): void {
    const { partialPacketBytes, partialPacketNumber } = link.decoder;
    link.isIncomplete = partialPacketBytes > 0 && !link.isEnded;
    if (!link.isIncomplete) {
      this.#partialPackets.untrack(link);
      return;
    }
    this.#partialPackets.track(link, partialPacketNumber, partialPacketBytes);
    this.#partialPackets.enforce(this.#limits.maxIncompleteBytes);
  }

  drained(link: Link): void {
    link.isCongested = false;
    this.#congested.delete(link);
    link.answeredBytes = 0;
    link.wantsWritable = false;
    this.step({ kind: 'writable', connection: link.id });
    this.#resume(link);
  }

  closed(link: Link): void {
    this.#links.delete(link.id);
    this.#gated.delete(link);
    this.#congested.delete(link);
    this.#left(link);
    this.#reauthorization.untrack(link.id);
    link.isEnded = true;
    link.pendingAuth?.cancel();
    this.step({ kind: 'closed', connection: link.id });
    if (this.#links.size === 0) this.#whenNoLinks?.();
  }

  /** Hands the core the packets that are there, as long as it wants them. */
  #read(link: Link): void {
    // What came in one chunk came at one time.
    const nowMs = this.#parts.clock.nowMs();
    try {
      while (!this.#mustWait(link)) {
        const packet = link.decoder.read();
        if (packet === undefined) return;
        this.#step({ kind: 'packet', connection: link.id, packet }, nowMs);
        if (this.#isThrottled && packet.type === PacketType.publish)
          this.#meter(link, packet.topic.length + packet.payload.length, nowMs);
      }
    } catch (error) {
      if (!(error instanceof MalformedPacketError)) throw error;
      this.step({ kind: 'malformed', connection: link.id, error });
      return;
    }
    if (!link.isEnded && !link.isPaused) {
      link.isPaused = true;
      link.channel.pause();
    }
  }

  #meter(link: Link, bytes: number, nowMs: number): void {
    if (!link.isEnded) this.#throttle.record(link, this.#rates.get(link.listener) ?? this.#limits, bytes, nowMs);
  }

  #left(link: Link): void {
    this.#connectionTracker.close(link, link.isEstablished);
    this.#throttle.remove(link);
    this.#partialPackets.untrack(link);
  }

  #mustWait(link: Link): boolean {
    if (link.isEnded || link.pendingAuth !== undefined || link.isAdmitting || link.isSuspended || this.#pressure)
      return true;
    if (this.#isThrottled && this.#throttle.isWaiting(link)) return true;
    return link.answeredBytes > UNREAD_ANSWERS_MAX_BYTES || link.gated.bytes > HELD_MAX_BYTES;
  }

  #resume(link: Link): void {
    if (!link.isPaused || this.#mustWait(link)) return;
    link.isPaused = false;
    if (link.turnsUntilQuiet > 0) this.#scheduleTurn();
    this.#read(link);
    // Reading what was left may have been enough to make it wait again.
    if (!link.isPaused && !link.isEnded) link.channel.resume();
  }

  // Effects

  authenticate(connection: ConnectionId, request: AuthenticationRequest): void {
    const link = this.#links.get(connection);
    if (link === undefined) return;
    const pending = new PendingRequest();
    const { revision } = this.#reauthorization;
    link.pendingAuth = pending;
    this.#parts.admission.admit(
      request,
      (result, asked) => {
        link.pendingAuth = undefined;
        if (asked !== undefined && this.#links.has(connection))
          this.#reauthorization.track(connection, asked, revision);
        this.step({ kind: 'authenticated', connection, result });
        this.#resume(link);
      },
      pending,
    );
  }

  established(connection: ConnectionId, version: ProtocolVersion, maxPacketSize: number): void {
    const link = this.#links.get(connection);
    if (link === undefined) return;
    link.decoder.protocolVersion = version;
    link.decoder.maxPacketSize = maxPacketSize;
    link.channel.admitted?.();
    link.isEstablished = true;
    this.#connectionTracker.established(link.listener);
  }

  send(connection: ConnectionId, packet: AnswerPacket, after: Ticket): void {
    const link = this.#links.get(connection);
    if (link === undefined || link.isEnded) return;
    const bytes = encodePacket(packet, link.decoder.protocolVersion);
    if (link.isCongested) link.answeredBytes += bytes.length;
    this.#outputFor(link, after).append(bytes);
    this.#written(link, after);
  }

  acknowledge(
    connection: ConnectionId,
    type: AcknowledgementType,
    packetId: number,
    reasonCode: number,
    after: Ticket,
  ): void {
    const link = this.#links.get(connection);
    if (link === undefined || link.isEnded) return;
    const to = this.#outputFor(link, after);
    to.reserve(5);
    to.length = writeAcknowledgement(to.bytes, to.length, type, packetId, reasonCode, link.decoder.protocolVersion);
    if (link.isCongested) link.answeredBytes += 4;
    this.#written(link, after);
  }

  deliver(
    connection: ConnectionId,
    message: Message,
    options: DeliveryOptions,
    dup: boolean,
    packetId: number,
    after: Ticket,
  ): void {
    const link = this.#links.get(connection);
    if (link === undefined || link.isEnded) return;
    if (message.payload.length >= LARGE_PAYLOAD_BYTES && !this.#mustWaitFor(after)) {
      this.#writeLarge(link, message, options, dup, packetId);
      return;
    }
    this.#encodePublish(this.#outputFor(link, after), link.decoder.protocolVersion, message, options, dup, packetId);
    this.#written(link, after);
  }

  close(connection: ConnectionId, _reason: EndReason): void {
    const link = this.#links.get(connection);
    if (link !== undefined) this.#close(link, CLOSE_GRACE_MS);
  }

  whenDurable(connection: ConnectionId, after: Ticket): void {
    const link = this.#links.get(connection);
    if (link === undefined) return;
    link.isAdmitting = true;
    if (this.#mustWaitFor(after)) this.#admitting.push({ link, after });
    else this.#admitted(link);
  }

  #admitted(link: Link): void {
    link.isAdmitting = false;
    this.step({ kind: 'durable', connection: link.id });
    this.#resume(link);
  }

  readQueue(queue: QueueId, from: Seq, limit: PageLimit, request: number, after: Ticket): void {
    this.#pager.read(
      after,
      () => this.#parts.storage.readQueue(queue, from, limit),
      (entries) => {
        this.step({ kind: 'queue-page', queue, request, entries });
      },
    );
  }

  readRetained(connection: ConnectionId, topics: readonly TopicName[], after: Ticket): void {
    this.#pager.read(
      after,
      () => this.#parts.storage.readRetained(topics),
      (messages) => {
        this.step({ kind: 'retained-page', connection, messages });
      },
    );
  }

  whenQuiet(connection: ConnectionId): void {
    const link = this.#links.get(connection);
    if (link === undefined || link.isEnded) return;
    link.turnsUntilQuiet = 2;
    this.#unheard.push(link);
    this.#scheduleTurn();
  }

  suspend(connection: ConnectionId): void {
    const link = this.#links.get(connection);
    if (link !== undefined) link.isSuspended = true;
  }

  resume(connection: ConnectionId): void {
    const link = this.#links.get(connection);
    if (link === undefined) return;
    link.isSuspended = false;
    this.#resumed.push(link);
    this.#scheduleTurn();
  }

  whenWritable(connection: ConnectionId): void {
    const link = this.#links.get(connection);
    if (link === undefined || link.isEnded) return;
    link.wantsWritable = true;
    this.#markDirty(link);
  }

  emit(event: BrokerEvent | LifecycleEvent): void {
    emitToAll(this.#parts.telemetry, event);
  }

  // The word of the committer and the pager

  durable(ticket: Ticket): void {
    // First everything leaves that was waiting: what the core is told below must not overtake it.
    const released: Link[] = [];
    for (const link of this.#gated) {
      if (!link.gated.release(ticket, link.out)) continue;
      if (link.gated.isEmpty) this.#gated.delete(link);
      released.push(link);
    }
    for (const link of released) this.#flushWhenLarge(link);
    const admitting = this.#admitting;
    this.#admitting = admitting.filter(({ after }) => after > ticket);
    for (const { link, after } of admitting) if (after <= ticket) this.#admitted(link);
    for (const link of released) this.#resume(link);
    this.#pager.durable(ticket);
  }

  pressure(high: boolean): void {
    this.#pressure = high;
    if (high) return;
    for (const link of this.#links.values()) this.#resume(link);
  }

  failing(error: StorageError, attempt: number): void {
    this.#storageFailing('write', error, attempt);
  }

  recovered(attempts: number): void {
    this.emit({ kind: 'storage-recovered', operation: 'write', attempts });
  }

  readFailing(error: StorageError, attempt: number): void {
    this.#storageFailing('read', error, attempt);
  }

  readRecovered(attempts: number): void {
    this.emit({ kind: 'storage-recovered', operation: 'read', attempts });
  }

  #storageFailing(operation: 'write' | 'read', error: StorageError, attempt: number): void {
    this.emit({ kind: 'storage-failing', operation, error: error.message, storageErrorKind: error.kind, attempt });
  }

  fatal(error: Error): void {
    this.#parts.fatal(error);
  }

  // Output

  #mustWaitFor(after: Ticket): boolean {
    return this.#isGated && after > this.committer.durableTicket;
  }

  #outputFor(link: Link, after: Ticket): OutputBuffer {
    return this.#mustWaitFor(after) ? link.gated.buffer : link.out;
  }

  #encodePublish(
    to: OutputBuffer,
    version: ProtocolVersion,
    message: Message,
    { qos, retain, identifiers }: DeliveryOptions,
    dup: boolean,
    packetId: number,
  ): void {
    const flags = (retain ? 1 : 0) | (dup ? 2 : 0);
    if (
      message === this.#lastMessage &&
      version === this.#lastVersion &&
      qos === this.#lastQos &&
      flags === this.#lastFlags &&
      identifiers === undefined &&
      this.#lastBytes !== undefined
    ) {
      const bytes = this.#lastBytes;
      const size = this.#lastTo - this.#lastFrom;
      to.reserve(size);
      bytes.copy(to.bytes, to.length, this.#lastFrom, this.#lastTo);
      if (qos > 0) {
        to.bytes[to.length + this.#lastIdOffset] = packetId >> 8;
        to.bytes[to.length + this.#lastIdOffset + 1] = packetId & 0xff;
      }
      to.length += size;
      return;
    }
    const topic = encodeTopic(message.topic);
    const properties = this.#properties(version, message, identifiers);
    const size = publishSize(topic.length, message.payload.length, qos, properties?.length ?? 0);
    to.reserve(size);
    const from = to.length;
    to.length = writePublish(to.bytes, from, topic, message.payload, qos, dup, retain, packetId, properties);
    this.#lastMessage = identifiers === undefined ? message : undefined;
    this.#lastVersion = version;
    this.#lastQos = qos;
    this.#lastFlags = flags;
    // The bytes stay as they are until they are sent, and nobody writes to bytes that were sent.
    this.#lastBytes = to.bytes;
    this.#lastFrom = from;
    this.#lastTo = to.length;
    this.#lastIdOffset = size - message.payload.length - (properties?.length ?? 0) - 2;
  }

  /** The payload is written as it is: a hundred subscribers share its bytes. */
  #writeLarge(
    link: Link,
    message: Message,
    { qos, retain, identifiers }: DeliveryOptions,
    dup: boolean,
    packetId: number,
  ): void {
    const { payload } = message;
    const topic = encodeTopic(message.topic);
    const properties = this.#properties(link.decoder.protocolVersion, message, identifiers);
    const { out } = link;
    out.reserve(publishSize(topic.length, payload.length, qos, properties?.length ?? 0) - payload.length);
    out.length = writePublishHead(out.bytes, out.length, topic, payload.length, qos, dup, retain, packetId, properties);
    this.#flush(link);
    // In pieces, so that the network can tell how far the peer has read.
    for (let at = 0; at < payload.length; at += LARGE_PIECE_BYTES)
      this.#write(link, payload.subarray(at, at + LARGE_PIECE_BYTES));
  }

  #properties(
    version: ProtocolVersion,
    message: Message,
    identifiers: readonly number[] | undefined,
  ): Uint8Array | undefined {
    return version === 5
      ? encodePublishProperties(outgoingProperties(message, identifiers, this.#parts.clock))
      : undefined;
  }

  #written(link: Link, after: Ticket): void {
    if (!this.#mustWaitFor(after)) {
      this.#flushWhenLarge(link);
      return;
    }
    link.gated.mark(after);
    this.#gated.add(link);
  }

  #flushWhenLarge(link: Link): void {
    if (link.out.length > FLUSH_BYTES) this.#flush(link);
    else this.#markDirty(link);
  }

  #markDirty(link: Link): void {
    if (link.isDirty) return;
    link.isDirty = true;
    this.#dirty.push(link);
    this.#scheduleTurn();
  }

  #flush(link: Link): void {
    if (link.out.length > 0) this.#write(link, link.out.take());
  }

  #write(link: Link, bytes: Uint8Array): void {
    if (link.channel.write(bytes) || link.isCongested || link.isEnded) return;
    link.isCongested = true;
    link.sentBytes = link.channel.sentBytes;
    this.#congested.add(link);
    this.step({ kind: 'congested', connection: link.id });
  }

  /** Which of those who had stopped reading have read on: before the core finds that they are late. */
  #lookForProgress(): void {
    const nowMs = this.#parts.clock.nowMs();
    if (nowMs < this.#nextLookMs) return;
    this.#nextLookMs = nowMs + Math.min(LOOK_FOR_PROGRESS_MS, this.#limits.drainTimeoutMs / 2);
    for (const link of this.#congested) {
      const { sentBytes } = link.channel;
      if (sentBytes <= link.sentBytes) continue;
      link.sentBytes = sentBytes;
      this.step({ kind: 'draining', connection: link.id });
    }
  }

  #close(link: Link, graceMs: number): void {
    if (!link.isEnded) {
      link.isEnded = true;
      link.pendingAuth?.cancel();
      link.gated.drop();
      this.#gated.delete(link);
      this.#flush(link);
    }
    // The end of the other side must be seen, also on a link that was not read for a while.
    if (link.isPaused) {
      link.isPaused = false;
      link.channel.resume();
    }
    link.channel.close(graceMs);
  }

  #scheduleTurn(): void {
    if (this.#turnIsScheduled || this.#isDown) return;
    this.#turnIsScheduled = true;
    this.#parts.atEndOfTurn(this.#endTurn);
  }

  #endOfTurn(): void {
    this.#turnIsScheduled = false;
    if (this.#isDown) return;
    this.#lastMessage = undefined;
    this.#lastBytes = undefined;
    if (this.broker.hasWork) this.step({ kind: 'continue' });
    const resumed = this.#resumed;
    this.#resumed = [];
    for (const link of resumed) this.#resume(link);
    this.committer.endOfTurn();
    const dirty = this.#dirty;
    this.#dirty = [];
    for (const link of dirty) {
      link.isDirty = false;
      if (!link.isEnded) this.#flush(link);
      if (!link.wantsWritable || link.isCongested || link.isEnded) continue;
      link.wantsWritable = false;
      this.step({ kind: 'writable', connection: link.id });
    }
    this.#findQuietLinks();
    if (this.broker.hasWork) this.#scheduleTurn();
    this.#setTimer();
  }

  #setTimer(): void {
    const nextMs = this.broker.nextDeadlineMs ?? Infinity;
    // A timer that comes too early only finds nothing due.
    if (nextMs >= this.#timerAtMs) return;
    this.#timer?.cancel();
    this.#timerAtMs = nextMs;
    this.#timer = this.#parts.clock.at(nextMs, () => {
      this.#timerAtMs = Infinity;
      this.#lookForProgress();
      while ((this.broker.nextDeadlineMs ?? Infinity) <= this.#parts.clock.nowMs() && !this.#isDown)
        this.step({ kind: 'tick' });
      this.#scheduleTurn();
    });
  }

  /** A link that was read from one turn to the next, so that the network was looked at in between, and has no packet left is quiet. */
  #findQuietLinks(): void {
    if (this.#unheard.length === 0) return;
    const unheard = this.#unheard;
    this.#unheard = [];
    for (const link of unheard) {
      if (link.isEnded) continue;
      link.turnsUntilQuiet = link.isPaused ? 2 : link.turnsUntilQuiet - 1;
      if (link.turnsUntilQuiet === 0) this.step({ kind: 'quiet', connection: link.id });
      else this.#unheard.push(link);
    }
    if (this.#unheard.some(({ isPaused }) => !isPaused)) this.#scheduleTurn();
  }
}

/** What an MQTT 5 subscriber is told with the message: what is left of its expiry, and which of its subscriptions it matched. */
function outgoingProperties(
  message: Message,
  identifiers: readonly number[] | undefined,
  clock: Clock,
): Properties | undefined {
  const { properties, expiresAtMs } = message;
  if (identifiers === undefined && expiresAtMs === undefined) return properties;
  return {
    ...properties,
    ...(expiresAtMs === undefined
      ? {}
      : { messageExpiryInterval: Math.max(0, Math.ceil((expiresAtMs - clock.nowMs()) / 1000)) }),
    ...(identifiers === undefined ? {} : { subscriptionIdentifiers: identifiers }),
  };
}
