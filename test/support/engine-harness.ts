// The engine between a hand-driven storage and channels that record their output: the test decides when a turn ends and
// when a commit succeeds. A parser that is not the broker's splits the output for a peer into packets.
import { Admission } from '../../src/application/admission.js';
import { Authentication } from '../../src/application/authentication.js';
import { Authorization } from '../../src/application/authorization.js';
import type { Engine } from '../../src/application/engine.js';
import { emitToAll } from '../../src/application/emit-to-all.js';
import { LiveSettings } from '../../src/application/settings.js';
import type { LimitSettings } from '../../src/domain/settings.js';
import type { TurnLimits } from '../../src/application/turn-budget.js';
import { CLOCK_QUEUE, markIn } from '../../src/domain/clock-mark.js';
import { ALLOW_ALL } from '../../src/domain/access/permissions.js';
import { DEFAULT_LIMITS } from '../../src/domain/limits.js';
import type { Limits, PerListenerLimits } from '../../src/domain/limits.js';
import type { BrokerEvent } from '../../src/domain/events.js';
import type { Authenticator } from '../../src/ports/auth.js';
import type { Interceptor } from '../../src/ports/interceptor.js';
import type { Channel, ChannelHandler } from '../../src/ports/network.js';
import type { AckLevel } from '../../src/ports/storage.js';
import type { LifecycleEvent } from '../../src/ports/telemetry.js';
import { assembleEngine } from '../../src/testkit/assemble-engine.js';
import { SeededRandom } from '../../src/testkit/seeded-random.js';
import { VirtualClock } from '../../src/testkit/virtual-clock.js';
import { HandStorage, noticed } from './hand-storage.js';
import { ReceivedStream, connect, subscribe } from '../clients/raw-packets.js';
import type { ConnectFields, Part, Received, Request } from '../clients/raw-packets.js';
import { bytes } from '../clients/raw-packets.js';

export interface EngineOptions {
  readonly limits?: Partial<Limits>;
  readonly perListenerLimits?: PerListenerLimits;
  readonly authenticators?: readonly Authenticator[];
  readonly interceptors?: readonly Interceptor[];
  readonly storage?: HandStorage;
  /** Default: a new one. */
  readonly clock?: VirtualClock;
  readonly ackLevel?: AckLevel;
  readonly sliceSize?: number;
  readonly turnLimits?: Partial<TurnLimits>;
}

const ANYONE: Authenticator = { name: 'anyone', authenticate: () => ({ decision: 'allow', permissions: ALLOW_ALL }) };

export class EngineHarness {
  readonly clock: VirtualClock;
  readonly storage: HandStorage;
  readonly events: (BrokerEvent | LifecycleEvent)[] = [];
  readonly fatals: Error[] = [];
  readonly engine: Engine;
  /** Whether commits are granted by `settle`. */
  commitsAtOnce = true;
  readonly #settings: LiveSettings;
  #turns: (() => void)[] = [];
  #peers = 0;

  constructor({
    limits = {},
    perListenerLimits,
    authenticators = [ANYONE],
    interceptors,
    storage = new HandStorage(),
    clock = new VirtualClock(),
    ackLevel,
    sliceSize,
    turnLimits,
  }: EngineOptions = {}) {
    this.storage = storage;
    this.clock = clock;
    this.#settings = new LiveSettings({
      limits: { ...DEFAULT_LIMITS, ...limits },
      perListener: perListenerLimits ?? new Map(),
    });
    this.engine = assembleEngine({
      storage,
      admission: new Admission(new Authentication(authenticators), new Authorization([])),
      interceptors,
      emit: (event) => {
        emitToAll([{ emit: (each) => this.events.push(each) }], event);
      },
      clock: this.clock,
      random: new SeededRandom(1),
      settings: this.#settings,
      ackLevel,
      sliceSize,
      turnLimits,
      atEndOfTurn: (callback) => this.#turns.push(callback),
      fatal: (error) => this.fatals.push(error),
    });
    this.engine.beginTime(markIn(storage.store.entries(CLOCK_QUEUE)));
    for (const fact of storage.store.load()) this.engine.restore(fact);
    this.engine.start();
  }

  /** Replaces the limits, as a reload does. */
  limit(settings: LimitSettings): void {
    this.#settings.replace(settings);
  }

  /** The turn ends. */
  turn(): void {
    const turns = this.#turns;
    this.#turns = [];
    for (const end of turns) end();
  }

  /** Turns end, promises are noticed and, if so set, commits granted, until nothing moves. */
  async settle(): Promise<void> {
    for (;;) {
      await noticed();
      if (this.#turns.length > 0) this.turn();
      else if (this.commitsAtOnce && this.storage.commits.length > 0) await this.storage.grantCommit();
      else return;
    }
  }

  open(ipAddress?: string, listener = 'test'): EnginePeer {
    return new EnginePeer(this, `test:${++this.#peers}`, ipAddress, listener);
  }

  /** An admitted client with these subscriptions. Needs `commitsAtOnce`. */
  async connect(fields: ConnectFields | string, ...requests: readonly Request[]): Promise<EnginePeer> {
    const peer = this.open();
    peer.send(connect(typeof fields === 'string' ? { clientId: fields } : fields));
    if (requests.length > 0) peer.send(subscribe(65_000, requests));
    await this.settle();
    peer.received();
    return peer;
  }
}

