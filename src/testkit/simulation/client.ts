// A client of a run: it does what the plan tells it, and for the rest what the protocol asks of a client. It sends
// again what was not acknowledged, takes a QoS 2 message once, and remembers all that across its connections as long as
// its session lasts.
import { PacketType } from '../../protocol/packets.js';
import type { AcknowledgementPacket, ConnectPacket, Packet, PublishPacket, QoS } from '../../protocol/packets.js';
import type { VirtualClock } from '../virtual-clock.js';
import type { ConnectionUser, SimulatedConnection, SimulatedNetwork } from './network.js';
import { payloadOf, tagOf } from './payload.js';
import type { Acknowledging, Action, ClientTraits } from './operations.js';
import type { Script } from './script.js';

/** Few, so that they are soon used again: what the broker remembers of one too long is found out. */
const PACKET_IDS = 12;

type Connect = Extract<Action, { kind: 'connect' }>;

/** Told of what the network does not show. */
export interface ClientObserver {
  /** A message reached the application behind the client: at QoS 2 once for all its repeats. */
  received(client: SimulatedClient, connection: SimulatedConnection, publish: PublishPacket): void;
  /** An identifier came for another message while it was in use. */
  identifierReused(client: SimulatedClient, confusion: Confusion): void;
}

export interface Confusion {
  readonly packetId: number;
  /** The message that came. */
  readonly tag: string;
  /** The one that the client keeps with the identifier until PUBREL, and takes this one for a repeat of. */
  readonly heldTag: string | undefined;
  readonly detail: string;
}

interface Unacknowledged {
  readonly publish: PublishPacket;
  /** PUBREC has come: PUBREL is what is sent again. */
  isReceived: boolean;
}

type Request = (packetId: number) => Packet;

export class SimulatedClient implements ConnectionUser {
  readonly name: string;
  #connection: SimulatedConnection | undefined;
  #isConnected = false;
  #connect: Connect | undefined;
  /** Of the connection that there is. */
  #isClean = false;
  #asksForClean = false;
  #how: Acknowledging = { kind: 'at once' };
  #connections = 0;
  #mutedUntilMs = 0;
  #lastPacketId = 0;
  /** What waits for a connection, or for a free identifier. */
  readonly #waiting: Request[] = [];
  readonly #unacknowledged = new Map<number, Unacknowledged>();
  /** Identifiers of SUBSCRIBE and UNSUBSCRIBE on the way. */
  readonly #requests = new Set<number>();
  /** QoS 2 from PUBLISH to PUBREL: the tag. */
  readonly #received = new Map<number, string>();
  /** Deliveries on this connection that were not acknowledged to the end. */
  readonly #open = new Map<number, string>();
  /** Their acknowledgements, where it does not give them. */
  readonly #withheld: (() => void)[] = [];
  /** Identifiers of PUBLISH that were sent on this connection: they are not sent again on it. */
  readonly #sentHere = new Set<number>();

  constructor(
    readonly traits: ClientTraits,
    readonly network: SimulatedNetwork,
    readonly clock: VirtualClock,
    readonly observer: ClientObserver,
    readonly script: Script,
  ) {
    this.name = traits.name;
  }

  get isConnected(): boolean {
    return this.#isConnected;
  }

  /** Whether nothing is left to be sent or to be acknowledged, in either direction. */
  get isIdle(): boolean {
    return (
      this.#waiting.length === 0 &&
      this.#unacknowledged.size === 0 &&
      this.#requests.size === 0 &&
      this.#open.size === 0
    );
  }

  describe(): string {
    return [
      `${this.#waiting.length} to send`,
      `${this.#unacknowledged.size} unacknowledged`,
      `${this.#requests.size} requests`,
      `${this.#open.size} deliveries open`,
    ].join(', ');
  }

  // -- What the plan says --

