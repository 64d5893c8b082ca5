// A broker and its clients over many rounds. In each round the broker starts, the clients reconnect, publish, receive,
// subscribe and leave, and the broker is killed in the middle of it. Every few rounds everything is first delivered,
// and nothing may be missing. Where storage is a server, the rounds take turns: the broker alone is killed, the server
// under a broker that stays alive, or both.
import { within } from '../../clients/within.js';
import type { Chance } from './chance.js';
import { History } from './history.js';
import type { Observer } from './history.js';
import { MqttClient, untilLost } from '../../clients/mqtt-client.js';
import type { KillableBroker, Victim } from './killable-broker.js';
import type { Address } from '../../clients/packet-socket.js';
import { Publisher } from './publisher.js';
import { ExpectedRetained } from './expected-retained.js';
import { readRetained } from './retained-reader.js';
import { Subscriber } from './subscriber.js';
import { ExpectedWills } from './expected-wills.js';
import type { ExpectedWill } from './expected-wills.js';

/** A server that has just started may leave requests unanswered, each of which the broker gives up after 15 s. */
const RECOVERY_MS = 75_000;
/** Long enough for every client to reconnect, or so short that the wills of the others are due at once. */
const LONG_GRACE_MS = 600_000;
const SHORT_GRACE_MS = 1;
/** In every fourth round, everything is delivered before the kill. */
const CALM_EVERY = 4;
const CHURN_FILTERS = ['churn/0', 'churn/1', 'churn/2', 'churn/3'];
const QOS = [1, 2] as const;

/** A client with a will, in the round in which it is connected and in the next. */
interface ClientWithWill {
  readonly client: MqttClient;
  readonly entry: ExpectedWill;
}

export class Scenario {
  readonly history: History;
  readonly #wills: ExpectedWills;
  readonly #retained: ExpectedRetained;
  readonly #publishers: readonly Publisher[];
  readonly #online: readonly Subscriber[];
  /** Subscribers that are mostly offline and fetch their queued messages. */
  readonly #offline: readonly Subscriber[];
  /** Connects with and without Clean Session, at random. */
  readonly #transient: Subscriber;
  /** Subscribes and unsubscribes all the time. */
  readonly #churner: Subscriber;
  readonly #group: Observer;
  readonly #members: readonly Subscriber[];
  readonly #retainers: readonly MqttClient[];
  readonly #control: MqttClient;
  readonly #watcher: MqttClient;
  #clientsWithWills: ClientWithWill[] = [];
  #settings = 0;
  #round = 0;

