// Commands of an operator, as transcripts: what they record, what the clients see, and what their outcome waits for.
import { describe, expect, test } from '@jest/globals';
import type { Command } from '../../../../src/domain/commands.js';
import { CoreHarness, will } from '../../../support/core-harness.js';

const disconnect = (clientId: string): Command => ({ kind: 'disconnect', clientId });
const deleteSession = (clientId: string): Command => ({ kind: 'delete-session', clientId });
const deleteRetained = (topic: string): Command => ({ kind: 'delete-retained', topic });
const publish = (topic: string, payload: string, options: { qos?: 0 | 1 | 2; retain?: boolean } = {}): Command => ({
  kind: 'publish',
  message: { topic, payload: Buffer.from(payload), qos: options.qos ?? 1, retain: options.retain ?? false },
});

describe('the command disconnect', () => {
  test('disconnect ends the connection of a client, publishes its will and leaves its session', () => {
    const core = new CoreHarness();
    core.connectStored('a', { will: will('gone', 'a') });
    core.connect('b').subscribe(['gone', 0]);
    core.lines();
    expect(core.command(disconnect('a'))).toEqual({ result: 'done' });
    expect(core.lines()).toEqual([
      '1 close administrative-action',
      '+session a offline',
      '-will a',
      '2 < publish gone=a q0',
      '! will-published a gone',
      '! disconnect a by operator: done',
      'command 1 done after #2',
    ]);
    expect(core.broker.sessionCount).toBe(2);
  });

  test('disconnect ends a connection whose CONNACK waits for storage, and the session that its CONNECT began', () => {
    const core = new CoreHarness();
    core.admitsAtOnce = false;
    core.connectStored('a');
    core.lines();
    expect(core.command(disconnect('a'))).toEqual({ result: 'done' });
    expect(core.lines()).toContain('! session-ended a not-announced');
    expect(core.broker.sessionCount).toBe(0);
  });

  test('disconnect finds no connection of a client that is offline, unknown or not authenticated yet', () => {
    const core = new CoreHarness();
    core.connectStored('a').disconnect();
    core.open().connect('c');
    core.lines();
    for (const clientId of ['a', 'b', 'c']) expect(core.command(disconnect(clientId))).toEqual({ result: 'not-found' });
    expect(core.lines().filter((line) => line.includes('close'))).toEqual([]);
  });

  test('disconnect names the operator in the event of the connection and in an event of its own', () => {
    const core = new CoreHarness();
    core.connect('a');
    core.command(disconnect('a'), 'alice');
    const [ended] = core.recorder.events.filter(({ kind }) => kind === 'connection-ended');
    expect(ended).toMatchObject({ reason: 'administrative-action', detail: 'by alice', clientId: 'a' });
    expect(core.recorder.events.at(-1)).toEqual({
      kind: 'operator-command',
      actor: 'alice',
      command: 'disconnect',
      subject: 'a',
      result: 'done',
    });
  });
});

