// What hexmq requires of an authorizer, and of a plugin.
import { describe, test } from 'node:test';
import { authorizerContract, pluginContract } from 'hexmq/testkit';
import plugin, { OwnTopics } from '../src/index.js';

authorizerContract({
  name: 'example-plugin',
  sample: { clientId: 'meter-7', userName: 'ann' },
  factory: {
    create: async () => ({ authorizer: new OwnTopics({ root: 'users' }), dispose: async () => {} }),
  },
  describe,
  test,
});

pluginContract({
  name: 'example-plugin',
  plugin,
  accepted: [{ root: 'devices' }],
  refused: [{ options: { root: 1 }, option: 'root' }],
  describe,
  test,
});
