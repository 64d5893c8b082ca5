// A client of a run, which follows the plan and otherwise obeys the protocol: it repeats unacknowledged messages,
// accepts a QoS 2 message once, and keeps that state across its connections as long as its session lasts.
import { PacketType } from '../../protocol/packets.js';
import type { AcknowledgementPacket, ConnectPacket, Packet, PublishPacket, QoS } from '../../protocol/packets.js';
import type { VirtualClock } from '../virtual-clock.js';
import type { ConnectionUser, SimulatedConnection, SimulatedNetwork } from './network.js';
import { payloadOf, tagOf } from './payload.js';
import type { Acknowledging, Action, ClientTraits } from './operations.js';
import type { Script } from './script.js';

/** Few, so that they are soon reused: that reveals state of an identifier that the broker keeps too long. */
const PACKET_IDS = 12;

type Connect = Extract<Action, { kind: 'connect' }>;

/** An observer of what the network does not show. */
export interface ClientObserver {
  /** The client passed a message to its application; a QoS 2 message once, however often it was repeated. */
  received(client: SimulatedClient, connection: SimulatedConnection, publish: PublishPacket): void;
  /** A message arrived with an identifier that was in use for another message. */
  identifierReused(client: SimulatedClient, confusion: Confusion): void;
}

export interface Confusion {
  readonly packetId: number;
  /** The message that arrived. */
  readonly tag: string;
  /** The message that has the identifier until PUBREL, of which the client takes the new one for a repetition. */
  readonly heldTag: string | undefined;
  /** Whether the message that arrived is a retained one. */
  readonly isRetained: boolean;
  readonly detail: string;
}

interface Unacknowledged {
  readonly publish: PublishPacket;
  /** Whether PUBREC has arrived, so that PUBREL is repeated instead of PUBLISH. */
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
  /** Requests that wait for a connection or for a free identifier. */
  readonly #waiting: Request[] = [];
  readonly #unacknowledged = new Map<number, Unacknowledged>();
  /** Identifiers of SUBSCRIBE and UNSUBSCRIBE without an answer yet. */
  readonly #requests = new Set<number>();
  /** Received QoS 2 messages until PUBREL: the tag, by identifier. */
  readonly #received = new Map<number, string>();
  /** Deliveries on this connection that are not acknowledged completely. */
  readonly #open = new Map<number, string>();
  /** Acknowledgements that the plan withholds. */
  readonly #withheld: (() => void)[] = [];
  /** Identifiers of PUBLISH packets that were sent on this connection, and so are not repeated on it. */
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

  /** Whether nothing remains to be sent or acknowledged, in either direction. */
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

  // -- Operations of the plan --

  connect(connect: Connect): void {
    this.#connect = connect;
    // An older connection is replaced, and its packets are ignored from now on.
    this.#forgetConnection();
    const connection = this.network.connect(this.traits, this);
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
    // Only without messages to repeat, because the order would be lost.
    if (eager && this.#unacknowledged.size === 0) this.#sendWaiting();
  }

  disconnect(): void {
    this.#connect = undefined;
    if (this.#connection === undefined) return;
    this.#send({ type: PacketType.disconnect, reasonCode: 0, properties: undefined });
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

  /** From now on the client acknowledges everything at once, including what it has left open. */
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
    this.#forgetConnection();
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
    const { packetId, qos, payload, retain: isRetained } = publish;
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
        isRetained,
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
        isRetained,
        detail: `${tag} came with identifier ${packetId}, which is that of ${held} until PUBREL`,
      });
    this.#received.set(packetId, tag);
    this.#answer(connection, packetId, PacketType.pubrec);
  }

  /** Acknowledges according to the plan: at once, late or not at all on this connection. */
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

  // -- Sending --

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
   * Repeats, in order, the packets that were in flight when the last connection ended. If the session is gone, the
   * client cannot know what happened to them, and drops them.
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
    if (this.#isClean) {
      // A clean session ends with its connection, if CONNACK had begun it.
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
