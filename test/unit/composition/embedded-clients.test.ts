// A broker in the process of another program: clients that come over streams of the program, and what it sees of them.
import { afterEach, expect, test } from '@jest/globals';
import { createBroker } from 'hexmq';
import type { Broker, Overrides } from 'hexmq';
import type { ByteStream } from 'hexmq/ports';
import mqtt from 'mqtt';
import type { IClientOptions, MqttClient } from 'mqtt';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { Duplex, PassThrough } from 'node:stream';
import { MemoryNetwork } from '../../../adapters/network/memory/index.js';

const running: Broker[] = [];
const clients: MqttClient[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) client.end(true);
  for (const broker of running.splice(0)) await broker.stop();
});

async function started(config: object = {}, overrides: Overrides = { listeners: [] }): Promise<Broker> {
  const broker = createBroker({ storage: { adapter: 'memory' }, ...config }, { telemetry: [], ...overrides });
  running.push(broker);
  await broker.start();
  return broker;
}

/** The two ends of a connection that no socket carries. */
function streams(): [Duplex, Duplex] {
  const [one, other] = [new PassThrough(), new PassThrough()];
  const ends = [Duplex.from({ readable: one, writable: other }), Duplex.from({ readable: other, writable: one })];
  for (const end of [one, other, ...ends]) end.on('error', () => undefined);
  return ends as [Duplex, Duplex];
}

/** What a client emits next under this name. */
const next = (client: MqttClient, name: string): Promise<unknown[]> =>
  new Promise((resolve) => {
    client.once(name as 'error', (...values: unknown[]) => {
      resolve(values);
    });
  });

async function connected(stream: Duplex, options: IClientOptions): Promise<MqttClient> {
  const client = new mqtt.MqttClient(() => stream, { reconnectPeriod: 0, protocolVersion: 5, ...options });
  client.on('error', () => undefined);
  clients.push(client);
  await next(client, 'connect');
  return client;
}

async function overStream(broker: Broker, options: IClientOptions): Promise<MqttClient> {
  const [ours, theirs] = streams();
  expect(broker.handle(ours)).toBe(true);
  return connected(theirs, options);
}

test('a client on a stream of the program is served as on a listener', async () => {
  const broker = await started();
  const client = await overStream(broker, { clientId: 'a' });
  await client.subscribeAsync('t', { qos: 1 });
  const arrived = next(client, 'message');
  await broker.publish({ topic: 't', payload: Buffer.alloc(300_000, 'x'), qos: 1 });
  const [topic, payload] = (await arrived) as [string, Buffer];
  expect([topic, payload.length]).toEqual(['t', 300_000]);
});

