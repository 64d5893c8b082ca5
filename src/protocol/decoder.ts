// From a stream of chunks to packets: where a packet begins and ends, and no more memory than what really came in. Which bytes make which
// packet is in `decode-packet.ts`, except for PUBLISH and the acknowledgements, which are here because nearly every packet is one of them.
// What a packet means, and whether it is welcome, is for the domain.
import { ByteReader, packetIdZero, trailing, truncated } from './byte-reader.js';
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
  reasonCodeOf,
} from './decode-packet.js';
import type { Sender } from './decode-packet.js';
import { CONNECT_ONLY, firstByteRejected, firstByteTable } from './first-byte.js';
import type { FirstByteTable } from './first-byte.js';
import { MalformedPacketError } from './malformed.js';
import { PacketType } from './packets.js';
import type {
  AcknowledgementPacket,
  ConnectPacket,
  Packet,
  ProtocolVersion,
  Properties,
  PublishPacket,
  QoS,
} from './packets.js';
import { PropertyPlace, readProperties } from './properties.js';
import { ReasonCode } from './reason-codes.js';
import { TopicCache } from './topic-cache.js';

/**
 * Only PUBLISH carries a payload. Anything else this large is a list of filters or properties, and what it becomes in memory is many times its
 * bytes: one SUBSCRIBE of 100 MiB would be the end of the process.
 */
const LIST_PACKET_MAX_BYTES = 1024 * 1024;

export interface PacketDecoderOptions {
  /** In bytes of the whole packet, fixed header included. */
  readonly maxPacketSize: number;
  /** What we are: a server (the default) reads what clients send, CONNECT first; a client reads what a server sends. */
  readonly role?: 'server' | 'client';
}

const NOTHING = new Uint8Array(0);

/** An unfinished packet is given this much room at first, then four times what has come in, but never more than it needs. */
const FIRST_ROOM_BYTES = 512;
const ROOM_FACTOR = 4;

/** Shared by all connections: the same topics come from many of them. It holds nothing that decides anything. */
const topics = new TopicCache();

export class PacketDecoder {
  maxPacketSize: number;

  readonly #sender: Sender;
  #version: ProtocolVersion = 4;
  #awaitsConnect: boolean;
  #firstBytes: FirstByteTable;

  // The chunk being read, and those behind it, which came before the reader was done with this one.
  #chunk: Uint8Array = NOTHING;
  #position = 0;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;

  // A packet that does not lie in one chunk is put together here, by copying: a view of its beginning would keep a whole chunk alive.
  #room: Uint8Array = NOTHING;
  #collected = 0;
  /** Size of that packet; 0 while its fixed header is incomplete. */
  #wanted = 0;
  #copiedBytes = 0;
  #collections = 0;

  // What #measure found beside the size; it stays true until that packet is decoded.
  #headerBytes = 0;
  #overlongHeader = false;

  #failure: MalformedPacketError | undefined = undefined;

  constructor({ maxPacketSize, role = 'server' }: PacketDecoderOptions) {
    this.maxPacketSize = maxPacketSize;
    this.#sender = role === 'server' ? 'client' : 'server';
    this.#awaitsConnect = role === 'server';
    this.#firstBytes = this.#awaitsConnect ? CONNECT_ONLY : firstByteTable(this.#sender, this.#version);
  }

  /** A server learns it from the first CONNECT; until then it is 4. */
  get protocolVersion(): ProtocolVersion {
    return this.#version;
  }

