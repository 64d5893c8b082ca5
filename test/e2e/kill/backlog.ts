// A session with more waiting than a broker keeps in memory: what one who was away for long comes back to.
import type { Chance } from './chance.js';
import { Chronicle } from './chronicle.js';
import { untilLost } from './faithful-client.js';
import type { KillableBroker, Victim } from './killable-broker.js';
import { Publisher } from './publisher.js';
import { Subscriber } from './subscriber.js';

const QOS = [1, 2] as const;

export class Backlog {
  readonly chronicle: Chronicle;
  readonly #publisher: Publisher;
  readonly #subscribers: readonly Subscriber[];

  constructor(
    readonly broker: KillableBroker,
    readonly chance: Chance,
  ) {
    this.chronicle = new Chronicle(chance.seed);
    this.#publisher = new Publisher('publisher', chance, this.chronicle, (qos) => `load/${qos}`);
    this.#subscribers = QOS.map((qos) => new Subscriber(`sleeper-${qos}`, this.chronicle));
  }

  get isDrained(): boolean {
    return this.#subscribers.every(({ observer }) => observer.owedCount === 0);
  }

  get owedCounts(): readonly number[] {
    return this.#subscribers.map(({ observer }) => observer.owedCount);
  }

  /** So many messages, all acknowledged, for subscribers that are not there. */
  async pileUp(count: number): Promise<void> {
    const { chronicle } = this;
    const address = await this.broker.start(0);
    for (const [i, subscriber] of this.#subscribers.entries()) {
      await subscriber.connect(address);
      await subscriber.subscribe('load/#', QOS[i] as 1 | 2);
      await subscriber.client.disconnect();
    }
    await this.#publisher.client.connect(address);
    const enough = chronicle.afterAcknowledgements(count);
    this.#publisher.send();
    await enough;
    this.#publisher.pause();
    await this.#publisher.client.settled();
    await this.#strike(`${chronicle.acknowledgedCount} messages wait`);
  }

  /**
   * They come, get some of it, and the broker is killed; or first its server, and they go on getting it when that is
   * back.
   */
  async drainSome(): Promise<void> {
    const { broker, chance, chronicle } = this;
    chronicle.beginRound(chronicle.round + 1);
    const address = await broker.start(0);
    const before = this.owedCounts;
    const some = this.#oneHasGot(1200);
    const lives = this.#subscribers.map(({ client }) => untilLost(client.connect(address)));
    await some;
    const victim = broker.nextVictim();
    if (victim === 'server') {
      chronicle.tell(`the server was killed when ${this.#told(before)}`);
      await broker.loseServer(chance.between(0, 2000));
      await this.#oneHasGot(600);
    }
    await this.#strike(`killed when ${this.#told(before)}`, victim);
    await Promise.all(lives);
  }

  /** They get the rest, and nothing is missing. */
  async drain(): Promise<void> {
    this.chronicle.beginRound(this.chronicle.round + 1);
    const address = await this.broker.start(0);
    await Promise.all(this.#subscribers.map(({ client }) => client.connect(address)));
    await Promise.all(this.#subscribers.map(({ observer }) => observer.caughtUp()));
    this.chronicle.verify();
  }

  /** At most so many more. One is enough: the other is somewhere else in its queue then. */
  async #oneHasGot(most: number): Promise<void> {
    const owed = this.#subscribers.filter(({ observer }) => observer.owedCount > 0);
    if (owed.length > 0)
      await Promise.race(owed.map(({ observer }) => observer.afterReceiving(this.chance.between(1, most))));
  }

  #told(before: readonly number[]): string {
    return this.#subscribers.map(({ name }, i) => `${name} was owed ${this.owedCounts[i]} of ${before[i]}`).join(', ');
  }

  async #strike(event: string, victim: Victim = 'broker'): Promise<void> {
    if (victim === 'both') await this.broker.killWithServer(this.chance.between(0, 100));
    else await this.broker.kill();
    await Promise.all([this.#publisher.client.gone(), ...this.#subscribers.map(({ client }) => client.gone())]);
    this.chronicle.killed();
    this.chronicle.tell(victim === 'both' ? `with its server, ${event}` : event);
    this.chronicle.verify();
  }
}
