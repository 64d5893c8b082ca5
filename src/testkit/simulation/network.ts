// The network of a run. Bytes are delayed and cut into chunks, wait for a reader that does not read, and are lost when
// a side dies. Every effect is a timer of the virtual clock; no call has an immediate effect on the other side.
import { PacketDecoder } from '../../protocol/decoder.js';
import { encodePacket } from '../../protocol/encoder.js';
import { PacketType } from '../../protocol/packets.js';
import type { Packet, ProtocolVersion } from '../../protocol/packets.js';
import type { ConnectionHandler, Channel, ChannelHandler, Listener } from '../../ports/index.js';
import type { VirtualClock } from '../virtual-clock.js';
import type { ClientTraits } from './operations.js';

/** The client's side of a connection. */
export interface ConnectionUser {
  arrived(connection: SimulatedConnection, packet: Packet): void;
  /** The connection has ended, and the client did not end it. */
  disconnected(connection: SimulatedConnection): void;
}

/** `died`: the broker died. */
export type ConnectionEnd = 'by client' | 'by broker' | 'died';

/** An observer, called before the broker gets a packet and when it sends one. */
export interface NetworkObserver {
  delivered(connection: SimulatedConnection, packet: Packet): void;
  departed(connection: SimulatedConnection, packet: Packet): void;
  ended(connection: SimulatedConnection, how: ConnectionEnd): void;
  /** The broker threw an error, or sent bytes that are not a packet. */
  failed(error: unknown): void;
}

interface Chunk {
  readonly bytes: Uint8Array;
  /** The packets whose last byte is in this chunk. */
  readonly packets: readonly Packet[];
}

/** Chunks into which a large packet is cut: cutting all of it would only take time. */
const CHUNKS_MAX = 12;

export class SimulatedNetwork implements Listener {
  readonly name = 'simulated';
  #arrive: ConnectionHandler | undefined;
  readonly #connections = new Set<SimulatedConnection>();
  #lastId = 0;

  constructor(
    readonly clock: VirtualClock,
    readonly observer: NetworkObserver,
    public highWaterMark: number,
  ) {}

  listen(arrive: ConnectionHandler): Promise<string> {
    this.#arrive = arrive;
    return Promise.resolve(this.name);
  }

  close(): Promise<void> {
    this.#arrive = undefined;
    return Promise.resolve();
  }

  get isListening(): boolean {
    return this.#arrive !== undefined;
  }

