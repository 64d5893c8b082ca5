// What happened, by data: which messages were sent and acknowledged, who was subscribed then, and who has received
// what. From that it follows who is owed a message and who must not get one; whatever does not fit is a problem, told
// with the rounds in which it came about.
import { within } from '../program.js';

/** Rounds of the story told when it ends badly. */
const TOLD_EVENTS = 12;
const TOLD_PROBLEMS = 15;

interface Moment {
  readonly round: number;
  /** Moments count up: one that is higher came later. */
  readonly tick: number;
}

export interface Publication {
  readonly publisher: string;
  readonly qos: 1 | 2;
  /** Among the messages of this publisher at this QoS. */
  readonly seq: number;
  readonly topic: string;
  readonly size: number;
  readonly sent: Moment;
  acknowledged: Moment | undefined;
}

export class Chronicle {
  readonly #publications = new Map<string, Publication>();
  readonly #seqs = new Map<string, number>();
  readonly observers: Observer[] = [];
  readonly #problems: string[] = [];
  readonly #events: string[] = [];
  #round = 0;
  #tick = 0;
  #acknowledgedCount = 0;
  #waiting: { readonly count: number; readonly resolve: () => void }[] = [];

  constructor(readonly seed: number) {}

  get acknowledgedCount(): number {
    return this.#acknowledgedCount;
  }

  get round(): number {
    return this.#round;
  }

  beginRound(round: number): void {
    this.#round = round;
  }

  now(): Moment {
    return { round: this.#round, tick: ++this.#tick };
  }

  /** For the reader of a failure. */
  tell(event: string): void {
    this.#events.push(`round ${this.#round}: ${event}`);
  }

  fault(problem: string): void {
    this.#problems.push(`round ${this.#round}: ${problem}`);
  }

  observer(name: string, isOrdered = true): Observer {
    const observer = new Observer(name, isOrdered, this);
    this.observers.push(observer);
    return observer;
  }

  /** A message about to be sent. */
  send(publisher: string, qos: 1 | 2, topic: string, size: number): Publication {
    const stream = `${publisher}|${qos}`;
    const seq = (this.#seqs.get(stream) ?? 0) + 1;
    this.#seqs.set(stream, seq);
    const publication: Publication = { publisher, qos, seq, topic, size, sent: this.now(), acknowledged: undefined };
    this.#publications.set(`${stream}|${seq}`, publication);
    return publication;
  }

  acknowledged(publication: Publication): void {
    publication.acknowledged = this.now();
    this.#acknowledgedCount++;
    for (const observer of this.observers) observer.acknowledged(publication);
    this.#wake((count) => count <= this.#acknowledgedCount);
  }

  /** Resolves when so many more messages have been acknowledged, or the broker is dead. */
  afterAcknowledgements(more: number): Promise<void> {
    return new Promise((resolve) => this.#waiting.push({ count: this.#acknowledgedCount + more, resolve }));
  }

  /** The broker is dead: nothing more will be acknowledged in this round. */
  killed(): void {
    this.#wake(() => true);
  }

  #wake(isDue: (count: number) => boolean): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const one of waiting) {
      if (isDue(one.count)) one.resolve();
      else this.#waiting.push(one);
    }
  }

  /** The message with this payload, as it was sent. */
  find(topic: string, payload: Uint8Array): Publication | undefined {
    const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
    const [publisher, qos, seq] = bytes.toString('latin1', 0, 100).split('|');
    const publication = this.#publications.get(`${publisher}|${qos}|${seq}`);
    return publication?.topic === topic && bytes.equals(payloadOf(publication)) ? publication : undefined;
  }

  /**
   * Whatever fails in it is told with what led to it, and broken promises before anything that may follow from them.
   */
  async witness(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.verify();
      if (error instanceof Error)
        error.message = [`in round ${this.#round} of seed ${this.seed}: ${error.message}`, ...this.#story()].join('\n');
      throw error;
    }
  }

  /** @throws Error that tells the whole story, if anything is wrong. */
  verify(): void {
    if (this.#problems.length === 0) return;
    const problems = this.#problems.slice(0, TOLD_PROBLEMS);
    const more = this.#problems.length - problems.length;
    throw new Error(
      [
        `by round ${this.#round} of seed ${this.seed}, promises were broken:`,
        ...problems.map((problem) => `  - ${problem}`),
        ...(more > 0 ? [`  - … and ${more} more`] : []),
        ...this.#story(),
      ].join('\n'),
    );
  }

  #story(): string[] {
    return [
      'What led to it:',
      ...this.#events.slice(-TOLD_EVENTS).map((event) => `  ${event}`),
      `HEXMQ_KILL_SEED=${this.seed} plays the same again, but for the moments at which the kills strike.`,
    ];
  }
}

/** Who it is, with as much behind it as its size says. */
export function payloadOf({
  publisher,
  qos,
  seq,
  size,
}: Pick<Publication, 'publisher' | 'qos' | 'seq' | 'size'>): Buffer {
  const head = Buffer.from(`${publisher}|${qos}|${seq}|`);
  return size <= head.length ? head : Buffer.concat([head], size).fill(0x61 + (seq % 26), head.length);
}

const describeMessage = ({ publisher, qos, seq, topic, sent, acknowledged }: Publication): string =>
  `QoS ${qos} message ${seq} of ${publisher} on ${topic} (sent in round ${sent.round}, ${
    acknowledged === undefined ? 'not acknowledged' : `acknowledged in round ${acknowledged.round}`
  })`;

interface Subscription {
  readonly qos: 1 | 2;
  /** `maybe`: the answer has not come, or the session need not outlive the broker. */
  state: 'on' | 'off' | 'maybe';
  sinceTick: number;
}

/** One who receives: a session, or the members of a shared group together. Its filters do not overlap. */
export class Observer {
  readonly #subscriptions = new Map<string, Subscription>();
  /** How often each message came as a new one. */
  readonly #received = new Map<Publication, number>();
  readonly #owed = new Set<Publication>();
  readonly #forbidden = new Set<Publication>();
  readonly #lastSeqs = new Map<string, number>();
  #goals: { readonly count: number; readonly resolve: () => void }[] = [];

