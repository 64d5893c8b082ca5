// The contract of the storage port for processes that are killed.
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { storageCrashContract } from 'hexmq/testkit';
import { createStorage } from '../src/index.js';
import { SERVER, Store } from './store.js';

const PROGRAM = fileURLToPath(new URL('crash-program.js', import.meta.url));

storageCrashContract({
  name: 'hexmq-storage-redis',
  describe: (name, body) => void describe(name, body),
  test: (name, body) => void test(name, body),
  factory: {
    create: () => {
      const store = new Store();
      return Promise.resolve({
        command: [process.execPath, PROGRAM, store.prefix],
        storage: () => createStorage({ url: SERVER, prefix: store.prefix }),
        dispose: () => store.remove(),
      });
    },
  },
});