  /** Opens a connection. @returns `undefined` if the broker does not listen. */
  connect(traits: ClientTraits, user: ConnectionUser, version: ProtocolVersion): SimulatedConnection | undefined {
    if (this.#arrive === undefined) return undefined;
    const connection = new SimulatedConnection(this, traits, user, ++this.#lastId, version);
    this.#connections.add(connection);
    const arrival = this.#arrive(connection.peer);
    if (arrival === undefined) connection.refused();
    else connection.accepted(arrival.accept(connection));
    return connection;
  }

  /** The broker's process has died. @param delivers whether bytes that it had sent still arrive. */
  died(delivers: boolean): void {
    this.#arrive = undefined;
    for (const connection of this.#connections) connection.died(delivers);
    this.#connections.clear();
  }

  forget(connection: SimulatedConnection): void {
    this.#connections.delete(connection);
  }
}

export class SimulatedConnection implements Channel {
  readonly peer: { readonly remoteAddress: string };
  /** Bytes written by the broker that the client has not received yet. */
  bufferedBytes = 0;
  sentBytes = 0;
  readonly #decoder = new PacketDecoder({ maxPacketSize: 268_435_460, role: 'client' });
  #handler: ChannelHandler | undefined;
  #toBroker: Chunk[] = [];
  #toClient: Chunk[] = [];
  #isPaused = false;
  #isStalled = false;
  /** Whether the broker accepts nothing more on the connection. */
  #isEnded = false;
  #clientIsGone = false;
  #isFull = false;
  #isClosing = false;
  #toBrokerAtMs = 0;
  /** Of the broker. */
  readonly #aliases = new Map<number, string>();
  #departing: Packet | undefined;
  #toClientAtMs = 0;

  constructor(
    readonly network: SimulatedNetwork,
    readonly traits: ClientTraits,
    readonly user: ConnectionUser,
    readonly id: number,
    readonly version: ProtocolVersion,
  ) {
    this.peer = { remoteAddress: `${traits.name}#${id}` };
    this.#decoder.protocolVersion = version;
  }

  accepted(handler: ChannelHandler): void {
    this.#handler = handler;
  }

  /** The broker has refused the connection; the client notices after the latency. */
  refused(): void {
    this.#end('by broker');
    this.#at('toClient', () => {
      this.#finish();
    });
  }

  /** Whether the broker accepts nothing more on the connection, so that a delivery has no effect. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  // -- The client's side --

  /** @param sent what is sent of the packet: without a topic that an alias stands for. */
  send(packet: Packet, sent = packet): void {
    if (this.#clientIsGone) return;
    const bytes = encodePacket(sent, this.version);
    const { cutBytes } = this.traits;
    const cut = cutBytes === 0 ? bytes.length : cutBytes;
    for (let at = 0, n = 1; at < bytes.length; n++) {
      const end = n === CHUNKS_MAX ? bytes.length : Math.min(at + cut, bytes.length);
      this.#send('toBroker', { bytes: bytes.slice(at, end), packets: end === bytes.length ? [packet] : [] });
      at = end;
    }
  }

  /** The client closes the connection without DISCONNECT. @param lossy whether bytes under way are lost. */
  destroy(lossy: boolean): void {
    if (this.#clientIsGone) return;
    this.#clientIsGone = true;
    this.#toClient = [];
    if (lossy) this.#toBroker = [];
    this.#at('toBroker', () => {
      this.#toBroker = [];
      this.#callClosed('by client');
    });
  }

  stall(): void {
    this.#isStalled = true;
  }

  read(): void {
    this.#isStalled = false;
    this.#at('toClient', () => {
      this.#arriveAtClient();
    });
  }

  // -- The broker's side --

  write(bytes: Uint8Array): boolean {
    if (this.#isEnded) return true;
    const packets: Packet[] = [];
    try {
      this.#decoder.push(bytes);
      for (let read = this.#decoder.read(); read !== undefined; read = this.#decoder.read()) {
        this.#departing = read;
        const packet = this.#withTopic(read);
        packets.push(packet);
        this.network.observer.departed(this, packet);
      }
    } catch (error) {
      this.network.observer.failed(error);
    }
    this.bufferedBytes += bytes.length;
    this.#send('toClient', { bytes, packets });
    if (this.bufferedBytes < this.network.highWaterMark) return true;
    this.#isFull = true;
    return false;
  }

  /** The size of the packet that departs now. */
  get departingBytes(): number {
    return this.#departing === undefined ? 0 : encodePacket(this.#departing, this.version).length;
  }

  /** Replaces a Topic Alias by the topic that it stands for on this connection; an unknown one stands for none. */
  #withTopic(packet: Packet): Packet {
    const alias = packet.type === PacketType.publish ? packet.properties?.topicAlias : undefined;
    if (packet.type !== PacketType.publish || alias === undefined) return packet;
    if (packet.topic !== '') this.#aliases.set(alias, packet.topic);
    return { ...packet, topic: this.#aliases.get(alias) ?? '' };
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#at('toBroker', () => {
      this.#arriveAtBroker();
    });
  }

  close(graceMs: number): void {
    if (this.#handler === undefined) return;
    const { clock } = this.network;
    this.#end('by broker');
    if (graceMs === 0) this.#toClient = [];
    else if (!this.#isClosing)
      clock.at(clock.nowMs() + graceMs, () => {
        this.#finish();
      });
    this.#isClosing = true;
    if (this.#toClient.length === 0)
      clock.at(clock.nowMs(), () => {
        this.#finish();
      });
  }

  died(delivers: boolean): void {
    this.#end('died');
    this.#handler = undefined;
    this.#toBroker = [];
    if (!delivers) this.#toClient = [];
    this.#isClosing = true;
    this.#at('toClient', () => {
      this.#isStalled = false;
      this.#arriveAtClient();
      this.#finish();
    });
  }

  // -- Between the sides --

  #send(to: 'toBroker' | 'toClient', chunk: Chunk): void {
    if (to === 'toBroker') this.#toBroker.push(chunk);
    else this.#toClient.push(chunk);
    this.#at(to, () => {
      if (to === 'toBroker') this.#arriveAtBroker(chunk);
      else this.#arriveAtClient(chunk);
    });
  }

  /** Calls back after the latency, and never before an earlier callback in the same direction. */
  #at(to: 'toBroker' | 'toClient', callback: () => void): void {
    const { clock } = this.network;
    const atMs = Math.max(
      clock.nowMs() + this.traits.latencyMs,
      to === 'toBroker' ? this.#toBrokerAtMs : this.#toClientAtMs,
    );
    if (to === 'toBroker') this.#toBrokerAtMs = atMs;
    else this.#toClientAtMs = atMs;
    clock.at(atMs, callback);
  }

  /** Delivers all chunks up to this one, or all chunks that have been sent. */
  #arriveAtBroker(through?: Chunk): void {
    if (through !== undefined && !this.#toBroker.includes(through)) return;
    while (!this.#isPaused && !this.#isEnded) {
      const chunk = this.#toBroker.shift();
      if (chunk === undefined) return;
      for (const packet of chunk.packets) this.network.observer.delivered(this, packet);
      try {
        this.#handler?.data(chunk.bytes);
      } catch (error) {
        this.network.observer.failed(error);
      }
      if (chunk === through) return;
    }
  }

  #arriveAtClient(through?: Chunk): void {
    if (through !== undefined && !this.#toClient.includes(through)) return;
    while (!this.#isStalled && !this.#clientIsGone) {
      const chunk = this.#toClient.shift();
      if (chunk === undefined) break;
      this.bufferedBytes -= chunk.bytes.length;
      this.sentBytes += chunk.bytes.length;
      for (const packet of chunk.packets) this.user.arrived(this, packet);
      if (chunk === through) break;
    }
    if (this.#toClient.length > 0) return;
    if (this.#isClosing) this.#finish();
    else if (this.#isFull) {
      this.#isFull = false;
      this.#call((handler) => {
        handler.drained();
      });
    }
  }

  #end(how: ConnectionEnd): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.network.observer.ended(this, how);
  }

  /** Ends the connection in both directions. */
  #finish(): void {
    this.#toClient = [];
    this.#callClosed('by broker');
    if (this.#clientIsGone) return;
    this.#clientIsGone = true;
    this.user.disconnected(this);
  }

  #callClosed(how: ConnectionEnd): void {
    this.#end(how);
    this.network.forget(this);
    this.#call((handler) => {
      this.#handler = undefined;
      handler.closed(undefined);
    });
  }

  #call(what: (handler: ChannelHandler) => void): void {
    if (this.#handler === undefined) return;
    try {
      what(this.#handler);
    } catch (error) {
      this.network.observer.failed(error);
    }
  }
}