  constructor(
    readonly name: string,
    readonly isOrdered: boolean,
    readonly chronicle: Chronicle,
  ) {}

  get owedCount(): number {
    return this.#owed.size;
  }

  get receivedCount(): number {
    return this.#received.size;
  }

  /** Resolves when it has got so many more messages, or all that it is owed. */
  afterReceiving(more: number): Promise<void> {
    const count = this.#received.size + more;
    return within(new Promise((resolve) => this.#goals.push({ count, resolve })), `${more} messages for ${this.name}`);
  }

  /** What is known of its subscription from now on. One that is replaced has no gap. */
  mark(filter: string, qos: 1 | 2, state: Subscription['state']): void {
    const subscription = this.#subscriptions.get(filter);
    if (subscription?.state === state) return;
    this.#subscriptions.set(filter, { qos, state, sinceTick: this.chronicle.now().tick });
  }

  /** The session has gone, or may have, and what waited in it too. */
  markAll(state: 'off' | 'maybe'): void {
    for (const [filter, { qos }] of this.#subscriptions) this.mark(filter, qos, state);
    this.#owed.clear();
    this.#wake();
  }

  state(filter: string): Subscription['state'] {
    return this.#subscriptions.get(filter)?.state ?? 'off';
  }

  /**
   * Whether it has to get the message is known now: it was subscribed, or not, all the time since the message was sent
   * first.
   */
  acknowledged(publication: Publication): void {
    const subscription = this.#subscriptionTo(publication.topic);
    if (subscription === undefined || subscription.sinceTick > publication.sent.tick) return;
    const isReceived = this.#received.has(publication);
    if (subscription.state === 'on' && !isReceived) this.#owed.add(publication);
    if (subscription.state !== 'off') return;
    if (isReceived) this.#tellForbidden(publication);
    else this.#forbidden.add(publication);
  }

  /** A message has come, as a new one by its Packet Identifier. */
  receive(topic: string, payload: Uint8Array, qos: number): void {
    const publication = this.chronicle.find(topic, payload);
    if (publication === undefined) {
      const start = Buffer.from(payload).toString('latin1', 0, 60);
      this.chronicle.fault(
        `${this.name} got on ${topic} what nobody sent there: "${start}" (${payload.byteLength} bytes)`,
      );
      return;
    }
    const subscription = this.#subscriptionTo(topic);
    const rightQos = Math.min(publication.qos, subscription?.qos ?? 0);
    if (qos !== rightQos)
      this.chronicle.fault(`${this.name} got at QoS ${qos} instead of ${rightQos} the ${describeMessage(publication)}`);
    const count = (this.#received.get(publication) ?? 0) + 1;
    this.#received.set(publication, count);
    if (count > 1) {
      if (rightQos === 2) this.chronicle.fault(`${this.name} got ${count} times the ${describeMessage(publication)}`);
      return;
    }
    if (this.#forbidden.has(publication)) this.#tellForbidden(publication);
    this.#expectOrder(publication, rightQos, subscription);
    this.#owed.delete(publication);
    this.#wake();
  }

  /**
   * Resolves when it has got all that it is owed; when nothing comes any more although something is owed, that is a
   * problem.
   */
  async caughtUp(): Promise<void> {
    while (this.#owed.size > 0) {
      const before = this.#received.size;
      await this.afterReceiving(Infinity).catch(() => undefined);
      if (this.#owed.size === 0 || this.#received.size > before) continue;
      for (const publication of this.#owed)
        this.chronicle.fault(`${this.name} has not got the ${describeMessage(publication)}`);
      return;
    }
  }

  #wake(): void {
    const goals = this.#goals;
    this.#goals = [];
    for (const goal of goals) {
      if (this.#owed.size === 0 || this.#received.size >= goal.count) goal.resolve();
      else this.#goals.push(goal);
    }
  }

  /**
   * By publisher, its QoS and that of the delivery. What comes for a second time, at QoS 1, may come out of its place,
   * and so may what was sent before the subscription began: it comes because its publisher repeats it, and later
   * messages may have come from before that.
   */
  #expectOrder(publication: Publication, qos: number, subscription: Subscription | undefined): void {
    if (!this.isOrdered || subscription === undefined || subscription.sinceTick > publication.sent.tick) return;
    const stream = `${publication.publisher}|${publication.qos}|${qos}`;
    const last = this.#lastSeqs.get(stream) ?? 0;
    if (publication.seq < last)
      this.chronicle.fault(`${this.name} got behind number ${last} the ${describeMessage(publication)}`);
    else this.#lastSeqs.set(stream, publication.seq);
  }

  #tellForbidden(publication: Publication): void {
    this.chronicle.fault(`${this.name} was not subscribed and got the ${describeMessage(publication)}`);
  }

  #subscriptionTo(topic: string): Subscription | undefined {
    for (const [filter, subscription] of this.#subscriptions) if (matches(filter, topic)) return subscription;
    return undefined;
  }
}

/** A filter here is a topic, or everything below one. */
function matches(filter: string, topic: string): boolean {
  return filter.endsWith('/#') ? topic.startsWith(filter.slice(0, -1)) : filter === topic;
}
