// The group of a shared subscription: each message goes to one member. A member gets only what it can send at once; the
// rest waits in the group's queue, so a slow or offline member delays no other, and a member returns what it could not
// deliver [MQTT5-4.8.2-6]. If the group's queue is stored, a member whose session is not only reserves a QoS 1 message:
// the entry stays in the group's queue until the member has acknowledged it, because a crash would otherwise lose it.
import type { Context } from '../context.js';
import type { StoredEntry } from '../inputs.js';
import { groupQueue } from '../identifiers.js';
import type { ConnectionId, QueueId, Seq, TopicFilter, TopicName } from '../identifiers.js';
import { MessageQueue } from '../queues/message-queue.js';
import type { QueueOwner } from '../queues/queue-owner.js';
import type { DeliverySource, QueueEntry } from '../queues/queue-entry.js';
import type { Pressed } from '../slowed-publisher.js';
import { qosOf, refusalOf, takes } from './member.js';
import type { Member } from './member.js';
import { Reservation } from './reservation.js';
import type { Task } from '../work-queue.js';
import { deliveryOptions } from '../messages/delivery-options.js';
import { detachPayload, hasExpired } from '../messages/message.js';
import type { Message, MessageDraft } from '../messages/message.js';
import type { DeliveryOutcome } from '../messages/publication.js';
import { MemoryShare } from '../waiting-memory.js';
import type { MemoryHolder } from '../waiting-memory.js';

/** So many members are looked at in the time that it takes to deliver a message. */
const MEMBERS_PER_RECIPIENT = 256;

const NO_MEMBER_MAY = 'none of the members that are connected takes it';

export class SharedGroup implements QueueOwner, DeliverySource, MemoryHolder<ConnectionId>, Task {
  readonly sentBelow = 0;
  readonly doubtBelow = 0;
  /** Messages that can be sent at once do not enter its queue, or leave it in the same step. */
  readonly canSendNow = false;
  /** It has no connection of its own. */
  readonly holder = undefined;
  readonly id: QueueId;
  /** The revision of the router's subscriptions that it began with. */
  addedAt = 0;
  readonly #members: Member[] = [];
  /** The number of members that are connected. */
  #connected = 0;
  #nextIndex = 0;
  #memoryShare: MemoryShare | undefined;
  #waiting: MessageQueue;
  /** Entries removed from the buffer and still in the queue, in order. */
  readonly inFlight = new Set<QueueEntry>();
  /**
   * The front of the buffer when no member was ready for it and all that are connected may receive it: as long as it is
   * the front, only a member that has become ready has to be looked at.
   */
  #blocked: QueueEntry | undefined;

  constructor(
    readonly shareName: string,
    readonly filter: TopicFilter,
    readonly context: Context,
  ) {
    this.id = groupQueue(shareName, filter);
    this.#waiting = new MessageQueue(this.id, false, this, context);
  }

