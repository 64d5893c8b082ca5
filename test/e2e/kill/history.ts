// The history of a test: which messages were sent and acknowledged, which subscriptions existed at that time, and what
// each observer has received. From it follows which observer must get a message and which must not. A contradiction is
// a violation, reported with the rounds that led to it.
import { within } from '../../clients/within.js';

/** The last events that are part of a failure message, and the most violations. */
const TOLD_EVENTS = 12;
const TOLD_PROBLEMS = 15;

interface Moment {
  readonly round: number;
  /** Increases with every moment. */
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

export class History {
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

  /** Records an event for the failure message. */
  note(event: string): void {
    this.#events.push(`round ${this.#round}: ${event}`);
  }

  addViolation(problem: string): void {
    this.#problems.push(`round ${this.#round}: ${problem}`);
  }

  observer(name: string, isOrdered = true): Observer {
    const observer = new Observer(name, isOrdered, this);
    this.observers.push(observer);
    return observer;
  }

  /** Records a message that is about to be sent. */
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

  /** Resolves when this many more messages have been acknowledged, or the broker is dead. */
  afterAcknowledgements(more: number): Promise<void> {
    return new Promise((resolve) => this.#waiting.push({ count: this.#acknowledgedCount + more, resolve }));
  }

  /** To be called when the broker is dead: nothing more is acknowledged in this round. */
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

  /** The message that was sent with this topic and payload. */
  find(topic: string, payload: Uint8Array): Publication | undefined {
    const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
    const [publisher, qos, seq] = bytes.toString('latin1', 0, 100).split('|');
    const publication = this.#publications.get(`${publisher}|${qos}|${seq}`);
    return publication?.topic === topic && bytes.equals(payloadOf(publication)) ? publication : undefined;
  }

  /**
   * Runs `work`. A failure carries the events that led to it; violations take precedence over errors that may follow
   * from them.
   */
  async explainFailures(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.verify();
      if (error instanceof Error)
        error.message = [`in round ${this.#round} of seed ${this.seed}: ${error.message}`, ...this.#context()].join(
          '\n',
        );
      throw error;
    }
  }

  /** @throws Error with the violations and the events that led to them, if there are any. */
  verify(): void {
    if (this.#problems.length === 0) return;
    const problems = this.#problems.slice(0, TOLD_PROBLEMS);
    const more = this.#problems.length - problems.length;
    throw new Error(
      [
        `by round ${this.#round} of seed ${this.seed}, promises were broken:`,
        ...problems.map((problem) => `  - ${problem}`),
        ...(more > 0 ? [`  - … and ${more} more`] : []),
        ...this.#context(),
      ].join('\n'),
    );
  }

  #context(): string[] {
    return [
      'Events before it:',
      ...this.#events.slice(-TOLD_EVENTS).map((event) => `  ${event}`),
      `HEXMQ_KILL_SEED=${this.seed} repeats the same traffic, though not the moments of the kills.`,
    ];
  }
}

/** The identity of the message, padded to its size. */
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
  /** `maybe` while the answer is missing, or if the session need not survive the broker. */
  state: 'on' | 'off' | 'maybe';
  sinceTick: number;
  /** When it was known to exist, whether or not it still does; infinite while SUBSCRIBE has no answer. */
  existedAtTick: number;
}

/** A receiver: a session, or all members of a shared group together. Its filters do not overlap. */
export class Observer {
  readonly #subscriptions = new Map<string, Subscription>();
  /** How often each message was received as a new one. */
  readonly #received = new Map<Publication, number>();
  readonly #owed = new Set<Publication>();
  readonly #forbidden = new Set<Publication>();
  readonly #lastSeqs = new Map<string, number>();
  #goals: { readonly count: number; readonly resolve: () => void }[] = [];

  constructor(
    readonly name: string,
    readonly isOrdered: boolean,
    readonly history: History,
  ) {}

  get owedCount(): number {
    return this.#owed.size;
  }

  get receivedCount(): number {
    return this.#received.size;
  }

