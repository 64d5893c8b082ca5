// The network of a run: connections whose bytes take their time, come in pieces, pile up before a reader that does not
// read, and are lost when a side dies. Everything is a timer of the virtual clock; nothing happens within a call.
import { PacketDecoder } from '../../protocol/decoder.js';
import { encodePacket } from '../../protocol/encoder.js';
import type { Packet } from '../../protocol/packets.js';
import type { ConnectionHandler, Channel, ChannelHandler, Listener } from '../../ports/index.js';
import type { VirtualClock } from '../virtual-clock.js';
import type { ClientTraits } from './operations.js';

/** The client's end. */
export interface ConnectionUser {
  received(connection: SimulatedConnection, packet: Packet): void;
  /** The connection has ended, and not by the client's own doing. */
  disconnected(connection: SimulatedConnection): void;
}

/** `died`: with the broker. */
export type ConnectionEnd = 'by client' | 'by broker' | 'died';

/** Who looks on: called before the broker gets what was sent, and when it lets go of what it sends. */
export interface NetworkObserver {
  delivered(connection: SimulatedConnection, packet: Packet): void;
  departed(connection: SimulatedConnection, packet: Packet): void;
  ended(connection: SimulatedConnection, how: ConnectionEnd): void;
  /** Something was thrown by the broker, or it sent what is no packet. */
  failed(error: unknown): void;
}

interface Piece {
  readonly bytes: Uint8Array;
  /** Those of which the last byte is in this piece. */
  readonly packets: readonly Packet[];
}

const FIRST_PIECES = 12;

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
  connect(traits: ClientTraits, user: ConnectionUser): SimulatedConnection | undefined {
    if (this.#arrive === undefined) return undefined;
    const connection = new SimulatedConnection(this, traits, user, ++this.#lastId);
    this.#connections.add(connection);
    const arrival = this.#arrive(connection.peer);
    if (arrival === undefined) connection.turnedAway();
    else connection.accepted(arrival.accept(connection));
    return connection;
  }

  /** The broker's process is gone. `delivers`: what it had sent still arrives. */
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
  /** Bytes written and not yet taken by the client. */
  bufferedBytes = 0;
  sentBytes = 0;
  readonly #decoder = new PacketDecoder({ maxPacketSize: 268_435_460, role: 'client' });
  #handler: ChannelHandler | undefined;
  #toBroker: Piece[] = [];
  #toClient: Piece[] = [];
  #isPaused = false;
  #isStalled = false;
  /** The broker takes no more from it. */
  #isEnded = false;
  #clientIsGone = false;
  #isFull = false;
  #isClosing = false;
  #toBrokerAtMs = 0;
  #toClientAtMs = 0;

  constructor(
    readonly network: SimulatedNetwork,
    readonly traits: ClientTraits,
    readonly user: ConnectionUser,
    readonly id: number,
  ) {
    this.peer = { remoteAddress: `${traits.name}#${id}` };
    this.#decoder.protocolVersion = traits.version;
  }

  accepted(handler: ChannelHandler): void {
    this.#handler = handler;
  }

  /** The broker does not want it: it hears of that later. */
  turnedAway(): void {
    this.#end('by broker');
    this.#at('toClient', () => {
      this.#finish();
    });
  }

  /** Whether the broker takes no more from it, so that what is delivered now has no effect. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  // -- The client's end --

  send(packet: Packet): void {
    if (this.#clientIsGone) return;
    const bytes = encodePacket(packet, this.traits.version);
    const { cutBytes } = this.traits;
    const cut = cutBytes === 0 ? bytes.length : cutBytes;
    // Only the beginning comes in pieces: a large payload cut small would only take time.
    for (let at = 0, n = 1; at < bytes.length; n++) {
      const end = n === FIRST_PIECES ? bytes.length : Math.min(at + cut, bytes.length);
      this.#later('toBroker', { bytes: bytes.slice(at, end), packets: end === bytes.length ? [packet] : [] });
      at = end;
    }
  }

  /** The client lets go without a word. */
  destroy(lossy: boolean): void {
    if (this.#clientIsGone) return;
    this.#clientIsGone = true;
    this.#toClient = [];
    if (lossy) this.#toBroker = [];
    this.#at('toBroker', () => {
      this.#toBroker = [];
      this.#tellClosed('by client');
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

  // -- The broker's end --

  write(bytes: Uint8Array): boolean {
    if (this.#isEnded) return true;
    const packets: Packet[] = [];
    try {
      this.#decoder.push(bytes);
      for (let packet = this.#decoder.read(); packet !== undefined; packet = this.#decoder.read()) {
        packets.push(packet);
        this.network.observer.departed(this, packet);
      }
    } catch (error) {
      this.network.observer.failed(error);
    }
    this.bufferedBytes += bytes.length;
    this.#later('toClient', { bytes, packets });
    if (this.bufferedBytes < this.network.highWaterMark) return true;
    this.#isFull = true;
    return false;
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

  // -- Between --

  #later(to: 'toBroker' | 'toClient', piece: Piece): void {
    if (to === 'toBroker') this.#toBroker.push(piece);
    else this.#toClient.push(piece);
    this.#at(to, () => {
      if (to === 'toBroker') this.#arriveAtBroker(piece);
      else this.#arriveAtClient(piece);
    });
  }

  /** After the time of the way, and never before what was sent earlier. */
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

  /** All up to this piece, or all that there is. */
  #arriveAtBroker(through?: Piece): void {
    if (through !== undefined && !this.#toBroker.includes(through)) return;
    while (!this.#isPaused && !this.#isEnded) {
      const piece = this.#toBroker.shift();
      if (piece === undefined) return;
      for (const packet of piece.packets) this.network.observer.delivered(this, packet);
      try {
        this.#handler?.data(piece.bytes);
      } catch (error) {
        this.network.observer.failed(error);
      }
      if (piece === through) return;
    }
  }

  #arriveAtClient(through?: Piece): void {
    if (through !== undefined && !this.#toClient.includes(through)) return;
    while (!this.#isStalled && !this.#clientIsGone) {
      const piece = this.#toClient.shift();
      if (piece === undefined) break;
      this.bufferedBytes -= piece.bytes.length;
      this.sentBytes += piece.bytes.length;
      for (const packet of piece.packets) this.user.received(this, packet);
      if (piece === through) break;
    }
    if (this.#toClient.length > 0) return;
    if (this.#isClosing) this.#finish();
    else if (this.#isFull) {
      this.#isFull = false;
      this.#tell((handler) => {
        handler.drained();
      });
    }
  }

  #end(how: ConnectionEnd): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.network.observer.ended(this, how);
  }

  /** Nothing more comes, in either direction. */
  #finish(): void {
    this.#toClient = [];
    this.#tellClosed('by broker');
    if (this.#clientIsGone) return;
    this.#clientIsGone = true;
    this.user.disconnected(this);
  }

  #tellClosed(how: ConnectionEnd): void {
    this.#end(how);
    this.network.forget(this);
    this.#tell((handler) => {
      this.#handler = undefined;
      handler.closed(undefined);
    });
  }

  #tell(what: (handler: ChannelHandler) => void): void {
    if (this.#handler === undefined) return;
    try {
      what(this.#handler);
    } catch (error) {
      this.network.observer.failed(error);
    }
  }
}
