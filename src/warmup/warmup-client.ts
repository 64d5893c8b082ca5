// The MQTT client of the warm-up: one socket, and every answer that the protocol asks for.
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { PacketDecoder } from '../protocol/decoder.js';
import { encodePacket } from '../protocol/encoder.js';
import { PacketType } from '../protocol/packets.js';
import type { AcknowledgementPacket, Packet, QoS } from '../protocol/packets.js';

const PACKET_MAX_BYTES = 1024;
const DONE = Promise.resolve();

export interface WarmupClientOptions {
  readonly clientId: string;
  readonly userName: string;
  readonly clean: boolean;
}

export class WarmupClient {
  readonly #decoder = new PacketDecoder({ maxPacketSize: PACKET_MAX_BYTES, role: 'client' });
  readonly #options: WarmupClientOptions;
  #socket: Socket | undefined;
  #lastPacketId = 0;
  /** Settled by the next answer of its kind, or by the end of the connection. */
  #awaited: { readonly type: PacketType; resolve(): void; reject(error: Error): void } | undefined;

  constructor(options: WarmupClientOptions) {
    this.#options = options;
  }

  /** @returns when CONNACK has arrived. */
  connect(host: string, port: number): Promise<void> {
    const socket = connect({ host, port, noDelay: true });
    this.#socket = socket;
    socket.on('data', (chunk) => {
      this.#received(chunk);
    });
    socket.on('error', () => undefined);
    socket.on('close', () => this.#awaited?.reject(new Error('the connection was closed')));
    const { clientId, userName, clean } = this.#options;
    this.#send({
      type: PacketType.connect,
      protocolVersion: 4,
      clean,
      keepAlive: 60,
      clientId,
      userName,
      password: undefined,
      will: undefined,
      properties: undefined,
    });
    return this.#answer(PacketType.connack);
  }

  subscribe(topicFilter: string): void {
    const subscription = { topicFilter, qos: 2, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
    this.#send({
      type: PacketType.subscribe,
      packetId: this.#nextPacketId(),
      subscriptions: [subscription],
      properties: undefined,
    });
  }

  /** @returns when the message has been acknowledged; at QoS 0, at once. */
  publish(topic: string, qos: QoS, payload: Uint8Array): Promise<void> {
    const packetId = qos === 0 ? 0 : this.#nextPacketId();
    this.#send({
      type: PacketType.publish,
      dup: false,
      qos,
      retain: false,
      topic,
      packetId,
      properties: undefined,
      payload,
    });
    if (qos === 0) return DONE;
    return this.#answer(qos === 1 ? PacketType.puback : PacketType.pubcomp);
  }

  disconnect(): void {
    if (this.#socket === undefined || this.#socket.destroyed) return;
    this.#send({ type: PacketType.disconnect, reasonCode: 0, properties: undefined });
    this.#socket.end();
  }

  #answer(type: PacketType): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#awaited = { type, resolve, reject };
    });
  }

  #received(chunk: Uint8Array): void {
    this.#decoder.push(chunk);
    for (let packet = this.#decoder.read(); packet !== undefined; packet = this.#decoder.read()) this.#handle(packet);
  }

  #handle(packet: Packet): void {
    if (packet.type === this.#awaited?.type) {
      this.#awaited.resolve();
      this.#awaited = undefined;
    } else if (packet.type === PacketType.publish && packet.qos > 0)
      this.#acknowledge(packet.qos === 1 ? PacketType.puback : PacketType.pubrec, packet.packetId);
    else if (packet.type === PacketType.pubrec) this.#acknowledge(PacketType.pubrel, packet.packetId);
    else if (packet.type === PacketType.pubrel) this.#acknowledge(PacketType.pubcomp, packet.packetId);
  }

  #acknowledge(type: AcknowledgementPacket['type'], packetId: number): void {
    this.#send({ type, packetId, reasonCode: 0, properties: undefined });
  }

  #nextPacketId(): number {
    return (this.#lastPacketId = (this.#lastPacketId % 65_535) + 1);
  }

  #send(packet: Packet): void {
    this.#socket?.write(encodePacket(packet, 4));
  }
}
