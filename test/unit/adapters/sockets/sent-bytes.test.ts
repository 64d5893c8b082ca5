import { describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { sentBytes } from '../../../../adapters/network/sockets/sent-bytes.js';
import { CertificateAuthority } from '../../../e2e/certificates.js';

/** More than the operating system takes at once for a peer that does not read. */
const MUCH = 64 * 1024 * 1024;
const SOME = 8 * 1024 * 1024;

async function ends(
  server: Server,
  dial: (port: number) => Socket,
): Promise<{ readonly ours: Socket; readonly peer: Socket }> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(
    server,
    server.constructor.name === 'Server' && 'setSecureContext' in server ? 'secureConnection' : 'connection',
  );
  const peer = dial((server.address() as AddressInfo).port);
  const [ours] = (await accepted) as [Socket];
  return { ours, peer };
}

const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
};

/** What a number is that does not change any more. */
async function atRest(look: () => number): Promise<number> {
  for (let [before, same] = [look(), 0]; ;) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    const now = look();
    same = now === before ? same + 1 : 0;
    if (same === 10) return now;
    before = now;
  }
}

function withTls(): { readonly server: Server; readonly dial: (port: number) => Socket; readonly done: () => void } {
  const authority = new CertificateAuthority();
  const { cert, key } = authority.issue('server');
  return {
    server: createTlsServer({ cert: readFileSync(cert), key: readFileSync(key) }),
    dial: (port) => connectTls({ port, host: '127.0.0.1', ca: readFileSync(authority.cert) }),
    done: () => {
      authority.remove();
    },
  };
}

describe('what has left of what was written', () => {
  test.each([
    [
      'TCP',
      () => ({ server: createServer(), dial: (port: number) => connect(port, '127.0.0.1'), done: () => undefined }),
    ],
    ['TLS', withTls],
  ])(
    'grows within one write as the peer reads, stands still when it does not, and is all in the end: %s',
    async (_, make) => {
      const { server, dial, done } = make();
      const { ours, peer } = await ends(server, dial);
      let received = 0;
      peer.on('data', (chunk: Buffer) => {
        received += chunk.length;
      });
      peer.pause();
      ours.write(Buffer.alloc(MUCH));
      // Two writes more, which Node makes one of.
      for (let i = 0; i < 2; i++) ours.write(Buffer.alloc(SOME));
      const stopped = await atRest(() => sentBytes(ours));
      expect(stopped).toBeLessThan(MUCH);
      peer.resume();
      await until(() => received >= 2 * SOME);
      peer.pause();
      const readOn = await atRest(() => sentBytes(ours));
      expect(readOn).toBeGreaterThan(stopped);
      expect(readOn).toBeLessThan(MUCH + 2 * SOME);
      peer.resume();
      await until(() => ours.writableLength === 0);
      expect(sentBytes(ours)).toBeGreaterThanOrEqual(MUCH + 2 * SOME);
      await until(() => received === MUCH + 2 * SOME);
      peer.destroy();
      ours.destroy();
      server.close();
      done();
    },
  );
});
