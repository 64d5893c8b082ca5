// What a message costs in version 5 of MQTT, with and without User Properties, compared with 3.1.1: CPU time of the
// broker for each delivered message, for pairs of clients and for a fan-out. Run with `npm run bench:versions`.
//
// One broker serves all variants in turn, in an order that changes with each round, so that what else happens on the
// machine falls on all of them. The clients encode each packet once and do not parse what they receive: all PUBLISH
// packets to a subscriber have one length, and their Packet Identifier is always in the same place.
import net from 'node:net';
import { generate } from 'mqtt-packet';
import { argumentsOf } from './arguments.mjs';
import { BrokerProcess } from './broker-process.mjs';

const { rounds: ROUNDS, seconds: SECONDS } = argumentsOf({ rounds: 5, seconds: 2 });
const WARM_UP_MS = 500;
const USER_PROPERTIES = Object.fromEntries(Array.from({ length: 8 }, (_, n) => [`property-${n}`, `value ${n}`]));

const VARIANTS = {
  '3.1.1': { protocolVersion: 4 },
  5: { protocolVersion: 5 },
  '5, 8 User Properties': { protocolVersion: 5, properties: { userProperties: USER_PROPERTIES } },
};
const WORKLOADS = {
  '10 pairs, QoS 0': { publishers: 10, subscribersEach: 1, qos: 0, window: 100 },
  '10 pairs, QoS 1': { publishers: 10, subscribersEach: 1, qos: 1, window: 50 },
  '1 publisher, 500 subscribers, QoS 0': { publishers: 1, subscribersEach: 500, qos: 0, window: 10 },
};

class Client {
  #waiting;
  #expected = 0;

  constructor(socket, protocolVersion) {
    this.socket = socket;
    this.protocolVersion = protocolVersion;
    this.onBytes = undefined;
    socket.on('data', (chunk) => {
      if (this.#waiting === undefined) this.onBytes?.(chunk);
      else if ((this.#expected -= chunk.length) <= 0) this.#waiting();
    });
  }

  static async connect(port, clientId, protocolVersion) {
    const socket = net.connect(port, '127.0.0.1').setNoDelay(true);
    await new Promise((done, failed) => socket.once('connect', done).once('error', failed));
    const client = new Client(socket, protocolVersion);
    await client.ask({ cmd: 'connect', clean: true, keepalive: 0, clientId });
    return client;
  }

  encode(packet) {
    return generate({ ...packet, protocolVersion: this.protocolVersion }, { protocolVersion: this.protocolVersion });
  }

  /** Sends a packet and waits for the beginning of the answer, which arrives in one piece. */
  ask(packet) {
    return new Promise((done) => {
      this.#expected = 1;
      this.#waiting = () => {
        this.#waiting = undefined;
        done();
      };
      this.socket.write(this.encode(packet));
    });
  }
}

/** Calls back with each packet of `length` bytes in the chunks of a socket. */
function eachPacket(length, take) {
  let rest = Buffer.alloc(0);
  return (chunk) => {
    let at = 0;
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    for (; at + length <= bytes.length; at += length) take(bytes, at);
    rest = bytes.subarray(at);
  };
}

/** One stream of messages: a publisher that keeps a window of messages on their way, and its subscribers. */
class Stream {
  received = 0;
  #clients = [];

  static async open(port, number, { protocolVersion, properties }, { subscribersEach, qos, window }) {
    const stream = new Stream();
    const topic = `stream/${number}`;
    const publisher = await Client.connect(port, `publisher-${number}`, protocolVersion);
    const packet = (messageId) => ({
      cmd: 'publish',
      qos,
      topic,
      messageId,
      payload: Buffer.alloc(64, 'x'),
      properties,
    });
    const messages = Array.from({ length: window }, (_, n) => publisher.encode(packet(n + 1)));
    const { length } = messages[0];
    const identifierAt = 2 + (length > 129 ? 1 : 0) + 2 + topic.length;
    for (let n = 0; n < subscribersEach; n++) {
      const subscriber = await Client.connect(port, `subscriber-${number}-${n}`, protocolVersion);
      await subscriber.ask({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic, qos }] });
      subscriber.onBytes = stream.#receiver(
        subscriber,
        length,
        identifierAt,
        qos,
        n === 0 ? publisher : undefined,
        messages,
      );
      stream.#clients.push(subscriber);
    }
    // At QoS 1 the window follows the acknowledgements, at QoS 0 what the first subscriber has received.
    if (qos === 1)
      publisher.onBytes = eachChunkOf(4, (count) => {
        for (let n = 0; n < count; n++) publisher.socket.write(messages[n % window]);
      });
    publisher.socket.write(Buffer.concat(messages));
    stream.#clients.push(publisher);
    return stream;
  }

  #receiver(subscriber, length, identifierAt, qos, publisher, messages) {
    let count = 0;
    if (qos === 1)
      return (() => {
        let answers = [];
        const split = eachPacket(length, (bytes, at) => {
          this.received++;
          answers.push(0x40, 2, bytes[at + identifierAt], bytes[at + identifierAt + 1]);
        });
        return (chunk) => {
          answers = [];
          split(chunk);
          if (answers.length > 0) subscriber.socket.write(Buffer.from(answers));
        };
      })();
    const half = messages.length / 2;
    const burst = Buffer.concat(messages.slice(0, half));
    return eachChunkOf(length, (more) => {
      this.received += more;
      if (publisher === undefined) return;
      for (count += more; count >= half; count -= half) publisher.socket.write(burst);
    });
  }

  close() {
    for (const { socket } of this.#clients) socket.destroy();
  }
}

/** Calls back with how many packets of `length` bytes each chunk completes. */
function eachChunkOf(length, take) {
  let bytes = 0;
  return (chunk) => {
    bytes += chunk.length;
    const count = Math.floor(bytes / length);
    bytes -= count * length;
    if (count > 0) take(count);
  };
}

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/** @returns {Promise<number>} microseconds of the broker's CPU for each delivered message */
async function measure(broker, variant, workload) {
  const streams = [];
  for (let n = 0; n < workload.publishers; n++) streams.push(await Stream.open(broker.port, n, variant, workload));
  const received = () => streams.reduce((sum, stream) => sum + stream.received, 0);
  await sleep(WARM_UP_MS);
  const [before, cpuBefore] = [received(), broker.cpuMicroseconds];
  await sleep(SECONDS * 1000);
  const count = received() - before;
  const cost = (broker.cpuMicroseconds - cpuBefore) / count;
  for (const stream of streams) stream.close();
  await sleep(100);
  if (count === 0) throw new Error('no message was delivered');
  return cost;
}

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

const broker = await BrokerProcess.start(undefined);
console.log('| workload | version | CPU for a message | speed compared with 3.1.1 |\n|---|---|---|---|');
for (const [name, workload] of Object.entries(WORKLOADS)) {
  const costs = new Map(Object.keys(VARIANTS).map((variant) => [variant, []]));
  for (let round = 0; round <= ROUNDS; round++) {
    const names = [...costs.keys()];
    for (let n = 0; n < names.length; n++) {
      const variant = names[(n + round) % names.length];
      const cost = await measure(broker, VARIANTS[variant], workload);
      // The first round lets the compiler see every variant.
      if (round > 0) costs.get(variant).push(cost);
    }
  }
  const base = costs.get('3.1.1');
  for (const [variant, each] of costs) {
    // Variants of one round were measured next to each other.
    const ratio = median(each.map((cost, round) => base[round] / cost));
    console.log(`| ${name} | ${variant} | ${median(each).toFixed(2)} µs | ${ratio.toFixed(2)} |`);
  }
}
await broker.stop();
