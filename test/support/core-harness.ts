// The core by itself: a `Broker` between a recorder and a model store, driven event by event at a time that the test
// sets. Reads are answered from the store at once, unless a test wants to choose the moment.
import { Broker } from '../../src/domain/broker.js';
import type { Command, CommandOutcome } from '../../src/domain/commands.js';
import type { Permissions } from '../../src/domain/access/permissions.js';
import { ALLOW_ALL } from '../../src/domain/access/permissions.js';
import { DEFAULT_LIMITS } from '../../src/domain/limits.js';
import type { Intercepted } from '../../src/domain/interception/verdict.js';
import type { Limits } from '../../src/domain/limits.js';
import { LiveSettings } from '../../src/application/settings.js';
import type { Input, DenialReason } from '../../src/domain/inputs.js';
import type { ClientId, ConnectionId, QueueId } from '../../src/domain/identifiers.js';
import { sessionQueue } from '../../src/domain/identifiers.js';
import { PacketType } from '../../src/protocol/packets.js';
import type {
  AcknowledgementPacket,
  Packet,
  Properties,
  ProtocolVersion,
  QoS,
  Will,
} from '../../src/protocol/packets.js';
import { ModelStore } from './model-store.js';
import { Recorder, text } from './recorder.js';

export interface ConnectOptions {
  readonly clean?: boolean;
  readonly version?: ProtocolVersion;
  readonly keepAlive?: number;
  readonly userName?: string;
  readonly will?: Will;
  readonly permissions?: Permissions;
  readonly properties?: Properties;
}

export interface SubscribeOptions {
  readonly noLocal?: boolean;
  readonly retainAsPublished?: boolean;
  readonly retainHandling?: 0 | 1 | 2;
  readonly properties?: Properties;
}

const BEGIN_MS = 1_000_000_000_000;

export class CoreHarness {
  readonly recorder = new Recorder();
  readonly broker: Broker;
  /** The limits in force. */
  readonly settings: LiveSettings;
  nowMs: number;
  /** Whether reads and `whenWritable` are answered as soon as they are asked for. */
  answersAtOnce = true;
  /** Whether work that is too large for one step is finished at once, slice after slice. */
  finishesAtOnce = true;
  /** Whether what CONNACK promises is durable at once. */
  admitsAtOnce = true;
  /** Connections in the middle of a packet of which something keeps arriving. */
  readonly receiving = new Set<ConnectionId>();
  /** Whether what has arrived is not read, as under the pressure of storage. */
  readsNothing = false;
  #connections = 0;
  #packetIds = 0;
  #commands = 0;

  constructor(
    readonly limits: Partial<Limits> = {},
    readonly store = new ModelStore(),
    nowMs = BEGIN_MS,
    readonly sliceSize?: number,
    readonly intercepted?: Intercepted,
  ) {
    this.nowMs = nowMs;
    this.settings = new LiveSettings({ limits: { ...DEFAULT_LIMITS, ...limits }, perListener: new Map() });
    let assigned = 0;
    this.recorder.watchers.push({
      changed: (change) => {
        this.store.apply(change);
      },
    });
    this.broker = new Broker({
      changes: this.recorder,
      effects: this.recorder,
      settings: this.settings,
      sliceSize,
      intercepted,
      newClientId: () => `assigned-${++assigned}`,
    });
    for (const fact of store.load()) this.broker.restore(fact, nowMs);
  }

  /** Restarts the core as after a crash: everything that is not in the store is lost. */
  restarted(afterMs = 0): CoreHarness {
    return new CoreHarness(this.limits, this.store, this.nowMs + afterMs, this.sliceSize);
  }

  handle(event: Input): void {
    this.broker.handle(event, this.nowMs);
    if (this.finishesAtOnce) this.finish();
    if (this.admitsAtOnce) this.#admitAll();
    this.#hearAll();
    if (this.answersAtOnce) this.answerAll();
  }

  finish(): void {
    while (this.broker.hasWork) this.broker.handle({ kind: 'continue' }, this.nowMs);
  }

  /** Moves the time, and runs everything that is due by then. */
  advance(ms: number): void {
    this.nowMs += ms;
    do this.handle({ kind: 'tick' });
    while ((this.broker.nextDeadlineMs ?? Infinity) <= this.nowMs);
  }

  /** A command of the operator. @returns its outcome; `undefined` if it is not carried out yet. */
  command(command: Command, actor = 'operator'): CommandOutcome | undefined {
    const request = ++this.#commands;
    this.handle({ kind: 'command', request, actor, command });
    return this.recorder.outcomes.get(request);
  }

