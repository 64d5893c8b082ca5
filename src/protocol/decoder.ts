// The decoder: from a stream of chunks to packets. It finds where a packet begins and ends, and takes no more memory
// than what has really arrived. Which bytes make which packet is in `decode-packet.ts` and `decode-publish.ts`. The
// domain decides what a packet means and whether it is acceptable.
import { ByteReader, trailing } from './byte-reader.js';
import {
  decodeAuth,
  decodeConnack,
  decodeConnect,
  decodeDisconnect,
  decodeSuback,
  decodeSubscribe,
  decodeUnsuback,
  decodeUnsubscribe,
  overlongRemainingLength,
} from './decode-packet.js';
import { decodeAcknowledgement, decodePublish } from './decode-publish.js';
import type { PublishLimits } from './decode-publish.js';
import { CONNECT_ONLY, firstByteRejected, firstByteTable } from './first-byte.js';
import type { FirstByteTable } from './first-byte.js';
import { MalformedPacketError } from './malformed.js';
import { PacketType } from './packets.js';
import type { ConnectPacket, Packet, ProtocolVersion } from './packets.js';
import type { Sender } from './reason-code-table.js';
import { ReasonCode } from './reason-codes.js';

/**
 * Maximum size, in bytes, of any packet but PUBLISH, which carries a payload. A larger one would be a list of filters
 * or properties, which takes many times its bytes in memory: one SUBSCRIBE of 100 MiB would end the process.
 */
const LIST_PACKET_MAX_BYTES = 1024 * 1024;

export interface PacketDecoderOptions {
  /** In bytes, of the whole packet including its fixed header. */
  readonly maxPacketSize: number;
  /**
   * The side that decodes: a server (the default) reads what clients send, CONNECT first; a client reads what a server
   * sends.
   */
  readonly role?: 'server' | 'client';
  /** Default: none. */
  readonly limits?: PublishLimits;
}

const NO_LIMITS: PublishLimits = { maxPropertyBytes: Infinity };

const NOTHING = new Uint8Array(0);

/** Initial buffer for an incomplete packet; then four times what has arrived, but never more than the packet needs. */
const FIRST_ROOM_BYTES = 512;
const ROOM_FACTOR = 4;

export class PacketDecoder {
  maxPacketSize: number;

  readonly #sender: Sender;
  readonly #limits: PublishLimits;
  #version: ProtocolVersion = 4;
  #awaitsConnect: boolean;
  #firstBytes: FirstByteTable;

  // The chunk being read, and the chunks that arrived before the reader was done with it.
  #chunk: Uint8Array = NOTHING;
  #position = 0;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;

  // A packet that spans chunks is assembled here by copying: a view of its beginning would keep a whole chunk alive.
  #room: Uint8Array = NOTHING;
  #collected = 0;
  /** Size of that packet; 0 while its fixed header is incomplete. */
  #wanted = 0;
  #copiedBytes = 0;
  #collections = 0;

  // What #measure found besides the size; valid until that packet is decoded.
  #headerBytes = 0;
  #overlongHeader = false;

  #failure: MalformedPacketError | undefined = undefined;

  constructor({ maxPacketSize, role = 'server', limits = NO_LIMITS }: PacketDecoderOptions) {
    this.maxPacketSize = maxPacketSize;
    this.#limits = limits;
    this.#sender = role === 'server' ? 'client' : 'server';
    this.#awaitsConnect = role === 'server';
    this.#firstBytes = this.#awaitsConnect ? CONNECT_ONLY : firstByteTable(this.#sender, this.#version);
  }

  /** A server takes it from the first CONNECT; until then it is 4. */
  get protocolVersion(): ProtocolVersion {
    return this.#version;
  }

