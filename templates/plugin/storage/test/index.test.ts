// What hexmq requires of a storage, and of a plugin.
import { describe, test } from 'node:test';
import * as fastCheck from 'fast-check';
import { pluginContract, storageContract } from 'hexmq/testkit';
import plugin, { ExampleStorage } from '../src/index.js';

storageContract({
  name: 'example-plugin',
  fastCheck,
  factory: {
    create: async () => ({
      storage: new ExampleStorage(),
      // A crash: the store is opened again. This one has lost everything, as its traits say.
      reopen: async () => new ExampleStorage(),
      dispose: async () => {},
    }),
  },
  describe,
  test,
});

pluginContract({
  name: 'example-plugin',
  plugin,
  refused: [{ options: { unknown: 1 }, option: 'unknown' }],
  describe,
  test,
});
