// The incoming side of a connection: bytes become packets, and packets become inputs of the core, as long as there is
// no reason not to read. What cannot be handled now stays in the socket: the channel is paused.
import type { ConnectionId } from '../domain/identifiers.js';
import { textBytes, willBytes } from '../domain/name-bytes.js';
import { MAX_PACKET_SIZE_BEFORE_CONNECT } from '../domain/limits.js';
import type { Input } from '../domain/inputs.js';
import type { Channel } from '../ports/network.js';
import type { PublishLimits } from '../protocol/decode-publish.js';
import { PacketDecoder } from '../protocol/decoder.js';
import { MalformedPacketError } from '../protocol/malformed.js';
import { propertiesSize, PropertyPlace } from '../protocol/properties.js';
import { PacketType } from '../protocol/packets.js';
import type { ConnectPacket, Packet, ProtocolVersion } from '../protocol/packets.js';
import type { ConnectionOrigin } from './connection-tracker.js';
import type { EventLoop } from './event-loop.js';
import type { Flow } from './flow.js';
import { Parking } from './parking.js';
import type { ParkingReason } from './parking.js';

/** What the inputs of all connections have in common. */
export interface InputOwner {
  readonly loop: Pick<EventLoop, 'step' | 'beginSlice' | 'isSpent' | 'isSliceSpent' | 'mayReadOn'>;
  /** What is read of a PUBLISH. */
  readonly publishLimits: PublishLimits;
  /** Counts what comes through all connections. */
  readonly received: Flow;
  /** The number of changes recorded so far. */
  readonly recordedChanges: number;
  /** Whether `packetRead` is to be called now. */
  readonly observesPackets: boolean;
  /** A packet was handed to the core; `recordedBefore` is the number of recorded changes before it. */
  packetRead(input: LinkInput, packet: Packet, nowMs: number, recordedBefore: number): void;
  /**
   * An incomplete packet is in memory. `packet` distinguishes it from earlier ones; 0 bytes: it is complete, or gone.
   */
  partialPacket(input: LinkInput, packet: number, bytes: number): void;
  /** Nothing more is read from the network: what has arrived stays in memory, and a little more is to come. */
  paused(input: LinkInput): void;
  /** The network is read again. */
  resumed(input: LinkInput): void;
  /** The input is parked: `pauseIfParked` is to be called when the turn ends. */
  stopped(input: LinkInput): void;
  /** The input is parked for `turn`: `readOn` is to be called at the end of the turn, when its turn comes. */
  queued(input: LinkInput): void;
}

/** What an incomplete packet costs besides its bytes. */
const HELD_PACKET_BYTES = 256;

/** Objects of a CONNECT whose answer is awaited: the packet, the request, timers. */
const AWAITED_CONNECT_BYTES = 2048;

type HeldConnect = Pick<ConnectPacket, 'clientId' | 'userName' | 'password' | 'will' | 'properties'>;

/** What a CONNECT holds until it is answered; its password keeps the chunk that it arrived in. */
export function connectBytes({ clientId, userName, password, will, properties }: HeldConnect): number {
  const names = textBytes(clientId) + (userName === undefined ? 0 : textBytes(userName));
  const ofWill = will === undefined ? 0 : willBytes(will);
  // Its User Properties as strings.
  const ofProperties = properties === undefined ? 0 : 2 * propertiesSize(properties, PropertyPlace.connect);
  const view = password ?? will?.payload ?? properties?.authenticationData;
  return AWAITED_CONNECT_BYTES + names + ofWill + ofProperties + (view?.buffer.byteLength ?? 0);
}

/** Whatever arrives after CONNECT, that is what is oldest of it. */
const KEPT_CONNECT = -1;

/** One for all connections: few are ever asked for their progress. */
const NOTHING_ARRIVED: { readonly packet: number; readonly bytes: number } = { packet: 0, bytes: 0 };

export class LinkInput {
  readonly id: ConnectionId;
  readonly listener: string;
  readonly #channel: Channel;
  readonly #owner: InputOwner;
  readonly #decoder: PacketDecoder;
  readonly #parking = new Parking();
  #isOpen = true;
  /** Whether the network connection still exists: it may end before everything from it has been read. */
  #isConnected = true;
  #isEstablished = false;
  #isReading = false;
  #isPaused = false;
  /** Whether the owner is to pause it at the end of the turn. */
  #isToPause = false;
  /** What CONNECT holds, until it is accepted. */
  #connectBytes = 0;
  #isChallenged = false;
  #hasPartialPacket = false;
  /** How much of which packet had arrived when `takeProgress` was called last. */
  #progress = NOTHING_ARRIVED;
  #whenRead: (() => void) | undefined;

