// The MQTT client of the warm-up: one socket, and every answer that the protocol asks for.
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { PacketDecoder } from '../protocol/decoder.js';
import { encodePacket } from '../protocol/encoder.js';
import { PacketType } from '../protocol/packets.js';
import type { AcknowledgementPacket, Packet, ProtocolVersion, PublishPacket } from '../protocol/packets.js';
import type { Burst } from './burst.js';

const PACKET_MAX_BYTES = 1024;
/** The longest there is: the clients are silent for as long as the broker takes to read its store. */
const KEEP_ALIVE_S = 65_535;
/** The Packet Identifier of SUBSCRIBE and UNSUBSCRIBE: a client waits for each answer. */
const REQUEST_ID = 1;
/** Longer than the warm-up. */
const SESSION_EXPIRY_S = 60;

export interface WarmupClientOptions {
  readonly clientId: string;
  readonly userName: string;
  readonly clean: boolean;
  readonly version: ProtocolVersion;
}

export class WarmupClient {
  readonly #decoder = new PacketDecoder({ maxPacketSize: PACKET_MAX_BYTES, role: 'client' });
  readonly #options: WarmupClientOptions;
  #socket: Socket | undefined;
  #isClosed = false;
  /** What `#whenAnswered` waits for: answers to requests, and the last acknowledgement of each message. */
  #outstanding = 0;
  #whenAnswered: { resolve(): void; reject(error: Error): void } | undefined;

  constructor(options: WarmupClientOptions) {
    this.#options = options;
    this.#decoder.protocolVersion = options.version;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** @returns when CONNACK has arrived. */
  connect(host: string, port: number): Promise<void> {
    const socket = connect({ host, port, noDelay: true });
    this.#socket = socket;
    socket.on('data', (chunk) => {
      this.#received(chunk);
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#isClosed = true;
      this.#whenAnswered?.reject(closedError());
    });
    const { clientId, userName, clean, version } = this.#options;
    return this.#request({
      type: PacketType.connect,
      protocolVersion: version,
      clean,
      keepAlive: KEEP_ALIVE_S,
      clientId,
      userName,
      password: undefined,
      will: undefined,
      properties: version === 5 && !clean ? { sessionExpiryInterval: SESSION_EXPIRY_S } : undefined,
    });
  }

  /** @returns when SUBACK has arrived. */
  subscribe(topicFilter: string): Promise<void> {
    const subscription = { topicFilter, qos: 2, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
    return this.#request({
      type: PacketType.subscribe,
      packetId: REQUEST_ID,
      subscriptions: [subscription],
      properties: undefined,
    });
  }

  /** @returns when UNSUBACK has arrived. */
  unsubscribe(topicFilter: string): Promise<void> {
    return this.#request({
      type: PacketType.unsubscribe,
      packetId: REQUEST_ID,
      topicFilters: [topicFilter],
      properties: undefined,
    });
  }

  /** @returns when PINGRESP has arrived. */
  ping(): Promise<void> {
    return this.#request({ type: PacketType.pingreq });
  }

  /** @returns when all messages have been acknowledged. */
  publish({ bytes, answers }: Burst): Promise<void> {
    this.#socket?.write(bytes);
    return this.#answered(answers);
  }

  disconnect(): void {
    if (this.#socket === undefined || this.#socket.destroyed) return;
    this.#socket.end(
      encodePacket({ type: PacketType.disconnect, reasonCode: 0, properties: undefined }, this.#options.version),
    );
  }

  #request(packet: Packet): Promise<void> {
    this.#socket?.write(encodePacket(packet, this.#options.version));
    return this.#answered(1);
  }

  #answered(count: number): Promise<void> {
    if (this.#isClosed) return Promise.reject(closedError());
    this.#outstanding = count;
    return new Promise((resolve, reject) => {
      this.#whenAnswered = { resolve, reject };
    });
  }

  #received(chunk: Uint8Array): void {
    const answers: Uint8Array[] = [];
    this.#decoder.push(chunk);
    for (let packet = this.#decoder.read(); packet !== undefined; packet = this.#decoder.read()) {
      const answer = answerTo(packet);
      if (answer !== undefined) answers.push(answer);
      else if (packet.type !== PacketType.publish && --this.#outstanding === 0) this.#whenAnswered?.resolve();
    }
    if (answers.length > 0) this.#socket?.write(Buffer.concat(answers));
  }
}

const closedError = (): Error => new Error('the connection was closed');

/** @returns `undefined` if the protocol asks for none. */
function answerTo(packet: Packet): Uint8Array | undefined {
  const { type } = packet;
  if (type === PacketType.publish) return acknowledgementOf(packet);
  if (type === PacketType.pubrec) return acknowledge(PacketType.pubrel, packet.packetId);
  return type === PacketType.pubrel ? acknowledge(PacketType.pubcomp, packet.packetId) : undefined;
}

function acknowledgementOf({ qos, packetId }: PublishPacket): Uint8Array | undefined {
  if (qos === 0) return undefined;
  return acknowledge(qos === 1 ? PacketType.puback : PacketType.pubrec, packetId);
}

/** Encoded acknowledgements, by type and Packet Identifier: encoding each one again would take time from the broker. */
const known = new Map<number, Uint8Array>();

function acknowledge(type: AcknowledgementPacket['type'], packetId: number): Uint8Array {
  const key = (type << 16) | packetId;
  let bytes = known.get(key);
  if (bytes === undefined) {
    bytes = encodePacket({ type, packetId, reasonCode: 0, properties: undefined }, 4);
    known.set(key, bytes);
  }
  return bytes;
}
