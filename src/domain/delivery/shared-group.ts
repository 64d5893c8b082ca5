// A shared subscription's group: each message goes to one member. A member gets only what it can take at once; the rest waits with the group,
// so that a member that is slow or gone holds back nobody, and what a member could not deliver comes back [MQTT-4.8.2-6].
import type { QoS } from '../../protocol/packets.js';
import type { Context } from '../context.js';
import type { StoredEntry } from '../events.js';
import { groupQueue } from '../identifiers.js';
import type { QueueId, Seq, TopicFilter, TopicName } from '../identifiers.js';
import { MessageQueue } from '../session/message-queue.js';
import type { Giver, QueueEntry, QueueOwner } from '../session/message-queue.js';
import type { Recipient } from '../session/recipient.js';
import { keepPayload } from './message.js';
import type { Message } from './message.js';

/** A subscription, as the group sees it. */
export interface Member {
  readonly session: Recipient;
  readonly qos: QoS;
  readonly retainAsPublished: boolean;
  readonly identifiers: readonly number[] | undefined;
}

const NOBODY_MAY = 'none of the members that are connected may receive it';

export class SharedGroup implements QueueOwner, Giver {
  readonly inFlightCount = 0;
  readonly sentBelow = 0;
  readonly id: QueueId;
  readonly #members: Member[] = [];
  #turn = 0;
  #waiting: MessageQueue;

  constructor(
    shareName: string,
    readonly filter: TopicFilter,
    readonly context: Context,
  ) {
    this.id = groupQueue(shareName, filter);
    this.#waiting = new MessageQueue(this.id, false, this, context);
  }

  get isEmpty(): boolean {
    return this.#members.length === 0;
  }

  get count(): number {
    return this.#waiting.count;
  }

  restore(first: Seq, next: Seq, count: number, bytes: number): void {
    this.#waiting = new MessageQueue(this.id, true, this, this.context);
    this.#waiting.restore(first, next, count, bytes);
  }

  join(member: Member): void {
    this.#members.push(member);
    if (member.session.stored && !this.#waiting.stored) this.#store();
    if (member.session.isConnected) this.memberCame();
  }

  /** The last one out drops what was waiting. */
  leave(member: Member): void {
    const at = this.#members.indexOf(member);
    if (at >= 0) this.#members.splice(at, 1);
    if (this.#members.length > 0) {
      this.#closeIfAlone();
      return;
    }
    const { accounts, changes } = this.context;
    accounts.dropped['session-ended'] += this.#waiting.count;
    if (this.#waiting.stored) changes.record({ kind: 'queue.drop', queue: this.id });
    this.#waiting.close(this.#waiting.unread);
    this.#waiting = new MessageQueue(this.id, false, this, this.context);
  }

  /** A member has connected. */
  memberCame(): void {
    this.#waiting.open();
    this.drain();
  }

  /** A member has disconnected. */
  memberLeft(): void {
    this.#closeIfAlone();
  }

  hasOtherThan(recipient: object): boolean {
    return this.#members.some(({ session }) => session !== recipient && (session.isConnected || session.stored));
  }

  publish(message: Message): void {
    const member = this.#waiting.isEmpty ? this.#nextReady(message) : undefined;
    if (member !== undefined) this.#give(member, message);
    else if (message.qos > 0) {
      this.#waiting.push(message, message.qos as 1 | 2, false, undefined, undefined, true);
      this.drain();
      keepPayload(message);
    } else {
      this.context.accounts.begun++;
      if (this.#isRefused(message.topic)) this.#waiting.dropped('not-authorized', message, 0, NOBODY_MAY);
      else this.#waiting.dropped('client-offline', message, 0);
    }
  }

  /** A member's session could not deliver it and has taken it off its queue. */
  takeBack(entry: QueueEntry): void {
    const { accounts } = this.context;
    if (this.isEmpty) {
      accounts.dropped['session-ended']++;
      return;
    }
    accounts.begun--; // it is the same delivery that goes on
    if (entry.message !== undefined) this.publish(entry.message);
  }

  /** Gives what waits to members that can take it. */
  drain(): void {
    for (;;) {
      const entry = this.#waiting.run.peek();
      if (entry?.message === undefined) break;
      const { message } = entry;
      const ready = this.#nextReady(message);
      if (ready === undefined && this.#isForAll(message.topic)) return;
      const member = ready ?? this.#nextInNeed(message);
      this.#waiting.shift();
      this.#waiting.remove(entry, this.#waiting.unread);
      if (member === undefined) {
        this.#waiting.dropped('not-authorized', message, entry.qos, NOBODY_MAY);
        continue;
      }
      this.context.accounts.begun--; // it is the same delivery that goes on
      this.#give(member, message);
    }
    this.#waiting.fill(true);
  }

  page(request: number, entries: readonly StoredEntry[]): void {
    this.#waiting.filled(request, entries);
    this.drain();
  }

  #give(member: Member, message: Message): void {
    const qos = Math.min(message.qos, member.qos) as QoS;
    member.session.deliver(message, qos, member.retainAsPublished && message.retain, member.identifiers, this);
  }

  /** Passing over those that are away, busy, or may not receive it. */
  #nextReady({ qos, topic }: Message): Member | undefined {
    return this.#next(({ session, qos: granted }) => session.isReadyFor(Math.min(qos, granted) as QoS) && session.mayReceive(topic));
  }

  /**
   * For a message that some of those who are connected may not receive: behind it, others would wait for what is not for them. So it goes to the queue
   * of one that may have it, and is busy, or of one that is away, and is judged when it returns.
   */
  #nextInNeed({ qos, topic }: Message): Member | undefined {
    const connected = this.#next(({ session }) => session.isConnected && session.mayReceive(topic));
    return connected ?? this.#next(({ session, qos: granted }) => !session.isConnected && session.stored && Math.min(qos, granted) > 0);
  }

  /** In turn. */
  #next(suits: (member: Member) => boolean): Member | undefined {
    const members = this.#members;
    for (let i = 0; i < members.length; i++) {
      const at = (this.#turn + i) % members.length;
      const member = members[at] as Member;
      if (!suits(member)) continue;
      this.#turn = at + 1;
      return member;
    }
    return undefined;
  }

  /** Whether all who are connected may receive it: whoever has room first can have it. */
  #isForAll(topic: TopicName): boolean {
    return this.#members.every(({ session }) => !session.isConnected || session.mayReceive(topic));
  }

  /** Whether somebody is connected, and none of them may receive it. */
  #isRefused(topic: TopicName): boolean {
    return this.#members.some(({ session }) => session.isConnected) && !this.#members.some(({ session }) => session.isConnected && session.mayReceive(topic));
  }

  #closeIfAlone(): void {
    if (!this.#members.some(({ session }) => session.isConnected)) this.#waiting.close(this.#waiting.unread);
  }

  /** From here on what waits is stored: a member's session is. */
  #store(): void {
    const before = this.#waiting;
    this.#waiting = new MessageQueue(this.id, true, this, this.context);
    if (this.#members.some(({ session }) => session.isConnected)) this.#waiting.open();
    for (const entry of before.run) {
      this.context.accounts.begun--;
      if (entry.message !== undefined) this.#waiting.push(entry.message, entry.qos, entry.retain, undefined, undefined, false);
    }
  }
}
