// The network contract for the WebSocket listeners, with and without TLS.
import { afterAll, describe, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { networkContract } from 'hexmq/testkit';
import { createListener } from '../../adapters/network/websocket/index.js';
import { CertificateAuthority } from '../e2e/certificates.js';
import { connectSocket, connectWebSocket, portOf } from '../support/network-peers.js';

const authority = new CertificateAuthority();
const ca = readFileSync(authority.cert);

afterAll(() => {
  authority.remove();
});

for (const [type, secure, client] of [
  ['ws', {}, {}],
  ['wss', { tls: authority.issue('server') }, { tls: { ca } }],
] as const) {
  networkContract({
    name: type,
    describe,
    test,
    factory: {
      create: async () => ({
        listener: createListener({ host: '127.0.0.1', port: 0, ...secure }),
        createOnSameAddress: (address) => createListener({ host: '127.0.0.1', port: portOf(address), ...secure }),
        connect: (address) => connectWebSocket(`${type}://127.0.0.1:${portOf(address)}/mqtt`, client),
        // Sends neither a ClientHello nor a request.
        connectWithoutHandshake: (address) => connectSocket({ host: '127.0.0.1', port: portOf(address) }),
        dispose: async () => undefined,
      }),
    },
  });
}
