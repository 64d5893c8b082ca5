// What is known from outside about shared groups: what each was to get, who was sent it, and who may have taken it along.
import type { QoS } from '../../protocol/packets.js';
import type { QueueId } from '../../ports/index.js';
import { valueOf } from './ledger.js';
import type { Ledger } from './ledger.js';
import type { ConnectionEnd } from './network.js';
import { isPromised } from './publications.js';
import type { Publication, Publications } from './publications.js';
import type { Rules } from './rules.js';
import { queueOf } from './subscribers.js';
import type { Standing, Subscriber } from './subscribers.js';
import type { Taken } from './taken.js';
import type { Verdict } from './violation.js';

/**
 * Whether a message at QoS 2 is given to another member when the one that it was handed to goes before it was sent, and its session ends. It must, and
 * is not yet: only one that was sent stays with its member [MQTT-4.8.2-4], [MQTT-4.8.2-5].
 */
const HANDED_AND_NOT_YET_SENT_GOES_ON = false;

export interface GroupWatchParts {
  readonly ledger: Ledger;
  readonly verdict: Verdict;
  readonly publications: Publications;
  readonly rules: Rules;
  readonly subscribers: ReadonlyMap<string, Subscriber>;
  readonly takenBy: (name: string) => Taken;
  /** Whether a drop of the queue was told. */
  readonly hasDropped: (queue: QueueId) => boolean;
  /** To be told of what somebody never got, by topic. */
  readonly missing: (queue: QueueId, who: string, missing: ReadonlyMap<string, readonly string[]>) => void;
}

/** What a clean member may have taken with it at QoS 2: of that nothing is kept for others. */
interface Gone {
  readonly tag: string;
  /** Where it may still be. */
  readonly queues: readonly QueueId[];
  /** How often the group's queue had had it. */
  readonly appends: number;
}

export class GroupWatch {
  readonly #parts: GroupWatchParts;
  /** By the group's queue and message. */
  readonly #gone = new Map<string, Gone>();
  /** Who was sent it at QoS 2, by group and message. */
  readonly #handed = new Map<string, string>();

  constructor(parts: GroupWatchParts) {
    this.#parts = parts;
  }

