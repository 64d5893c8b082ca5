// A session: the state of a client between its packets and, if the session is stored, between its connections
// [MQTT-4.1.0-1], [MQTT-4.1.0-2]: its subscriptions, its outbound messages, also those that wait for an offline client
// [MQTT-3.1.2-5], and its inbound QoS 2 messages.
import type { QoS } from '../../protocol/packets.js';
import type { Access } from '../access/access.js';
import type { SessionRecord } from '../changes.js';
import type { Context } from '../context.js';
import { Deadline } from '../deadlines.js';
import type { TimerKind } from '../deadlines.js';
import { drop } from '../messages/drops.js';
import type { DeliveryOptions } from '../messages/delivery-options.js';
import type { Message, MessageDraft } from '../messages/message.js';
import type { DeliveryOutcome, Origin } from '../messages/publication.js';
import type { SharedGroup } from '../routing/shared-group.js';
import { inboundBytes } from '../name-bytes.js';
import { sessionQueue } from '../identifiers.js';
import type { ClientId, ConnectionId, QueueId, TopicFilter, TopicName } from '../identifiers.js';
import { Outbound } from './outbound.js';
import { NOTHING_SENT } from './sent-so-far.js';
import type { QueueBounds, SentMark } from './sent-so-far.js';
import type { DeliverySource } from '../queues/queue-entry.js';
import type { Pressed } from '../slowed-publisher.js';
import type { ClientOutput } from './client-output.js';
import type { Recipient } from '../routing/recipient.js';
import type { Subscription } from '../routing/subscription.js';
import { MemoryShare } from '../waiting-memory.js';
import type { MemoryHolder } from '../waiting-memory.js';

/** So many Packet Identifiers a client may have in use however much memory sessions take. */
const INBOUND_FREE = 64;

export class Session implements Recipient, MemoryHolder<ConnectionId> {
  /** The output of the connection that the session is attached to: from CONNACK on. */
  output: ClientOutput | undefined;
  /**
   * The connection that the session belongs to, from its acceptance to its end: `output` is set once CONNACK has
   * left.
   */
  holder: ConnectionId | undefined;
  /**
   * Checked before a message is delivered; `undefined` if the client may receive everything, or is offline and will be
   * checked when it returns.
   */
  restrictions: Access | undefined;
  disconnectedAtMs: number | undefined;
  /** Created when needed, as those below: ten thousand idle sessions have none of them. */
  subscriptions: Map<TopicFilter, Subscription> | undefined;
  #subscriptionBytes = 0;
  #inbound: Set<number> | undefined;
  /** Those among them that came on earlier connections, and those that wait to be published since then. */
  #earlierInbound: Set<number> | undefined;
  #reservedInbound: Set<number> | undefined;
  #origin: Origin | undefined;
  /** Whether the session has ended: a message that is still on its way to it, or from it, has no effect on it. */
  isOver = false;
  #outbound: Outbound | undefined;
  #memoryShare: MemoryShare | undefined;
  /** The shared groups of which the session is a member, with the subscription by which it is. */
  #groups: Map<SharedGroup, Subscription> | undefined;
  /** The expiry of a disconnected session; not set while connected, nor for a session that never expires. */
  readonly expiry: Deadline<Session> | undefined;

  /** Whether the session is stored: it was created as one that outlives its connection. */
  readonly stored: boolean;
  /** What the record in storage says of the queue since an earlier process, until the record is written again. */
  #restoredMark: SentMark | undefined;

  constructor(
    readonly clientId: ClientId,
    /** How long the session outlives its connection, in seconds; set by each CONNECT. */
    public expiryIntervalS: number,
    readonly context: Context,
    expiryTimer: TimerKind<Session>,
    stored = expiryIntervalS > 0,
  ) {
    this.stored = stored;
    if (this.stored) this.expiry = new Deadline<Session>(expiryTimer, this);
  }

