// A rehearsal before the doors open: a broker of its own, without storage, serves some ten thousand messages. The engine, the core and the codec
// are then compiled for what is to come; otherwise the first clients of a broker, which after a restart are all of them at once, would wait for
// the compiler. Most of it goes from hand to hand, the rest through connections of the process to itself, because what Node does for a socket
// has to be compiled too. It touches nothing of the broker that is about to start, and what it does is the same every time.
import type { Change } from '../domain/changes.js';
import type { Limits } from '../domain/connect/limits.js';
import type { Message } from '../domain/delivery/message.js';
import type { PageLimit } from '../domain/effects.js';
import type { StoredEntry } from '../domain/inputs.js';
import type { QueueId, Seq } from '../domain/identifiers.js';
import { PacketDecoder } from '../protocol/decoder.js';
import { encodePacket } from '../protocol/encoder.js';
import { PacketType } from '../protocol/packets.js';
import type { Packet, QoS } from '../protocol/packets.js';
import type { Clock } from '../ports/clock.js';
import type { IncomingConnection, Channel, ChannelHandler, Listener } from '../ports/network.js';
import type { Random } from '../ports/random.js';
import type { Storage } from '../ports/storage.js';
import { Admission } from './admission.js';
import { Authentication } from './authentication.js';
import { Authorization } from './authorization.js';
import { Engine } from './engine.js';

const PAIRS = 10;
/** Messages from each publisher: enough for the compiler to optimise. */
const ROUNDS = 1200;
/** Of those through connections: each takes some turns of the event loop. */
const CONNECTED_ROUNDS = 300;
/** Of the event loop, until what was sent has been answered. */
const CONNECTED_TURNS = 3;
/** Rounds after which someone comes and goes. */
const ROUNDS_BETWEEN_GUESTS = 50;
/** Of the messages, those that somebody comes back for; published so many at a time. */
const BACKLOG_SHARE = 4;
const PAGE = 50;
/** Until all of them have come, and at most. */
const SILENT_TURNS = 3;
const TURNS_MAX = 2000;
/** Short and long, because the code takes other paths for each. */
const PAYLOADS = [new Uint8Array(4), new Uint8Array(64), new Uint8Array(600)];
const TOPICS = ['r', 'rehearsal', 'rehearsal/of/a/topic/with/many/levels'];

export interface RehearsalParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: Limits;
  /** Those that can connect the process to itself are rehearsed with. */
  readonly listeners: readonly Listener[];
}

/** The way from a player to the engine. */
interface Way {
  send(bytes: Uint8Array): void;
  close(): void;
}

type Connect = (engine: Engine, name: string, received: (chunk: Uint8Array) => void) => Way | Promise<Way>;

const NOTHING = new Uint8Array(0);

/** Remembers what waits for those who are away, so that they can come back for it. */
class Memory implements Storage {
  readonly traits = { durable: false, fencing: false, preferredBatchChanges: Number.MAX_SAFE_INTEGER };
  readonly #queues = new Map<QueueId, StoredEntry[]>();

  open(): Promise<void> {
    return Promise.resolve();
  }

  openReadOnly(): Promise<boolean> {
    return Promise.resolve(false);
  }

  async *load(): AsyncGenerator<never> {
    // It begins with nothing.
  }

  commit(batch: readonly Change[]): Promise<void> {
    for (const change of batch) {
      if (change.kind !== 'queue.append') continue;
      const { queue, seq, message, qos, retain, identifiers } = change;
      const entries = this.#queues.get(queue) ?? [];
      entries[seq] = { seq, message, qos, retain, identifiers, released: false };
      this.#queues.set(queue, entries);
    }
    return Promise.resolve();
  }

  readQueue(queue: QueueId, from: Seq, { maxEntries }: PageLimit): Promise<readonly StoredEntry[]> {
    return Promise.resolve(
      this.#queues
        .get(queue)
        ?.slice(from, from + maxEntries)
        .filter((entry) => entry !== undefined) ?? [],
    );
  }

