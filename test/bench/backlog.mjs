// Messages that are queued for sessions whose clients are away, and handed over when these come back, each checked to
// be the next of its session.
import { randomBytes } from 'node:crypto';
import { MqttLink, publishPacket } from './mqtt-link.mjs';

const NOISE = randomBytes(64 * 1024);
const PACKET_IDS = 65_535;

/** Whatever goes wrong anywhere ends what is awaited. */
class Trouble {
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
  #sessions;
  #payload;
  #trouble = new Trouble();
  #links = [];
  /** What was published to each session, and what has come there. */
  #published;
  #received;

  /**
   * @param {{ host: string, port: number }} address of the broker
   * @param {{ sessions: number, payload: number }} shape `payload`: bytes of each message
   */
  constructor(address, { sessions, payload }) {
    this.#address = address;
    this.#sessions = sessions;
    this.#payload = payload;
    this.#published = new Array(sessions).fill(0);
    this.#received = new Array(sessions).fill(0);
  }

  /** Of all sessions together. */
  get received() {
    return this.#received.reduce((sum, each) => sum + each, 0);
  }

  /** Sessions are made, subscribe each to its own topic, and go. */
  async subscribe() {
    await this.#together(async (session) => {
      const link = await this.#connect(`subscriber-${session}`);
      await link.subscribe(topicOf(session));
      await link.disconnect();
    });
  }

  /**
   * Evenly over the sessions; a publisher has sessions of its own, so that the order of each is known. Resolves when
   * all are acknowledged.
   */
  async publish({ messages, publishers, window }) {
    const share = Math.ceil(this.#sessions / publishers);
    const groups = Array.from({ length: Math.ceil(this.#sessions / share) }, (_, i) => ({
      from: i * share,
      to: Math.min(this.#sessions, (i + 1) * share),
    }));
    const runs = groups.map(({ from, to }, i) =>
      this.#publishTo(`publisher-${i}`, from, to, Math.round((messages * (to - from)) / this.#sessions), window),
    );
    await this.#trouble.or(Promise.all(runs));
  }

  async #publishTo(clientId, from, to, messages, window) {
    const link = await this.#connect(clientId);
    let sent = 0;
    let acknowledged = 0;
    const more = () => {
      const packets = [];
      for (; sent < messages && sent - acknowledged < window; sent++)
        packets.push(this.#next(from + (sent % (to - from)), sent));
      if (packets.length > 0) link.write(Buffer.concat(packets));
    };
    await new Promise((done) => {
      link.onAcknowledged = (count) => {
        acknowledged += count;
        if (acknowledged === messages) done();
        else more();
      };
      more();
    });
    await link.disconnect();
  }

  #next(session, sent) {
    const number = this.#published[session]++;
    const payload = Buffer.allocUnsafe(this.#payload);
    NOISE.copy(payload, 0, (sent * 31) % (NOISE.length - this.#payload));
    payload.writeUInt32BE(number);
    return publishPacket(topicOf(session), 1 + (sent % PACKET_IDS), payload);
  }

  /** All clients come back, and stay. */
  async return() {
    await this.#together(async (session) => {
      const link = await this.#connect(`subscriber-${session}`, (payload) => {
        const number = payload.readUInt32BE();
        const expected = this.#received[session]++;
        if (number !== expected)
          this.#trouble.failed(new Error(`session ${session} got message ${number} instead of ${expected}`));
        if (payload.length !== this.#payload)
          this.#trouble.failed(new Error(`session ${session} got ${payload.length} bytes`));
      });
      this.#links.push(link);
    });
  }

  /** Resolves when that many have come, in order. */
  async untilReceived(messages) {
    await this.#trouble.or(
      new Promise((done) => {
        const look = () => (this.received >= messages ? done() : setTimeout(look, 20));
        look();
      }),
    );
    if (this.received > messages) throw new Error(`${this.received} messages came, ${messages} were published`);
  }

  async leave() {
    await Promise.all(this.#links.map((link) => link.disconnect()));
    this.#links = [];
  }

  async #connect(clientId, onMessage = () => undefined) {
    const connecting = MqttLink.connect(this.#address, clientId, this.#trouble.failed, onMessage);
    return this.#trouble.or(connecting);
  }

  /** For all sessions, some at a time. */
  async #together(work) {
    let next = 0;
    const one = async () => {
      while (next < this.#sessions) await work(next++);
    };
    await Promise.all(Array.from({ length: 50 }, one));
  }
}

const topicOf = (session) => `backlog/${session}`;
