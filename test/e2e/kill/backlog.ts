// A stored session with more messages queued than a broker keeps in memory, drained by a client that was offline.
import type { Chance } from './chance.js';
import { History } from './history.js';
import { untilLost } from '../../clients/mqtt-client.js';
import type { KillableBroker, Victim } from './killable-broker.js';
import { Publisher } from './publisher.js';
import { Subscriber } from './subscriber.js';

const QOS = [1, 2] as const;

export class Backlog {
  readonly history: History;
  readonly #publisher: Publisher;
  readonly #subscribers: readonly Subscriber[];

  constructor(
    readonly broker: KillableBroker,
    readonly chance: Chance,
  ) {
    this.history = new History(chance.seed);
    this.#publisher = new Publisher('publisher', chance, this.history, (qos) => `load/${qos}`);
    this.#subscribers = QOS.map((qos) => new Subscriber(`offline-${qos}`, this.history));
  }

  get isDrained(): boolean {
    return this.#subscribers.every(({ observer }) => observer.owedCount === 0);
  }

  get owedCounts(): readonly number[] {
    return this.#subscribers.map(({ observer }) => observer.owedCount);
  }

  /** Queues this many acknowledged messages for offline subscribers. */
  async pileUp(count: number): Promise<void> {
    const { history } = this;
    const address = await this.broker.start(0);
    for (const [i, subscriber] of this.#subscribers.entries()) {
      await subscriber.connect(address);
      await subscriber.subscribe('load/#', QOS[i] as 1 | 2);
      await subscriber.client.disconnect();
    }
    await this.#publisher.client.connect(address);
    const enough = history.afterAcknowledgements(count);
    this.#publisher.send();
    await enough;
    this.#publisher.pause();
    await this.#publisher.client.settled();
    await this.#strike(`${history.acknowledgedCount} messages wait`);
  }

  /**
   * The subscribers receive a part, and the broker is killed; or first its server, after whose return they receive
   * more.
   */
  async drainSome(): Promise<void> {
    const { broker, chance, history } = this;
    history.beginRound(history.round + 1);
    const address = await broker.start(0);
    const before = this.owedCounts;
    const some = this.#oneHasReceived(1200);
    const lives = this.#subscribers.map(({ client }) => untilLost(client.connect(address)));
    await some;
    const victim = broker.nextVictim();
    if (victim === 'server') {
      history.note(`the server was killed when ${this.#describe(before)}`);
      await broker.loseServer(chance.between(0, 2000));
      await this.#oneHasReceived(600);
    }
    await this.#strike(`killed when ${this.#describe(before)}`, victim);
    await Promise.all(lives);
  }

  /** The subscribers receive the rest, and nothing is missing. */
  async drain(): Promise<void> {
    this.history.beginRound(this.history.round + 1);
    const address = await this.broker.start(0);
    await Promise.all(this.#subscribers.map(({ client }) => client.connect(address)));
    await Promise.all(this.#subscribers.map(({ observer }) => observer.caughtUp()));
    this.history.verify();
  }

  /**
   * Waits until one of the subscribers has received a number of messages, at most `most`; the other is elsewhere in its
   * queue.
   */
  async #oneHasReceived(most: number): Promise<void> {
    const owed = this.#subscribers.filter(({ observer }) => observer.owedCount > 0);
    if (owed.length > 0)
      await Promise.race(owed.map(({ observer }) => observer.afterReceiving(this.chance.between(1, most))));
  }

  #describe(before: readonly number[]): string {
    return this.#subscribers.map(({ name }, i) => `${name} was owed ${this.owedCounts[i]} of ${before[i]}`).join(', ');
  }

  async #strike(event: string, victim: Victim = 'broker'): Promise<void> {
    if (victim === 'both') await this.broker.killWithServer(this.chance.between(0, 100));
    else await this.broker.kill();
    await Promise.all([this.#publisher.client.gone(), ...this.#subscribers.map(({ client }) => client.gone())]);
    this.history.killed();
    this.history.note(victim === 'both' ? `with its server, ${event}` : event);
    this.history.verify();
  }
}
