// The count of bytes that have left a socket, within writes too large for the operating system to take at once.
import { expect, test } from '@jest/globals';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { sentBytes } from '../../../../adapters/network/sockets/sent-bytes.js';
import { CertificateAuthority } from '../../../e2e/certificates.js';
import { until } from '../../../support/test-listener.js';

const MIB = 1024 * 1024;
/** Much more than the socket buffers of both ends hold. */
const LARGE_BYTES = 96 * MIB;
const SMALL_BYTES = 8 * MIB;
const TOTAL_BYTES = LARGE_BYTES + 2 * SMALL_BYTES;

interface Transport {
  readonly server: Server;
  /** The event of the server that brings a connection. */
  readonly event: 'connection' | 'secureConnection';
  readonly dial: (port: number) => Socket;
  readonly dispose: () => void;
}

function tcp(): Transport {
  return {
    server: createServer(),
    event: 'connection',
    dial: (port) => connect(port, '127.0.0.1'),
    dispose: () => undefined,
  };
}

function tls(): Transport {
  const authority = new CertificateAuthority();
  const { cert, key } = authority.issue('server');
  return {
    server: createTlsServer({ cert: readFileSync(cert), key: readFileSync(key) }),
    event: 'secureConnection',
    dial: (port) => connectTls({ port, host: '127.0.0.1', ca: readFileSync(authority.cert) }),
    dispose: () => {
      authority.remove();
    },
  };
}

async function connectedPair({ server, event, dial }: Transport): Promise<{ ours: Socket; peer: Socket }> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, event);
  const peer = dial((server.address() as AddressInfo).port);
  const [ours] = (await accepted) as [Socket];
  return { ours, peer };
}

test.each([
  ['TCP', tcp],
  ['TLS', tls],
])('sentBytes of a %s socket follows the peer within one large write', async (_name, create) => {
  const transport = create();
  const { ours, peer } = await connectedPair(transport);
  let received = 0;
  let pauseAt = 0;
  peer.on('data', (chunk: Buffer) => {
    received += chunk.length;
    if (received >= pauseAt) peer.pause();
  });
  peer.pause();
  ours.write(Buffer.alloc(LARGE_BYTES));
  // Node merges these two into one write.
  for (let i = 0; i < 2; i++) ours.write(Buffer.alloc(SMALL_BYTES));
  // Each time the peer has read a little more, and most is still waiting. What it has read must have left; what
  // neither it nor the socket buffers have room for cannot have.
  for (pauseAt of [1, SMALL_BYTES, 3 * SMALL_BYTES]) {
    peer.resume();
    await until(() => received >= pauseAt);
    const sent = sentBytes(ours);
    expect(sent).toBeGreaterThanOrEqual(received);
    expect(sent).toBeLessThan(LARGE_BYTES);
  }
  pauseAt = Infinity;
  peer.resume();
  await until(() => received === TOTAL_BYTES && ours.writableLength === 0);
  expect(sentBytes(ours)).toBeGreaterThanOrEqual(TOTAL_BYTES);
  peer.destroy();
  ours.destroy();
  transport.server.close();
  transport.dispose();
});
