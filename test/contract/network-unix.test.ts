// The network contract for the listener on a Unix socket.
import { describe, test } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { networkContract } from 'hexmq/testkit';
import { createListener } from '../../adapters/network/tcp/index.js';
import { connectSocket } from '../support/network-peers.js';

networkContract({
  name: 'unix',
  describe,
  test,
  factory: {
    create: async () => {
      const directory = mkdtempSync(join(tmpdir(), 'hexmq-unix-'));
      const path = join(directory, 'mqtt.sock');
      return {
        listener: createListener({ path }),
        createOnSameAddress: (address) => createListener({ path: address }),
        connect: (address) => connectSocket({ path: address }),
        // On a Unix socket, a crashed peer looks like one that ends in an orderly way.
        reportsReset: false,
        dispose: async () => {
          rmSync(directory, { recursive: true });
        },
      };
    },
  },
});