  constructor(
    readonly broker: KillableBroker,
    readonly chance: Chance,
  ) {
    const history = new History(chance.seed);
    this.history = history;
    this.#wills = new ExpectedWills(history);
    this.#retained = new ExpectedRetained(history);
    this.#publishers = [0, 1, 2].map(
      (n) => new Publisher(`publisher-${n}`, chance, history, (qos) => this.#topic(n, qos)),
    );
    this.#online = QOS.map((qos) => new Subscriber(`online-${qos}`, history));
    this.#offline = QOS.map((qos) => new Subscriber(`offline-${qos}`, history));
    this.#transient = new Subscriber('transient', history);
    this.#churner = new Subscriber('churner', history);
    this.#group = history.observer('the shared group', false);
    this.#members = [0, 1, 2].map((n) => new Subscriber(`member-${n}`, history, this.#group));
    this.#retainers = QOS.map((qos) => this.#client(`retainer-${qos}`));
    this.#control = this.#client('control');
    this.#watcher = this.#client('watcher');
    this.#watcher.onMessage = ({ topic, payload, qos }) => {
      this.#wills.receive(topic, payload, qos);
    };
  }

  /** The first start, in which the lasting subscriptions are made before any message is sent. */
  async open(): Promise<void> {
    const address = await this.broker.start(LONG_GRACE_MS);
    await this.#watcher.connect(address);
    await this.#watcher.subscribe('will/#', 2);
    await this.#control.connect(address);
    for (const [i, qos] of QOS.entries()) {
      for (const subscriber of [this.#online[i], this.#offline[i]]) {
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
    const { chance, history } = this;
    history.beginRound(++this.#round);
    const isLong = chance.happens(0.5);
    const graceMs = isLong ? LONG_GRACE_MS : SHORT_GRACE_MS;
    for (let stumbles = chance.happens(0.3) ? chance.between(1, 2) : 0; stumbles > 0; stumbles--) {
      history.note(`killed ${await this.broker.stumble(graceMs, chance.next())} ms after it was spawned`);
    }
    const address = await this.broker.start(graceMs);
    if (chance.happens(0.5)) await this.#compareRetained(address);
    const isCalm = this.#round % CALM_EVERY === 0;
    const before = history.acknowledgedCount;

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
      `killed after ${history.acknowledgedCount - before} acknowledgements, wills waited ${isLong ? 'long' : 'hardly'}`,
      victim,
    );
    await Promise.all(lives);
  }

  /** The last start: everything is delivered, nothing is missing, and nothing is killed. */
  async close(): Promise<void> {
    this.history.beginRound(++this.#round);
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
    this.#wills.reportMissing();
    this.#wills.compare(await readRetained(address, 'will/#', this.#fault));
    this.history.verify();
  }

  /** How often each kind of event happened; a scenario without one of them proves less than it claims. */
  get census(): Readonly<Record<string, number>> {
    return {
      'message that was acknowledged': this.history.acknowledgedCount,
      ...Object.fromEntries(
        this.history.observers.map(({ name, receivedCount }) => [`message for ${name}`, receivedCount]),
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
    this.history.addViolation(fault);
  };

  #client(clientId: string): MqttClient {
    const client = new MqttClient(clientId);
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
    const returning = this.#clientsWithWills.filter(() => chance.happens(0.5));
    this.#clientsWithWills = [];
    await Promise.all([
      ...returning.map((one) => this.#comeBack(one, address, isInTime)),
      this.#watcher.connect(address),
      this.#control.connect(address),
      this.#churner.connect(address),
      this.#transient.connect(address, chance.happens(0.5)).then(() => this.#transient.subscribe('load/#', 2)),
      ...[...this.#online, ...this.#members].map((subscriber) => subscriber.connect(address)),
      ...this.#publishers.map(({ client }) => client.connect(address)),
      ...this.#retainers.map((client) => client.connect(address)),
    ]);
  }

  async #comeBack({ client, entry }: ClientWithWill, address: Address, isInTime: boolean): Promise<void> {
    const { fate } = entry;
    entry.fate = fate === 'never' ? fate : 'open';
    await client.connect(address, { clean: this.chance.happens(0.5) });
    if (isInTime && fate === 'owed') this.#wills.expectNever(entry);
  }

  /** Starts everything that happens concurrently until the kill. */
  #live(address: Address, returned: Promise<void>): Promise<void>[] {
    const { chance } = this;
    for (const publisher of this.#publishers) publisher.send();
    return [
      ...this.#retainers.map((client, i) => returned.then(() => this.#setRetained(client, QOS[i] as 1 | 2))),
      ...this.#offline.map((subscriber) => this.#visit(subscriber, address)),
      // QoS 2 messages assigned to a member wait for it; QoS 1 messages go to another member.
      ...this.#members.filter(() => chance.happens(0.3)).map((member) => returned.then(() => this.#goSoon(member))),
      returned.then(() => this.#churn()),
      ...Array.from({ length: chance.between(2, 6) }, (_, i) =>
        this.#liveAndDie(`client-with-will-${this.#round}-${i}`, address),
      ),
    ];
  }

  async #setRetained(client: MqttClient, qos: 1 | 2): Promise<void> {
    while (client.isConnected) {
      const topic = `retained/${qos}/${this.chance.between(0, 5)}`;
      const text = this.chance.happens(0.3)
        ? ''
        : `setting ${++this.#settings} ${'.'.repeat(this.chance.happens(0.1) ? 3000 : 0)}`;
      const acknowledged = this.#retained.set(topic, text);
      client.publish({ topic, payload: Buffer.from(text), qos, retain: true }, acknowledged);
      if (!client.hasRoom) await client.settled();
      else if (this.chance.happens(0.3)) await this.history.afterAcknowledgements(this.chance.between(1, 20));
    }
  }

  /** Stays away in most rounds; otherwise connects in the middle of the traffic and may leave before the kill. */
  async #visit(subscriber: Subscriber, address: Address): Promise<void> {
    if (subscriber.client.isConnected || this.chance.happens(0.6)) return;
    await this.history.afterAcknowledgements(this.chance.between(0, 100));
    await subscriber.connect(address);
    if (this.chance.happens(0.7)) await this.#goSoon(subscriber);
  }

  async #goSoon({ client }: Subscriber): Promise<void> {
    await this.history.afterAcknowledgements(this.chance.between(0, 100));
    await (this.chance.happens(0.5) ? client.disconnect() : client.vanish());
  }

  async #churn(): Promise<void> {
    for (;;) {
      const filter = this.chance.pick(CHURN_FILTERS);
      const qos = CHURN_FILTERS.indexOf(filter) % 2 === 0 ? 1 : 2;
      if (this.#churner.observer.state(filter) === 'on') await this.#churner.unsubscribe(filter, qos);
      else await this.#churner.subscribe(filter, qos);
      await this.history.afterAcknowledgements(this.chance.between(0, 60));
    }
  }

  async #liveAndDie(clientId: string, address: Address): Promise<void> {
    const { chance } = this;
    const client = this.#client(clientId);
    const entry = this.#wills.add(clientId, chance.pick(QOS), chance.happens(0.5));
    await this.history.afterAcknowledgements(chance.between(0, 50));
    this.#clientsWithWills.push({ client, entry });
    await client.connect(address, { clean: chance.happens(0.5), will: entry.will });
    entry.fate = 'owed';
    const end = chance.pick(['stay', 'stay', 'disconnect', 'vanish']);
    if (end === 'stay') return;
    await this.history.afterAcknowledgements(chance.between(0, 50));
    if (end === 'vanish') {
      this.#clientsWithWills = this.#clientsWithWills.filter((one) => one.client !== client);
      await client.vanish();
      return;
    }
    entry.fate = 'open';
    await client.disconnect();
    // DISCONNECT has no answer. An acknowledged message that was sent after it shows that it was processed and stored.
    await this.#control.published({ topic: 'no/subscriber', payload: Buffer.of(), qos: 2 });
    this.#wills.expectNever(entry);
  }

  async #untilKill(): Promise<void> {
    const { chance, history } = this;
    const tooLong = new Promise<void>((resolve) => setTimeout(resolve, 5000).unref());
    if (chance.happens(0.25)) await new Promise((resolve) => setTimeout(resolve, chance.between(0, 60)));
    else await Promise.race([history.afterAcknowledgements(chance.between(1, 900)), tooLong]);
  }

  /**
   * Kills the storage server in the middle of the traffic and restarts it. The broker recovers and keeps its promises
   * to the connected clients.
   */
  async #loseServer(returned: Promise<void>, before: number): Promise<void> {
    const { chance, history } = this;
    const forMs = chance.between(0, 3000);
    history.note(
      `the server was killed after ${history.acknowledgedCount - before} acknowledgements, and started again ${forMs} ms later`,
    );
    await this.broker.loseServer(forMs);
    await returned;
    const atReturn = history.acknowledgedCount;
    await within(
      history.afterAcknowledgements(chance.between(1, 300)),
      'acknowledgements after the server had come back',
      RECOVERY_MS,
    ).catch(async (error: unknown) => {
      throw new Error(`${String(error)}\n${await this.broker.describeServer()}`, { cause: error });
    });
    for (const publisher of this.#publishers) publisher.pause();
    await Promise.all(this.#publishers.map(({ client }) => client.settled()));
    await Promise.all(this.#online.map(({ observer }) => observer.caughtUp()));
    await this.broker.recovered();
    history.verify();
    history.note(`all was well again, ${history.acknowledgedCount - atReturn} acknowledgements later`);
    for (const publisher of this.#publishers) publisher.send();
    await this.#untilKill();
  }

  async #strike(event: string, victim: Victim = 'broker'): Promise<void> {
    this.history.note(victim === 'both' ? `with its server, ${event}` : event);
    const clients = [
      ...[...this.#publishers, ...this.#online, ...this.#offline, ...this.#members, this.#transient, this.#churner].map(
        ({ client }) => client,
      ),
      ...this.#clientsWithWills.map(({ client }) => client),
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
    this.history.killed();
    this.history.verify();
  }

  /** Waits until everything is delivered, and checks that nothing is missing. */
  async #settle(address: Address): Promise<void> {
    await Promise.all(this.#offline.map((subscriber) => subscriber.connect(address)));
    await Promise.all(
      [...this.#publishers.map(({ client }) => client), ...this.#retainers].map((client) => client.settled()),
    );
    await Promise.all(this.history.observers.map((observer) => observer.caughtUp()));
    await this.#compareRetained(address);
    this.history.verify();
    this.history.note(`everything had arrived, ${this.history.acknowledgedCount} messages since the beginning`);
  }

  async #compareRetained(address: Address): Promise<void> {
    this.#retained.compare(await readRetained(address, 'retained/#', this.#fault));
  }
}