  set protocolVersion(version: ProtocolVersion) {
    this.#version = version;
    if (!this.#awaitsConnect) this.#firstBytes = firstByteTable(this.#sender, version);
  }

  /** Received and not yet given out as packets. */
  get bufferedBytes(): number {
    return this.#collected + (this.#chunk.length - this.#position) + this.#waitingBytes;
  }

  /** Of the packet that has begun and not ended. */
  get partialPacketBytes(): number {
    return this.#collected;
  }

  /** Tells one incomplete packet from another. */
  get partialPacketNumber(): number {
    return this.#collections;
  }

  /** What putting packets together has cost so far: less than three times their bytes, however finely they were cut. */
  get copiedBytes(): number {
    return this.#copiedBytes;
  }

  /** Hands over a chunk; the caller writes to it no more, since payloads are views of it. After a failure it is dropped. */
  push(chunk: Uint8Array): void {
    if (chunk.length === 0 || this.#failure !== undefined) return;
    // Always plain: slice() of a Buffer does not copy, and the code below runs faster if it sees one class only.
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

  /** The next packet, or undefined until more bytes are pushed. Throws a MalformedPacketError, and from then on always the same one. */
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

  /** The next packet that lies in the chunk as a whole. If none does, what is left of the chunk becomes the beginning of a collection. */
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

  /** Goes on with a packet that came in parts: byte by byte until its size is known, then by as much as there is. */
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

  /** The room grows with what came in, not with what was announced: a peer that only announces a large packet costs nothing. */
  #makeRoom(more: number): void {
    const needed = this.#collected + more;
    if (needed <= this.#room.length) return;
    const generous = Math.max(needed * ROOM_FACTOR, FIRST_ROOM_BYTES);
    const grown = new Uint8Array(this.#wanted === 0 ? Math.max(needed, 8) : Math.min(this.#wanted, generous));
    grown.set(this.#room.subarray(0, this.#collected));
    this.#copiedBytes += this.#collected;
    this.#room = grown;
  }

  #dropCollection(): void {
    this.#room = NOTHING;
    this.#collected = 0;
    this.#wanted = 0;
  }

  /** Moves on when the chunk is used up; lets go of it in any case, for an idle connection should not pin 64 KiB. */
  #nextChunk(): boolean {
    const next = this.#waiting.shift();
    this.#chunk = next ?? NOTHING;
    this.#position = 0;
    if (next === undefined) return false;
    this.#waitingBytes -= next.length;
    return true;
  }

  /**
   * Size of the packet that begins at `start`, or 0 while its fixed header is incomplete. Whatever the header alone can condemn is refused
   * here, before a byte of the body is kept.
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
    // Only MQTT 5 forbids it; some clients of 3.1.1 always write four bytes.
    if (this.#overlongHeader && version === 5 && type !== PacketType.connect) throw overlongRemainingLength();
    switch (type) {
      case PacketType.publish:
        return decodePublish(bytes, first, body, end, version, this.#sender);
      case PacketType.puback:
      case PacketType.pubrec:
      case PacketType.pubrel:
      case PacketType.pubcomp:
        return decodeAcknowledgement(bytes, type, body, end, version);
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

  /** Only the first CONNECT sets the version: a second one is for the domain to refuse, in the version the connection speaks. */
  #connect(packet: ConnectPacket): ConnectPacket {
    if (this.#awaitsConnect) {
      this.#awaitsConnect = false;
      this.protocolVersion = packet.protocolVersion;
    }
    return packet;
  }

  #fail(error: MalformedPacketError): void {
    this.#failure = error;
    this.#dropCollection();
    this.#chunk = NOTHING;
    this.#position = 0;
    this.#waiting = [];
    this.#waitingBytes = 0;
  }
}

function decodePublish(
  bytes: Uint8Array,
  first: number,
  body: number,
  end: number,
  version: ProtocolVersion,
  sender: Sender,
): PublishPacket {
  const qos = ((first >> 1) & 3) as QoS;
  let at = body + 2;
  if (at > end) throw truncated();
  const topicEnd = at + (((bytes[body] as number) << 8) | (bytes[body + 1] as number));
  if (topicEnd > end) throw truncated();
  const topic = topics.text(bytes, at, topicEnd); // [MQTT-3.3.2-1]
  at = topicEnd;
  let packetId = 0;
  if (qos > 0) {
    at += 2;
    if (at > end) throw truncated();
    packetId = ((bytes[topicEnd] as number) << 8) | (bytes[topicEnd + 1] as number);
    if (packetId === 0) throw packetIdZero(); // [MQTT-2.3.1-1]
  }
  let properties: Properties | undefined = undefined;
  if (version === 5) {
    if (at < end && bytes[at] === 0) at++;
    else {
      const reader = new ByteReader(bytes, at, end);
      properties = readProperties(
        reader,
        sender === 'client' ? PropertyPlace.publishFromClient : PropertyPlace.publishFromServer,
      );
      at = reader.position;
    }
  }
  const payload = new Uint8Array(bytes.buffer, bytes.byteOffset + at, end - at);
  return {
    type: PacketType.publish,
    dup: (first & 8) !== 0,
    qos,
    retain: (first & 1) !== 0,
    topic,
    packetId,
    properties,
    payload,
  };
}

const ACKNOWLEDGEMENT_PLACES = {
  [PacketType.puback]: PropertyPlace.puback,
  [PacketType.pubrec]: PropertyPlace.pubrec,
  [PacketType.pubrel]: PropertyPlace.pubrel,
  [PacketType.pubcomp]: PropertyPlace.pubcomp,
};

function decodeAcknowledgement(
  bytes: Uint8Array,
  type: AcknowledgementPacket['type'],
  body: number,
  end: number,
  version: ProtocolVersion,
): AcknowledgementPacket {
  const length = end - body;
  if (length < 2) throw truncated();
  const packetId = ((bytes[body] as number) << 8) | (bytes[body + 1] as number);
  if (packetId === 0) throw packetIdZero(); // [MQTT-2.3.1-1]
  if (length === 2) return { type, packetId, reasonCode: ReasonCode.success, properties: undefined };
  if (version !== 5) throw trailing(length - 2);
  // MQTT 5 section 3.4.2: below length 3 the code is 0, below length 4 there are no properties.
  const reasonCode = reasonCodeOf(type, bytes[body + 2] as number, version);
  if (length === 3) return { type, packetId, reasonCode, properties: undefined };
  const reader = new ByteReader(bytes, body + 3, end);
  const properties = readProperties(reader, ACKNOWLEDGEMENT_PLACES[type]);
  reader.expectEnd();
  return { type, packetId, reasonCode, properties };
}

function tooLarge(size: number, limit: number): MalformedPacketError {
  return new MalformedPacketError(
    'packet-too-large',
    `a packet of ${size} bytes, where ${limit} are allowed`,
    ReasonCode.packetTooLarge,
  );
}
