// Many clients on raw sockets in one process: they send what they are given, count the packets that they get by type,
// and acknowledge nothing.
import { once } from 'node:events';
import { connect } from 'node:net';
import mqttPacket from 'mqtt-packet';

/** Connections that are made at a time. */
const CONCURRENCY = 200;
/** Filters of one packet. */
const FILTERS_MAX = 10_000;

export const TYPE = { connack: 2, publish: 3, puback: 4, pubrec: 5, suback: 9, pingresp: 13 };

export const publishOf = (topic, { qos = 0, messageId = 1, retain = false, payload = 'x' } = {}) =>
  mqttPacket.generate({ cmd: 'publish', topic, qos, messageId, retain, dup: false, payload });

export const subscribeOf = (filters, qos) =>
  mqttPacket.generate({ cmd: 'subscribe', messageId: 1, subscriptions: filters.map((topic) => ({ topic, qos })) });

export class Peer {
  #socket;
  #counts = new Array(16).fill(0);
  #waiting = [];
  #header = [];
  #skip = 0;

  constructor(port, { clientId, clean = true, will }) {
    this.#socket = connect({ host: '127.0.0.1', port, noDelay: true });
    this.#socket.on('data', (chunk) => this.#received(chunk)).on('error', () => undefined);
    this.send(mqttPacket.generate({ cmd: 'connect', clientId, clean, keepalive: 0, will }));
  }

  send(bytes) {
    this.#socket.write(bytes);
  }

  /** Resolves when so many packets of the type have come since the connection began. */
  until(type, count) {
    if (this.#counts[type] >= count) return Promise.resolve();
    return new Promise((done) => this.#waiting.push({ type, count, done }));
  }

  async subscribe(filters, qos) {
    for (let i = 0; i < filters.length; i += FILTERS_MAX) {
      const answered = this.until(TYPE.suback, this.#counts[TYPE.suback] + 1);
      this.send(subscribeOf(filters.slice(i, i + FILTERS_MAX), qos));
      await answered;
    }
  }

  async leave() {
    this.#socket.end(mqttPacket.generate({ cmd: 'disconnect' }));
    await once(this.#socket, 'close');
  }

  /** The connection is cut. */
  cut() {
    this.#socket.resetAndDestroy();
  }

  #received(chunk) {
    for (let at = 0; at < chunk.length;) {
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, chunk.length - at);
        at += skipped;
        this.#skip -= skipped;
        continue;
      }
      const byte = chunk[at++];
      this.#header.push(byte);
      if (this.#header.length === 1 || byte >= 128) continue;
      const [first, ...length] = this.#header;
      this.#skip = length.reduce((sum, each, i) => sum + (each & 127) * 128 ** i, 0);
      this.#header = [];
      this.#counts[first >> 4]++;
    }
    this.#waiting = this.#waiting.filter(({ type, count, done }) => {
      if (this.#counts[type] < count) return true;
      done();
      return false;
    });
  }
}

/** Clients `NAME-0` and so on, connected a few at a time. */
export async function crowdOf(port, count, name, options = {}, then = async () => undefined) {
  const peers = [];
  for (let from = 0; from < count; from += CONCURRENCY) {
    const some = Array.from(
      { length: Math.min(CONCURRENCY, count - from) },
      (_, i) => new Peer(port, { clientId: `${name}-${from + i}`, ...options }),
    );
    await Promise.all(some.map((peer) => peer.until(TYPE.connack, 1)));
    await Promise.all(some.map((peer, i) => then(peer, from + i)));
    peers.push(...some);
  }
  return peers;
}
