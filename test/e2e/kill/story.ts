// A broker and everyone who uses it: in each round it is started, they come back, send, receive, subscribe, go and die,
// and it is killed in the middle of it. Now and then they first let everything arrive, and nothing may be missing.
// Where storage is a server, that is killed in turn: not at all, under a broker that lives on, or with the broker.
import type { Chance } from './chance.js';
import { Chronicle } from './chronicle.js';
import type { Observer } from './chronicle.js';
import { FaithfulClient, untilLost } from './faithful-client.js';
import type { KillableBroker, Victim } from './killable-broker.js';
import type { Address } from './packet-socket.js';
import { Publisher } from './publisher.js';
import { RetainedBook } from './retained-book.js';
import { readRetained } from './retained-reader.js';
import { Subscriber } from './subscriber.js';
import { WillBook } from './will-book.js';
import type { TestamentedWill } from './will-book.js';
import { within } from '../program.js';

/** Either all who come back are in time, or those who do not are found missing at once. */
const LONG_GRACE_MS = 600_000;
const SHORT_GRACE_MS = 1;
/** Every how many rounds everything has to arrive before the next kill. */
const CALM_EVERY = 4;
const CHURN_FILTERS = ['churn/0', 'churn/1', 'churn/2', 'churn/3'];
const QOS = [1, 2] as const;

/** A client with a will, in the round in which it is connected and in the next. */
interface Mortal {
  readonly client: FaithfulClient;
  readonly entry: TestamentedWill;
}

export class Story {
  readonly chronicle: Chronicle;
  readonly #wills: WillBook;
  readonly #retained: RetainedBook;
  readonly #publishers: readonly Publisher[];
  readonly #online: readonly Subscriber[];
  /** They come now and then, for what has come meanwhile. */
  readonly #sleepers: readonly Subscriber[];
  /** Now with Clean Session, now without. */
  readonly #guest: Subscriber;
  /** Its subscriptions come and go. */
  readonly #churner: Subscriber;
  readonly #group: Observer;
  readonly #members: readonly Subscriber[];
  readonly #retainers: readonly FaithfulClient[];
  readonly #control: FaithfulClient;
  readonly #watcher: FaithfulClient;
  #mortals: Mortal[] = [];
  #settings = 0;
  #round = 0;