describe('the command delete-session', () => {
  test('delete-session ends an offline session with its subscriptions and its queue, and is done when that is durable', () => {
    const core = new CoreHarness();
    const a = core.connectStored('a');
    a.subscribe(['t', 1]);
    a.disconnect();
    const b = core.connect('b');
    b.publish('t', '1', 1);
    core.lines();
    expect(core.command(deleteSession('a'))).toEqual({ result: 'done' });
    expect(core.lines()).toEqual([
      '-session a',
      '! session-ended a administrative',
      '! delete-session a by operator: done',
      'command 1 done after #1',
    ]);
    b.publish('t', '2', 1, { packetId: 9 });
    expect(core.heard(b)).toEqual(['puback 9']);
    expect(core.stored('a')).toEqual([]);
    expect(core.waiting).toBe(0);
    expect(core.restarted().broker.sessionCount).toBe(0);
  });

  test('delete-session disconnects a client that is connected first, so that its will is published', () => {
    const core = new CoreHarness();
    core.connectStored('a', { will: will('gone', 'a') });
    core.lines();
    core.command(deleteSession('a'));
    expect(core.lines()).toEqual([
      '1 close administrative-action',
      '+session a offline',
      '-will a',
      '! will-published a gone',
      '-session a',
      '! session-ended a administrative',
      '! delete-session a by operator: done',
      'command 1 done after #3',
    ]);
  });

  test('delete-session publishes a will that waits for its delay, because the session has ended', () => {
    const core = new CoreHarness();
    core.connectStored('a', { will: will('gone', 'a', { delayS: 60 }) }).lose();
    core.lines();
    core.command(deleteSession('a'));
    expect(core.lines()).toContain('! will-published a gone');
    core.advance(60_000);
    expect(core.lines()).toEqual([]);
  });

  test('delete-session ends a session that is not stored together with its connection', () => {
    const core = new CoreHarness();
    core.connect('a');
    core.lines();
    expect(core.command(deleteSession('a'))).toEqual({ result: 'done' });
    expect(core.lines()).toContain('! session-ended a disconnected');
    expect(core.broker.sessionCount).toBe(0);
  });

  test('delete-session reports an unknown client, after earlier deletions are durable', () => {
    const core = new CoreHarness();
    core.connectStored('a').disconnect();
    core.command(deleteSession('a'));
    core.lines();
    expect(core.command(deleteSession('a'))).toEqual({ result: 'not-found' });
    expect(core.lines().at(-1)).toBe('command 2 not-found after an earlier change');
  });

  test('delete-session lets a client that returns begin a new session', () => {
    const core = new CoreHarness();
    core.connectStored('a').subscribe(['t', 1]);
    core.command(deleteSession('a'));
    core.lines();
    core.connectStored('a');
    expect(core.lines()).toContain('2 < connack 0');
    core.command(publish('t', 'x'));
    expect(core.lines()).not.toContain('+c:a #0 t=x q1');
  });
});

describe('the command delete-retained', () => {
  test('delete-retained removes the retained message of one topic, also from storage', () => {
    const core = new CoreHarness();
    const a = core.connect('a');
    a.publish('t', 'x', 1, { retain: true });
    a.publish('u', 'y', 1, { retain: true });
    core.lines();
    expect(core.command(deleteRetained('t'))).toEqual({ result: 'done' });
    expect(core.lines()).toEqual(['-retained t', '! delete-retained t by operator: done', 'command 1 done after #1']);
    expect(core.broker.retainedCount).toBe(1);
    expect(core.restarted().broker.retainedCount).toBe(1);
  });

  test('delete-retained finds nothing in a topic without a retained message', () => {
    const core = new CoreHarness();
    expect(core.command(deleteRetained('t'))).toEqual({ result: 'not-found' });
    expect(core.lines()).toEqual(['! delete-retained t by operator: not-found', 'command 1 not-found']);
  });
});

describe('the command publish', () => {
  test('publish by an operator delivers to every matching subscription, whatever the permissions of clients, and counts the recipients', () => {
    const core = new CoreHarness();
    core.connectStored('a').subscribe(['t', 1]);
    core.connect('b', { permissions: { kind: 'rules', rules: [] } });
    core.lines();
    expect(core.command(publish('t', 'x'))).toEqual({ result: 'published', matched: 1, accepted: 1 });
    expect(core.lines()).toEqual([
      '+c:a #0 t=x q1',
      '1 < publish t=x q1 id1',
      '! publish t by operator: published',
      'command 1 published after #1',
    ]);
  });

  test.each(['a\0b', '\ud800', 'a/\udc00/b'])(
    'publish by an operator to the topic %j is refused, because no packet can carry it',
    (topic) => {
      const core = new CoreHarness();
      core.connect('a').subscribe(['#', 0]);
      const detail = 'a Topic Name has no U+0000 and no unpaired surrogates';
      expect(core.command(publish(topic, 'x'))).toEqual({ result: 'refused', detail });
      expect(core.broker.counters.accepted).toBe(0);
    },
  );

  test('publish by an operator retains the message if its retain flag is set', () => {
    const core = new CoreHarness();
    core.command(publish('t', 'x', { retain: true }));
    expect(core.lines()).toContain('+retained t=x');
  });

  test('publish by an operator is answered after the last slice of a fan-out that is larger than a slice', () => {
    const core = new CoreHarness({}, undefined, undefined, 2);
    for (let i = 0; i < 5; i++) core.connectStored(`s${i}`).subscribe(['t', 1]);
    core.finishesAtOnce = false;
    core.lines();
    expect(core.command(publish('t', 'x'))).toBeUndefined();
    core.finish();
    expect(core.recorder.outcomes.get(1)).toEqual({ result: 'published', matched: 5, accepted: 5 });
    expect(core.lines().at(-1)).toBe('command 1 published after #5');
    expect(core.recorder.holds).toBe(0);
  });

  test.each([
    ['an empty topic', publish('', 'x'), 'a Topic Name needs at least one character'],
    ['a topic with a wildcard', publish('a/#', 'x'), 'a Topic Name has no wildcards'],
    ['a QoS above the limit', publish('t', 'x', { qos: 2 }), 'QoS 2, 1 is the highest'],
    [
      'RETAIN where the broker retains nothing',
      publish('t', 'x', { retain: true }),
      'retained messages are not supported',
    ],
    ['a payload larger than any packet', publish('t', '12345678901'), 'the payload has more than 10 bytes'],
  ])('publish by an operator refuses a message with %s', (_what, command, detail) => {
    const core = new CoreHarness({ maxQos: 1, retainedMessages: false, maxPacketSize: 10 });
    expect(core.command(command)).toEqual({ result: 'refused', detail });
  });
});

