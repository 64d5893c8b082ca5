// The warm-up: it ends by itself, leaves nothing open, and nothing that is wrong with the machine gets out of it.
import { expect, test } from '@jest/globals';
import { createServer } from 'node:net';
import type { Server } from 'node:net';
import { Warmup } from '../../../src/warmup/warmup.js';
import { WarmupClient } from '../../../src/warmup/warmup-client.js';

const TURNS = 10;

const servers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'TCPServerWrap').length;

async function portOf(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  return address.port;
}

async function expectServers(count: number): Promise<void> {
  // Node releases the handle of a closed server in a later turn of the event loop.
  for (let turn = 0; turn < TURNS && servers() > count; turn++) await new Promise((resolve) => setImmediate(resolve));
  expect(servers()).toBe(count);
}

test('the warm-up ends by itself when the broker has been idle for a while, and leaves no port open', async () => {
  const before = servers();
  const warmup = new Warmup({ beforeListeningMs: 20, whileIdleMs: 30 });
  await warmup.begin();
  warmup.goOnWhile(() => true);
  await warmup.ended;
  await expectServers(before);
});

test('the warm-up does nothing between its beginning and the first idle moment of the broker', async () => {
  let looks = 0;
  const warmup = new Warmup({ beforeListeningMs: 20 });
  await warmup.begin();
  warmup.goOnWhile(() => {
    looks++;
    return false;
  });
  while (looks < 3) await new Promise((resolve) => setImmediate(resolve));
  await warmup.end();
});

test('a warm-up ends at once when the broker has to stop', async () => {
  const before = servers();
  const warmup = new Warmup({ beforeListeningMs: 20, whileIdleMs: Infinity });
  await warmup.begin();
  warmup.goOnWhile(() => true);
  await warmup.end();
  await expectServers(before);
});

test('the warm-up of a broker that no longer answers ends without an error', async () => {
  const warmup = new Warmup({ beforeListeningMs: 20, whileIdleMs: Infinity });
  await warmup.begin();
  warmup.goOnWhile(() => {
    throw new Error('the broker is stopping');
  });
  await expect(warmup.ended).resolves.toBeUndefined();
});

test('a warm-up client whose connection is cut fails instead of waiting for an answer', async () => {
  const server = createServer((socket) => socket.destroy());
  const port = await portOf(server);
  const client = new WarmupClient({ clientId: 'a', userName: 'b', clean: true, version: 4 });
  await expect(client.connect('127.0.0.1', port)).rejects.toThrow('the connection was closed');
  server.close();
});

test('a warm-up client whose connection was cut between two requests fails at the next one', async () => {
  const connack = Buffer.from([0x20, 2, 0, 0]);
  const server = createServer((socket) => socket.once('data', () => socket.end(connack)));
  const port = await portOf(server);
  const client = new WarmupClient({ clientId: 'a', userName: 'b', clean: true, version: 4 });
  await client.connect('127.0.0.1', port);
  await new Promise((resolve) => server.close(resolve)); // when its connections have ended
  while (!client.isClosed) await new Promise((resolve) => setImmediate(resolve));
  await expect(client.ping()).rejects.toThrow('the connection was closed');
});
