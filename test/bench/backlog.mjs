// Backlogs: messages that are queued for the sessions of offline clients and delivered when the clients reconnect. Each
// message is checked to be the next of its session.
import { randomBytes } from 'node:crypto';
import { MqttClient } from '../clients/mqtt-client.ts';

const NOISE = randomBytes(64 * 1024);

/** Connections that are made at a time. */
const CONCURRENCY = 50;

/** The first failure of any client, which ends everything that is awaited. */
class Failure {
  #reject;
  #promise = new Promise((_resolve, reject) => {
    this.#reject = reject;
  });

  constructor() {
    this.#promise.catch(() => undefined);
  }

  failed = (error) => this.#reject(error);

  /** @template T @param {Promise<T>} promise @returns {Promise<T>} */
  or(promise) {
    return Promise.race([promise, this.#promise]);
  }
}

export class Backlog {
  #address;
  #payload;
  #failure = new Failure();
  #isLeaving = false;
  /** The client of each session. */
  #subscribers;
  /** How many messages were published to each session, and how many it has received. */
  #published;
  #received;

  /**
   * @param {{ host: string, port: number }} address of the broker
   * @param {{ sessions: number, payload: number }} shape `payload`: bytes of each message
   */
  constructor(address, { sessions, payload }) {
    this.#address = address;
    this.#payload = payload;
    this.#subscribers = Array.from({ length: sessions }, (_, session) => this.#subscriber(session));
    this.#published = new Array(sessions).fill(0);
    this.#received = new Array(sessions).fill(0);
  }

  /** Of all sessions together. */
  get received() {
    return this.#received.reduce((sum, each) => sum + each, 0);
  }

  /** Makes the sessions, each subscribed to its own topic, and disconnects their clients. */
  async subscribe() {
    await this.#forEachSession(async (client, session) => {
      await client.connect(this.#address);
      await client.subscribe(topicOf(session), 1);
      await client.disconnect();
    });
  }

  /**
   * Publishes evenly to all sessions. Each publisher has sessions of its own, so that the order within each session is
   * known. Resolves when all messages are acknowledged.
   */
  async publish({ messages, publishers, window }) {
    const sessions = this.#subscribers.length;
    const share = Math.ceil(sessions / publishers);
    const groups = Array.from({ length: Math.ceil(sessions / share) }, (_, i) => ({
      from: i * share,
      to: Math.min(sessions, (i + 1) * share),
    }));
    const runs = groups.map(async ({ from, to }, i) => {
      const client = this.#client(`publisher-${i}`, window);
      await client.connect(this.#address, { clean: true });
      await client.publishAll(this.#messages(from, to, Math.round((messages * (to - from)) / sessions)));
      await client.disconnect();
    });
    await this.#failure.or(Promise.all(runs));
  }

  *#messages(from, to, count) {
    for (let sent = 0; sent < count; sent++) {
      const session = from + (sent % (to - from));
      const payload = Buffer.allocUnsafe(this.#payload);
      NOISE.copy(payload, 0, (sent * 31) % (NOISE.length - this.#payload));
      payload.writeUInt32BE(this.#published[session]++);
      yield { topic: topicOf(session), payload, qos: 1 };
    }
  }

  /** Reconnects all clients, which stay connected until `leave`. */
  async return() {
    await this.#forEachSession(async (client) => {
      await client.connect(this.#address);
      client.lost().catch((error) => this.#isLeaving || this.#failure.failed(error));
    });
  }

  /** Resolves when that many messages have arrived, in order. */
  async untilReceived(messages) {
    await this.#failure.or(
      new Promise((done) => {
        const look = () => (this.received >= messages ? done() : setTimeout(look, 20));
        look();
      }),
    );
    if (this.received > messages) throw new Error(`${this.received} messages arrived, ${messages} were published`);
  }

  async leave() {
    this.#isLeaving = true;
    await this.#forEachSession((client) => client.disconnect());
  }

  #client(clientId, window) {
    const client = new MqttClient(clientId, window);
    client.onFault = (fault) => this.#failure.failed(new Error(fault));
    return client;
  }

  #subscriber(session) {
    const client = this.#client(`subscriber-${session}`);
    client.onMessage = ({ payload }) => {
      const number = payload.readUInt32BE();
      const expected = this.#received[session]++;
      if (number !== expected)
        this.#failure.failed(new Error(`session ${session} got message ${number} instead of ${expected}`));
      if (payload.length !== this.#payload)
        this.#failure.failed(new Error(`session ${session} got ${payload.length} bytes`));
    };
    return client;
  }

  async #forEachSession(work) {
    let next = 0;
    const worker = async () => {
      for (let session = next++; session < this.#subscribers.length; session = next++)
        await work(this.#subscribers[session], session);
    };
    await this.#failure.or(Promise.all(Array.from({ length: CONCURRENCY }, worker)));
  }
}

const topicOf = (session) => `backlog/${session}`;
