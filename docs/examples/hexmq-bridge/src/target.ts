// Publishes on one broker. A message counts as delivered when that broker has acknowledged it: PUBACK, or PUBCOMP.
import { ErrorWithReasonCode, Store } from 'mqtt';
import type { IConnackPacket, IPublishPacket, MqttClient, Packet } from 'mqtt';
import { open } from './connection.js';
import type { Purpose } from './connection.js';
import { bytesOf } from './message.js';
import type { Forwarded } from './message.js';
import type { SideOptions } from './options.js';

/** The broker is full for now. */
const QUOTA_EXCEEDED = 0x97;
const RETRY_MS = 1000;

export type Delivery = 'delivered' | 'dropped' | { readonly refused: string };

export class Target {
  readonly #client: MqttClient;
  /** What the broker accepts; `undefined` until it was connected. */
  #accepts: IConnackPacket['properties'] | undefined;

  constructor(side: SideOptions, purpose: Purpose) {
    const store = new KeptPublishes();
    // A session of a process before this one may hold Packet Identifiers that this one uses for other messages.
    this.#client = open(side, purpose, { clean: true, outgoingStore: store });
    this.#client.on('packetreceive', (packet) => {
      if (packet.cmd === 'connack' && packet.sessionPresent !== true) store.restore();
    });
    this.#client.on('connect', ({ properties = {} }) => {
      this.#accepts = properties;
      this.#client.options.clean = false;
    });
  }

  /** Waits for as long as it takes. QoS 0 is dropped while there is no connection. */
  async deliver(message: Forwarded): Promise<Delivery> {
    const { connected } = this.#client;
    if (!connected && message.options.qos === 0) return 'dropped';
    for (;;) {
      const { maximumPacketSize, maximumQoS, retainAvailable } = await this.#accepted();
      if (maximumPacketSize !== undefined && bytesOf(message) > maximumPacketSize)
        return { refused: `larger than the ${maximumPacketSize} bytes that the broker accepts` };
      const qos = Math.min(message.options.qos ?? 0, maximumQoS ?? 2) as 0 | 1 | 2;
      const retain = message.options.retain === true && retainAvailable !== false;
      try {
        await this.#client.publishAsync(message.topic, message.payload, { ...message.options, qos, retain });
        return 'delivered';
      } catch (error) {
        // The bridge stops: the message stays with the broker that has it.
        if (this.#client.disconnecting) return new Promise(() => undefined);
        if (message.options.qos === 0) return 'dropped';
        const isAnswer = error instanceof ErrorWithReasonCode;
        if (isAnswer && error.code !== QUOTA_EXCEEDED) return { refused: error.message };
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS).unref());
      }
    }
  }

  close(): void {
    this.#client.end(true);
  }

  async #accepted(): Promise<NonNullable<IConnackPacket['properties']>> {
    while (this.#accepts === undefined)
      await new Promise<void>((resolve) => {
        this.#client.once('connect', () => {
          resolve();
        });
      });
    return this.#accepts;
  }
}

/**
 * Keeps messages of QoS 2 until PUBCOMP, where MQTT.js forgets them at PUBREC: a broker that has lost the session,
 * because it was killed, has lost the message too.
 */
class KeptPublishes extends Store {
  readonly #publishes = new Map<number, IPublishPacket>();

  override put(packet: Packet, done: (error?: Error) => void): this {
    if (packet.cmd === 'publish' && packet.messageId !== undefined) this.#publishes.set(packet.messageId, packet);
    super.put(packet, done);
    return this;
  }

  override del(packet: Pick<Packet, 'messageId'>, done: (error?: Error, packet?: Packet) => void): this {
    if (packet.messageId !== undefined) this.#publishes.delete(packet.messageId);
    super.del(packet, done);
    return this;
  }

  /** The session is gone: what was not acknowledged begins again. */
  restore(): void {
    for (const packet of this.#publishes.values()) super.put(packet, () => undefined);
  }
}
