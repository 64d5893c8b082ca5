// In-process subscriptions in the core: what reaches them, when they begin and end, and that clients notice nothing.
import { expect, test } from '@jest/globals';
import { CoreHarness } from '../../../support/core-harness.js';

function subscribed(core: CoreHarness, topicFilters: readonly string[], wantsRetained = false): string[] {
  core.lines();
  core.handle({ kind: 'in-process-opened', subscriber: 1, name: 'one', topicFilters, wantsRetained });
  return core.lines();
}

/** What reached the subscription since the last call. */
const arrived = (core: CoreHarness): string[] => core.lines().filter((line) => line.startsWith('in-process 1 <'));

test('a message goes to an in-process subscription once, with the QoS of its publication', () => {
  const core = new CoreHarness();
  const client = core.connect('a');
  expect(subscribed(core, ['t/#', 't/+'])).toEqual(['in-process 1 has begun']);
  client.publish('t/1', 'one', 2);
  client.publish('other', 'two', 1);
  expect(arrived(core)).toEqual(['in-process 1 < t/1=one q2']);
  expect(core.broker.accountingBalance).toBe(0);
  expect(core.broker.counters.delivered).toBe(1);
});

test('a subscription that has ended gets nothing more, and counts in no limit', () => {
  const core = new CoreHarness({ maxSubscriptions: 1 });
  const client = core.connect('a');
  subscribed(core, ['t']);
  expect(core.broker.query({ kind: 'counts' }).subscriptions).toBe(0);
  core.handle({ kind: 'in-process-closed', subscriber: 1 });
  client.publish('t', 'late', 1);
  expect(arrived(core)).toEqual([]);
});

test('a message that is delivered in slices does not reach a subscription that ends meanwhile', () => {
  const core = new CoreHarness({}, undefined, undefined, 2);
  const client = core.connect('a');
  for (const name of ['b', 'c', 'd']) core.connect(name).subscribe(['t', 0]);
  subscribed(core, ['t']);
  core.finishesAtOnce = false;
  client.publish('t', 'one', 0);
  core.handle({ kind: 'in-process-closed', subscriber: 1 });
  core.finish();
  expect(arrived(core)).toEqual([]);
});

test('a waiting message does not keep alive the chunk that it arrived in', () => {
  const core = new CoreHarness();
  const client = core.connect('a');
  subscribed(core, ['t']);
  const chunk = new TextEncoder().encode('before payload after');
  const payloads: Uint8Array[] = [];
  core.recorder.deliverInProcess = (_subscriber, { payload }): void => void payloads.push(payload);
  client.publish('t', chunk.subarray(7, 14), 0);
  expect(payloads[0]?.buffer.byteLength).toBe(7);
});

test.each([
  ['$share/g/t', 'an in-process subscription cannot be shared'],
  ['a/#/b', '# is the last character of a Topic Filter'],
  ['a\0', 'a Topic Filter has no U+0000 and no unpaired surrogates'],
])('the filter %j is refused, and with it the subscription', (topicFilter, why) => {
  const core = new CoreHarness();
  const client = core.connect('a');
  expect(subscribed(core, ['good', topicFilter])).toEqual([`in-process 1 ${JSON.stringify(topicFilter)}: ${why}`]);
  client.publish('good', 'x', 0);
  expect(arrived(core)).toEqual([]);
});

test('retained messages come a page at a time, each once, and none that came live', () => {
  const core = new CoreHarness();
  const client = core.connect('a');
  for (let i = 0; i < 150; i++) client.publish(`t/${i}`, `${i}`, 0, { retain: true });
  expect(subscribed(core, ['t/#', 't/+'], true)).toHaveLength(2);
  client.publish('t/new', 'live', 0, { retain: true });
  client.publish('t/0', 'replaced', 0, { retain: true });
  expect(arrived(core)).toEqual(['in-process 1 < t/new=live q0', 'in-process 1 < t/0=replaced q0']);

  const page = (from: number, to: number): void => {
    const topics = Array.from({ length: to - from }, (_, i) => `t/${from + i}` as never);
    core.handle({ kind: 'in-process-page', subscriber: 1, messages: core.store.readRetained(topics) });
  };
  page(0, 100);
  const first = core.lines();
  expect(first.slice(0, 2)).toEqual(['in-process 1 < t/1=1 q0 retained', 'in-process 1 < t/2=2 q0 retained']);
  expect(first).toHaveLength(100);
  expect(first.at(-1)).toBe('in-process 1 when-ready');
  core.handle({ kind: 'in-process-ready', subscriber: 1 });
  expect(core.lines()[0]).toMatch(/^in-process 1 read-retained t\/100,t\/101,/);
  page(100, 150);
  expect(core.lines()).toHaveLength(50);
});

test('what the broker says of itself is among the retained messages', () => {
  const core = new CoreHarness();
  const payload = Buffer.from('1.0');
  core.handle({ kind: 'announcement', topic: '$SYS/broker/version' as never, payload, retain: true });
  expect(subscribed(core, ['$SYS/#', '#'], true)).toEqual([
    'in-process 1 has begun',
    'in-process 1 < $SYS/broker/version=1.0 q0 retained',
  ]);
});

test('a route shows in-process subscriptions by their names', () => {
  const core = new CoreHarness();
  subscribed(core, ['t']);
  const { items } = core.broker.query({ kind: 'recipients', topic: 't', examine: 10 });
  expect(items).toMatchObject([{ clientId: '$in-process/one', topicFilter: 't', mayReceive: true }]);
});
