// MQTT.js with what a test needs around it: an inbox that keeps every message from the first one on, and waits that
// name what they wait for.
import { connect as connectMqttJs } from 'mqtt';
import type { IClientOptions, IConnackPacket, MqttClient } from 'mqtt';
import { Inbox } from '../clients/inbox.js';
import { within } from '../clients/within.js';
import { afterwards } from './program.js';
import type { RunningBroker } from './hexmq-command.js';

export interface Client {
  readonly mqtt: MqttClient;
  readonly connack: IConnackPacket;
  readonly inbox: Inbox;
  /** Resolves when the connection is closed. */
  readonly closed: Promise<void>;
}

const PROTOCOLS = {
  '3.1': { protocolId: 'MQIsdp', protocolVersion: 3 },
  '3.1.1': { protocolId: 'MQTT', protocolVersion: 4 },
  '5': { protocolId: 'MQTT', protocolVersion: 5 },
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
  // A later error shows in the messages that do not arrive.
  mqtt.on('error', () => undefined);
  const isClosed = within(closed, 'the broker to close the connection');
  // Most tests do not wait for it.
  isClosed.catch(() => undefined);
  return { mqtt, connack, inbox, closed: isClosed };
}