  readRetained(): Promise<readonly Message[]> {
    return Promise.resolve([]);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** Nobody has to wait in a rehearsal. */
const UNLIMITED = {
  maxPendingConnections: undefined,
  maxConnectRate: undefined,
  maxConnectRatePerAddress: undefined,
  maxConnectionsPerAddress: undefined,
  maxPublishRate: undefined,
  maxPublishByteRate: undefined,
  maxTotalPublishRate: undefined,
  maxTotalPublishByteRate: undefined,
};

/** With the clock, the random numbers and the limits of the real one: what is compiled for other kinds of objects is of no use. */
export async function rehearse(parts: RehearsalParts): Promise<void> {
  await play(parts, fromHandToHand, ROUNDS, 1);
  const kinds = new Map(parts.listeners.map((listener) => [listener.constructor, listener]));
  for (const listener of kinds.values()) {
    if (listener.loop === undefined) continue;
    try {
      await play(parts, through(listener), CONNECTED_ROUNDS, CONNECTED_TURNS);
    } catch {
      // A machine that cannot connect to itself is served all the same; the first clients wait a little longer.
    }
  }
}

/** Where nothing is limited nobody is turned away. */
const letIn = (engine: Engine, channel: Channel): ChannelHandler =>
  (engine.handleConnection('rehearsal', channel.peer) as IncomingConnection).accept(channel);

const fromHandToHand: Connect = (engine, name, received) => {
  const handler = letIn(engine, {
    peer: { remoteAddress: name },
    sentBytes: 0,
    write: (bytes) => {
      received(bytes);
      return true;
    },
    pause: () => undefined,
    resume: () => undefined,
    close: () => undefined,
  });
  return {
    send: (bytes) => {
      // A Buffer, because that is what a socket gives.
      handler.data(Buffer.from(bytes));
    },
    close: () => {
      handler.closed(undefined);
    },
  };
};

const through =
  (listener: Listener): Connect =>
  async (engine, _name, received) => {
    const handler = { data: received, drained: () => undefined, closed: () => undefined };
    const channel = await listener.loop?.((accepted) => letIn(engine, accepted), handler);
    return {
      send: (bytes) => channel?.write(bytes),
      close: () => channel?.close(0),
    };
  };

async function play(
  { clock, random, limits }: RehearsalParts,
  connect: Connect,
  rounds: number,
  turns: number,
): Promise<void> {
  const engine = new Engine({
    storage: new Memory(),
    admission: new Admission(
      new Authentication([{ name: 'rehearsal', authenticate: () => ({ decision: 'allow' }) }]),
      new Authorization([]),
    ),
    telemetry: [],
    clock,
    random,
    limits: { ...limits, ...UNLIMITED },
    atEndOfTurn: (callback) => void setImmediate(callback),
    fatal: () => undefined,
  });
  const pause = async (): Promise<void> => {
    for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
  };
  const enter = async (name: string, clean: boolean): Promise<Player> => {
    const player = new Player(name, clean);
    await player.connect(connect, engine);
    await pause();
    return player;
  };
  const publishers: Player[] = [];
  const subscribers: Player[] = [];
  for (let i = 0; i < PAIRS; i++) {
    publishers.push(await enter(`publisher ${i}`, true));
    // Every other subscriber has a stored session.
    const subscriber = await enter(`subscriber ${i}`, i % 2 === 0);
    subscriber.subscribe(`${TOPICS[i % TOPICS.length] ?? ''}/${i}/+`);
    // One of them gets what all get.
    if (i === 0) subscriber.subscribe('#');
    subscribers.push(subscriber);
  }
  const players = [...publishers, ...subscribers];
  for (let round = 0; round < rounds; round++) {
    for (const [i, publisher] of publishers.entries()) {
      publisher.publish(
        `${TOPICS[i % TOPICS.length] ?? ''}/${i}/t`,
        (round % 3) as QoS,
        PAYLOADS[(round + i) % PAYLOADS.length] ?? NOTHING,
      );
    }
    await pause();
    for (const player of players) player.answer();
    if (round % ROUNDS_BETWEEN_GUESTS === 0) (await enter(`guest ${round}`, true)).leave();
    await pause();
  }
  // Those with a stored session go away, and come back for what was published meanwhile.
  const sleepers = subscribers.filter(({ clean }) => !clean);
  for (const sleeper of sleepers) sleeper.leave();
  await pause();
  for (let message = 0; message < (rounds * BACKLOG_SHARE) / sleepers.length; message++) {
    for (const [i, publisher] of publishers.entries()) {
      publisher.publish(`${TOPICS[i % TOPICS.length] ?? ''}/${i}/t`, 1, PAYLOADS[message % PAYLOADS.length] ?? NOTHING);
    }
    if (message % PAGE === 0) await pause();
  }
  for (const player of players) player.answer();
  const awake: Player[] = [];
  for (const { name } of sleepers) awake.push(await enter(name, false));
  for (let turn = 0, silent = 0; turn < TURNS_MAX && silent < SILENT_TURNS; turn++) {
    let answered = 0;
    for (const player of awake) answered += player.answer();
    silent = answered === 0 ? silent + 1 : 0;
    await pause();
  }
  for (const player of [...publishers, ...awake, ...subscribers.filter(({ clean }) => clean)]) player.leave();
  engine.down();
}

/** A client that answers whatever the protocol wants answered. */
class Player {
  readonly #decoder = new PacketDecoder({ maxPacketSize: 1024, role: 'client' });
  #way: Way | undefined;
  #received: Uint8Array[] = [];
  #lastPacketId = 0;

  constructor(
    readonly name: string,
    readonly clean: boolean,
  ) {}

  async connect(connect: Connect, engine: Engine): Promise<void> {
    this.#way = await connect(engine, this.name, (chunk) => this.#received.push(chunk));
    const { name: clientId, clean } = this;
    const nothing = { will: undefined, userName: undefined, password: undefined, properties: undefined };
    this.#send({ type: PacketType.connect, protocolVersion: 4, clean, keepAlive: 60, clientId, ...nothing });
  }

  subscribe(topicFilter: string): void {
    const subscription = { topicFilter, qos: 2, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
    this.#send({ type: PacketType.subscribe, packetId: 1, subscriptions: [subscription], properties: undefined });
  }

  publish(topic: string, qos: QoS, payload: Uint8Array): void {
    const packetId = qos === 0 ? 0 : (this.#lastPacketId = (this.#lastPacketId % 65_535) + 1);
    this.#send({
      type: PacketType.publish,
      dup: false,
      qos,
      retain: false,
      topic,
      packetId,
      properties: undefined,
      payload,
    });
  }

  leave(): void {
    this.#send({ type: PacketType.pingreq });
    this.#send({ type: PacketType.disconnect, reasonCode: 0, properties: undefined });
    this.#way?.close();
  }

  /** @returns how many packets had come. */
  answer(): number {
    const received = this.#received;
    this.#received = [];
    let packets = 0;
    for (const bytes of received) {
      this.#decoder.push(bytes);
      for (let packet = this.#decoder.read(); packet !== undefined; packet = this.#decoder.read()) {
        packets++;
        this.#answer(packet);
      }
    }
    return packets;
  }

  #answer(packet: Packet): void {
    if (packet.type === PacketType.publish && packet.qos === 1) this.#acknowledge(PacketType.puback, packet.packetId);
    else if (packet.type === PacketType.publish && packet.qos === 2)
      this.#acknowledge(PacketType.pubrec, packet.packetId);
    else if (packet.type === PacketType.pubrec) this.#acknowledge(PacketType.pubrel, packet.packetId);
    else if (packet.type === PacketType.pubrel) this.#acknowledge(PacketType.pubcomp, packet.packetId);
  }

  #acknowledge(
    type: typeof PacketType.puback | typeof PacketType.pubrec | typeof PacketType.pubrel | typeof PacketType.pubcomp,
    packetId: number,
  ): void {
    this.#send({ type, packetId, reasonCode: 0, properties: undefined });
  }

  #send(packet: Packet): void {
    this.#way?.send(encodePacket(packet, 4));
  }
}
