// A client of a run, which follows the plan and otherwise obeys the protocol: it repeats unacknowledged messages,
// accepts a QoS 2 message once, and keeps that state across its connections as long as its session lasts.
import { PacketType } from '../../protocol/packets.js';
import type {
  AcknowledgementPacket,
  ConnectPacket,
  Packet,
  ProtocolVersion,
  Properties,
  PublishPacket,
  QoS,
} from '../../protocol/packets.js';
import type { VirtualClock } from '../virtual-clock.js';
import type { ConnectionUser, SimulatedConnection, SimulatedNetwork } from './network.js';
import { ClientAliases } from './client-aliases.js';
import { ClientDeliveries } from './client-deliveries.js';
import type { Confusion, DeliveriesOwner } from './client-deliveries.js';
import { ClientRequests } from './client-requests.js';
import type { RequestsOwner } from './client-requests.js';
import { payloadOf, tagOf } from './payload.js';
import type { Acknowledging, Action, ClientTraits, Connect5, WantedFilter } from './operations.js';
import type { Script } from './script.js';

type Connect = Extract<Action, { kind: 'connect' }>;
type Disconnect5 = Extract<Action, { kind: 'disconnect' }>['five'];

/** The tag of a message that is published again because the broker has refused it ends with it. */
const AGAIN = 'r';

/** An observer of what the network does not show. */
export interface ClientObserver {
  /** The client passed a message to its application; a QoS 2 message once, however often it was repeated. */
  received(client: SimulatedClient, connection: SimulatedConnection, publish: PublishPacket): void;
  /** The client refuses a message that it was sent. */
  refuses?(client: SimulatedClient, tag: string): void;
  /** A message arrived with an identifier that was in use for another message. */
  identifierReused(client: SimulatedClient, confusion: Confusion): void;
}

export class SimulatedClient implements ConnectionUser, DeliveriesOwner, RequestsOwner {
  readonly name: string;
  #connection: SimulatedConnection | undefined;
  #isConnected = false;
  #connect: Connect | undefined;
  /** Of the connection that there is. */
  #isClean = false;
  #asksForClean = false;
  /** Whether the session is to end with the connection that there is, though it may be an older one. */
  #endsSession = false;
  #connections = 0;
  readonly #deliveries = new ClientDeliveries(this);
  /** Of the present connection, or of the last one. */
  #version: ProtocolVersion;
  /** As many as the broker takes on this connection. */
  #aliases = new ClientAliases(0);
  #mutedUntilMs = 0;
  readonly #requests = new ClientRequests(this);

  constructor(
    readonly traits: ClientTraits,
    readonly network: SimulatedNetwork,
    readonly clock: VirtualClock,
    readonly observer: ClientObserver,
    readonly script: Script,
  ) {
    this.name = traits.name;
    this.#version = traits.version;
  }

  get speaks5(): boolean {
    return this.#version === 5;
  }

  get connectionNumber(): number {
    return this.#connections;
  }

