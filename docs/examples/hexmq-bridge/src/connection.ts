// A connection to one of the brokers that comes back by itself, with pauses that grow.
import { connect } from 'mqtt';
import type { IClientOptions, MqttClient } from 'mqtt';
import type { PluginLogger } from 'hexmq/ports';
import type { SideOptions } from './options.js';

const RECONNECT_MIN_MS = 200;
/** What was not forwarded waits for as long as it takes. */
const SESSION_EXPIRY_NEVER = 0xff_ff_ff_ff;

export interface Purpose {
  /** As it appears in log lines. */
  readonly name: string;
  readonly clientId: string;
  readonly reconnectMaxMs: number;
  readonly log: PluginLogger;
}

/** @param extra more options of MQTT.js. */
export function open(side: SideOptions, purpose: Purpose, extra: IClientOptions): MqttClient {
  const { name, clientId, reconnectMaxMs, log } = purpose;
  const client = connect(side.url, {
    protocolVersion: 5,
    clientId,
    resubscribe: false,
    queueQoSZero: false,
    reconnectPeriod: RECONNECT_MIN_MS,
    reconnectOnConnackError: true,
    ...given('username', side.userName),
    ...given('password', side.password),
    ...given('ca', side.ca),
    ...given('cert', side.cert),
    ...given('key', side.key),
    ...extra,
    properties: { sessionExpiryInterval: SESSION_EXPIRY_NEVER },
  });
  let isUp: boolean | undefined;
  let why: string | undefined;
  client.on('connect', () => {
    if (isUp !== true) log.info('connected', { connection: name });
    isUp = true;
    client.options.reconnectPeriod = RECONNECT_MIN_MS;
  });
  client.on('reconnect', () => {
    const next = Math.min(reconnectMaxMs, (client.options.reconnectPeriod ?? RECONNECT_MIN_MS) * 2);
    client.options.reconnectPeriod = next;
  });
  client.on('error', (error) => {
    why = error.message === '' ? (error as NodeJS.ErrnoException).code : error.message;
  });
  client.on('close', () => {
    if (isUp !== false && !client.disconnecting) log.warn('not connected', { connection: name, why: why ?? 'closed' });
    isUp = false;
    why = undefined;
  });
  return client;
}

const given = (key: string, value: string | Buffer | undefined): IClientOptions =>
  value === undefined ? {} : { [key]: value };
