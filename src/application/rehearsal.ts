// A rehearsal before the doors open: a broker of its own, without sockets and without storage, serves some ten thousand messages. The engine, the
// core and the codec are then compiled for what is to come; otherwise the first clients of a broker, which after a restart are all of them at
// once, would wait for the compiler. It touches nothing of the broker that is about to start, and what it does is the same every time.
import { EVERYTHING } from '../domain/access/permissions.js';
import type { Limits } from '../domain/connect/limits.js';
import { PacketDecoder } from '../protocol/decoder.js';
import { encodePacket } from '../protocol/encoder.js';
import { PacketType } from '../protocol/packets.js';
import type { Packet, QoS } from '../protocol/packets.js';
import type { Clock } from '../ports/clock.js';
import type { ChannelHandler } from '../ports/network.js';
import type { Random } from '../ports/random.js';
import type { Storage } from '../ports/storage.js';
import { Authentication } from './authentication.js';
import { Engine } from './engine.js';

const PAIRS = 10;
/** Messages from each publisher: enough for the compiler to take notice. */
const ROUNDS = 3000;
/** Rounds after which the event loop gets its turn, to put in place what has been compiled beside it. */
const ROUNDS_AT_ONCE = 50;
/** Short and long, because the code takes other paths for each. */
const PAYLOADS = [new Uint8Array(4), new Uint8Array(64), new Uint8Array(600)];
const TOPICS = ['r', 'rehearsal', 'rehearsal/of/a/topic/with/many/levels'];

export interface RehearsalParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: Limits;
}

const NOTHING = new Uint8Array(0);

const NO_STORAGE: Storage = {
  traits: { durable: false, fencing: false, maxBatchChanges: Number.MAX_SAFE_INTEGER },
  open: () => Promise.resolve(),
   
  async *load() {
    /* nothing is remembered */
  },
  commit: () => Promise.resolve(),
  readQueue: () => Promise.resolve([]),
  readRetained: () => Promise.resolve([]),
  close: () => Promise.resolve(),
};

/** With the clock, the random numbers and the limits of the real one: what is compiled for other kinds of objects is of no use. */
export async function rehearse({ clock, random, limits }: RehearsalParts): Promise<void> {
  const turns: (() => void)[] = [];
  const engine = new Engine({
    storage: NO_STORAGE,
    authentication: new Authentication([{ name: 'rehearsal', authenticate: () => ({ decision: 'allow', permissions: EVERYTHING }) }]),
    telemetry: [],
    clock,
    random,
    limits,
    atEndOfTurn: (callback) => turns.push(callback),
    fatal: () => undefined,
  });
  const endTurn = (): void => {
    for (let turn = turns.shift(); turn !== undefined; turn = turns.shift()) turn();
  };
  const publishers = Array.from({ length: PAIRS }, (_, i) => new Player(engine, `publisher ${i}`, true));
  // Every other subscriber has a stored session.
  const subscribers = Array.from({ length: PAIRS }, (_, i) => new Player(engine, `subscriber ${i}`, i % 2 === 0));
  endTurn();
  for (const [i, subscriber] of subscribers.entries()) subscriber.subscribe(`${TOPICS[i % TOPICS.length] ?? ''}/${i}/+`);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, publisher] of publishers.entries()) {
      publisher.publish(`${TOPICS[i % TOPICS.length] ?? ''}/${i}/t`, (round % 3) as QoS, PAYLOADS[(round + i) % PAYLOADS.length] ?? NOTHING);
    }
    endTurn();
    if (round % ROUNDS_AT_ONCE === 0) {
      // Some come and go.
      new Player(engine, `guest ${round}`, true).leave();
      endTurn();
      await new Promise((resolve) => setImmediate(resolve));
    }
    for (const player of [...publishers, ...subscribers]) player.answer();
    endTurn();
  }
  engine.down();
}

/** A client that answers whatever the protocol wants answered. */
class Player {
  readonly #link: ChannelHandler;
  readonly #decoder = new PacketDecoder({ maxPacketSize: 1024, role: 'client' });
  #received: Uint8Array[] = [];
  #lastPacketId = 0;

  constructor(engine: Engine, clientId: string, clean: boolean) {
    this.#link = engine.accept('rehearsal', {
      peer: { remoteAddress: clientId },
      bufferedBytes: 0,
      write: (bytes) => this.#received.push(bytes) > 0,
      pause: () => undefined,
      resume: () => undefined,
      close: () => undefined,
    });
    const { connect } = PacketType;
    const nothing = { will: undefined, userName: undefined, password: undefined, properties: undefined };
    this.#send({ type: connect, protocolVersion: 4, clean, keepAlive: 60, clientId, ...nothing });
  }

  subscribe(topicFilter: string): void {
    const subscription = { topicFilter, qos: 2, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
    this.#send({ type: PacketType.subscribe, packetId: 1, subscriptions: [subscription], properties: undefined });
  }

  publish(topic: string, qos: QoS, payload: Uint8Array): void {
    const packetId = qos === 0 ? 0 : (this.#lastPacketId = (this.#lastPacketId % 65_535) + 1);
    this.#send({ type: PacketType.publish, dup: false, qos, retain: false, topic, packetId, properties: undefined, payload });
  }

  leave(): void {
    this.#send({ type: PacketType.pingreq });
    this.#send({ type: PacketType.disconnect, reasonCode: 0, properties: undefined });
    this.#link.closed(undefined);
  }

  answer(): void {
    const received = this.#received;
    this.#received = [];
    for (const bytes of received) {
      this.#decoder.push(bytes);
      for (let packet = this.#decoder.read(); packet !== undefined; packet = this.#decoder.read()) this.#answer(packet);
    }
  }

  #answer(packet: Packet): void {
    if (packet.type === PacketType.publish && packet.qos === 1) this.#acknowledge(PacketType.puback, packet.packetId);
    else if (packet.type === PacketType.publish && packet.qos === 2) this.#acknowledge(PacketType.pubrec, packet.packetId);
    else if (packet.type === PacketType.pubrec) this.#acknowledge(PacketType.pubrel, packet.packetId);
    else if (packet.type === PacketType.pubrel) this.#acknowledge(PacketType.pubcomp, packet.packetId);
  }

  #acknowledge(type: typeof PacketType.puback | typeof PacketType.pubrec | typeof PacketType.pubrel | typeof PacketType.pubcomp, packetId: number): void {
    this.#send({ type, packetId, reasonCode: 0, properties: undefined });
  }

  #send(packet: Packet): void {
    // A Buffer, because that is what a socket gives.
    this.#link.data(Buffer.from(encodePacket(packet, 4)));
  }
}