  constructor(
    readonly broker: KillableBroker,
    readonly chance: Chance,
  ) {
    const chronicle = new Chronicle(chance.seed);
    this.chronicle = chronicle;
    this.#wills = new WillBook(chronicle);
    this.#retained = new RetainedBook(chronicle);
    this.#publishers = [0, 1, 2].map(
      (n) => new Publisher(`publisher-${n}`, chance, chronicle, (qos) => this.#topic(n, qos)),
    );
    this.#online = QOS.map((qos) => new Subscriber(`online-${qos}`, chronicle));
    this.#sleepers = QOS.map((qos) => new Subscriber(`sleeper-${qos}`, chronicle));
    this.#guest = new Subscriber('guest', chronicle);
    this.#churner = new Subscriber('churner', chronicle);
    this.#group = chronicle.observer('the shared group', false);
    this.#members = [0, 1, 2].map((n) => new Subscriber(`member-${n}`, chronicle, this.#group));
    this.#retainers = QOS.map((qos) => this.#client(`retainer-${qos}`));
    this.#control = this.#client('control');
    this.#watcher = this.#client('watcher');
    this.#watcher.onMessage = ({ topic, payload, qos }) => {
      this.#wills.receive(topic, payload, qos);
    };
  }

  /** The first start: who is to receive from the beginning on is subscribed before anything happens. */
  async open(): Promise<void> {
    const address = await this.broker.start(LONG_GRACE_MS);
    await this.#watcher.connect(address);
    await this.#watcher.subscribe('will/#', 2);
    await this.#control.connect(address);
    for (const [i, qos] of QOS.entries()) {
      for (const subscriber of [this.#online[i], this.#sleepers[i]]) {
        await subscriber?.connect(address);
        await subscriber?.subscribe('load/#', qos);
      }
    }
    for (const member of this.#members) {
      await member.connect(address);
      await member.subscribe('shared/#', 2, 'group');
    }
    await this.#strike('before anyone sent anything');
  }

  async round(): Promise<void> {
    const { chance, chronicle } = this;
    chronicle.beginRound(++this.#round);
    const isLong = chance.happens(0.5);
    const graceMs = isLong ? LONG_GRACE_MS : SHORT_GRACE_MS;
    for (let stumbles = chance.happens(0.3) ? chance.between(1, 2) : 0; stumbles > 0; stumbles--) {
      chronicle.tell(`killed ${await this.broker.stumble(graceMs, chance.next())} ms after it was spawned`);
    }
    const address = await this.broker.start(graceMs);
    if (chance.happens(0.5)) await this.#compareRetained(address);
    const isCalm = this.#round % CALM_EVERY === 0;
    const before = chronicle.acknowledgedCount;

    const returned = this.#everyoneReturns(address, isLong);
    const lives = [untilLost(returned)];
    if (isCalm) {
      await returned;
      await this.#settle(address);
    }
    lives.push(...this.#live(address, returned).map(untilLost));
    await this.#untilKill();
    const victim = this.broker.nextVictim();
    if (victim === 'server') await this.#loseServer(returned, before);
    await this.#strike(
      `killed after ${chronicle.acknowledgedCount - before} acknowledgements, wills waited ${isLong ? 'long' : 'hardly'}`,
      victim,
    );
    await Promise.all(lives);
  }

  /** The last start: everything arrives, nothing is missing, and everyone stays alive. */
  async close(): Promise<void> {
    this.chronicle.beginRound(++this.#round);
    const address = await this.broker.start(SHORT_GRACE_MS);
    await this.#compareRetained(address);
    await this.#everyoneReturns(address, false);
    await this.#settle(address);
    while (this.#wills.missing.length > 0) {
      const isComing = await within(this.#wills.next(), 'the wills that are owed').then(
        () => true,
        () => false,
      );
      if (!isComing) break;
    }
    this.#wills.tellMissing();
    this.#wills.compare(await readRetained(address, 'will/#', this.#fault));
    this.chronicle.verify();
  }

  /** What there was of everything that has to be there for the story to mean something. */
  get census(): Readonly<Record<string, number>> {
    return {
      'message that was acknowledged': this.chronicle.acknowledgedCount,
      ...Object.fromEntries(
        this.chronicle.observers.map(({ name, receivedCount }) => [`message for ${name}`, receivedCount]),
      ),
      'message to be retained': this.#settings,
      'will to be published': this.#wills.count('owed'),
      'will not to be published': this.#wills.count('never'),
      ...Object.fromEntries(
        Object.entries(this.broker.victims).map(([victim, count]) => [`kill of the ${victim}`, count]),
      ),
    };
  }

  readonly #fault = (fault: string): void => {
    this.chronicle.fault(fault);
  };

  #client(clientId: string): FaithfulClient {
    const client = new FaithfulClient(clientId);
    client.onFault = this.#fault;
    return client;
  }

  #topic(publisher: number, qos: 1 | 2): string {
    if (this.chance.happens(0.2)) return `shared/${publisher}/${qos}`;
    if (this.chance.happens(0.2)) return this.chance.pick(CHURN_FILTERS);
    return `load/${publisher}/${qos}`;
  }

  async #everyoneReturns(address: Address, isInTime: boolean): Promise<void> {
    const { chance } = this;
    const returning = this.#mortals.filter(() => chance.happens(0.5));
    this.#mortals = [];
    await Promise.all([
      ...returning.map((mortal) => this.#comeBack(mortal, address, isInTime)),
      this.#watcher.connect(address),
      this.#control.connect(address),
      this.#churner.connect(address),
      this.#guest.connect(address, chance.happens(0.5)).then(() => this.#guest.subscribe('load/#', 2)),
      ...[...this.#online, ...this.#members].map((subscriber) => subscriber.connect(address)),
      ...this.#publishers.map(({ client }) => client.connect(address)),
      ...this.#retainers.map((client) => client.connect(address)),
    ]);
  }

  async #comeBack({ client, entry }: Mortal, address: Address, isInTime: boolean): Promise<void> {
    const { fate } = entry;
    entry.fate = fate === 'never' ? fate : 'open';
    await client.connect(address, { clean: this.chance.happens(0.5) });
    if (isInTime && fate === 'owed') this.#wills.renounce(entry);
  }

  /** What happens until the kill, all at once. */
  #live(address: Address, returned: Promise<void>): Promise<void>[] {
    const { chance } = this;
    for (const publisher of this.#publishers) publisher.send();
    return [
      ...this.#retainers.map((client, i) => returned.then(() => this.#setRetained(client, QOS[i] as 1 | 2))),
      ...this.#sleepers.map((sleeper) => this.#visit(sleeper, address)),
      // What a member has been given at QoS 2 waits for it, what it has been given at QoS 1 goes to another.
      ...this.#members.filter(() => chance.happens(0.3)).map((member) => returned.then(() => this.#goSoon(member))),
      returned.then(() => this.#churn()),
      ...Array.from({ length: chance.between(2, 6) }, (_, i) =>
        this.#liveAndDie(`mortal-${this.#round}-${i}`, address),
      ),
    ];
  }

  async #setRetained(client: FaithfulClient, qos: 1 | 2): Promise<void> {
    while (client.isConnected) {
      const topic = `retained/${qos}/${this.chance.between(0, 5)}`;
      const text = this.chance.happens(0.3)
        ? ''
        : `setting ${++this.#settings} ${'.'.repeat(this.chance.happens(0.1) ? 3000 : 0)}`;
      const acknowledged = this.#retained.set(topic, text);
      client.publish({ topic, payload: Buffer.from(text), qos, retain: true }, acknowledged);
      if (!client.hasRoom) await client.settled();
      else if (this.chance.happens(0.3)) await this.chronicle.afterAcknowledgements(this.chance.between(1, 20));
    }
  }

  /** Mostly it stays away; else it comes in the midst of it, and may go again before the kill. */
  async #visit(sleeper: Subscriber, address: Address): Promise<void> {
    if (sleeper.client.isConnected || this.chance.happens(0.6)) return;
    await this.chronicle.afterAcknowledgements(this.chance.between(0, 100));
    await sleeper.connect(address);
    if (this.chance.happens(0.7)) await this.#goSoon(sleeper);
  }

  async #goSoon({ client }: Subscriber): Promise<void> {
    await this.chronicle.afterAcknowledgements(this.chance.between(0, 100));
    await (this.chance.happens(0.5) ? client.disconnect() : client.vanish());
  }

  async #churn(): Promise<void> {
    for (;;) {
      const filter = this.chance.pick(CHURN_FILTERS);
      const qos = CHURN_FILTERS.indexOf(filter) % 2 === 0 ? 1 : 2;
      if (this.#churner.observer.state(filter) === 'on') await this.#churner.unsubscribe(filter, qos);
      else await this.#churner.subscribe(filter, qos);
      await this.chronicle.afterAcknowledgements(this.chance.between(0, 60));
    }
  }

  async #liveAndDie(clientId: string, address: Address): Promise<void> {
    const { chance } = this;
    const client = this.#client(clientId);
    const entry = this.#wills.add(clientId, chance.pick(QOS), chance.happens(0.5));
    await this.chronicle.afterAcknowledgements(chance.between(0, 50));
    this.#mortals.push({ client, entry });
    await client.connect(address, { clean: chance.happens(0.5), will: entry.will });
    entry.fate = 'owed';
    const end = chance.pick(['stay', 'stay', 'disconnect', 'vanish']);
    if (end === 'stay') return;
    await this.chronicle.afterAcknowledgements(chance.between(0, 50));
    if (end === 'vanish') {
      this.#mortals = this.#mortals.filter((mortal) => mortal.client !== client);
      await client.vanish();
      return;
    }
    entry.fate = 'open';
    await client.disconnect();
    // DISCONNECT has no answer. What had to be stored behind it and is acknowledged says that it was heard and stored.
    await this.#control.published({ topic: 'nobody/listens', payload: Buffer.of(), qos: 2 });
    this.#wills.renounce(entry);
  }

  async #untilKill(): Promise<void> {
    const { chance, chronicle } = this;
    const tooLong = new Promise<void>((resolve) => setTimeout(resolve, 5000).unref());
    if (chance.happens(0.25)) await new Promise((resolve) => setTimeout(resolve, chance.between(0, 60)));
    else await Promise.race([chronicle.afterAcknowledgements(chance.between(1, 900)), tooLong]);
  }

  /**
   * In the middle of it storage is gone, and comes back. The broker goes on by itself, and keeps its promises to those
   * who are there.
   */
  async #loseServer(returned: Promise<void>, before: number): Promise<void> {
    const { chance, chronicle } = this;
    const forMs = chance.between(0, 3000);
    chronicle.tell(
      `the server was killed after ${chronicle.acknowledgedCount - before} acknowledgements, and started again ${forMs} ms later`,
    );
    await this.broker.loseServer(forMs);
    await returned;
    const atReturn = chronicle.acknowledgedCount;
    await within(
      chronicle.afterAcknowledgements(chance.between(1, 300)),
      'acknowledgements after the server had come back',
    );
    for (const publisher of this.#publishers) publisher.pause();
    await Promise.all(this.#publishers.map(({ client }) => client.settled()));
    await Promise.all(this.#online.map(({ observer }) => observer.caughtUp()));
    await this.broker.recovered();
    chronicle.verify();
    chronicle.tell(`all was well again, ${chronicle.acknowledgedCount - atReturn} acknowledgements later`);
    for (const publisher of this.#publishers) publisher.send();
    await this.#untilKill();
  }

  async #strike(event: string, victim: Victim = 'broker'): Promise<void> {
    this.chronicle.tell(victim === 'both' ? `with its server, ${event}` : event);
    const clients = [
      ...[...this.#publishers, ...this.#online, ...this.#sleepers, ...this.#members, this.#guest, this.#churner].map(
        ({ client }) => client,
      ),
      ...this.#mortals.map(({ client }) => client),
      ...this.#retainers,
      this.#control,
      this.#watcher,
    ];
    if (victim === 'both')
      await this.broker.killWithServer(this.chance.between(0, this.chance.happens(0.7) ? 100 : 2000));
    else if (this.chance.happens(0.85)) await this.broker.kill();
    else await this.broker.killInStop(this.chance.between(0, 30));
    for (const publisher of this.#publishers) publisher.pause();
    await Promise.all(clients.map((client) => client.gone()));
    this.chronicle.killed();
    this.chronicle.verify();
  }

  /** Everything arrives with everyone, and nothing is missing. */
  async #settle(address: Address): Promise<void> {
    await Promise.all(this.#sleepers.map((sleeper) => sleeper.connect(address)));
    await Promise.all(
      [...this.#publishers.map(({ client }) => client), ...this.#retainers].map((client) => client.settled()),
    );
    await Promise.all(this.chronicle.observers.map((observer) => observer.caughtUp()));
    await this.#compareRetained(address);
    this.chronicle.verify();
    this.chronicle.tell(`everything had arrived, ${this.chronicle.acknowledgedCount} messages since the beginning`);
  }

  async #compareRetained(address: Address): Promise<void> {
    this.#retained.compare(await readRetained(address, 'retained/#', this.#fault));
  }
}