  get maySend(): boolean {
    if (this.#isConnected) return true;
    // Behind CONNECT only without messages to repeat, because the order would be lost.
    const { unacknowledgedCount } = this.#requests;
    return this.#connection !== undefined && this.#connect?.eager === true && unacknowledgedCount === 0;
  }

  get isConnected(): boolean {
    return this.#isConnected;
  }

  /** Whether nothing remains to be sent or acknowledged, in either direction. */
  get isIdle(): boolean {
    return this.#requests.isIdle && this.#deliveries.openCount === 0;
  }

  describe(): string {
    return `${this.#requests.describe()}, ${this.#deliveries.openCount} deliveries open`;
  }

  // -- Operations of the plan --

  connect(connect: Connect): void {
    this.#connect = connect;
    // An older connection is replaced, and its packets are ignored from now on.
    this.#forgetConnection();
    const { five } = connect;
    this.#version = five === undefined ? this.traits.version : 5;
    const connection = this.network.connect(this.traits, this, this.#version);
    if (connection === undefined) {
      this.#redial();
      return;
    }
    this.#connection = connection;
    const { keepAliveS, eager } = connect;
    // After a request for a new session, the client repeats it until it has one: otherwise it could not know whether
    // the broker still has the old one.
    const clean = connect.clean || this.#asksForClean;
    this.#isClean = this.#asksForClean = clean;
    this.#endsSession = five?.expiryS === 0;
    const tag = `w-${this.name}-${++this.#connections}`;
    const willProperties = five === undefined ? undefined : { willDelayInterval: five.willDelayS };
    const will =
      connect.will === undefined
        ? undefined
        : { ...connect.will, payload: payloadOf(tag, 0), properties: willProperties };
    const packet: ConnectPacket = {
      type: PacketType.connect,
      protocolVersion: this.#version,
      clean,
      keepAlive: keepAliveS,
      clientId: this.name,
      will,
      userName: undefined,
      password: undefined,
      properties: five === undefined ? undefined : connectProperties(five),
    };
    this.send(packet);
    if (keepAliveS > 0) this.#keepAlive(connection, keepAliveS * 800);
    if (eager && this.maySend) this.#requests.sendWaiting();
  }

  disconnect(five: Disconnect5): void {
    const lasts = (this.#connect?.five?.expiryS ?? 0) > 0;
    this.#connect = undefined;
    if (this.#connection === undefined) return;
    // A session that was to end with its connection cannot be prolonged (MQTT 5 section 3.14.2.2.2).
    const expiryS = this.#isConnected && lasts ? five?.expiryS : undefined;
    this.send({
      type: PacketType.disconnect,
      reasonCode: this.speaks5 ? (five?.reasonCode ?? 0) : 0,
      properties: expiryS === undefined ? undefined : { sessionExpiryInterval: expiryS },
    });
    const connection = this.#connection;
    this.#forgetConnection();
    connection.destroy(false);
  }

  vanish(lossy: boolean): void {
    this.#connect = undefined;
    const connection = this.#connection;
    this.#forgetConnection();
    connection?.destroy(lossy);
  }

  subscribe(filters: readonly WantedFilter[], identifier?: number): void {
    this.#requests.add((packetId) => ({
      type: PacketType.subscribe,
      packetId,
      subscriptions: filters.map(({ filter, qos, options }) => ({
        topicFilter: filter,
        qos,
        ...(this.speaks5 && options !== undefined ? options : NO_OPTIONS),
      })),
      properties: this.speaks5 && identifier !== undefined ? { subscriptionIdentifiers: [identifier] } : undefined,
    }));
  }

  unsubscribe(topicFilters: readonly string[]): void {
    this.#requests.add((packetId) => ({ type: PacketType.unsubscribe, packetId, topicFilters, properties: undefined }));
  }

  publish(topic: string, qos: QoS, retain: boolean, payload: Uint8Array, expiryS?: number): void {
    this.#requests.add((packetId) => ({
      type: PacketType.publish,
      dup: false,
      qos,
      retain,
      topic,
      packetId: qos === 0 ? 0 : packetId,
      properties: expiryS === undefined ? undefined : { messageExpiryInterval: expiryS },
      payload,
    }));
  }

  setAcknowledging(how: Acknowledging): void {
    this.#deliveries.how = how;
  }

  stall(forMs: number): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    connection.stall();
    this.clock.at(this.clock.nowMs() + forMs, () => {
      connection.read();
    });
  }

  mute(forMs: number): void {
    this.#mutedUntilMs = this.clock.nowMs() + forMs;
  }

  /** From now on the client acknowledges everything at once, including what it has left open. */
  behave(): void {
    this.#mutedUntilMs = 0;
    this.#connection?.read();
    this.#deliveries.behave();
  }

  // -- The network --

  disconnected(connection: SimulatedConnection): void {
    if (connection !== this.#connection) return;
    this.script.note(this.name, 'connection lost');
    this.#forgetConnection();
    this.#redial();
  }

  arrived(connection: SimulatedConnection, packet: Packet): void {
    if (connection !== this.#connection) return;
    this.script.packet(this.name, '<=', packet);
    switch (packet.type) {
      case PacketType.connack:
        if (packet.reasonCode !== 0) return;
        this.#isConnected = true;
        this.#asksForClean = false;
        if (this.speaks5) this.#learn(packet.properties);
        this.#resume(packet.sessionPresent || (this.#version === 3 && !this.#isClean));
        return;
      case PacketType.publish:
        this.#deliveries.publishCame(packet);
        return;
      case PacketType.puback:
      case PacketType.pubcomp:
      case PacketType.pubrec:
        this.#requests.acknowledged(packet);
        return;
      case PacketType.pubrel:
        this.#deliveries.pubrelCame(packet.packetId);
        return;
      case PacketType.suback:
      case PacketType.unsuback:
        this.#requests.answered(packet.packetId);
        return;
      case PacketType.connect:
      case PacketType.subscribe:
      case PacketType.unsubscribe:
      case PacketType.pingreq:
      case PacketType.pingresp:
      case PacketType.disconnect:
      case PacketType.auth:
        return;
    }
  }

  /** A message that the client passes to its application. */
  received(publish: PublishPacket): void {
    if (this.#connection !== undefined) this.observer.received(this, this.#connection, publish);
  }

  refuses(tag: string): void {
    this.observer.refuses?.(this, tag);
  }

  identifierReused(confusion: Confusion): void {
    this.observer.identifierReused(this, confusion);
  }

  // -- Sending --

  #learn(properties: Properties | undefined): void {
    this.#requests.receiveMaximum = properties?.receiveMaximum ?? Infinity;
    this.#aliases = new ClientAliases(properties?.topicAliasMaximum ?? 0);
  }

  /** A message that was refused is published once more, as a new one. */
  refused({ topic, qos, retain, payload, properties }: PublishPacket): void {
    const tag = tagOf(payload);
    if (tag !== '' && !tag.endsWith(AGAIN))
      this.publish(topic, qos, retain, payloadOf(tag + AGAIN, payload.length), properties?.messageExpiryInterval);
  }

  acknowledge(type: AcknowledgementPacket['type'], packetId: number, reasonCode: number): void {
    this.send({ type, packetId, reasonCode, properties: undefined });
  }

  #resume(sessionIsThere: boolean): void {
    if (!sessionIsThere) this.#deliveries.sessionEnded();
    this.#requests.resume(sessionIsThere);
  }

  send(packet: Packet): void {
    if (this.#connection === undefined) return;
    if (packet.type !== PacketType.publish) {
      this.script.packet(this.name, '->', packet);
      this.#connection.send(packet);
      return;
    }
    const { named, sent } = this.speaks5
      ? this.#aliases.apply(packet)
      : { named: { ...packet, properties: undefined }, sent: packet };
    this.script.packet(this.name, '->', named);
    this.#connection.send(named, sent);
  }

  #keepAlive(connection: SimulatedConnection, everyMs: number): void {
    this.clock.at(this.clock.nowMs() + everyMs, () => {
      if (connection !== this.#connection) return;
      if (this.clock.nowMs() >= this.#mutedUntilMs) this.send({ type: PacketType.pingreq });
      this.#keepAlive(connection, everyMs);
    });
  }

  /** The version of its last connection, with what lets a session last, for one more connection. */
  lastProperties(isClean: boolean): Pick<Connect, 'five'> {
    if (!this.speaks5) return {};
    const unlimited = { receiveMaximum: undefined, maximumPacketSize: undefined, topicAliasMaximum: undefined };
    return { five: { expiryS: isClean ? 0 : 100_000, willDelayS: 0, ...unlimited } };
  }

  /** Connects again if the broker has ended the connection, for a limit: not every client does so by itself. */
  returnIfDisconnected(): void {
    if (this.#connection === undefined && this.#connect !== undefined) this.connect(this.#connect);
  }

  #redial(): void {
    const connect = this.#connect;
    if (connect === undefined || this.traits.redialMs === 0) return;
    this.clock.at(this.clock.nowMs() + this.traits.redialMs, () => {
      if (this.#connection === undefined && this.#connect === connect) this.connect(connect);
    });
  }

  #forgetConnection(): void {
    // Session Present of MQTT 5 tells whether the session is there, whatever the client had said before.
    if (this.#isClean && !this.speaks5) {
      // A clean session ends with its connection, if CONNACK had begun it.
      this.#requests.sessionEnded(!this.#isConnected);
      if (this.#isConnected) this.#deliveries.sessionEnded();
    }
    // If the answer to its next CONNECT is lost, it could not tell a new session from the one that ends now.
    if (this.#endsSession && this.#deliveries.openCount > 0) this.#asksForClean = true;
    this.#endsSession = false;
    this.#connection = undefined;
    this.#isConnected = false;
    this.#deliveries.connectionEnded();
    this.#requests.connectionEnded();
    this.#aliases = new ClientAliases(0);
  }
}

const NO_OPTIONS = { noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;

/** Without what the client does not say. */
const connectProperties = (five: Connect5): Properties => ({
  sessionExpiryInterval: five.expiryS,
  ...(five.receiveMaximum !== undefined && { receiveMaximum: five.receiveMaximum }),
  ...(five.maximumPacketSize !== undefined && { maximumPacketSize: five.maximumPacketSize }),
  ...(five.topicAliasMaximum !== undefined && { topicAliasMaximum: five.topicAliasMaximum }),
});