/** The handler of a refused connection, which ignores its input. */
const REFUSED: ChannelHandler = { data: () => undefined, drained: () => undefined, closed: () => undefined };

export class EnginePeer implements Channel {
  readonly peer;
  /** The bytes that the peer has received; set by the test. */
  sentBytes = 0;
  readonly handler: ChannelHandler;
  readonly isTurnedAway: boolean;
  /** Whether the peer reads as fast as the broker writes. */
  reads = true;
  isPaused = false;
  /** `graceMs` of each call of `close`. */
  readonly closings: number[] = [];
  writes = 0;
  writtenBytes = 0;
  largestWrite = 0;
  /** Whether the output is kept and parsed. */
  keeps = true;
  readonly #stream = new ReceivedStream();
  #received: string[] = [];

  constructor(harness: EngineHarness, remoteAddress: string, ipAddress: string | undefined, listener: string) {
    this.peer = { remoteAddress, ipAddress };
    const arrival = harness.engine.handleConnection(listener, this.peer);
    this.isTurnedAway = arrival === undefined;
    this.handler = arrival?.accept(this) ?? REFUSED;
  }

  write(chunk: Uint8Array): boolean {
    this.writes++;
    this.writtenBytes += chunk.byteLength;
    this.largestWrite = Math.max(this.largestWrite, chunk.byteLength);
    if (this.keeps) for (const { packet } of this.#stream.push(chunk)) this.#received.push(receivedLine(packet));
    return this.reads;
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }

  close(graceMs: number): void {
    this.closings.push(graceMs);
  }

  /** As one chunk. */
  send(...parts: readonly Part[]): void {
    this.handler.data(bytes(...parts));
  }

  /** The peer has read everything that was written. */
  drain(): void {
    this.reads = true;
    this.handler.drained();
  }

  lose(): void {
    this.handler.closed(undefined);
  }

  /** The packets received since the last call. */
  received(): string[] {
    const received = this.#received;
    this.#received = [];
    return received;
  }

  get isClosed(): boolean {
    return this.isTurnedAway || this.closings.length > 0;
  }
}

/** A stored subscriber of `t` at QoS 2 and a stored publisher; from here on commits wait. */
export async function storedPair(
  options: EngineOptions = {},
): Promise<{ harness: EngineHarness; a: EnginePeer; publisher: EnginePeer }> {
  const harness = new EngineHarness(options);
  const a = await harness.connect({ clientId: 'a', clean: false }, ['t', 2]);
  const publisher = await harness.connect({ clientId: 'publisher', clean: false });
  harness.commitsAtOnce = false;
  return { harness, a, publisher };
}

function receivedLine(packet: Received): string {
  switch (packet.type) {
    case 'connack':
      return `connack ${packet.code}${packet.sessionPresent ? ' present' : ''}`;
    case 'publish': {
      const payload = packet.payload.length > 40 ? `${packet.payload.length}-bytes` : packet.payload;
      const id = packet.qos === 0 ? '' : ` id${packet.packetId}`;
      return `publish ${packet.topic}=${payload} q${packet.qos}${id}${packet.dup ? ' dup' : ''}${packet.retain ? ' retain' : ''}`;
    }
    case 'suback':
      return `suback ${packet.codes.join(',')}`;
    case 'pingresp':
      return 'pingresp';
    case 'puback':
    case 'pubrec':
    case 'pubrel':
    case 'pubcomp':
    case 'unsuback':
      return `${packet.type} ${packet.packetId}`;
  }
}