  get memoryShare(): MemoryShare {
    return (this.#memoryShare ??= new MemoryShare(this, this.context.memory));
  }

  freeMemory(): boolean {
    this.#blocked = undefined;
    return this.#waiting.freeMemory();
  }

  freeBuffer(): boolean {
    return this.#waiting.stored && this.freeMemory();
  }

  get isEmpty(): boolean {
    return this.#members.length === 0;
  }

  get members(): readonly Member[] {
    return this.#members;
  }

  /** What publishing a message to the group costs, in recipients: it may have to look at all members. */
  get publishCost(): number {
    return 1 + Math.floor(this.#members.length / MEMBERS_PER_RECIPIENT);
  }

  get count(): number {
    return this.#waiting.count;
  }

  /** Payload bytes of what waits in it, or, if its queue is not stored, all that this takes. */
  get bytes(): number {
    return this.#waiting.bytes;
  }

  get queue(): MessageQueue {
    return this.#waiting;
  }

  get connectedCount(): number {
    return this.#connected;
  }

  get inFlightCount(): number {
    return this.inFlight.size;
  }

  get keepsUp(): boolean {
    const count = Math.min(this.#members.length, MEMBERS_PER_RECIPIENT);
    for (let i = 0; i < count; i++)
      if (this.#members[(this.#nextIndex + i) % this.#members.length]?.session.keepsUp === true) return true;
    return false;
  }

  /** If there is no room for a message: what its publisher waits for. */
  fullFor(draft: MessageDraft): Pressed | undefined {
    return this.isEmpty || this.#passesOn(draft.topic) ? undefined : this.#waiting.fullFor(draft);
  }

  /** Whether a message would go to a member at once. */
  #passesOn(topic: TopicName): boolean {
    if (this.#waiting.count > this.inFlight.size) return false;
    return this.#members.some(({ session }) => session.isReadyFor(1) && session.mayReceive(topic));
  }

  get isBehind(): boolean {
    return this.#waiting.backlog !== undefined;
  }

  fellBehind(): void {
    for (const { session } of this.#members) session.hurry();
  }

  restore(first: Seq, next: Seq, count: number, bytes: number): void {
    this.#waiting = new MessageQueue(this.id, true, this, this.context);
    // Which ones are missing among those that members had reserved is unknown.
    this.#waiting.restore(first, next, count, bytes, next);
  }

  droppedWaiting(): void {
    // Nothing is missing behind the entries that members have reserved.
  }

  join(member: Member): void {
    // Sessions that have ended leave in later steps: if there were only such members, the group has ended with them.
    if (this.#members.length > 0 && this.#members.every(({ session }) => session.isOver)) this.#end();
    this.#members.push(member);
    this.#blocked = undefined;
    if (member.session.stored && !this.#waiting.stored) this.#store();
    if (member.session.isConnected) this.memberConnected();
  }

  /** The last member to leave drops what was waiting. */
  leave(member: Member): void {
    const at = this.#members.indexOf(member);
    if (at < 0) return;
    this.#members.splice(at, 1);
    if (member.session.isConnected) this.#connected--;
    this.#blocked = undefined;
    if (this.#members.length > 0) this.#closeIfAlone();
    else this.#end();
  }

  #end(): void {
    const { counters, changes } = this.context;
    counters.dropped['session-ended'] += this.#waiting.count - this.inFlight.size;
    this.context.queued += this.inFlight.size;
    this.inFlight.clear();
    this.context.trace?.queueEnded(this.id);
    if (this.#waiting.stored) changes.record({ kind: 'queue.drop', queue: this.id });
    this.#waiting.close(this.#waiting.firstUndelivered);
    this.#waiting.ended();
    this.#memoryShare?.close();
    this.#memoryShare = undefined;
    this.#waiting = new MessageQueue(this.id, false, this, this.context);
    this.context.waitingGroups.delete(this);
  }

  memberConnected(): void {
    this.#connected++;
    this.#waiting.open();
    this.drain();
  }

  memberDisconnected(): void {
    this.#connected--;
    this.#blocked = undefined;
    this.#closeIfAlone();
  }

  hasOtherCandidate(recipient: object): boolean {
    return this.#members.some(
      ({ session }) => session !== recipient && (session.isConnected || (session.stored && !session.isOver)),
    );
  }

  publish(message: Message): DeliveryOutcome {
    const waiting = this.#waiting;
    const member = waiting.count === this.inFlight.size ? this.#next((one) => this.#isReady(one, message)) : undefined;
    if (member !== undefined && !this.#reservesFor(member, message)) return this.#deliverTo(member, message, this);
    if (message.qos === 0) {
      this.context.counters.started++;
      const refusal = refusalOf(this.#members, message);
      waiting.dropped(refusal ?? 'client-offline', message, 0, refusal && NO_MEMBER_MAY);
      return refusal ?? 'client-offline';
    }
    const dropped = waiting.push(message, deliveryOptions(message.qos, false, undefined), undefined, true);
    if (member !== undefined && waiting.buffer.peek()?.message === message) this.#assign(member, message);
    else if (!this.#isBlocked) this.drain();
    detachPayload(message);
    if (dropped !== undefined) return dropped;
    if (this.#connected > 0) waiting.grew();
    return 'queued';
  }

  /** Takes back an entry that a member's session could not deliver and has removed from its queue. */
  returnUndelivered(entry: QueueEntry): void {
    const { counters } = this.context;
    if (this.isEmpty) {
      counters.dropped['session-ended']++;
      return;
    }
    if (entry.message !== undefined && hasExpired(entry.message, this.context.nowMs)) {
      this.#waiting.dropped('expired', entry.message, entry.qos);
      return;
    }
    counters.transferred++; // the same delivery continues
    this.context.changes.continueStep(entry.after);
    if (entry.message !== undefined) this.publish(entry.message);
  }

  /** A member has settled an entry that was reserved for it. */
  settle(entry: QueueEntry): void {
    const isLowest = entry.seq === this.#lowest();
    // No longer in this group's queue: the last member had left.
    if (!this.inFlight.delete(entry)) return;
    this.context.queued++; // counted again, to be removed
    this.#waiting.remove(entry, isLowest ? this.#lowest() : undefined);
  }

  /** The member can take a message now. */
  memberReady(member: Member): void {
    const message = this.#blocked?.message;
    if (message === undefined || !this.#isBlocked || this.#isReady(member, message)) this.drain();
  }

  run(): boolean {
    this.drain();
    return true;
  }

  /** Assigns waiting messages to members that can send them; what is left of many continues in later steps. */
  drain(): void {
    this.#blocked = undefined;
    this.#drain();
    // Sessions with capacity look here for messages.
    if (this.#waiting.count > this.inFlight.size) this.context.waitingGroups.add(this);
    else this.context.waitingGroups.delete(this);
  }

  /** Whether publishing cannot change what the members are ready for. */
  get #isBlocked(): boolean {
    return this.#blocked !== undefined && this.#blocked === this.#waiting.buffer.peek();
  }

  #drain(): void {
    const { context } = this;
    for (;;) {
      const entry = this.#waiting.buffer.peek();
      if (entry?.message === undefined) break;
      if (context.sliceLeft <= 0) {
        context.work.add(this);
        return;
      }
      context.sliceLeft -= this.publishCost;
      const { message } = entry;
      // A member at QoS 0 would get it as it is [MQTT5-3.3.2-5].
      if (hasExpired(message, context.nowMs)) {
        this.#dequeue();
        this.#waiting.dropped('expired', message, entry.qos);
        continue;
      }
      const ready = this.#next((one) => this.#isReady(one, message));
      if (ready === undefined && this.#isForAll(message)) {
        this.#blocked = entry;
        return;
      }
      const member = ready ?? this.#nextEligible(message);
      if (member !== undefined) {
        this.#assign(member, message);
        continue;
      }
      this.#dequeue();
      const refusal = refusalOf(this.#members, message) ?? 'not-authorized';
      this.#waiting.dropped(refusal, message, entry.qos, NO_MEMBER_MAY);
    }
    this.#waiting.fill(true);
  }

  page(request: number, entries: readonly StoredEntry[]): void {
    this.#waiting.filled(request, entries);
    this.drain();
    this.context.memory.enforce();
  }

  /** Assigns the front of the buffer to a member. */
  #assign(member: Member, message: Message): void {
    this.context.counters.transferred++; // the same delivery continues
    if (!this.#reservesFor(member, message)) {
      // What a delivery at QoS 2 waits for does not change with the queue that it comes from.
      this.context.changes.continueStep(this.#dequeue().after);
      this.#deliverTo(member, message, this);
      return;
    }
    const entry = this.#waiting.buffer.shift() as QueueEntry;
    this.#waiting.reserved(entry);
    this.inFlight.add(entry);
    this.#deliverTo(member, message, new Reservation(this, entry));
  }

  #deliverTo(member: Member, message: Message, source: DeliverySource): DeliveryOutcome {
    const retain = member.retainAsPublished && message.retain;
    return member.session.deliver(message, deliveryOptions(qosOf(member, message), retain, member.identifiers), source);
  }

  /** Not at QoS 2: a message sent to one member may go to no other [MQTT5-4.8.2-5], so it is not kept. */
  #reservesFor(member: Member, message: Message): boolean {
    return this.#waiting.stored && !member.session.stored && qosOf(member, message) === 1;
  }

  /** Removes the front of the buffer from the queue. */
  #dequeue(): QueueEntry {
    const entry = this.#waiting.buffer.shift() as QueueEntry;
    this.#waiting.remove(entry, this.inFlight.size === 0 ? this.#waiting.firstUndelivered : undefined);
    return entry;
  }

  /** The seq of the lowest entry still in use. */
  #lowest(): number {
    for (const { seq } of this.inFlight) return seq;
    return this.#waiting.firstUndelivered;
  }

  #isReady(member: Member, message: Message): boolean {
    return member.session.isReadyFor(qosOf(member, message)) && takes(member, message);
  }

  /**
   * For a message that some connected members do not take: in the group's queue it would hold up messages for them.
   * So it goes to the queue of a busy member that may receive it, or of an offline member, whose permissions are
   * checked when it returns.
   */
  #nextEligible(message: Message): Member | undefined {
    const connected = this.#next((member) => member.session.isConnected && takes(member, message));
    return (
      connected ??
      this.#next(
        (member) =>
          !member.session.isConnected && member.session.stored && !member.session.isOver && qosOf(member, message) > 0,
      )
    );
  }

  /** Members take turns. */
  #next(suits: (member: Member) => boolean): Member | undefined {
    const members = this.#members;
    for (let i = 0; i < members.length; i++) {
      const at = (this.#nextIndex + i) % members.length;
      const member = members[at] as Member;
      if (!suits(member)) continue;
      this.#nextIndex = at + 1;
      return member;
    }
    return undefined;
  }

  /** Whether all connected members take the message, so that the first one with capacity can have it. */
  #isForAll(message: Message): boolean {
    return this.#connected === 0 || this.#members.every((one) => !one.session.isConnected || takes(one, message));
  }

  #closeIfAlone(): void {
    if (this.#connected === 0) this.#waiting.close(this.#waiting.firstUndelivered);
  }

  /** From now on waiting messages are stored, because a member's session is. */
  #store(): void {
    const before = this.#waiting;
    this.#waiting = new MessageQueue(this.id, true, this, this.context);
    if (this.#members.some(({ session }) => session.isConnected)) this.#waiting.open();
    for (const entry of before.buffer) {
      this.context.counters.transferred++;
      if (entry.message !== undefined) this.#waiting.push(entry.message, entry.options, undefined, false);
    }
    before.ended();
    before.buffer.discard();
  }
}