  /** A member that was sent it at QoS 2 keeps it, whatever becomes of the member [MQTT-4.8.2-4], [MQTT-4.8.2-5]. */
  handedTo(subscriber: Subscriber, publication: Publication, qos: QoS): void {
    const texts = new Set(
      subscriber.mayGet(publication).map(({ text, shareName }) => (shareName === undefined ? '' : text)),
    );
    const [text = ''] = texts;
    // By which of several subscriptions it comes nobody outside knows.
    if (texts.size !== 1 || text === '') return;
    const handed = `${text} ${publication.tag}`;
    const keeper = this.#handed.get(handed) ?? subscriber.name;
    if (keeper !== subscriber.name)
      this.#parts.verdict.fail(
        'QoS 2 comes once',
        `${subscriber.name} gets ${publication.tag} by ${text}, which ${keeper} was sent at QoS 2`,
      );
    if (qos === 2) this.#handed.set(handed, keeper);
  }

  /** What nobody has at QoS 2 of what its groups were to get; unless, as the disk will say, it still waits with the group or a member. */
  cleanMemberGoes(subscriber: Subscriber, how: ConnectionEnd): void {
    if (HANDED_AND_NOT_YET_SENT_GOES_ON && how !== 'died') return;
    const { ledger } = this.#parts;
    const groups = this.#groups();
    for (const { text, shareName } of subscriber.standing) {
      if (shareName === undefined) continue;
      const members = groups.get(text) ?? [];
      for (const publication of this.#parts.publications.all.values()) {
        const { tag, qos, first } = publication;
        if (qos !== 2 || first === undefined || publication.isClear) continue;
        if (members.some((member) => this.#hasHad(member, publication))) continue;
        const queue = groupQueueOf(text);
        const put = `${queue} ${tag}`;
        const gone = { queues: [queue, ...members.map(queueOf)], tag, appends: ledger.appends.get(put) ?? 0 };
        this.#gone.set(put, gone);
      }
    }
  }

  /** The disk has all that there is. */
  settled(): void {
    for (const [put, { queues, tag }] of this.#gone)
      if (queues.some((queue) => this.#parts.ledger.has(queue, tag))) this.#gone.delete(put);
  }

  /** A crash has lost what the level allows: what waits with its group again, or comes anew, nobody keeps. */
  undone(): void {
    const { ledger, publications } = this.#parts;
    for (const handed of this.#handed.keys()) {
      const [text = '', tag = ''] = handed.split(' ');
      if (ledger.has(groupQueueOf(text), tag) || publications.get(tag)?.acknowledged === undefined)
        this.#handed.delete(handed);
    }
  }

  /** The groups that were to get it, and for which the disk never had it. */
  *missing(publication: Publication): Generator<string> {
    const { ledger } = this.#parts;
    const queues = ledger.queuedIn.get(publication.tag);
    for (const [text, members] of this.#groups()) {
      if (
        !this.#isOwedTo(text, members, publication) ||
        this.#parts.hasDropped(groupQueueOf(text)) ||
        queues?.has(groupQueueOf(text)) === true
      )
        continue;
      // What a clean session gets at QoS 2 is not on the disk for it, and nothing is for a group of clean sessions alone.
      if (
        members.some(({ stored }) => stored !== 'yes') &&
        (publication.qos === 2 || !members.some(({ stored }) => stored === 'yes'))
      )
        continue;
      if (members.some((member) => queues?.has(queueOf(member)) === true || this.#hasHad(member, publication)))
        continue;
      yield text;
    }
  }

  /** Whether the disk has, or had, all that its groups were to get of it, or somebody is done with it. */
  haveIt(publication: Publication): boolean {
    const { ledger, takenBy } = this.#parts;
    const { tag } = publication;
    for (const [text, members] of this.#groups()) {
      const has = (member: Subscriber): boolean =>
        ledger.queuedIn.get(tag)?.has(queueOf(member)) === true || takenBy(member.name).done.has(tag);
      if (
        this.#isOwedTo(text, members, publication) &&
        ledger.queuedIn.get(tag)?.has(groupQueueOf(text)) !== true &&
        !members.some(has)
      )
        return false;
    }
    return true;
  }

  /** Somebody has taken each message that a group was to get. */
  atEnd(): void {
    for (const [text, members] of this.#groups()) {
      const missing = new Map<string, string[]>();
      for (const publication of this.#parts.publications.all.values()) {
        if (!isPromised(publication)) continue;
        if (!this.#isOwedTo(text, members, publication)) continue;
        if (members.some((member) => this.#hasHad(member, publication))) continue;
        const put = `${groupQueueOf(text)} ${publication.tag}`;
        if ((this.#gone.get(put)?.appends ?? -1) >= (this.#parts.ledger.appends.get(put) ?? 0)) continue;
        valueOf(missing, publication.topic, () => [] as string[]).push(publication.tag);
      }
      this.#parts.missing(groupQueueOf(text), text, missing);
    }
  }

  /** Whether the member has it, or had it when its session ended: at QoS 2 nobody else gets it then, and what it found in its own queue was its own. */
  #hasHad(member: Subscriber, { tag, qos, first = 0 }: Publication): boolean {
    const { name, resetAt } = member;
    const { times, swallowed, done, sentQos2, own } = this.#parts.takenBy(name);
    if (times.has(tag) || swallowed.has(tag) || done.has(tag) || this.#parts.hasDropped(queueOf(member))) return true;
    const wasHanded =
      !HANDED_AND_NOT_YET_SENT_GOES_ON &&
      qos === 2 &&
      this.#parts.ledger.queuedIn.get(tag)?.has(queueOf(member)) === true;
    return resetAt > first && (sentQos2.has(tag) || own.has(tag) || wasHanded);
  }

  /** Whether it waits for somebody of the group until somebody takes it: a member with a stored session was there all the time, or all members were. */
  #isOwedTo(text: string, members: readonly Subscriber[], publication: Publication): boolean {
    const { topic, qos, first = 0 } = publication;
    if (qos === 0 || members.some(({ name }) => this.#parts.rules.mayBeRefusedSince(name, topic, first))) return false;
    const mayBeThere = ({ perhapsUntil }: Standing): boolean => perhapsUntil === undefined || perhapsUntil >= first;
    // Who has it at QoS 0 may lose it.
    if (members.some(({ ever }) => ever.some((one) => one.text === text && one.qos === 0 && mayBeThere(one))))
      return false;
    const stays = (member: Subscriber): boolean => member.isMemberSince(text, publication);
    return members.some((member) => member.stored === 'yes' && stays(member)) || members.every(stays);
  }

  /** Everyone who ever was a member, by the shared subscription. */
  #groups(): Map<string, Subscriber[]> {
    const groups = new Map<string, Subscriber[]>();
    for (const subscriber of this.#parts.subscribers.values()) {
      for (const text of new Set(
        subscriber.ever.filter(({ shareName }) => shareName !== undefined).map((one) => one.text),
      ))
        valueOf(groups, text, () => [] as Subscriber[]).push(subscriber);
    }
    return groups;
  }
}

const groupQueueOf = (text: string): QueueId => `g:${text.slice('$share/'.length)}` as QueueId;
