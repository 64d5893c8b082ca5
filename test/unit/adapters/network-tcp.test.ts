// The TCP listener beyond the contract in test/contract.
import { expect, test } from '@jest/globals';
import { Socket } from 'node:net';
import type { Channel } from 'hexmq/ports';
import { formatAddress } from 'hexmq/ports';
import { createListener } from '../../../adapters/network/tcp/index.js';
import { acceptAll } from '../../support/test-listener.js';
import { portOf } from '../../support/network-peers.js';

test('a TCP peer has its address, and a reset is reported as an error', async () => {
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
  // Compared by message, because the error belongs to Node's realm and not to Jest's.
  expect((await closed)?.message).toMatch(/ECONNRESET/);
  expect(accepted?.peer.remoteAddress).toMatch(/^127\.0\.0\.1:\d+$/);
  expect(accepted?.peer.ipAddress).toBe('127.0.0.1');
});

test('listening on an address of another machine fails with advice', async () => {
  const attempt = createListener({ host: '192.0.2.1', port: 0 }).listen(() => {
    throw new Error('no client connects');
  });
  await expect(attempt).rejects.toThrow(
    'cannot listen on 192.0.2.1:0: this machine has no such address; use one of its addresses (--host)',
  );
});

test('listening on a host name that does not resolve fails with advice', async () => {
  const attempt = createListener({ host: 'no-such-host.invalid', port: 0 }).listen(() => {
    throw new Error('no client connects');
  });
  await expect(attempt).rejects.toThrow('the host name cannot be resolved');
});

test('addresses are formatted with brackets for IPv6, and IPv4-mapped ones as IPv4', () => {
  expect(formatAddress('127.0.0.1', 1883)).toBe('127.0.0.1:1883');
  expect(formatAddress('::1', 1883)).toBe('[::1]:1883');
  expect(formatAddress('::ffff:10.0.0.1', 1883)).toBe('10.0.0.1:1883');
  expect(formatAddress('localhost', 1883)).toBe('localhost:1883');
});