describe('the command purge-queue', () => {
  const purge = (clientId: string): Command => ({ kind: 'purge-queue', clientId });

  function withQueue(count: number, sliceSize?: number): CoreHarness {
    const core = new CoreHarness({}, undefined, undefined, sliceSize);
    const a = core.connectStored('a');
    a.subscribe(['t', 1]);
    a.disconnect();
    const b = core.connect('b');
    for (let i = 1; i <= count; i++) b.publish('t', String(i), 1);
    core.lines();
    return core;
  }

  test('purge-queue drops what waits for a client that is away, counts it, and leaves the session', () => {
    const core = withQueue(3);
    expect(core.command(purge('a'))).toEqual({ result: 'purged', dropped: 3 });
    expect(core.broker.query({ kind: 'session', clientId: 'a' })).toMatchObject({ queued: 0, subscriptions: 1 });
    expect(core.broker.counters.dropped.purged).toBe(3);
    expect(core.recorder.events.at(-1)).toMatchObject({ command: 'purge-queue', subject: 'a', result: 'purged' });
  });

  test('purge-queue leaves what was sent to the client and is not acknowledged', () => {
    const core = new CoreHarness({ maxInflight: 1 });
    core.connectStored('a').subscribe(['t', 1]);
    const b = core.connect('b');
    for (const payload of ['1', '2', '3']) b.publish('t', payload, 1);
    expect(core.command(purge('a'))).toEqual({ result: 'purged', dropped: 2 });
    expect(core.broker.query({ kind: 'session', clientId: 'a' })).toMatchObject({ outboundInFlight: 1, queued: 0 });
  });

  test('purge-queue leaves the handshake of a QoS 2 message that may have been sent before a crash', () => {
    const before = new CoreHarness();
    before.connectStored('a').subscribe(['t', 2]);
    before.connect('b').publish('t', '1', 2);
    const core = before.restarted();
    expect(core.command(purge('a'))).toEqual({ result: 'purged', dropped: 1 });
    core.lines();
    const a = core.connectStored('a');
    expect(core.heard(a)).toContain('pubrel 1');
    a.pubcomp(1);
    expect(core.stored('a')).toEqual([]);
    expect(core.waiting).toBe(0);
  });

  test('purge-queue does a large queue in slices, and leaves what arrives meanwhile', () => {
    const core = withQueue(7, 2);
    core.finishesAtOnce = false;
    expect(core.command(purge('a'))).toBeUndefined();
    expect(core.broker.counters.dropped.purged).toBe(2);
    core.connect('c').publish('t', 'late', 1);
    core.finish();
    expect(core.recorder.outcomes.get(1)).toEqual({ result: 'purged', dropped: 7 });
    expect(core.broker.query({ kind: 'session', clientId: 'a' })).toMatchObject({ queued: 1 });
  });

  test('purge-queue finds no session of an unknown client', () => {
    expect(new CoreHarness().command(purge('a'))).toEqual({ result: 'not-found' });
  });
});
