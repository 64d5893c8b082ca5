// A shared subscription's group: each message goes to one member. A member gets only what it can take at once; the rest waits with the group,
// so that a member that is slow or gone holds back nobody, and what a member could not deliver comes back [MQTT-4.8.2-6].
import type { QoS } from '../../protocol/packets.js';
import type { Context } from '../context.js';
import type { StoredEntry } from '../events.js';
import { groupQueue } from '../identifiers.js';
import type { QueueId, Seq, TopicFilter } from '../identifiers.js';
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
    const member = this.#waiting.isEmpty ? this.#nextReady(message.qos) : undefined;
    if (member !== undefined) this.#give(member, message);
    else if (message.qos > 0) {
      this.#waiting.push(message, message.qos as 1 | 2, false, undefined, undefined, true);
      this.drain();
      keepPayload(message);
    } else {
      const { accounts, effects } = this.context;
      accounts.begun++;
      accounts.dropped['client-offline']++;
      effects.notice({ kind: 'message-dropped', reason: 'client-offline', topic: message.topic, qos: 0, queue: this.id });
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
      const member = this.#nextReady(entry.qos);
      if (member === undefined) return;
      this.#waiting.shift();
      this.#waiting.remove(entry, this.#waiting.unread);
      this.context.accounts.begun--;
      this.#give(member, entry.message);
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

  /** In turn, passing over those that are away or busy. */
  #nextReady(qos: QoS): Member | undefined {
    const members = this.#members;
    for (let i = 0; i < members.length; i++) {
      const at = (this.#turn + i) % members.length;
      const member = members[at] as Member;
      if (!member.session.isReadyFor(Math.min(qos, member.qos) as QoS)) continue;
      this.#turn = at + 1;
      return member;
    }
    return undefined;
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
