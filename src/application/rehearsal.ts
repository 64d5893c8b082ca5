// A rehearsal before the doors open: a broker of its own, without sockets and without storage, serves a few thousand messages. The engine, the
// core and the codec are then compiled for what is to come; otherwise the first clients of a broker, which after a restart are all of them at
// once, would wait for the compiler. It touches nothing of the broker that is about to start, and what it does is the same every time.
import { EVERYTHING } from '../domain/access/permissions.js';
import type { Limits } from '../domain/connect/limits.js';
import { PacketDecoder } from '../protocol/decoder.js';
import { encodePacket } from '../protocol/encoder.js';
import { PacketType } from '../protocol/packets.js';
import type { Packet, QoS } from '../protocol/packets.js';
import type { ChannelHandler } from '../ports/network.js';
import type { Storage } from '../ports/storage.js';
import { Authentication } from './authentication.js';
import { Engine } from './engine.js';

const PAIRS = 10;
/** Messages from each publisher: enough for the compiler to take notice. */
const ROUNDS = 900;
/** Rounds after which the event loop gets its turn, to put in place what has been compiled beside it. */
const ROUNDS_AT_ONCE = 50;
const PAYLOAD_BYTES = 64;

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

export async function rehearse(limits: Limits): Promise<void> {
  const turns: (() => void)[] = [];
  let nowMs = 0;
  const engine = new Engine({
    storage: NO_STORAGE,
    authentication: new Authentication([{ name: 'rehearsal', authenticate: () => ({ decision: 'allow', permissions: EVERYTHING }) }]),
    telemetry: [],
    clock: { nowMs: () => nowMs, at: () => ({ cancel: () => undefined }) },
    random: { bytes: (length) => new Uint8Array(length) },
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
  for (const [i, subscriber] of subscribers.entries()) subscriber.subscribe(`rehearsal/${i}/+`);
  const payload = new Uint8Array(PAYLOAD_BYTES);
  for (let round = 0; round < ROUNDS; round++) {
    nowMs++;
    for (const [i, publisher] of publishers.entries()) publisher.publish(`rehearsal/${i}/topic`, (round % 3) as QoS, payload);
    endTurn();
    if (round % ROUNDS_AT_ONCE === 0) await new Promise((resolve) => setImmediate(resolve));
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
    this.#link.data(encodePacket(packet, 4));
  }
}
