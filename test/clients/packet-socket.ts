// A socket that sends and receives whole MQTT 3.1.1 packets, with the codec of the package `mqtt-packet`.
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { generate, parser } from 'mqtt-packet';
import type { Packet } from 'mqtt-packet';

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface PacketSocketOwner {
  packet(packet: Packet): void;
  closed(): void;
}

export class PacketSocket {
  readonly #socket: Socket;

  constructor({ host, port }: Address, owner: PacketSocketOwner) {
    const incoming = parser({ protocolVersion: 4 });
    incoming.on('packet', (packet: Packet) => {
      owner.packet(packet);
    });
    incoming.on('error', (error: Error) => {
      this.#socket.destroy(error);
    });
    this.#socket = connect({ host, port, noDelay: true });
    this.#socket.on('data', (chunk) => {
      // The answers to one chunk leave in one write.
      this.#socket.cork();
      incoming.parse(chunk as Buffer);
      this.#socket.uncork();
    });
    // The connections of a killed broker end in different ways.
    this.#socket.on('error', () => undefined);
    this.#socket.on('close', () => {
      owner.closed();
    });
  }

  send(packet: Packet): void {
    if (this.#socket.writable) this.#socket.write(generate(packet));
  }

  destroy(): void {
    this.#socket.destroy();
  }
}