  constructor({ id, listener }: Pick<ConnectionOrigin, 'id' | 'listener'>, channel: Channel, owner: InputOwner) {
    this.id = id;
    this.listener = listener;
    this.#channel = channel;
    this.#owner = owner;
    this.#decoder = new PacketDecoder({ maxPacketSize: MAX_PACKET_SIZE_BEFORE_CONNECT, limits: owner.publishLimits });
  }

  /** Taken from CONNECT. */
  get protocolVersion(): ProtocolVersion {
    return this.#decoder.protocolVersion;
  }

  /** Whether work that one of its packets has started is unfinished. */
  get isSuspended(): boolean {
    return this.#parking.has('work');
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Whether CONNECT was accepted. */
  get isEstablished(): boolean {
    return this.#isEstablished;
  }

  /**
   * Whether everything that has arrived was handed to the core, and the channel is read. It may be parked nevertheless.
   */
  get isIdle(): boolean {
    return !this.#isPaused && !this.#hasUnread;
  }

  /** What is in memory of what has arrived and is not handled, except for an incomplete packet. */
  get unreadBytes(): number {
    // The chunks behind CONNECT count as an incomplete packet.
    const here = this.#isEstablished ? this.#decoder.chunkBytes : this.#connectBytes;
    return here + (this.#channel.unreadBytes ?? 0);
  }

  /** Whether part of an incomplete packet has arrived since the last call. */
  takeProgress(): boolean {
    const { partialPacketNumber: packet, partialPacketBytes: bytes } = this.#decoder;
    const before = this.#progress;
    this.#progress = { packet, bytes };
    return bytes > 0 && (packet !== before.packet || bytes !== before.bytes);
  }

  /** CONNECT was accepted: the connection speaks this version and may send packets of this size. */
  established(version: ProtocolVersion, maxPacketSize: number): void {
    this.#decoder.protocolVersion = version;
    this.#decoder.maxPacketSize = maxPacketSize;
    this.#isEstablished = true;
    this.#connectBytes = 0;
    this.#channel.admitted?.();
  }

  /**
   * CONNECT has to wait for what the client answers, for as long as it likes: until it is accepted, it counts as an
   * incomplete packet does.
   */
  challenged(): void {
    this.#isChallenged = true;
  }

  received(chunk: Uint8Array): void {
    if (!this.#isOpen) return;
    this.#owner.received.bytes += chunk.length;
    this.#decoder.push(chunk);
    if (!this.#parking.isEmpty) this.pauseIfParked();
    else if (this.#owner.loop.isSpent) {
      this.#queue();
      this.pauseIfParked();
    } else this.#read(this.#owner.loop.beginSlice());
    this.#trackPartialPacket();
  }

  /** No more packets are handed to the core until `unpark` was called for this and every other reason. */
  park(reason: ParkingReason): void {
    // A client that has gone is not slowed: what has arrived from it is handled soon, and is not much.
    if (reason === 'backlog' && !this.#isConnected) return;
    this.#parking.add(reason);
    if (!this.#parking.isBrief) this.#noMoreToRead();
  }

  /** Reading continues at the end of the turn, or by itself if the reason came and went within a step. */
  unpark(reason: ParkingReason): void {
    this.#parking.remove(reason);
    if (!this.#parking.isEmpty || this.#isReading || !this.#isOpen) return;
    if (this.#mustReadOn) this.#queue();
  }

  /** Called when it is the input's turn, after `queued`. */
  readOn(): void {
    this.#parking.remove('turn');
    if (this.#isOpen) this.#readHere(this.#owner.loop.beginSlice());
  }

  /** Reads what has arrived, and lets more arrive if nothing of it is left. */
  #readHere(nowMs: number): void {
    if (this.#parking.isEmpty) this.#read(nowMs);
    this.#trackPartialPacket();
    if (this.#parking.isEmpty && this.#isOpen) this.#resume();
  }

  /**
   * Makes a step that may end what the connection is parked for, and reads on at once while there is time: the next
   * packet may have been here for long.
   */
  goOn(input: Input): void {
    const { loop } = this.#owner;
    const nowMs = loop.beginSlice();
    // It needs no turn to be read on.
    this.#isReading = true;
    try {
      loop.step(input, nowMs);
    } finally {
      this.#isReading = false;
    }
    if (!this.#parking.isEmpty || !this.#isOpen) return;
    if (loop.mayReadOn) this.#readHere(nowMs);
    else if (this.#mustReadOn) this.#queue();
  }

  /** Leaves in the socket what arrives from now on. */
  pauseIfParked(): void {
    this.#isToPause = false;
    if (this.#parking.isEmpty || this.#isPaused || !this.#isOpen || !this.#isConnected) return;
    this.#isPaused = true;
    this.#channel.pause();
    this.#owner.paused(this);
  }

  /**
   * The network connection has ended. Calls back once everything that had arrived before has been handed to the core,
   * unless there is a reason not to read it that may last.
   * @returns whether that was so at once.
   */
  whenRead(callback: () => void): boolean {
    this.#isConnected = false;
    this.#whenRead = callback;
    this.unpark('backlog');
    if (!this.#goesOn) this.#noMoreToRead();
    return this.#whenRead === undefined;
  }

  /** Nothing more is read. The channel is resumed nevertheless: otherwise it would not report its end. */
  close(): void {
    this.#isOpen = false;
    this.#noMoreToRead();
    this.#resume();
    // The connection may take a while to end.
    this.#decoder.discard();
  }

  /**
   * Whether what a client had sent before its end is still handled: not while its CONNECT waits for an interceptor,
   * because that of a client that has gone has no use, and must hold nothing.
   */
  get #goesOn(): boolean {
    if (!this.#isOpen || this.#parking.isEmpty || !this.#parking.isBrief) return false;
    return this.isSuspended ? this.#isEstablished : this.#hasUnread;
  }

  /** Whether there is something to do once nothing keeps the connection from being read. */
  get #mustReadOn(): boolean {
    return this.#isPaused || this.#hasUnread || this.#whenRead !== undefined;
  }

  /** Whether bytes have arrived that may hold a packet: those of an incomplete one do not. */
  get #hasUnread(): boolean {
    return this.#decoder.bufferedBytes > this.#decoder.partialPacketBytes;
  }

  /** What came in one chunk came at one time. */
  #read(nowMs: number): void {
    const { loop } = this.#owner;
    this.#isReading = true;
    try {
      while (this.#isOpen && this.#parking.isEmpty) {
        const packet = this.#decoder.read();
        if (packet === undefined) break;
        this.#owner.received.received(packet, this.protocolVersion);
        if (packet.type === PacketType.connect && !this.#isEstablished) this.#connectBytes = connectBytes(packet);
        const { recordedChanges } = this.#owner;
        loop.step({ kind: 'packet', connection: this.id, packet }, nowMs);
        if (this.#owner.observesPackets) this.#owner.packetRead(this, packet, nowMs, recordedChanges);
        if (loop.isSliceSpent && this.#hasUnread && this.#parking.isEmpty) this.#queue();
      }
    } catch (error) {
      if (!(error instanceof MalformedPacketError)) throw error;
      loop.step({ kind: 'malformed', connection: this.id, error });
    } finally {
      this.#isReading = false;
    }
    if (this.#parking.isEmpty) this.#noMoreToRead();
    else if (!this.#parking.has('work')) {
      if (!this.#parking.has('turn')) this.pauseIfParked();
    } else if (!this.#isPaused && !this.#isToPause) {
      // Most work is done before the turn ends.
      this.#isToPause = true;
      this.#owner.stopped(this);
    }
  }

  #resume(): void {
    if (!this.#isPaused || !this.#isConnected) return;
    this.#isPaused = false;
    this.#owner.resumed(this);
    this.#channel.resume();
  }

  #queue(): void {
    this.#parking.add('turn');
    this.#owner.queued(this);
  }

  #noMoreToRead(): void {
    const callback = this.#whenRead;
    this.#whenRead = undefined;
    callback?.();
  }

  /**
   * What a client sends behind CONNECT counts as well, until that is accepted. After that, what has arrived and is
   * not read is the broker's own delay.
   */
  #trackPartialPacket(): void {
    const decoder = this.#decoder;
    const isEarly = !this.#isEstablished && (this.#isChallenged || decoder.bufferedBytes > 0);
    const isKept = isEarly || decoder.partialPacketBytes > 0;
    // Most chunks end with a packet.
    if (!isKept && !this.#hasPartialPacket) return;
    this.#hasPartialPacket = isKept && this.#isOpen;
    const ofConnect = this.#isChallenged ? this.#connectBytes : 0;
    const earlyBytes = this.#isEstablished ? 0 : decoder.chunkBytes + ofConnect;
    const bytes = decoder.partialPacketRoom + earlyBytes + HELD_PACKET_BYTES;
    const packet = ofConnect > 0 ? KEPT_CONNECT : decoder.partialPacketNumber;
    this.#owner.partialPacket(this, packet, this.#hasPartialPacket ? bytes : 0);
  }
}
