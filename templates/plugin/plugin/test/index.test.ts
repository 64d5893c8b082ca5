// What hexmq requires of a plugin.
import { describe, test } from 'node:test';
import { pluginContract } from 'hexmq/testkit';
import plugin from '../src/index.js';

pluginContract({
  name: 'example-plugin',
  plugin,
  options: { everySeconds: 1 },
  accepted: [{}, { topic: 'a/b' }],
  refused: [
    { options: { everySeconds: 0 }, option: 'everySeconds' },
    { options: { unknown: 1 }, option: 'unknown' },
  ],
  describe,
  test,
});