  connect(connect: Connect): void {
    this.#connect = connect;
    // Over an older connection: nothing that comes on that one is looked at any more.
    this.#letGo();
    const connection = this.network.connect(this.traits, this);
    if (connection === undefined) {
      this.#redial();
      return;
    }
    this.#connection = connection;
    const { keepAliveS, eager } = connect;
    // Once it has asked for a new session it asks until it has one: else it could not know whether the broker still has
    // the old one.
    const clean = connect.clean || this.#asksForClean;
    this.#isClean = this.#asksForClean = clean;
    const tag = `w-${this.name}-${++this.#connections}`;
    const will =
      connect.will === undefined ? undefined : { ...connect.will, payload: payloadOf(tag, 0), properties: undefined };
    const packet: ConnectPacket = {
      type: PacketType.connect,
      protocolVersion: this.traits.version,
      clean,
      keepAlive: keepAliveS,
      clientId: this.name,
      will,
      userName: undefined,
      password: undefined,
      properties: undefined,
    };
    this.#send(packet);
    if (keepAliveS > 0) this.#keepAlive(connection, keepAliveS * 800);
    // Only with nothing to repeat: the order would be lost.
    if (eager && this.#unacknowledged.size === 0) this.#sendWaiting();
  }

  disconnect(): void {
    this.#connect = undefined;
    if (this.#connection === undefined) return;
    this.#send({ type: PacketType.disconnect, reasonCode: 0, properties: undefined });
    const connection = this.#connection;
    this.#letGo();
    connection.destroy(false);
  }

  vanish(lossy: boolean): void {
    this.#connect = undefined;
    const connection = this.#connection;
    this.#letGo();
    connection?.destroy(lossy);
  }

  subscribe(filters: readonly { readonly filter: string; readonly qos: QoS }[]): void {
    const subscriptions = filters.map(({ filter, qos }) => ({
      topicFilter: filter,
      qos,
      noLocal: false,
      retainAsPublished: false,
      retainHandling: 0 as const,
    }));
    this.#request((packetId) => ({ type: PacketType.subscribe, packetId, subscriptions, properties: undefined }));
  }

  unsubscribe(topicFilters: readonly string[]): void {
    this.#request((packetId) => ({ type: PacketType.unsubscribe, packetId, topicFilters, properties: undefined }));
  }

  publish(topic: string, qos: QoS, retain: boolean, payload: Uint8Array): void {
    this.#request((packetId) => ({
      type: PacketType.publish,
      dup: false,
      qos,
      retain,
      topic,
      packetId: qos === 0 ? 0 : packetId,
      properties: undefined,
      payload,
    }));
  }

  acknowledge(how: Acknowledging): void {
    this.#how = how;
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

  /** From now on it behaves: it acknowledges at once what comes, and what it left open. */
  behave(): void {
    this.#how = { kind: 'at once' };
    this.#mutedUntilMs = 0;
    this.#connection?.read();
    for (const answer of this.#withheld.splice(0)) answer();
  }

  // -- The network --

  disconnected(connection: SimulatedConnection): void {
    if (connection !== this.#connection) return;
    this.script.note(this.name, 'connection lost');
    this.#letGo();
    this.#redial();
  }

  received(connection: SimulatedConnection, packet: Packet): void {
    if (connection !== this.#connection) return;
    this.script.packet(this.name, '<=', packet);
    switch (packet.type) {
      case PacketType.connack:
        if (packet.reasonCode !== 0) return;
        this.#isConnected = true;
        this.#asksForClean = false;
        this.#resume(packet.sessionPresent || (this.traits.version === 3 && !this.#isClean));
        this.#sendWaiting();
        return;
      case PacketType.publish:
        this.#publishCame(connection, packet);
        return;
      case PacketType.puback:
      case PacketType.pubcomp:
        this.#unacknowledged.delete(packet.packetId);
        this.#sendWaiting();
        return;
      case PacketType.pubrec: {
        const unacknowledged = this.#unacknowledged.get(packet.packetId);
        if (unacknowledged !== undefined) unacknowledged.isReceived = true;
        this.#sendAcknowledgement(PacketType.pubrel, packet.packetId);
        return;
      }
      case PacketType.pubrel:
        this.#received.delete(packet.packetId);
        this.#answer(connection, packet.packetId, PacketType.pubcomp);
        return;
      case PacketType.suback:
      case PacketType.unsuback:
        this.#requests.delete(packet.packetId);
        this.#sendWaiting();
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

  #publishCame(connection: SimulatedConnection, publish: PublishPacket): void {
    const { packetId, qos, payload } = publish;
    if (qos === 0) {
      this.observer.received(this, connection, publish);
      return;
    }
    const tag = tagOf(payload);
    const open = this.#open.get(packetId) ?? tag;
    if (open !== tag)
      this.observer.identifierReused(this, {
        packetId,
        tag,
        heldTag: undefined,
        detail: `${tag} came with identifier ${packetId}, which ${open} still has`,
      });
    this.#open.set(packetId, tag);
    if (qos === 1) {
      this.observer.received(this, connection, publish);
      this.#answer(connection, packetId, PacketType.puback);
      return;
    }
    const held = this.#received.get(packetId);
    if (held === undefined) this.observer.received(this, connection, publish);
    else if (held !== tag)
      this.observer.identifierReused(this, {
        packetId,
        tag,
        heldTag: held,
        detail: `${tag} came with identifier ${packetId}, which is that of ${held} until PUBREL`,
      });
    this.#received.set(packetId, tag);
    this.#answer(connection, packetId, PacketType.pubrec);
  }

  /** Acknowledges as the plan says: at once, late or not at all on this connection. */
  #answer(connection: SimulatedConnection, packetId: number, type: AcknowledgementPacket['type']): void {
    const how = this.#how;
    const answer = (): void => {
      if (connection !== this.#connection) return;
      if (type !== PacketType.pubrec) this.#open.delete(packetId);
      this.#sendAcknowledgement(type, packetId);
    };
    if (how.kind === 'at once') answer();
    else if (how.kind === 'late') this.clock.at(this.clock.nowMs() + how.delayMs, answer);
    else this.#withheld.push(answer);
  }

  // -- What it sends --

  #request(request: Request): void {
    this.#waiting.push(request);
    if (
      this.#isConnected ||
      (this.#connection !== undefined && this.#connect?.eager === true && this.#unacknowledged.size === 0)
    )
      this.#sendWaiting();
  }

  #sendWaiting(): void {
    while (this.#waiting.length > 0 && this.#unacknowledged.size + this.#requests.size < PACKET_IDS) {
      const request = this.#waiting.shift() as Request;
      const packet = request(this.#freePacketId());
      if (packet.type === PacketType.publish && packet.qos > 0)
        this.#unacknowledged.set(packet.packetId, { publish: packet, isReceived: false });
      else if (packet.type === PacketType.subscribe || packet.type === PacketType.unsubscribe)
        this.#requests.add(packet.packetId);
      this.#send(packet);
    }
  }

  #freePacketId(): number {
    do this.#lastPacketId = (this.#lastPacketId % PACKET_IDS) + 1;
    while (this.#unacknowledged.has(this.#lastPacketId) || this.#requests.has(this.#lastPacketId));
    return this.#lastPacketId;
  }

  /**
   * What was on its way when the last connection ended goes out again, in its order. Without its session a client
   * cannot know what became of it.
   */
  #resume(sessionIsThere: boolean): void {
    if (!sessionIsThere) this.#received.clear();
    for (const [packetId, { publish, isReceived }] of this.#unacknowledged) {
      if (this.#sentHere.has(packetId)) continue;
      if (!sessionIsThere) this.#unacknowledged.delete(packetId);
      else if (isReceived) this.#sendAcknowledgement(PacketType.pubrel, packetId);
      else this.#send({ ...publish, dup: true });
    }
  }

  #sendAcknowledgement(type: AcknowledgementPacket['type'], packetId: number): void {
    this.#send({ type, packetId, reasonCode: 0, properties: undefined });
  }

  #send(packet: Packet): void {
    if (this.#connection === undefined) return;
    if (packet.type === PacketType.publish && packet.qos > 0) this.#sentHere.add(packet.packetId);
    this.script.packet(this.name, '->', packet);
    this.#connection.send(packet);
  }

  #keepAlive(connection: SimulatedConnection, everyMs: number): void {
    this.clock.at(this.clock.nowMs() + everyMs, () => {
      if (connection !== this.#connection) return;
      if (this.clock.nowMs() >= this.#mutedUntilMs) this.#send({ type: PacketType.pingreq });
      this.#keepAlive(connection, everyMs);
    });
  }

  #redial(): void {
    const connect = this.#connect;
    if (connect === undefined || this.traits.redialMs === 0) return;
    this.clock.at(this.clock.nowMs() + this.traits.redialMs, () => {
      if (this.#connection === undefined && this.#connect === connect) this.connect(connect);
    });
  }

  #letGo(): void {
    if (this.#isClean) {
      // The session ends with its connection, as far as there was one.
      for (const packetId of this.#isConnected ? this.#unacknowledged.keys() : this.#sentHere)
        this.#unacknowledged.delete(packetId);
      if (this.#isConnected) this.#received.clear();
    }
    this.#connection = undefined;
    this.#isConnected = false;
    this.#requests.clear();
    this.#open.clear();
    this.#withheld.length = 0;
    this.#sentHere.clear();
  }
}
