// The network contract for the TLS listener, for TLS 1.2 and 1.3.
import { afterAll, describe, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { networkContract } from 'hexmq/testkit';
import { createListener } from '../../adapters/network/tcp/index.js';
import { CertificateAuthority } from '../e2e/certificates.js';
import { connectSocket, connectTlsSocket, portOf } from '../support/network-peers.js';

const authority = new CertificateAuthority();
const tls = authority.issue('server');
const ca = readFileSync(authority.cert);

afterAll(() => {
  authority.remove();
});

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  networkContract({
    name: version,
    describe,
    test,
    factory: {
      create: async () => ({
        listener: createListener({ host: '127.0.0.1', port: 0, tls }),
        createOnSameAddress: (address) => createListener({ host: '127.0.0.1', port: portOf(address), tls }),
        connect: (address) =>
          connectTlsSocket(
            { host: '127.0.0.1', port: portOf(address) },
            { ca, minVersion: version, maxVersion: version },
          ),
        // Sends no ClientHello.
        connectWithoutHandshake: (address) => connectSocket({ host: '127.0.0.1', port: portOf(address) }),
        dispose: async () => undefined,
      }),
    },
  });
}
