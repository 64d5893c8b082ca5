// What is accepted, what is denied and with which words, and which options are refused.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { createBroker } from 'hexmq';
import type { PublishRequest } from 'hexmq/ports';
import { optionsOf } from '../src/options.js';
import { SchemaInterceptor } from '../src/schema-interceptor.js';

const directory = mkdtempSync(join(tmpdir(), 'hexmq-json-schema-'));
after(() => {
  rmSync(directory, { recursive: true, force: true });
});

const file = (name: string, text: string): string => {
  writeFileSync(join(directory, name), text);
  return join(directory, name);
};

const POWER = {
  type: 'object',
  properties: { watts: { type: 'number', minimum: 0 }, note: { type: 'string', maxLength: 3 } },
  required: ['watts'],
  additionalProperties: false,
};
const TREE = { $id: 'tree', type: 'array', items: { $ref: 'tree' } };
const RULES = [
  { topicFilter: 'meters/+/power', schema: POWER },
  { topicFilter: 'trees/#', schema: TREE },
  {
    topicFilter: '#',
    schema: file('any.json', '{"$schema":"https://json-schema.org/draft/2020-12/schema","not":{"const":7}}'),
  },
];

const decide = (topic: string, payload: string | Uint8Array, options: object = {}, retain = false): unknown => {
  const request: unknown = { topic, payload: Buffer.from(payload as string), qos: 1, retain, isWill: false };
  return new SchemaInterceptor(optionsOf({ rules: RULES, ...options })).publish(request as PublishRequest);
};

void describe('messages', () => {
  for (const [topic, payload] of [
    ['meters/1/power', '{"watts": 230}'],
    ['meters/1/power/x', '[]'],
    ['trees', '[[],[[]]]'],
    ['$own/topic', 'no JSON'],
  ] as const)
    void test(`${payload} for ${topic} is accepted`, () => {
      assert.deepEqual(decide(topic, payload), { decision: 'pass' });
    });

  for (const [topic, payload, reason] of [
    ['meters/1/power', '{"watts": -1}', '/watts must be >= 0'],
    ['meters/1/power', '{}', "the payload must have required property 'watts'"],
    ['meters/1/power', '{"watts":1,"x\\u0000":2}', 'the payload must NOT have additional properties ("x\\u0000")'],
    ['meters/1/power', 'secret', 'the payload is not JSON'],
    ['meters/1/power', Buffer.from([0x22, 0xff, 0x22]), 'the payload is not JSON, because it is not UTF-8'],
    ['other', '7', 'the payload must NOT be valid'],
    ['trees/x', '['.repeat(100_000) + ']'.repeat(100_000), 'the payload is nested too deeply'],
    ['other', `"${'x'.repeat(300_000)}"`, 'the payload has more than 262144 bytes'],
  ] as const)
    void test(`a payload for ${topic} is denied: ${reason}`, () => {
      assert.deepEqual(decide(topic, payload), { decision: 'deny', reasonCode: 0x99, reason });
    });

  void test('a reason is short, whatever names the client chooses', () => {
    const { reason } = decide('meters/1/power', `{"watts":1,"${'x'.repeat(10_000)}":2}`) as { reason: string };
    assert.equal(reason.length, 200);
  });

  void test('a retained message without a payload is accepted, because it removes one', () => {
    assert.deepEqual(decide('meters/1/power', '', {}, true), { decision: 'pass' });
    assert.notDeepEqual(decide('meters/1/power', ''), { decision: 'pass' });
  });

  void test('topics without a rule are denied if the options say so', () => {
    const reason = 'no schema is for this topic';
    assert.deepEqual(decide('$own/topic', '1', { others: 'deny' }), { decision: 'deny', reasonCode: 0x87, reason });
  });
});

void describe('options', () => {
  for (const [options, expected] of [
    [{}, 'rules: expected a list of mappings'],
    [{ rules: [] }, 'rules: expected a list of mappings'],
    [{ rules: [3] }, 'rules[0]: expected a mapping'],
    [{ rules: [{ schema: {} }] }, 'rules[0].topicFilter: missing'],
    [{ rules: [{ topicFilter: 'a/#/b', schema: {} }] }, 'rules[0].topicFilter: "a/#/b" is not valid'],
    [{ rules: [{ topicFilter: 'a' }] }, 'rules[0].schema: missing'],
    [{ rules: [{ topicFilter: 'a', schema: { type: 'text' } }] }, 'rules[0].schema: schema is invalid'],
    [{ rules: [{ topicFilter: 'a', schema: { maximun: 1 } }] }, 'unknown keyword: "maximun"'],
    [{ rules: [{ topicFilter: 'a', schema: { $ref: 'https://schemas.example/a' } }] }, "can't resolve reference"],
    [{ rules: [{ topicFilter: 'a', schema: '/nowhere/a.json' }] }, 'rules[0].schema: /nowhere/a.json: ENOENT'],
    [{ rules: [{ topicFilter: 'a', schema: file('bad.json', '{') }] }, 'bad.json: Expected property name'],
    [{ rules: RULES, others: 'drop' }, 'others: "drop" is not valid'],
    [{ rules: RULES, strict: true }, 'strict: unknown key'],
    [{ rules: [{}, {}] }, 'rules[1].schema: missing'],
  ] as const)
    void test(`${JSON.stringify(options).replaceAll(directory, '')} is refused: ${expected}`, () => {
      assert.throws(
        () => optionsOf(options),
        (error: Error) => error.message.includes(expected),
      );
    });
});

void test('a broker loads the plugin, and starts with it', async () => {
  const path = new URL('../src/index.js', import.meta.url).pathname;
  const plugins = [{ package: path, options: { rules: RULES } }];
  const broker = createBroker({ listeners: [{ type: 'tcp', port: 0 }], storage: { adapter: 'memory' }, plugins });
  await broker.start();
  await broker.stop();
});