  /** Stops the broker, which ends all connections one after the other. */
  shutdown(): void {
    for (let id = 1; id <= this.#connections; id++) this.handle({ kind: 'shutdown', connection: id as ConnectionId });
  }

  answerAll(): void {
    while (this.answerNext());
  }

  #admitAll(): void {
    for (let id = this.recorder.durableWanted.shift(); id !== undefined; id = this.recorder.durableWanted.shift())
      this.broker.handle({ kind: 'durable', connection: id }, this.nowMs);
  }

  /** The packets of a peer are handled at once, so a peer whose silence the broker waits for is quiet already. */
  #hearAll(): void {
    if (this.readsNothing) return;
    for (let id = this.recorder.quietWanted.shift(); id !== undefined; id = this.recorder.quietWanted.shift())
      this.broker.handle({ kind: 'quiet', connection: id, isReceiving: this.receiving.has(id) }, this.nowMs);
  }

  /** Answers the oldest thing asked for. False: there is none. */
  answerNext(): boolean {
    const { queueReads, retainedReads, writableWanted } = this.recorder;
    const read = queueReads.shift();
    if (read !== undefined) {
      const { queue, from, limit, request } = read;
      this.broker.handle(
        { kind: 'queue-page', queue, request, entries: this.store.readQueue(queue, from, limit) },
        this.nowMs,
      );
      return true;
    }
    const retained = retainedReads.shift();
    if (retained !== undefined) {
      const { connection, topics } = retained;
      this.broker.handle({ kind: 'retained-page', connection, messages: this.store.readRetained(topics) }, this.nowMs);
      return true;
    }
    const connection = writableWanted.shift();
    if (connection === undefined) return false;
    this.broker.handle({ kind: 'writable', connection }, this.nowMs);
    return true;
  }

  open(listener = 'test'): CorePeer {
    const id = ++this.#connections as ConnectionId;
    this.handle({ kind: 'opened', connection: id, listener, peer: { remoteAddress: `test:${id}` } });
    return new CorePeer(this, id);
  }

  /** An admitted client. */
  connect(clientId: string, options: ConnectOptions = {}): CorePeer {
    const peer = this.open();
    peer.connect(clientId, options);
    peer.allow(options.permissions);
    return peer;
  }

  /** A client whose session is stored. */
  connectStored(clientId: string, options: ConnectOptions = {}): CorePeer {
    return this.connect(clientId, { ...options, clean: false });
  }

  nextPacketId(): number {
    this.#packetIds = (this.#packetIds % 65_535) + 1;
    return this.#packetIds;
  }

  /** The transcript since the last call. */
  lines(): string[] {
    return this.recorder.take();
  }

  /** The lines of the transcript about this connection since the last call, without its number. */
  heard(peer: CorePeer): string[] {
    const prefix = `${peer.id} < `;
    return this.lines()
      .filter((line) => line.startsWith(prefix))
      .map((line) => line.slice(prefix.length).replace(/ after .*$/, ''));
  }

  /** The payloads stored for a client, ascending; a released entry is `(released)`. */
  stored(clientId: string): string[] {
    return this.storedIn(sessionQueue(clientId as ClientId));
  }

  storedIn(queue: QueueId): string[] {
    return this.store.entries(queue).map(({ message, released }) => (released ? '(released)' : text(message.payload)));
  }

  /** The number of messages that wait, according to the broker's counters. */
  get waiting(): number {
    return this.broker.counters.waiting;
  }
}

export class CorePeer {
  constructor(
    readonly core: CoreHarness,
    readonly id: ConnectionId,
  ) {}

  send(packet: Packet): void {
    this.core.handle({ kind: 'packet', connection: this.id, packet });
  }

  connect(clientId: string, options: ConnectOptions = {}): void {
    const { clean = true, version = 4, keepAlive = 0, will, userName, properties } = options;
    this.send({
      type: PacketType.connect,
      protocolVersion: version,
      clean,
      keepAlive,
      clientId,
      will,
      userName,
      password: undefined,
      properties,
    });
  }

  allow(permissions: Permissions = ALLOW_ALL, expiresAtMs?: number): void {
    this.core.handle({
      kind: 'authenticated',
      connection: this.id,
      result: { decision: 'allow', permissions, expiresAtMs },
    });
  }

  /** Something else from now on. */
  permit(permissions: Permissions): void {
    this.core.handle({ kind: 'permissions', connection: this.id, permissions });
  }

