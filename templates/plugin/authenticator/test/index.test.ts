// What hexmq requires of an authenticator, and of a plugin.
import { describe, test } from 'node:test';
import { authenticatorContract, pluginContract } from 'hexmq/testkit';
import plugin, { Users } from '../src/index.js';

authenticatorContract({
  name: 'example-plugin',
  factory: {
    create: async () => ({
      authenticator: new Users({ passwords: new Map([['ann', 'secret']]) }),
      good: { userName: 'ann', password: Buffer.from('secret') },
      wrong: { userName: 'ann', password: Buffer.from('wrong') },
      unknown: { userName: 'bob', password: Buffer.from('secret'), answer: 'abstain' },
      dispose: async () => {},
    }),
  },
  describe,
  test,
});

pluginContract({
  name: 'example-plugin',
  plugin,
  options: { users: { ann: 'secret' } },
  refused: [{ options: { users: { ann: 'secret' }, unknown: 1 }, option: 'unknown' }],
  describe,
  test,
});