  /** Resolves when this many more messages, or all owed ones, have been received. */
  afterReceiving(more: number): Promise<void> {
    const count = this.#received.size + more;
    return within(new Promise((resolve) => this.#goals.push({ count, resolve })), `${more} messages for ${this.name}`);
  }

  /** Records the state of a subscription from now on. Replacing a subscription leaves no gap. */
  mark(filter: string, qos: 1 | 2, state: Subscription['state']): void {
    const subscription = this.#subscriptions.get(filter);
    const { tick } = this.history.now();
    if (subscription?.state === state) {
      if (state === 'maybe') subscription.existedAtTick = Infinity;
      return;
    }
    this.#subscriptions.set(filter, { qos, state, sinceTick: tick, existedAtTick: state === 'on' ? tick : Infinity });
  }

  /** The subscription exists now, and may end with the broker. */
  markExisting(filter: string): void {
    const subscription = this.#subscriptions.get(filter);
    if (subscription !== undefined) subscription.existedAtTick = this.history.now().tick;
  }

  /** The session may have ended, with everything queued in it. */
  markAll(state: 'off' | 'maybe'): void {
    for (const [filter, { qos }] of this.#subscriptions) this.mark(filter, qos, state);
    this.#owed.clear();
    this.#wake();
  }

  state(filter: string): Subscription['state'] {
    return this.#subscriptions.get(filter)?.state ?? 'off';
  }

  /** Decides whether the message is owed: the subscription has had its state ever since the message was first sent. */
  acknowledged(publication: Publication): void {
    const subscription = this.#subscriptionTo(publication.topic);
    if (subscription === undefined || subscription.sinceTick > publication.sent.tick) return;
    const isReceived = this.#received.has(publication);
    if (subscription.state === 'on' && !isReceived) this.#owed.add(publication);
    if (subscription.state !== 'off') return;
    if (isReceived) this.#tellForbidden(publication);
    else this.#forbidden.add(publication);
  }

  /** Records a received message that is new by its Packet Identifier. */
  receive(topic: string, payload: Uint8Array, qos: number): void {
    const publication = this.history.find(topic, payload);
    if (publication === undefined) {
      const start = Buffer.from(payload).toString('latin1', 0, 60);
      this.history.addViolation(
        `${this.name} received on ${topic} what no client sent there: "${start}" (${payload.byteLength} bytes)`,
      );
      return;
    }
    const subscription = this.#subscriptionTo(topic);
    const rightQos = Math.min(publication.qos, subscription?.qos ?? 0);
    if (qos !== rightQos)
      this.history.addViolation(
        `${this.name} got at QoS ${qos} instead of ${rightQos} the ${describeMessage(publication)}`,
      );
    const count = (this.#received.get(publication) ?? 0) + 1;
    this.#received.set(publication, count);
    if (count > 1) {
      if (rightQos === 2)
        this.history.addViolation(`${this.name} got ${count} times the ${describeMessage(publication)}`);
      return;
    }
    if (this.#forbidden.has(publication)) this.#tellForbidden(publication);
    this.#expectOrder(publication, rightQos, subscription);
    this.#owed.delete(publication);
    this.#wake();
  }

  /**
   * Resolves when everything owed has been received. It is a violation if nothing more arrives although something is
   * owed.
   */
  async caughtUp(): Promise<void> {
    while (this.#owed.size > 0) {
      const before = this.#received.size;
      await this.afterReceiving(Infinity).catch(() => undefined);
      if (this.#owed.size === 0 || this.#received.size > before) continue;
      for (const publication of this.#owed)
        this.history.addViolation(`${this.name} has not got the ${describeMessage(publication)}`);
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
   * Order holds for one publisher, its QoS and the QoS of the delivery. Exempt are QoS 1 messages that arrive again,
   * and messages that were first sent before the subscription was known to exist: those may arrive because the
   * publisher repeats them, and later messages may have arrived before.
   */
  #expectOrder(publication: Publication, qos: number, subscription: Subscription | undefined): void {
    if (!this.isOrdered || subscription === undefined || subscription.existedAtTick > publication.sent.tick) return;
    const stream = `${publication.publisher}|${publication.qos}|${qos}`;
    const last = this.#lastSeqs.get(stream) ?? 0;
    if (publication.seq < last)
      this.history.addViolation(`${this.name} got behind number ${last} the ${describeMessage(publication)}`);
    else this.#lastSeqs.set(stream, publication.seq);
  }

  #tellForbidden(publication: Publication): void {
    this.history.addViolation(`${this.name} was not subscribed and got the ${describeMessage(publication)}`);
  }

  #subscriptionTo(topic: string): Subscription | undefined {
    for (const [filter, subscription] of this.#subscriptions) if (matches(filter, topic)) return subscription;
    return undefined;
  }
}

/** Filters here are a topic, or `topic/#`. */
function matches(filter: string, topic: string): boolean {
  return filter.endsWith('/#') ? topic.startsWith(filter.slice(0, -1)) : filter === topic;
}
