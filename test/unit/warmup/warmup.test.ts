// The warm-up: it ends by itself, leaves nothing open, and nothing that is wrong with the machine gets out of it.
import { expect, test } from '@jest/globals';
import { createServer } from 'node:net';
import type { Server } from 'node:net';
import { warmUp } from '../../../src/warmup/warmup.js';
import { WarmupClient } from '../../../src/warmup/warmup-client.js';

const TURNS = 10;

const servers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'TCPServerWrap').length;

async function portOf(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  return address.port;
}

test('the warm-up ends and leaves no port open', async () => {
  const before = servers();
  await warmUp();
  // Node releases the handle of a closed server in a later turn of the event loop.
  for (let turn = 0; turn < TURNS && servers() > before; turn++) await new Promise((resolve) => setImmediate(resolve));
  expect(servers()).toBe(before);
});

test('a warm-up client whose connection is cut fails instead of waiting for an answer', async () => {
  const server = createServer((socket) => socket.destroy());
  const port = await portOf(server);
  const client = new WarmupClient({ clientId: 'a', userName: 'b', clean: true });
  await expect(client.connect('127.0.0.1', port)).rejects.toThrow('the connection was closed');
  server.close();
});
