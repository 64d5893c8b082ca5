// The network contract for the TCP listener.
import { describe, test } from '@jest/globals';
import { networkContract } from 'hexmq/testkit';
import { createListener } from '../../adapters/network/tcp/index.js';
import { connectSocket, portOf } from '../support/network-peers.js';

for (const host of ['127.0.0.1', '::1']) {
  networkContract({
    name: `tcp on ${host}`,
    describe,
    test,
    factory: {
      create: async () => ({
        listener: createListener({ host, port: 0 }),
        createOnSameAddress: (address) => createListener({ host, port: portOf(address) }),
        connect: (address) => connectSocket({ host, port: portOf(address) }),
        dispose: async () => undefined,
      }),
    },
  });
}
