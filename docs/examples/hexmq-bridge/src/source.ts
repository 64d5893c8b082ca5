// Receives from one broker, in a session that stays. A message is acknowledged when the other broker has it: what was
// not forwarded waits in the session, where its broker stores it.
import type { IPublishPacket, MqttClient } from 'mqtt';
import { open } from './connection.js';
import type { Purpose } from './connection.js';
import type { SideOptions } from './options.js';

/** Resolves when the message may be acknowledged. */
export type Forward = (packet: IPublishPacket) => Promise<void>;

/** A message whose forwarding has begun and whose acknowledgement has not been sent. */
interface Pending {
  readonly qos: number;
  readonly forwarding: Promise<void>;
}

export class Source {
  readonly #client: MqttClient;
  readonly #forward: Forward;
  /** By Packet Identifier. A message that comes again on a new connection is not forwarded again. */
  readonly #pending = new Map<number, Pending>();
  /** An acknowledgement must not be sent on a later connection: its identifier may be that of another message then. */
  #connections = 0;

  constructor(side: SideOptions, purpose: Purpose, topicFilters: readonly string[], forward: Forward) {
    this.#forward = forward;
    const client = open(side, purpose, {
      clean: false,
      // MQTT.js reads no PINGRESP while a message waits; a connection that is gone shows when it is acknowledged.
      keepalive: 0,
      customHandleAcks: (_topic, _payload, packet, done) => {
        this.#received(packet as IPublishPacket, done);
      },
    });
    this.#client = client;
    client.handleMessage = (packet, done) => {
      // QoS 0; the others come here after they were forwarded.
      if (packet.qos === 0) void forward(packet).then(() => done());
      else done();
    };
    client.on('packetreceive', (packet) => {
      if (packet.cmd === 'connack') this.#connected(packet.sessionPresent === true);
      if (packet.cmd === 'pubrel') this.#pending.delete(packet.messageId ?? 0);
    });
    client.on('connect', () => {
      const subscriptions = topicFilters.map((filter) => [filter, { qos: 2, rap: true, rh: 1 }] as const);
      client.subscribe(Object.fromEntries(subscriptions), (error) => {
        if (error) purpose.log.error('not subscribed', { connection: purpose.name, why: error.message });
      });
    });
  }

  close(): void {
    this.#client.end(true);
  }

  #connected(sessionPresent: boolean): void {
    this.#connections++;
    if (!sessionPresent) this.#pending.clear();
  }

  #received(packet: IPublishPacket, done: (error: number) => void): void {
    const { messageId = 0, dup, qos } = packet;
    const connection = this.#connections;
    const known = dup ? this.#pending.get(messageId) : undefined;
    const pending = known ?? { qos, forwarding: this.#forward(packet) };
    this.#pending.set(messageId, pending);
    void pending.forwarding.then(() => {
      if (connection !== this.#connections || !this.#client.connected) return;
      // Of QoS 2, the identifier stays that of this message until PUBREL.
      if (qos === 1) this.#pending.delete(messageId);
      done(0);
    });
  }
}