test('a socket that the program has accepted is shown with its address', async () => {
  const broker = await started();
  const server = createServer((socket) => broker.handle(socket)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = await mqtt.connectAsync({ port: (server.address() as AddressInfo).port, clientId: 'a' });
  clients.push(client);
  const shown = await broker.clients.get('a');
  expect(shown).toMatchObject({ listener: 'embedded', remoteAddress: expect.stringMatching(/^127\.0\.0\.1:\d+$/) });
  server.close();
});

test('a stream can be given the limits and authenticators of a listener', async () => {
  const listeners = [{ name: 'inner', type: 'tcp', port: 0, limits: { maxConnections: 1 } }];
  const broker = await started({ listeners }, {});
  const [ours, theirs] = streams();
  expect(() => broker.handle(ours, { listener: 'iner' })).toThrow('no listener "iner"; did you mean inner?');
  broker.handle(ours, { listener: 'inner', remoteAddress: 'serial:1' });
  await connected(theirs, { clientId: 'a' });
  expect(await broker.clients.get('a')).toMatchObject({ listener: 'inner', remoteAddress: 'serial:1' });
  const [second, others] = streams();
  broker.handle(second, { listener: 'inner' });
  const client = new mqtt.MqttClient(() => others, { reconnectPeriod: 0, protocolVersion: 5, clientId: 'b' });
  // Another one may follow when the stream is cut.
  client.on('error', () => undefined);
  clients.push(client);
  const [{ code }] = (await next(client, 'error')) as [{ code: number }];
  expect(code).toBe(0x97);
});

test('what is no byte stream, and a broker that does not run, are refused with a reason', async () => {
  const broker = createBroker({ storage: { adapter: 'memory' } }, { listeners: [], telemetry: [] });
  expect(() => broker.handle(streams()[0])).toThrow('the broker does not run');
  expect(() => broker.clients.list()).toThrow('the broker does not run');
  await broker.start();
  expect(() => broker.handle({} as ByteStream)).toThrow('stream: a byte stream is expected, this has no on, write');
  await broker.stop();
  expect(() => broker.handle(streams()[0])).toThrow('the broker does not run');
  await expect(broker.clients.counts()).rejects.toMatchObject({ kind: 'unavailable' });
});

test('a stream that fails ends its connection, and the broker ends its streams when it stops', async () => {
  const broker = await started();
  const [ours, theirs] = streams();
  broker.handle(ours);
  await connected(theirs, { clientId: 'a' });
  const ended = new Promise((resolve) => broker.on('connection-ended', ({ clientId }) => void resolve(clientId)));
  ours.destroy(new Error('cut'));
  expect(await ended).toBe('a');
  const [second, others] = streams();
  broker.handle(second);
  await connected(others, { clientId: 'b' });
  await broker.stop();
  expect(second.destroyed).toBe(true);
});

test('additional listeners come beside those of the configuration', async () => {
  const network = new MemoryNetwork({ name: 'beside' });
  const listeners = [{ name: 'first', type: 'tcp', port: 0 }];
  const broker = await started({ listeners }, { additionalListeners: [network] });
  expect([...broker.addresses.keys()]).toEqual(['first', 'beside']);
});

test('clients, sessions and counts are shown, and ended', async () => {
  const broker = await started();
  const client = await overStream(broker, {
    clientId: 'meter-1',
    clean: false,
    properties: { sessionExpiryInterval: 60 },
  });
  await overStream(broker, { clientId: 'other' });
  await client.subscribeAsync('t', { qos: 1 });
  const ids: string[] = [];
  for await (const { clientId } of broker.clients.list({ prefix: 'meter' })) ids.push(clientId);
  expect(ids).toEqual(['meter-1']);
  expect(await broker.clients.get('meter-1')).toMatchObject({ protocolVersion: 5, connectedSince: expect.any(Date) });
  expect(await broker.clients.counts()).toMatchObject({ connected: 2, sessions: 2, subscriptions: 1 });

  const disconnected = next(client, 'disconnect');
  expect(await broker.clients.disconnect('meter-1', { reasonCode: 0x9c })).toBe(true);
  const [packet] = (await disconnected) as [{ reasonCode: number }];
  expect(packet.reasonCode).toBe(0x9c);
  await expect(broker.clients.disconnect('other', { reasonCode: 1 })).rejects.toThrow('reasonCode: 1 is not valid');
  expect(await broker.clients.get('meter-1')).toBeUndefined();
  expect(await broker.clients.sessions.get('meter-1')).toMatchObject({ isStored: true, connection: undefined });
  expect(await broker.clients.sessions.delete('meter-1')).toBe(true);
  expect(await broker.clients.sessions.delete('meter-1')).toBe(false);
});

test('retained messages are shown and removed', async () => {
  const broker = await started();
  for (let i = 0; i < 1200; i++) void broker.publish({ topic: `t/${i}`, payload: 'x', retain: true });
  await broker.publish({ topic: 'other', payload: 'y', qos: 1, retain: true });
  const topics = new Set<string>();
  for await (const { topic, payloadBytes } of broker.clients.retained.list('t/#')) {
    topics.add(topic);
    expect(payloadBytes).toBe(1);
  }
  expect(topics.size).toBe(1200);
  const message = await broker.clients.retained.get('other');
  expect(message).toMatchObject({ topic: 'other', qos: 1, publisher: undefined });
  expect(Buffer.from(message?.payload ?? []).toString()).toBe('y');
  expect(await broker.clients.retained.delete('other')).toBe(true);
  expect(await broker.clients.retained.get('other')).toBeUndefined();
  expect(() => broker.clients.retained.list('a/#/b')).toThrow('topicFilter: # is the last level of a topic filter');
});
