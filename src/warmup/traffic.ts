// What the clients of the warm-up do: publish at every QoS, subscribe and unsubscribe, ping, go away and come back for
// what was queued. V8 optimises for what it has seen, and what it has not seen undoes the optimisation; so the traffic
// has some of everything that clients do all the time.
import { setTimeout } from 'node:timers/promises';
import type { ProtocolVersion } from '../protocol/packets.js';
import { burstsFor } from './burst.js';
import { WarmupClient } from './warmup-client.js';

const PAIRS = 10;
/** How long a subscriber is away. */
const AWAY_MS = 15;
const BURSTS_BETWEEN_REQUESTS = 16;
const TOPICS = ['w', 'warmup', 'warmup/with/a/topic/of/many/levels'];

export interface TrafficOptions {
  readonly host: string;
  readonly port: number;
  readonly userName: string;
  /** Asked before each burst; resolves with false when the traffic is to end. */
  readonly mayGoOn: () => Promise<boolean>;
}

export class Traffic {
  readonly #options: TrafficOptions;
  readonly #clients: WarmupClient[] = [];

  constructor(options: TrafficOptions) {
    this.#options = options;
  }

  /**
   * Resolves when `mayGoOn` has said no, and all clients have disconnected.
   * @throws Error if the broker closes a connection.
   */
  async run(): Promise<void> {
    const { mayGoOn } = this.#options;
    try {
      const publishers: WarmupClient[] = [];
      const subscribers: WarmupClient[] = [];
      for (let pair = 0; pair < PAIRS && (await mayGoOn()); pair++) {
        publishers.push(await this.#connect(`publisher-${pair}`, pair, true));
        // Every other subscriber has a stored session.
        const subscriber = await this.#connect(`subscriber-${pair}`, pair, pair % 2 === 0);
        await subscriber.subscribe(`${topicOf(pair)}/+`);
        subscribers.push(subscriber);
      }
      // The messages of some publishers have two receivers.
      await subscribers[0]?.subscribe(`${topicOf(0)}/#`);
      await Promise.all([this.#comeAndGo(subscribers), ...publishers.map((one, pair) => this.#publish(one, pair))]);
    } finally {
      for (const client of this.#clients) client.disconnect();
    }
  }

  async #connect(clientId: string, pair: number, clean: boolean): Promise<WarmupClient> {
    const { host, port, userName } = this.#options;
    const client = new WarmupClient({ clientId, userName, clean, version: versionOf(pair) });
    this.#clients.push(client);
    await client.connect(host, port);
    return client;
  }

  async #publish(publisher: WarmupClient, pair: number): Promise<void> {
    const bursts = burstsFor(`${topicOf(pair)}/t`, versionOf(pair));
    for (let round = pair; await this.#options.mayGoOn(); round++) {
      const burst = bursts[round % bursts.length];
      if (burst !== undefined) await publisher.publish(burst);
      if (round % BURSTS_BETWEEN_REQUESTS !== 0) continue;
      await publisher.ping();
      await publisher.subscribe(`other/${round}`);
      await publisher.unsubscribe(`other/${round}`);
    }
  }

  /** Stored sessions are away for a moment, one after the other. */
  async #comeAndGo(subscribers: WarmupClient[]): Promise<void> {
    for (let pair = 1; await this.#options.mayGoOn(); pair = (pair + 2) % PAIRS) {
      await setTimeout(AWAY_MS);
      subscribers[pair]?.disconnect();
      await setTimeout(AWAY_MS);
      subscribers[pair] = await this.#connect(`subscriber-${pair}`, pair, false);
    }
  }
}

/** Three of ten pairs speak MQTT 5. */
const versionOf = (pair: number): ProtocolVersion => (pair % 3 === 2 ? 5 : 4);

const topicOf = (pair: number): string => `${TOPICS[pair % TOPICS.length] ?? ''}/${pair}`;