  set protocolVersion(version: ProtocolVersion) {
    this.#version = version;
    if (!this.#awaitsConnect) this.#firstBytes = firstByteTable(this.#sender, version);
  }

  /** Bytes received and not yet returned as packets. */
  get bufferedBytes(): number {
    return this.#collected + (this.#chunk.length - this.#position) + this.#waitingBytes;
  }

  /** Bytes received of the incomplete packet. */
  get partialPacketBytes(): number {
    return this.#collected;
  }

  /** Memory for the incomplete packet: the buffer that it is assembled in, which is larger than what has arrived. */
  get partialPacketRoom(): number {
    return this.#room.length;
  }

  /** Memory of chunks that are not used up: an unread part keeps its whole chunk. */
  get chunkBytes(): number {
    return this.#chunk.length + this.#waitingBytes;
  }

  /** Distinguishes one incomplete packet from the next. */
  get partialPacketNumber(): number {
    return this.#collections;
  }

  /**
   * Bytes copied so far to assemble packets: less than three times the packets' bytes, however finely they were cut.
   */
  get copiedBytes(): number {
    return this.#copiedBytes;
  }

  /**
   * Hands over a chunk. The caller must not write to it again, since payloads are views of it. Ignored after a failure.
   */
  push(chunk: Uint8Array): void {
    if (chunk.length === 0 || this.#failure !== undefined) return;
    // Always a plain Uint8Array: slice() of a Buffer does not copy, and the code below runs faster if it sees one class
    // only.
    const bytes =
      chunk.constructor === Uint8Array ? chunk : new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length);
    if (this.#position < this.#chunk.length || this.#waiting.length > 0) {
      this.#waiting.push(bytes);
      this.#waitingBytes += bytes.length;
    } else {
      this.#chunk = bytes;
      this.#position = 0;
    }
  }

  /**
   * The next packet, or undefined until more bytes are pushed.
   * @throws MalformedPacketError; from then on always the same one.
   */
  read(): Packet | undefined {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      do {
        const packet = this.#collected === 0 ? this.#next() : this.#collect();
        if (packet !== undefined) return packet;
      } while (this.#nextChunk());
      return undefined;
    } catch (error) {
      if (error instanceof MalformedPacketError) this.#fail(error);
      throw error;
    }
  }

  /**
   * The next packet that lies in the chunk as a whole. If there is none, the rest of the chunk begins an incomplete
   * packet.
   */
  #next(): Packet | undefined {
    const chunk = this.#chunk;
    const start = this.#position;
    if (start === chunk.length) return undefined;
    const size = this.#measure(chunk, start, chunk.length);
    const end = start + size;
    if (size > 0 && end <= chunk.length) {
      this.#position = end;
      return this.#decode(chunk, start, end);
    }
    this.#wanted = size;
    this.#collections++;
    this.#take(chunk.length - start);
    return undefined;
  }

