// The contract of the storage port.
import { describe, test } from 'node:test';
import * as fastCheck from 'fast-check';
import { storageContract } from 'hexmq/testkit';
import { Store } from './store.js';

storageContract({
  name: 'hexmq-storage-postgresql',
  describe: (name, body) => void describe(name, body),
  test: (name, body) => void test(name, body),
  fastCheck,
  // For busy machines.
  reopenTimeoutMs: 20_000,
  // Each history opens the store some ten times.
  model: { runs: 15 },
  factory: {
    create: async () => {
      const store = new Store();
      return {
        storage: await store.storage(),
        reopen: () => {
          store.killAll();
          return store.storage();
        },
        second: () => store.storage(),
        failNextCommit: (how) => {
          store.proxy.failNext(how);
        },
        dispose: () => store.remove(),
      };
    },
  },
});