  get outbound(): Outbound {
    if (this.#outbound === undefined) {
      // There was no queue at start: the record is of one that is gone, and would be taken for this one.
      if (this.#restoredMark !== undefined) this.record();
      this.#outbound = new Outbound(sessionQueue(this.clientId), this.stored, this, this.context);
      this.#outbound.restrictions = this.restrictions;
      if (this.output !== undefined) this.#outbound.attach(this.output);
    }
    return this.#outbound;
  }

  restoreMark({ sentBelow, doubtBelow }: SentMark): void {
    if (sentBelow !== 0 || doubtBelow !== 0) this.#restoredMark = { sentBelow, doubtBelow };
  }

  /** Its queue, as the store has it at start. */
  restoreQueue(bounds: QueueBounds): void {
    const mark = this.#restoredMark ?? NOTHING_SENT;
    this.#restoredMark = undefined;
    // Otherwise what arrives before the next connection would be in doubt after the next restart.
    if (this.outbound.restore(bounds, mark)) this.record();
  }

  /** Whether the client has a backlog, of its own or as a member of a group. */
  get isBehind(): boolean {
    if (this.#outbound?.isBehind === true) return true;
    for (const group of this.groups) if (group.isBehind) return true;
    return false;
  }

  hurry(): void {
    this.output?.intake?.hurry();
  }

  /** What it holds in memory for its connection; created when needed. */
  get memoryShare(): MemoryShare {
    return (this.#memoryShare ??= new MemoryShare(this, this.context.memory));
  }

  /** The name of its queue, whether there is one or not. */
  get queueId(): QueueId {
    return sessionQueue(this.clientId);
  }

  freeMemory(): boolean {
    return this.#outbound?.queue.freeMemory() ?? false;
  }

  freeBuffer(): boolean {
    return this.stored && this.freeMemory();
  }

  /** The connection has ended: nothing is held for it any more. */
  closeMemoryShare(): void {
    this.#memoryShare?.close();
    this.#memoryShare = undefined;
    this.#earlierInbound = undefined;
  }

  /** Its outbound queue, if it has ever had a message. */
  get outboundIfAny(): Outbound | undefined {
    return this.#outbound;
  }

  deliver(message: Message, options: DeliveryOptions, source?: DeliverySource): DeliveryOutcome {
    if (this.restrictions !== undefined && !this.admits(message, options.qos)) return 'not-authorized';
    if (options.qos > 0) return this.outbound.push(message, options, source);
    return this.deliverAtMostOnce(message, options);
  }

  /** A QoS 0 delivery: sent now, or dropped. */
  deliverAtMostOnce(message: Message, options: DeliveryOptions): DeliveryOutcome {
    const { counters } = this.context;
    const { output } = this;
    counters.started++;
    const reason = output === undefined ? 'client-offline' : output.deliverAtMostOnce(message, options, this);
    if (reason === undefined) {
      counters.delivered++;
      return 'sent';
    }
    drop(this.context, reason, message, 0, sessionQueue(this.clientId));
    return reason;
  }

  hasSubscription(topicFilter: TopicFilter): boolean {
    return !this.isOver && (this.subscriptions?.has(topicFilter) ?? false);
  }

  get isConnected(): boolean {
    return this.output !== undefined;
  }

  get keepsUp(): boolean {
    return this.output?.window.keepsUp(this.context.nowMs) ?? false;
  }

  fullFor(draft: MessageDraft): Pressed | undefined {
    if (this.isOver || !this.mayReceive(draft.topic)) return undefined;
    return this.outbound.fullFor(draft);
  }

  takes(message: Message, qos: QoS, identifiers: readonly number[] | undefined): boolean {
    return this.mayReceive(message.topic) && (this.output?.fits(message, qos, identifiers) ?? true);
  }

  mayReceive(topic: TopicName): boolean {
    return this.restrictions === undefined || this.restrictions.receive(topic).isAllowed;
  }

  /** Sets the restrictions from now on; attaching a connection sets them too. */
  permit(access: Access | undefined): void {
    this.restrictions = access === undefined || access.allowsAll ? undefined : access;
    if (this.#outbound !== undefined) this.#outbound.restrictions = this.restrictions;
    // Messages waiting for a member that may no longer receive them go to another.
    if (this.output !== undefined) for (const group of this.groups) group.drain();
  }

  /** Whether the client may receive the message; if not, its delivery ends here. */
  admits(message: Message, qos: QoS): boolean {
    const decision = this.restrictions?.receive(message.topic);
    if (decision === undefined || decision.isAllowed) return true;
    this.context.counters.started++;
    drop(this.context, 'not-authorized', message, qos, sessionQueue(this.clientId), decision.reason);
    return false;
  }

  isReadyFor(qos: QoS): boolean {
    if (this.output === undefined) return false;
    return qos === 0 ? !this.output.isCongested : this.outbound.canSendNow;
  }

  capacityAvailable(): void {
    this.output?.capacityAvailable();
    this.#takeFromGroups(true);
  }

  /** The connection is no longer congested. */
  writable(): void {
    this.output?.capacityAvailable();
    // Messages at QoS 0 do not count in the window.
    this.#takeFromGroups(false);
  }

  #takeFromGroups(endsWithWindow: boolean): void {
    const groups = this.#groups;
    const { waitingGroups } = this.context;
    if (groups === undefined || waitingGroups.size === 0) return;
    // Whichever are fewer: the groups of this session, or those in which messages wait.
    const candidates = waitingGroups.size < groups.size ? (waitingGroups as Set<SharedGroup>) : groups.keys();
    for (const group of candidates) {
      const subscription = groups.get(group);
      if (subscription !== undefined) group.memberReady(subscription);
      if (endsWithWindow && !this.outbound.canSendNow) return;
    }
  }

  /** The shared groups of which the session is a member. */
  get groups(): Iterable<SharedGroup> {
    return this.#groups?.keys() ?? [];
  }

  /** What its subscriptions count for in the limits of memory. */
  get subscriptionBytes(): number {
    return this.#subscriptionBytes;
  }

  putSubscription(subscription: Subscription): Subscription | undefined {
    const subscriptions = (this.subscriptions ??= new Map<TopicFilter, Subscription>());
    const old = subscriptions.get(subscription.topicFilter);
    subscriptions.set(subscription.topicFilter, subscription);
    if (old === undefined) this.#subscriptionBytes += subscription.bytes;
    if (subscription.group !== undefined)
      (this.#groups ??= new Map<SharedGroup, Subscription>()).set(subscription.group, subscription);
    return old;
  }

  takeSubscription(topicFilter: TopicFilter): Subscription | undefined {
    const subscription = this.subscriptions?.get(topicFilter);
    if (subscription === undefined) return undefined;
    this.subscriptions?.delete(topicFilter);
    this.#subscriptionBytes -= subscription.bytes;
    if (subscription.group !== undefined) this.#groups?.delete(subscription.group);
    return subscription;
  }

  hasInbound(packetId: number): boolean {
    return this.#inbound?.has(packetId) ?? false;
  }

  get inbound(): Iterable<number> {
    return this.#inbound ?? [];
  }

  get inboundCount(): number {
    return this.#inbound?.size ?? 0;
  }

  /** Whether the client has so many messages at QoS 2 in progress that their identifiers matter for memory. */
  get hasManyInbound(): boolean {
    return this.inboundCount >= INBOUND_FREE;
  }

  /** Those that came on this connection: a quota begins again with each (MQTT 5 section 4.9). */
  get inboundOfConnection(): number {
    return Math.max(0, this.inboundCount - (this.#earlierInbound?.size ?? 0));
  }

  restoreInbound(packetId: number): void {
    (this.#inbound ??= new Set<number>()).add(packetId);
    this.context.leftBytes += inboundBytes(this.stored);
    this.context.inboundInFlight++;
  }

  /** The session has ended. */
  forgetInbound(): void {
    this.context.leftBytes -= this.inboundCount * inboundBytes(this.stored);
    this.context.inboundInFlight -= this.inboundCount;
    this.#inbound = undefined;
  }

  /** Where messages of this client come from; created with the first one. */
  get origin(): Origin {
    return (this.#origin ??= { kind: 'client', clientId: this.clientId });
  }

  /** Whether a QoS 2 message with this identifier waits to be published: see `reserveInbound`. */
  hasReservedInbound(packetId: number): boolean {
    return this.#reservedInbound?.has(packetId) ?? false;
  }

  /** Remembers the identifier of a QoS 2 message that is not published yet; `putInbound` follows. */
  reserveInbound(packetId: number): void {
    (this.#reservedInbound ??= new Set<number>()).add(packetId);
  }

  /** The message was not accepted. */
  dropReservedInbound(packetId: number): void {
    this.#reservedInbound?.delete(packetId);
    if (this.#earlierInbound?.delete(packetId) === true) this.#holdInbound(-1);
  }

  putInbound(packetId: number): void {
    this.#reservedInbound?.delete(packetId);
    if (this.isOver) return;
    (this.#inbound ??= new Set<number>()).add(packetId);
    this.context.leftBytes += inboundBytes(this.stored);
    this.context.inboundInFlight++;
    this.#holdInbound(1);
    if (this.stored) this.context.changes.record({ kind: 'inbound.put', clientId: this.clientId, packetId });
  }

  /** Returns false if there was none. */
  dropInbound(packetId: number): boolean {
    if (this.#inbound === undefined || !this.#inbound.delete(packetId)) return false;
    this.context.leftBytes -= inboundBytes(this.stored);
    this.context.inboundInFlight--;
    this.#holdInbound(this.#earlierInbound?.delete(packetId) === true ? -2 : -1);
    if (this.stored) this.context.changes.record({ kind: 'inbound.drop', clientId: this.clientId, packetId });
    return true;
  }

  /** A connection has been attached. */
  attached(output: ClientOutput): void {
    this.output = output;
    if (this.#inbound !== undefined) this.#holdInbound(this.#inbound.size);
  }

  /** What the client has not released so far does not count in the Receive Maximum of this connection. */
  beginQuota(): void {
    const earlier = new Set([...(this.#inbound ?? []), ...(this.#reservedInbound ?? [])]);
    this.#earlierInbound = earlier.size === 0 ? undefined : earlier;
    this.#holdInbound(earlier.size);
  }

  /**
   * Identifiers that the client does not release count against `maxWaitingBytes` while it is connected: without a
   * connection it cannot pay.
   */
  #holdInbound(count: number): void {
    this.holdForConnection(count * inboundBytes(false));
  }

  /** Counts memory that the client makes the broker hold for as long as it is connected. */
  holdForConnection(bytes: number): void {
    if (this.output === undefined) return;
    this.memoryShare.add(bytes);
    const { memory } = this.context;
    if (memory.bytes > memory.limit) memory.enforce();
  }

  record(): void {
    this.#restoredMark = undefined;
    if (this.stored) this.context.changes.record({ kind: 'session.put', session: this.toRecord() });
  }

  toRecord(): SessionRecord {
    const { clientId, expiryIntervalS, disconnectedAtMs } = this;
    const { sentBelow, doubtBelow } = this.#outbound?.mark ?? NOTHING_SENT;
    // What is sent while the client is connected is not recorded: if the broker crashes, any message may have been.
    const isAway = disconnectedAtMs !== undefined;
    return { clientId, expiryIntervalS, disconnectedAtMs, sentBelow, doubtBelow: isAway ? doubtBelow : undefined };
  }
}
