// MQTT.js with what a test needs around it: every message kept from the first on, and waits that name what they wait
// for.
import { connect as connectMqttJs } from 'mqtt';
import type { IClientOptions, IConnackPacket, IPublishPacket, MqttClient } from 'mqtt';
import { afterwards, within } from './program.js';
import type { RunningBroker } from './hexmq-command.js';

export interface Client {
  readonly mqtt: MqttClient;
  readonly connack: IConnackPacket;
  readonly inbox: Inbox;
  /** Resolves when the connection is gone. */
  readonly closed: Promise<void>;
}

export class Inbox {
  readonly #packets: IPublishPacket[] = [];
  #taken = 0;
  #watcher: (() => void) | undefined;

  put(packet: IPublishPacket): void {
    this.#packets.push(packet);
    this.#watcher?.();
  }

  /** The next ones in order of arrival. */
  take(count: number): Promise<IPublishPacket[]> {
    const come = new Promise<IPublishPacket[]>((resolve) => {
      this.#watcher = () => {
        if (this.#packets.length < this.#taken + count) return;
        this.#watcher = undefined;
        resolve(this.#packets.slice(this.#taken, (this.#taken += count)));
      };
      this.#watcher();
    });
    return within(come, `${count} messages`);
  }

  async texts(count: number): Promise<string[]> {
    return (await this.take(count)).map(({ payload }) => payload.toString());
  }

  /** How many came that nobody took. */
  get leftOver(): number {
    return this.#packets.length - this.#taken;
  }
}

const PROTOCOLS = {
  '3.1': { protocolId: 'MQIsdp', protocolVersion: 3 },
  '3.1.1': { protocolId: 'MQTT', protocolVersion: 4 },
} as const;

export type Version = keyof typeof PROTOCOLS;

export async function connect(
  { url }: Pick<RunningBroker, 'url'>,
  options: IClientOptions = {},
  version: Version = '3.1.1',
): Promise<Client> {
  const mqtt = connectMqttJs(url, { reconnectPeriod: 0, ...PROTOCOLS[version], ...options });
  afterwards(() => {
    mqtt.end(true);
  });
  const inbox = new Inbox();
  mqtt.on('message', (_topic, _payload, packet) => {
    inbox.put(packet);
  });
  const closed = new Promise<void>((resolve) => {
    mqtt.once('close', resolve);
  });
  const connack = await within(
    new Promise<IConnackPacket>((resolve, reject) => {
      mqtt.once('connect', resolve);
      mqtt.once('error', reject);
      mqtt.once('close', () => {
        reject(new Error('the broker closed the connection without a CONNACK'));
      });
    }),
    'a CONNACK',
  );
  // Later trouble shows in what does not arrive.
  mqtt.on('error', () => undefined);
  return { mqtt, connack, inbox, closed: within(closed, 'the broker to close the connection') };
}
