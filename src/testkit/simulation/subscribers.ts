// What is known from outside about each client's session: whether the broker has it, and which subscriptions stand for sure, which perhaps. A
// subscription may stand from SUBSCRIBE on and does from SUBACK on; it may be gone from UNSUBSCRIBE on and is from UNSUBACK on.
import type { QueueId } from '../../ports/index.js';
import type { QoS } from '../../protocol/packets.js';
import type { Moments, Publication } from './publications.js';

export interface Standing {
  readonly text: string;
  /** Of a shared subscription. */
  readonly shareName: string | undefined;
  /** Without the share. */
  readonly filter: string;
  readonly qos: QoS;
  readonly perhapsFrom: number;
  surelyFrom: number | undefined;
  surelyUntil: number | undefined;
  perhapsUntil: number | undefined;
  /** The one that took its place, with the same filter: the client has been subscribed all the time. */
  next: Standing | undefined;
}

/** When the session of a client that is away ends: as a rule both are the same. */
export interface Expiry {
  readonly earliestMs: number;
  readonly latestMs: number;
  isDoubtful: boolean;
}

export class Subscriber {
  /** Whether the broker has a session that outlives its connection. */
  stored: 'yes' | 'no' | 'unknown' = 'no';
  /** What was in its queue before this may be gone. */
  resetAt = 0;
  /** When the CONNECT came whose answer told it last that no session of its was there. */
  newSince = 0;
  /** Connections that a CONNECT came on and that have not ended. */
  connections = 0;
  /** Of the time that it was away last. */
  expiry: Expiry | undefined;
  /** When it was left without a connection. */
  readonly endsMs = new Set<number>();
  standing: Standing[] = [];
  /** All that ever stood, for what comes late. */
  readonly ever: Standing[] = [];
  /** What it has published last with each identifier. */
  readonly published = new Map<number, Publication>();
  /** Identifiers that it has done with, and the broker has not: a crash has undone that. */
  readonly stale = new Set<number>();

  constructor(
    readonly name: string,
    readonly moments: Moments,
  ) {}

  get shares(): boolean {
    return this.ever.some(({ shareName }) => shareName !== undefined);
  }

  subscribe(text: string, qos: QoS): Standing {
    const moment = this.moments.now;
    // One with the same filter is replaced, and until SUBACK nobody knows when.
    const replaced = this.standing.filter((one) => one.text === text && one.surelyUntil === undefined);
    for (const one of replaced) one.surelyUntil = moment;
    const match = /^\$share\/([^/]+)\/(.*)$/.exec(text);
    const standing: Standing = {
      text,
      shareName: match?.[1],
      filter: match?.[2] ?? text,
      qos,
      perhapsFrom: moment,
      surelyFrom: undefined,
      surelyUntil: undefined,
      perhapsUntil: undefined,
      next: undefined,
    };
    for (const one of replaced) one.next = standing;
    this.standing.push(standing);
    this.ever.push(standing);
    return standing;
  }

  subscribed(standing: Standing): void {
    standing.surelyFrom = this.moments.now;
    this.#gone((one) => one.text === standing.text && one.perhapsFrom < standing.perhapsFrom);
  }

  /** Those that the UNSUBSCRIBE is about. */
  unsubscribe(text: string): Standing[] {
    const meant = this.standing.filter((one) => one.text === text);
    for (const one of meant) one.surelyUntil ??= this.moments.now;
    return meant;
  }

  unsubscribed(meant: readonly Standing[]): void {
    this.#gone((one) => meant.includes(one));
  }

  /** From now on nothing is sure: the session may have ended. */
  mayHaveEnded(): void {
    this.resetAt = this.moments.now;
    for (const one of this.standing) one.surelyUntil ??= this.moments.now;
  }

  /** The session that these belong to is no more. */
  ended(those: readonly Standing[]): void {
    this.mayHaveEnded();
    this.#gone((one) => those.includes(one));
  }

  /** Its time was up. */
  expired(): void {
    this.ended(this.standing);
    this.stored = 'no';
  }

  /** The broker has come back with this of the session: with these subscriptions, or, if `undefined`, without the session. */
  restored(subscriptions: ReadonlyMap<string, QoS> | undefined): void {
    this.stored = subscriptions === undefined ? 'no' : 'yes';
    if (subscriptions === undefined) {
      this.ended(this.standing);
      return;
    }
    this.#gone(({ text, qos }) => subscriptions.get(text) !== qos);
    for (const [text, qos] of subscriptions) {
      const latest = this.standing.filter((one) => one.text === text).at(-1);
      if (latest?.surelyFrom !== undefined && latest.surelyUntil === undefined) continue;
      this.subscribed(this.subscribe(text, qos));
    }
  }

  /** Those that surely stood all the time from the message's coming to its acknowledgement. */
  surelyGets(publication: Publication): Standing[] {
    const { first, acknowledged, topic } = publication;
    if (first === undefined) return [];
    return this.ever.filter(
      ({ filter, surelyFrom, surelyUntil }) =>
        surelyFrom !== undefined &&
        surelyFrom <= first &&
        (surelyUntil === undefined || (acknowledged !== undefined && surelyUntil >= acknowledged)) &&
        matches(filter, topic),
    );
  }

  /** Whether it surely is a member since before the message came, and has been all the time. */
  isMemberSince(text: string, { first = 0, topic }: Publication): boolean {
    if (this.resetAt > first) return false;
    return this.ever.some(
      (one) =>
        one.text === text &&
        one.surelyFrom !== undefined &&
        one.surelyFrom <= first &&
        stillStands(one) &&
        matches(one.filter, topic),
    );
  }

  /** Those that may have stood when the message was accepted. */
  mayGet({ topic, first }: Publication): Standing[] {
    if (first === undefined) return [];
    return this.ever.filter(
      ({ filter, perhapsUntil }) => (perhapsUntil === undefined || perhapsUntil >= first) && matches(filter, topic),
    );
  }

  #gone(which: (one: Standing) => boolean): void {
    for (const one of this.standing) {
      if (!which(one)) continue;
      one.surelyUntil ??= this.moments.now;
      one.perhapsUntil ??= this.moments.now;
    }
    this.standing = this.standing.filter(({ perhapsUntil }) => perhapsUntil === undefined);
  }
}

/** Itself, or the one that took its place. */
function stillStands({ surelyUntil, next }: Standing): boolean {
  return surelyUntil === undefined || (next !== undefined && stillStands(next));
}

export const queueOf = ({ name }: Subscriber): QueueId => `c:${name}` as QueueId;

/** Section 4.7, said once more and otherwise than in the broker. */
export function matches(filter: string, topic: string): boolean {
  if (topic.startsWith('$') && /^[+#]/.test(filter)) return false;
  let regular = regulars.get(filter);
  if (regular === undefined) regulars.set(filter, (regular = regularOf(filter)));
  return regular.test(topic);
}

const regulars = new Map<string, RegExp>();

function regularOf(filter: string): RegExp {
  if (filter === '#') return /^.*$/;
  const [path, rest] = filter.endsWith('/#') ? [filter.slice(0, -2), '(/.*)?'] : [filter, ''];
  const levels = path
    .split('/')
    .map((level) => (level === '+' ? '[^/]*' : level.replaceAll(/[$.*?()[\]{}|\\^]/g, '\\$&')));
  return new RegExp(`^${levels.join('/')}${rest}$`);
}