  /** Continues a packet that arrives in parts: byte by byte until its size is known, then by as much as there is. */
  #collect(): Packet | undefined {
    while (this.#position < this.#chunk.length) {
      if (this.#wanted === 0) {
        this.#take(1);
        this.#wanted = this.#measure(this.#room, 0, this.#collected);
      } else {
        this.#take(Math.min(this.#wanted - this.#collected, this.#chunk.length - this.#position));
      }
      if (this.#collected === this.#wanted) {
        const room = this.#room;
        const size = this.#wanted;
        this.#dropCollection();
        return this.#decode(room, 0, size);
      }
    }
    return undefined;
  }

  #take(count: number): void {
    const from = this.#position;
    this.#makeRoom(count);
    this.#room.set(this.#chunk.subarray(from, from + count), this.#collected);
    this.#collected += count;
    this.#copiedBytes += count;
    this.#position = from + count;
  }

  /**
   * The buffer grows with what has arrived, not with what was announced: announcing a large packet costs the broker
   * nothing.
   */
  #makeRoom(more: number): void {
    const needed = this.#collected + more;
    if (needed <= this.#room.length) return;
    const generous = Math.max(needed * ROOM_FACTOR, FIRST_ROOM_BYTES);
    const grown = new Uint8Array(this.#wanted === 0 ? Math.max(needed, 8) : Math.min(this.#wanted, generous));
    grown.set(this.#room.subarray(0, this.#collected));
    this.#copiedBytes += this.#collected;
    this.#room = grown;
  }

  /** Forgets what has arrived: nothing more is to be read. */
  discard(): void {
    this.#dropCollection();
    this.#chunk = NOTHING;
    this.#position = 0;
    this.#waiting = [];
    this.#waitingBytes = 0;
  }

  #dropCollection(): void {
    this.#room = NOTHING;
    this.#collected = 0;
    this.#wanted = 0;
  }

  /** Takes the next chunk when this one is used up, or none: an idle connection must not keep 64 KiB alive. */
  #nextChunk(): boolean {
    const next = this.#waiting.shift();
    this.#chunk = next ?? NOTHING;
    this.#position = 0;
    if (next === undefined) return false;
    this.#waitingBytes -= next.length;
    return true;
  }

  /**
   * Size of the packet that begins at `start`, or 0 while its fixed header is incomplete. A packet that its header
   * alone proves invalid is refused here, before a byte of the body is kept.
   */
  #measure(bytes: Uint8Array, start: number, end: number): number {
    const first = bytes[start] as number;
    const verdict = this.#firstBytes[first] as number;
    if (verdict !== 0) throw firstByteRejected(first, verdict);
    let at = start + 1;
    let length = 0;
    let shift = 0;
    let byte: number;
    do {
      if (shift === 28)
        throw new MalformedPacketError('remaining-length-too-long', 'the Remaining Length takes more than four bytes');
      if (at === end) return 0;
      byte = bytes[at++] as number;
      length |= (byte & 0x7f) << shift;
      shift += 7;
    } while (byte > 0x7f);
    this.#overlongHeader = byte === 0 && shift > 7;
    this.#headerBytes = at - start;
    const size = at - start + length;
    if (size > this.maxPacketSize) throw tooLarge(size, this.maxPacketSize);
    if (size > LIST_PACKET_MAX_BYTES && first >> 4 !== PacketType.publish) throw tooLarge(size, LIST_PACKET_MAX_BYTES);
    return size;
  }

  #decode(bytes: Uint8Array, start: number, end: number): Packet {
    const first = bytes[start] as number;
    const body = start + this.#headerBytes;
    const version = this.#version;
    const type = (first >> 4) as PacketType;
    // Only MQTT 5 forbids it; some 3.1.1 clients always write four bytes.
    if (this.#overlongHeader && version === 5 && type !== PacketType.connect) throw overlongRemainingLength();
    switch (type) {
      case PacketType.publish:
        return decodePublish(bytes, first, body, end, version, this.#sender, this.#limits);
      case PacketType.puback:
      case PacketType.pubrec:
      case PacketType.pubrel:
      case PacketType.pubcomp:
        return decodeAcknowledgement(bytes, type, body, end, version, this.#sender);
      case PacketType.connect:
        return this.#connect(decodeConnect(new ByteReader(bytes, body, end), first & 0x0f, this.#overlongHeader));
      case PacketType.connack:
        return decodeConnack(new ByteReader(bytes, body, end), version);
      case PacketType.subscribe:
        return decodeSubscribe(new ByteReader(bytes, body, end), version);
      case PacketType.suback:
        return decodeSuback(new ByteReader(bytes, body, end), version);
      case PacketType.unsubscribe:
        return decodeUnsubscribe(new ByteReader(bytes, body, end), version);
      case PacketType.unsuback:
        return decodeUnsuback(new ByteReader(bytes, body, end), version);
      case PacketType.pingreq:
      case PacketType.pingresp:
        if (body < end) throw trailing(end - body);
        return { type };
      case PacketType.disconnect:
        return decodeDisconnect(new ByteReader(bytes, body, end), version, this.#sender);
      case PacketType.auth:
        return decodeAuth(new ByteReader(bytes, body, end), this.#sender);
    }
  }

  /**
   * Only the first CONNECT sets the version: the domain refuses a second one, in the version that the connection
   * speaks.
   */
  #connect(packet: ConnectPacket): ConnectPacket {
    if (this.#awaitsConnect) {
      this.#awaitsConnect = false;
      this.protocolVersion = packet.protocolVersion;
    }
    return packet;
  }

  #fail(error: MalformedPacketError): void {
    this.#failure = error;
    // It is answered in its own version.
    if (this.#awaitsConnect && error.protocolVersion !== undefined) this.#version = error.protocolVersion;
    this.discard();
  }
}

function tooLarge(size: number, limit: number): MalformedPacketError {
  return new MalformedPacketError(
    'packet-too-large',
    `a packet of ${size} bytes, where ${limit} are allowed`,
    ReasonCode.packetTooLarge,
  );
}
