// The options of the bridge, and what it makes of messages.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { IPublishPacket } from 'mqtt';
import { forwarded } from '../src/message.js';
import { optionsOf } from '../src/options.js';

const GOOD = { clientId: 'b', remote: { url: 'mqtts://broker.example' }, out: { topicFilters: 'a/#' } };

const messageOf = (options: object): string => {
  try {
    optionsOf(options as Readonly<Record<string, unknown>>);
  } catch (error) {
    return (error as Error).message;
  }
  return 'none';
};

void describe('options', () => {
  for (const [change, expected] of [
    [{}, 'none'],
    [{ clientId: 'a/b' }, 'clientId: not valid'],
    [{ remote: {} }, 'remote.url: missing'],
    [{ remote: { url: 'http://broker.example' } }, 'remote.url: not valid'],
    [{ remote: { url: 'mqtt://me:the-secret@broker.example' } }, 'remote.url: not valid'],
    [{ remote: { ...GOOD.remote, ca: '/nowhere' } }, 'remote.ca: ENOENT'],
    [{ remote: { ...GOOD.remote, password: '${ENV:HEXMQ_TEST_MISSING}' } }, 'HEXMQ_TEST_MISSING is not set'],
    [{ local: { host: 'x' } }, 'local.host: unknown key'],
    [{ out: undefined }, 'in: missing, as is out'],
    [{ out: {} }, 'out.topicFilters: missing'],
    [{ out: { topicFilters: ['a/#/b'] } }, 'out.topicFilters: "a/#/b" is not valid'],
    [{ in: { topicFilters: '$SYS/#' } }, 'stay on their broker'],
    [{ in: { topicFilters: 'a', prefix: '$SYS/' } }, 'in.prefix: not valid'],
    [{ reconnectMaxMs: 1 }, 'reconnectMaxMs: 1 is out of range'],
  ] as const)
    void test(`${JSON.stringify(change).replace('the-secret', '…')}: ${expected}`, () => {
      const message = messageOf({ ...GOOD, ...change });
      assert.ok(message.includes(expected), message);
      assert.ok(!message.includes('the-secret'), message);
    });
});

const packet = (userProperties?: Record<string, string | string[]>): IPublishPacket => ({
  cmd: 'publish',
  topic: 'a/b',
  payload: 'x',
  qos: 2,
  dup: false,
  retain: true,
  properties: {
    contentType: 'text',
    topicAlias: 1,
    subscriptionIdentifier: 1,
    ...(userProperties && { userProperties }),
  },
});

void describe('messages', () => {
  void test('a message keeps its QoS, RETAIN and properties, gets a prefix, and names the bridge', () => {
    const userProperties = { a: ['1', '2'], 'hexmq-bridge': 'other' };
    assert.deepEqual(forwarded(packet(userProperties), 'p/', 'this'), {
      topic: 'p/a/b',
      payload: Buffer.from('x'),
      options: {
        qos: 2,
        retain: true,
        properties: { contentType: 'text', userProperties: { a: ['1', '2'], 'hexmq-bridge': ['other', 'this'] } },
      },
    });
  });

  void test('a message that has crossed this bridge, or too many of them, is not forwarded', () => {
    assert.equal(forwarded(packet({ 'hexmq-bridge': ['other', 'this'] }), '', 'this'), undefined);
    assert.equal(forwarded(packet({ 'hexmq-bridge': Array<string>(16).fill('other') }), '', 'this'), undefined);
  });
});
