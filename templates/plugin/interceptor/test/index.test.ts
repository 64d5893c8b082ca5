// What hexmq requires of an interceptor, and of a plugin.
import { describe, test } from 'node:test';
import { interceptorContract, pluginContract } from 'hexmq/testkit';
import plugin, { OnlyJson } from '../src/index.js';

interceptorContract({
  name: 'example-plugin',
  factory: { create: async () => ({ interceptor: new OnlyJson({ prefix: 'sensors/' }) }) },
  samples: { topics: ['sensors/a'], payloads: [new TextEncoder().encode('no JSON')] },
  describe,
  test,
});

pluginContract({
  name: 'example-plugin',
  plugin,
  accepted: [{ prefix: 'sensors/' }],
  refused: [{ options: { prefix: 1 }, option: 'prefix' }],
  describe,
  test,
});