  deny(reason: DenialReason): void {
    this.core.handle({
      kind: 'authenticated',
      connection: this.id,
      result: { decision: 'deny', reason, detail: 'the test says so' },
    });
  }

  /** The Packet Identifier; 0 at QoS 0. */
  publish(
    topic: string,
    payload: string | Uint8Array,
    qos: QoS = 1,
    options: { retain?: boolean; dup?: boolean; packetId?: number; properties?: Properties } = {},
  ): number {
    const packetId = options.packetId ?? (qos === 0 ? 0 : this.core.nextPacketId());
    this.send({
      type: PacketType.publish,
      dup: options.dup ?? false,
      qos,
      retain: options.retain ?? false,
      topic,
      packetId,
      properties: options.properties,
      payload: typeof payload === 'string' ? Buffer.from(payload) : payload,
    });
    return packetId;
  }

  subscribe(...requests: (readonly [topicFilter: string, qos: QoS])[]): void {
    this.subscribeWith({}, ...requests);
  }

  /** With options of MQTT 5, for all filters. */
  subscribeWith(options: SubscribeOptions, ...requests: (readonly [topicFilter: string, qos: QoS])[]): void {
    const { noLocal = false, retainAsPublished = false, retainHandling = 0, properties } = options;
    const subscriptions = requests.map(
      ([topicFilter, qos]) => ({ topicFilter, qos, noLocal, retainAsPublished, retainHandling }) as const,
    );
    this.send({ type: PacketType.subscribe, packetId: this.core.nextPacketId(), subscriptions, properties });
  }

  unsubscribe(...topicFilters: string[]): void {
    this.send({
      type: PacketType.unsubscribe,
      packetId: this.core.nextPacketId(),
      topicFilters,
      properties: undefined,
    });
  }

  puback(...packetIds: number[]): void {
    for (const packetId of packetIds) this.#acknowledge(PacketType.puback, packetId);
  }

  pubrec(...packetIds: number[]): void {
    for (const packetId of packetIds) this.#acknowledge(PacketType.pubrec, packetId);
  }

  pubrel(...packetIds: number[]): void {
    for (const packetId of packetIds) this.#acknowledge(PacketType.pubrel, packetId);
  }

  pubcomp(...packetIds: number[]): void {
    for (const packetId of packetIds) this.#acknowledge(PacketType.pubcomp, packetId);
  }

  ping(): void {
    this.send({ type: PacketType.pingreq });
  }

  disconnect(reasonCode = 0, properties?: Properties): void {
    this.send({ type: PacketType.disconnect, reasonCode, properties });
  }

  /** Refuses a message with a Reason Code of MQTT 5. */
  refuse(type: typeof PacketType.puback | typeof PacketType.pubrec, packetId: number, reasonCode: number): void {
    this.send({ type, packetId, reasonCode, properties: undefined });
  }

  /** The network connection has ended. */
  lose(): void {
    this.core.handle({ kind: 'closed', connection: this.id });
  }

  congested(heldBytes = 0): void {
    this.core.handle({ kind: 'congested', connection: this.id, heldBytes });
  }

  draining(): void {
    this.core.handle({ kind: 'draining', connection: this.id });
  }

  /** Reports that the promises of CONNACK are durable. */
  durable(): void {
    this.core.handle({ kind: 'durable', connection: this.id });
  }

  writable(): void {
    this.core.handle({ kind: 'writable', connection: this.id });
  }

  #acknowledge(type: AcknowledgementPacket['type'], packetId: number): void {
    this.send({ type, packetId, reasonCode: 0, properties: undefined });
  }
}

export const will = (
  topic: string,
  payload: string,
  options: { qos?: QoS; retain?: boolean; delayS?: number; properties?: Properties } = {},
): Will => ({
  topic,
  payload: Buffer.from(payload),
  qos: options.qos ?? 0,
  retain: options.retain ?? false,
  properties:
    options.delayS === undefined ? options.properties : { ...options.properties, willDelayInterval: options.delayS },
});

/** A stored client `a` subscribed to `t`, and a publisher. */
export function pair(limits: ConstructorParameters<typeof CoreHarness>[0] = {}): {
  core: CoreHarness;
  a: CorePeer;
  publisher: CorePeer;
} {
  const core = new CoreHarness(limits);
  const a = core.connectStored('a');
  a.subscribe(['t', 2]);
  const publisher = core.connect('publisher');
  core.lines();
  return { core, a, publisher };
}
