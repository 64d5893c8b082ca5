// What only the listener on TCP does. What every network does is in test/contract.
import { expect, test } from '@jest/globals';
import { Socket } from 'node:net';
import type { Channel, ChannelHandler } from 'hexmq/ports';
import { formatAddress } from '../../../adapters/network/sockets/address.js';
import { createListener } from '../../../adapters/network/tcp/index.js';
import { acceptAll } from '../../support/test-listener.js';
import { portOf } from '../../support/network-peers.js';

test('a peer is known by its address, and its reset is told as one', async () => {
  let accepted: Channel | undefined;
  const closed = new Promise<Error | undefined>((resolve) => {
    const listener = createListener({ host: '127.0.0.1', port: 0 });
    void listener
      .listen(
        acceptAll((channel) => {
          accepted = channel;
          void listener.close();
          return { data: () => peer.resetAndDestroy(), drained: () => undefined, closed: resolve };
        }),
      )
      .then((address) => peer.connect(portOf(address), '127.0.0.1'));
  });
  const peer = new Socket();
  peer.on('connect', () => peer.write('x'));
  // By its message: the error is of Node's realm, not of Jest's.
  expect((await closed)?.message).toMatch(/ECONNRESET/);
  expect(accepted?.peer.remoteAddress).toMatch(/^127\.0\.0\.1:\d+$/);
  expect(accepted?.peer.ipAddress).toBe('127.0.0.1');
});

test('a listener connects the process to itself, whether or not it listens', async () => {
  const events: string[] = [];
  const handler = (who: string): ChannelHandler => ({
    data: (chunk) => events.push(`${who} ${Buffer.from(chunk).toString()}`),
    drained: () => undefined,
    closed: () => events.push(`${who} closed`),
  });
  const listener = createListener({ host: '127.0.0.1', port: 0 });
  let near: Channel | undefined;
  const far = await listener.loop?.((accepted) => {
    near = accepted;
    return handler('accepted');
  }, handler('far'));
  const until = async (count: number): Promise<void> => {
    while (events.length < count) await new Promise((resolve) => setImmediate(resolve));
  };
  far?.write(Buffer.from('there'));
  await until(1);
  near?.write(Buffer.from('back'));
  await until(2);
  far?.close(0);
  await until(4);
  expect(events.slice(0, 2)).toEqual(['accepted there', 'far back']);
  expect(events.slice(2).sort()).toEqual(['accepted closed', 'far closed']);
});

test('an address that is not of this machine is refused with what to do about it', async () => {
  const attempt = createListener({ host: '192.0.2.1', port: 0 }).listen(() => {
    throw new Error('nobody connects');
  });
  await expect(attempt).rejects.toThrow(
    'cannot listen on 192.0.2.1:0: this machine has no such address; use one of its own (--host)',
  );
});

test('a host name that does not exist is refused with what to do about it', async () => {
  const attempt = createListener({ host: 'no-such-host.invalid', port: 0 }).listen(() => {
    throw new Error('nobody connects');
  });
  await expect(attempt).rejects.toThrow('the host name cannot be resolved');
});

test('addresses are written as people write them', () => {
  expect(formatAddress('127.0.0.1', 1883)).toBe('127.0.0.1:1883');
  expect(formatAddress('::1', 1883)).toBe('[::1]:1883');
  expect(formatAddress('::ffff:10.0.0.1', 1883)).toBe('10.0.0.1:1883');
  expect(formatAddress('localhost', 1883)).toBe('localhost:1883');
});
