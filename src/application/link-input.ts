// The incoming half of a connection: bytes become packets, and packets become inputs of the core, as long as there is
// no reason not to read. A channel is paused only when bytes arrive that cannot be handled now.
import type { ConnectionId } from '../domain/identifiers.js';
import { MAX_PACKET_SIZE_BEFORE_CONNECT } from '../domain/connect/limits.js';
import type { Channel } from '../ports/network.js';
import { PacketDecoder } from '../protocol/decoder.js';
import { MalformedPacketError } from '../protocol/malformed.js';
import type { Packet, ProtocolVersion } from '../protocol/packets.js';
import type { ConnectionOrigin } from './connection-tracker.js';
import type { EventLoop } from './event-loop.js';
import { Parking } from './parking.js';
import type { ParkingReason } from './parking.js';

/** What the inputs of all connections have in common. */
export interface InputOwner {
  readonly loop: Pick<EventLoop, 'step' | 'nowMs'>;
  /** A packet was handed to the core. */
  packetRead(input: LinkInput, packet: Packet, nowMs: number): void;
  /** An incomplete packet is in memory. `packet` distinguishes it from earlier ones; 0 bytes: it is complete, or gone. */
  partialPacket(input: LinkInput, packet: number, bytes: number): void;
  /** The channel is read again after a pause. */
  resumed(input: LinkInput): void;
}

export class LinkInput {
  readonly id: ConnectionId;
  readonly listener: string;
  readonly #channel: Channel;
  readonly #owner: InputOwner;
  readonly #decoder = new PacketDecoder({ maxPacketSize: MAX_PACKET_SIZE_BEFORE_CONNECT });
  readonly #parking = new Parking();
  #isOpen = true;
  #isEstablished = false;
  #isPaused = false;
  #hasPartialPacket = false;

  constructor({ id, listener }: Pick<ConnectionOrigin, 'id' | 'listener'>, channel: Channel, owner: InputOwner) {
    this.id = id;
    this.listener = listener;
    this.#channel = channel;
    this.#owner = owner;
  }

  /** Taken from CONNECT. */
  get protocolVersion(): ProtocolVersion {
    return this.#decoder.protocolVersion;
  }

  /** Whether the channel is paused, because bytes have arrived that cannot be handled now. */
  get isPaused(): boolean {
    return this.#isPaused;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Whether CONNECT was accepted. */
  get isEstablished(): boolean {
    return this.#isEstablished;
  }

  /** CONNECT was accepted: the connection speaks this version and may send packets of this size. */
  established(version: ProtocolVersion, maxPacketSize: number): void {
    this.#decoder.protocolVersion = version;
    this.#decoder.maxPacketSize = maxPacketSize;
    this.#isEstablished = true;
    this.#channel.admitted?.();
  }

  received(chunk: Uint8Array): void {
    if (!this.#isOpen) return;
    this.#decoder.push(chunk);
    this.#read();
    // Most chunks end with a packet.
    if (this.#hasPartialPacket || this.#decoder.partialPacketBytes > 0) this.#trackPartialPacket();
  }

  /** No more packets are handed to the core until `unpark` was called for this and every other reason. */
  park(reason: ParkingReason): void {
    this.#parking.add(reason);
  }

  unpark(reason: ParkingReason): void {
    this.#parking.remove(reason);
    if (!this.#isPaused || !this.#parking.isEmpty || !this.#isOpen) return;
    this.#isPaused = false;
    this.#owner.resumed(this);
    this.#read();
    // Reading what was left may have been enough to park the connection again.
    if (!this.#isPaused) this.#channel.resume();
  }

  /** Nothing more is read. The channel is resumed all the same: otherwise it would not report its end. */
  close(): void {
    this.#isOpen = false;
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#channel.resume();
  }

  #read(): void {
    const { loop } = this.#owner;
    // What came in one chunk came at one time.
    const nowMs = loop.nowMs();
    try {
      while (this.#isOpen && this.#parking.isEmpty) {
        const packet = this.#decoder.read();
        if (packet === undefined) return;
        loop.step({ kind: 'packet', connection: this.id, packet }, nowMs);
        this.#owner.packetRead(this, packet, nowMs);
      }
    } catch (error) {
      if (!(error instanceof MalformedPacketError)) throw error;
      loop.step({ kind: 'malformed', connection: this.id, error });
      return;
    }
    if (!this.#isOpen || this.#isPaused) return;
    this.#isPaused = true;
    this.#channel.pause();
  }

  #trackPartialPacket(): void {
    const { partialPacketBytes, partialPacketNumber } = this.#decoder;
    this.#hasPartialPacket = partialPacketBytes > 0 && this.#isOpen;
    this.#owner.partialPacket(this, partialPacketNumber, this.#hasPartialPacket ? partialPacketBytes : 0);
  }
}
