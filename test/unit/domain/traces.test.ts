// Traces: they have each step of a message, in order, and a run with a trace is the same run.
import { expect, test } from '@jest/globals';
import { PacketType } from '../../../src/protocol/packets.js';
import { CoreHarness } from '../../support/core-harness.js';
import type { CorePeer } from '../../support/core-harness.js';
import type { ClientId, TopicFilter } from '../../../src/domain/identifiers.js';
import type { TraceSubject } from '../../../src/domain/trace-step.js';

const topic = (filter: string): TraceSubject => ({ topicFilter: filter as TopicFilter });
const client = (id: string): TraceSubject => ({ clientId: id as ClientId });

function traced(subject: TraceSubject | undefined): { core: CoreHarness; steps: () => string[] } {
  const core = new CoreHarness({ maxInflight: 1 });
  const steps = (): string[] =>
    core.recorder.steps.map(({ step, clientId, sharedGroup, publisher, reason }) =>
      [step, clientId ?? sharedGroup ?? publisher ?? '', reason ?? ''].join(' ').trim(),
    );
  if (subject !== undefined) core.broker.trace(1, subject);
  return { core, steps };
}

/** Everything that the core does with messages: at each QoS, to clients that are there and that are away. */
function run(core: CoreHarness): void {
  const a = core.connectStored('a');
  a.subscribe(['t/#', 1]);
  core.connectStored('away').subscribe(['t/1', 1]);
  core.connect('b').publish('t/1', 'one', 1, { retain: true });
}

test('a trace of a topic tells where its message goes, and nothing of other topics', () => {
  const { core, steps } = traced(topic('t/1'));
  run(core);
  core.connect('c').publish('other', 'x', 0);
  expect(steps()).toEqual([
    'received b',
    'accepted b',
    'retained b',
    'matched a',
    'queued a',
    'sent a',
    'matched away',
    'queued away',
    'sent away',
    'routed b',
    'answered b',
  ]);
});

test('a trace of a client tells what it publishes and what it gets, up to its acknowledgement', () => {
  const { core, steps } = traced(client('a'));
  const a = core.connectStored('a');
  a.subscribe(['t', 1]);
  core.connect('b').publish('t', 'one', 1);
  a.puback(1);
  expect(steps()).toEqual(['matched a', 'queued a', 'sent a', 'acknowledged a']);
  expect(core.recorder.steps.at(-1)).toMatchObject({ topic: 't', publisher: 'b', packetId: 1 });
});

test('a message that nothing subscribes to is dropped for that reason', () => {
  const { core, steps } = traced(topic('#'));
  core.connect('b').publish('t', 'x', 0);
  expect(steps()).toEqual(['received b', 'accepted b', 'dropped b no-subscriber', 'routed b']);
});

test('what a session has that ends is dropped with it', () => {
  const { core, steps } = traced(topic('#'));
  core.connectStored('away').subscribe(['t', 1]);
  core.connect('b').publish('t', 'x', 1);
  core.command({ kind: 'delete-session', clientId: 'away' }, 'alice');
  expect(steps().at(-1)).toBe('dropped away session-ended');
});

test('a message that ends its connection is refused, for whatever rule of MQTT 5 it breaks', () => {
  const refused = (given: object, send: (a: CorePeer) => void): string | undefined => {
    const core = new CoreHarness(given);
    core.broker.trace(1, client('a'));
    send(core.connect('a', { version: 5 }));
    return core.recorder.steps.find(({ step }) => step === 'refused')?.reason;
  };
  const aliased = (topicAlias: number) => ({ properties: { topicAlias } }) as const;
  expect(
    refused({ receiveMaximum: 1 }, (a) => {
      a.publish('t', '1', 2, { packetId: 1 });
      a.publish('t', '2', 2, { packetId: 2 });
    }),
  ).toBe('receive-maximum-exceeded');
  const publish = { type: PacketType.publish, dup: false, qos: 0, retain: false, packetId: 0 } as const;
  const payload = Buffer.from('x');
  expect(
    refused({ topicAliasMax: 1 }, (a) => {
      a.send({ ...publish, ...aliased(2), topic: 't', payload });
    }),
  ).toBe('topic-alias-invalid');
  expect(
    refused({ topicAliasMax: 1 }, (a) => {
      a.send({ ...publish, ...aliased(1), topic: '', payload });
    }),
  ).toBe('protocol-violation');
});

test('a trace names a repeat of a QoS 2 message that waits behind a large publication', () => {
  const core = new CoreHarness({}, undefined, undefined, 2);
  for (let i = 0; i < 3; i++) core.connect(`s${i}`).subscribe(['t', 2]);
  const a = core.connect('a', { clean: false });
  core.finishesAtOnce = false;
  core.broker.trace(1, client('a'));
  a.publish('t', 'first');
  a.publish('t', 'x', 2, { packetId: 9 });
  a.lose();
  core.connect('a', { clean: false }).publish('t', 'x', 2, { packetId: 9, dup: true });
  core.finish();
  expect(core.recorder.steps.filter(({ step }) => step === 'repeated')).toMatchObject([{ topic: 't', packetId: 9 }]);
});

test('after its end a trace tells nothing, and a run with a trace is the run without it', () => {
  const { core } = traced(topic('#'));
  core.broker.trace(1, undefined);
  run(core);
  expect(core.recorder.steps).toEqual([]);
  const other = traced(client('a')).core;
  run(other);
  expect(other.recorder.steps).not.toEqual([]);
  expect(other.recorder.take()).toEqual(core.recorder.take());
});
