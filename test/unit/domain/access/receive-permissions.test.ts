// Permission to receive is checked for every message on every path, at the moment before it is sent.
import { describe, expect, test } from '@jest/globals';
import { ALLOW_ALL } from '../../../../src/domain/access/permissions.js';
import type { QueueId } from '../../../../src/domain/identifiers.js';
import { permissionsOf } from '../../../support/access-rules.js';
import { CoreHarness, will } from '../../../support/core-harness.js';
import type { CorePeer } from '../../../support/core-harness.js';

const OPEN = permissionsOf('allow publish,receive open/#');
const NOTHING = permissionsOf();

const topicsHeard = (core: CoreHarness, peer: CorePeer): string[] =>
  core.heard(peer).flatMap((line) => {
    const match = /^publish (\S+)=/.exec(line);
    return match === null ? [] : [match[1] as string];
  });

describe('a live message', () => {
  test.each([0, 1, 2] as const)(
    'a live message at QoS %i that a subscriber may not receive is neither sent nor queued, and the event names the rule',
    (qos) => {
      const core = new CoreHarness();
      const reader = core.connectStored('reader', {
        permissions: permissionsOf('deny receive open/secret', 'allow receive open/#'),
      });
      reader.subscribe(['#', 2]);
      const publisher = core.connect('publisher');
      core.lines();
      publisher.publish('open/secret', 'no', qos);
      publisher.publish('closed', 'no', qos);
      publisher.publish('open/x', 'yes', qos);
      const { events } = core.recorder;
      expect(topicsHeard(core, reader)).toEqual(['open/x']);
      expect(core.stored('reader')).toEqual(qos === 0 ? [] : ['yes']);
      expect(core.broker.counters.dropped['not-authorized']).toBe(2);
      expect(core.waiting).toBe(qos === 0 ? 0 : 1);
      expect(events.flatMap((one) => (one.kind === 'message-dropped' ? [one.detail] : []))).toEqual([
        'denied by rule 1 (open/secret)',
        'no rule allows it',
      ]);
    },
  );

  test('a live message that one client may not receive still goes to others', () => {
    const core = new CoreHarness();
    const refused = core.connect('refused', { permissions: OPEN });
    const other = core.connect('other');
    for (const peer of [refused, other]) peer.subscribe(['#', 1]);
    core.lines();
    core.connect('publisher').publish('closed', 'x', 1);
    const lines = core.lines().filter((line) => line.includes('< publish'));
    expect(lines).toEqual([`${other.id} < publish closed=x q1 id1`]);
  });
});

describe('queued messages', () => {
  test('messages queued for an offline client are checked when it returns, and permitted ones arrive in order', () => {
    const core = new CoreHarness();
    core.connectStored('reader').subscribe(['#', 2]);
    core.handle({ kind: 'closed', connection: 1 as never });
    const publisher = core.connect('publisher');
    for (const topic of ['closed/1', 'open/1', 'closed/2', 'open/2', 'closed/3']) publisher.publish(topic, topic, 2);
    expect(core.stored('reader')).toHaveLength(5);
    core.lines();
    const reader = core.connectStored('reader', { permissions: OPEN });
    expect(topicsHeard(core, reader)).toEqual(['open/1', 'open/2']);
    for (const packetId of [2, 4]) reader.pubrec(packetId);
    core.lines();
    expect(core.broker.counters.dropped['not-authorized']).toBe(3);
    expect(core.stored('reader')).toEqual(['(released)', '(released)']);
  });

  test('a message behind a full window is checked by the rules in force when it is sent', () => {
    const core = new CoreHarness({ maxInflight: 1 });
    const reader = core.connectStored('reader');
    reader.subscribe(['#', 1]);
    const publisher = core.connect('publisher');
    for (const topic of ['a', 'b', 'c', 'd']) publisher.publish(topic, topic, 1);
    expect(topicsHeard(core, reader)).toEqual(['a']);
    reader.permit(permissionsOf('allow receive c'));
    reader.puback(1);
    expect(topicsHeard(core, reader)).toEqual(['c']);
    reader.permit(ALLOW_ALL);
    reader.puback(3);
    expect(topicsHeard(core, reader)).toEqual(['d']);
    reader.puback(4);
    expect({
      stored: core.stored('reader'),
      waiting: core.waiting,
      dropped: core.broker.counters.dropped['not-authorized'],
    }).toEqual({ stored: [], waiting: 0, dropped: 1 });
  });

  test('a queue that is denied completely leaves nothing behind, also in storage', () => {
    const core = new CoreHarness();
    core.connectStored('reader').subscribe(['#', 1]);
    core.handle({ kind: 'closed', connection: 1 as never });
    const publisher = core.connect('publisher');
    for (let i = 0; i < 1500; i++) publisher.publish('closed', String(i), 1);
    const reader = core.connectStored('reader', { permissions: NOTHING });
    expect({ stored: core.stored('reader'), waiting: core.waiting, heard: topicsHeard(core, reader) }).toEqual({
      stored: [],
      waiting: 0,
      heard: [],
    });
    expect(core.broker.counters.dropped['not-authorized']).toBe(1500);
    // The queue continues as if it had been empty.
    reader.permit(ALLOW_ALL);
    publisher.publish('closed', 'after', 1);
    expect(core.heard(reader)).toEqual([expect.stringMatching(/^publish closed=after q1/)]);
  });

  test.each([
    ['QoS 1 is dropped', 1, [], []],
    ['QoS 2 is completed without being sent again', 2, ['pubrel 1'], ['(released)']],
  ] as const)('a queued message that was sent before at %s if it is no longer permitted', (_, qos, heard, stored) => {
    const core = new CoreHarness();
    const reader = core.connectStored('reader');
    reader.subscribe(['#', 2]);
    core.connect('publisher').publish('closed', 'x', qos);
    reader.lose();
    core.lines();
    const again = core.connectStored('reader', { permissions: NOTHING });
    expect(core.heard(again).filter((line) => /^pub/.test(line))).toEqual(heard);
    expect(core.stored('reader')).toEqual(stored);
    if (qos === 2) again.pubcomp(1);
    expect({ stored: core.stored('reader'), waiting: core.waiting }).toEqual({ stored: [], waiting: 0 });
    expect(core.broker.counters).toMatchObject({ delivered: 0, dropped: { 'not-authorized': 1 } });
  });

  test('a QoS 2 message that was sent before and got PUBREC is completed', () => {
    const core = new CoreHarness();
    const reader = core.connectStored('reader');
    reader.subscribe(['#', 2]);
    core.connect('publisher').publish('closed', 'x', 2);
    reader.pubrec(1);
    reader.lose();
    core.lines();
    const again = core.connectStored('reader', { permissions: NOTHING });
    expect(core.heard(again)).toContain('pubrel 1');
    again.pubcomp(1);
    expect(core.broker.counters).toMatchObject({ delivered: 1, dropped: { 'not-authorized': 0 } });
  });

  test('queued messages are checked after a restart too', () => {
    const core = new CoreHarness();
    core.connectStored('reader').subscribe(['#', 1]);
    core.handle({ kind: 'closed', connection: 1 as never });
    const publisher = core.connect('publisher');
    for (const topic of ['closed', 'open/1']) publisher.publish(topic, topic, 1);
    const later = core.restarted();
    const reader = later.connectStored('reader', { permissions: OPEN });
    expect(topicsHeard(later, reader)).toEqual(['open/1']);
  });
});

describe('a retained message', () => {
  test('a retained message that may not be received is not read and takes no room from others', () => {
    const core = new CoreHarness({ retainedQueueSize: 2 });
    const publisher = core.connect('publisher');
    for (const topic of ['closed/1', 'closed/2', 'open/1', 'closed/3', 'open/2'])
      publisher.publish(topic, topic, 1, { retain: true });
    core.lines();
    const reader = core.connect('reader', { permissions: OPEN });
    reader.subscribe(['#', 1]);
    expect(topicsHeard(core, reader)).toEqual(['open/1', 'open/2']);
    expect(core.recorder.events.filter(({ kind }) => kind === 'retained-limited')).toEqual([]);
  });

  test('a retained message that several rules allow is sent once', () => {
    const core = new CoreHarness();
    const publisher = core.connect('publisher');
    for (const topic of ['a/b', 'a/c', 'd/b']) publisher.publish(topic, topic, 1, { retain: true });
    core.lines();
    const reader = core.connect('reader', {
      permissions: permissionsOf('allow receive a/#', 'allow receive +/b', 'allow receive a/b/#'),
    });
    reader.subscribe(['#', 1]);
    expect(topicsHeard(core, reader)).toEqual(['a/b', 'a/c', 'd/b']);
  });

  test.each([0, 1] as const)('a retained message at QoS %i is checked after it has been read', (qos) => {
    const core = new CoreHarness();
    core.connect('publisher').publish('a', 'x', 1, { retain: true });
    core.answersAtOnce = false;
    const reader = core.connect('reader');
    reader.subscribe(['a', qos]);
    reader.permit(NOTHING);
    core.lines();
    core.answerAll();
    expect(topicsHeard(core, reader)).toEqual([]);
    expect(core.broker.counters.dropped['not-authorized']).toBe(1);
    expect(core.waiting).toBe(0);
  });
});

describe('a shared group', () => {
  const GROUP = 'g:g/#' as QueueId;
  const member = (core: CoreHarness, clientId: string, ...lines: string[]): CorePeer => {
    const peer = core.connectStored(clientId, lines.length === 0 ? {} : { permissions: permissionsOf(...lines) });
    peer.subscribe(['$share/g/#', 2]);
    return peer;
  };

  test('a shared group selects members that may receive the topic', () => {
    const core = new CoreHarness();
    const a = member(core, 'a', 'allow receive a/#');
    const b = member(core, 'b', 'allow receive b/#');
    const publisher = core.connect('publisher');
    core.lines();
    for (const topic of ['a/1', 'a/2', 'b/1', 'a/3']) publisher.publish(topic, topic, 1);
    const lines = core.lines();
    expect(lines.filter((line) => line.includes('< publish')).map((line) => line.split('=')[0])).toEqual([
      `${a.id} < publish a/1`,
      `${a.id} < publish a/2`,
      `${b.id} < publish b/1`,
      `${a.id} < publish a/3`,
    ]);
  });

  test.each([0, 1] as const)(
    'a shared group drops a message at QoS %i that no member may receive, and delivers the next one',
    (qos) => {
      const core = new CoreHarness();
      const a = member(core, 'a', 'allow receive a/#');
      const publisher = core.connect('publisher');
      core.lines();
      publisher.publish('c', 'x', qos);
      publisher.publish('a/1', 'y', qos);
      expect(topicsHeard(core, a)).toEqual(['a/1']);
      expect(core.broker.counters.dropped).toMatchObject({ 'not-authorized': 1, 'client-offline': 0 });
      expect(core.storedIn(GROUP)).toEqual([]);
    },
  );

  test('messages for a busy member do not delay others in the group', () => {
    const core = new CoreHarness({ maxInflight: 1 });
    const a = member(core, 'a', 'allow receive a/#');
    const b = member(core, 'b', 'allow receive b/#');
    const publisher = core.connect('publisher');
    core.lines();
    for (const topic of ['a/1', 'a/2', 'b/1']) publisher.publish(topic, topic, 1);
    expect(topicsHeard(core, b)).toEqual(['b/1']);
    a.puback(1);
    expect(topicsHeard(core, a)).toEqual(['a/2']);
  });

  test('a message that no connected member may receive is kept for an offline member', () => {
    const core = new CoreHarness();
    member(core, 'a', 'allow receive a/#');
    member(core, 'b', 'allow receive b/#').lose();
    core.connect('publisher').publish('b/1', 'x', 1);
    core.lines();
    const b = core.connectStored('b', { permissions: permissionsOf('allow receive b/#') });
    expect(topicsHeard(core, b)).toEqual(['b/1']);
  });

  test('after a change of rules waiting messages go to members that may now receive them', () => {
    const core = new CoreHarness({ maxInflight: 1 });
    const a = member(core, 'a');
    const b = member(core, 'b');
    const publisher = core.connect('publisher');
    for (const topic of ['x/1', 'x/2', 'x/3', 'x/4']) publisher.publish(topic, topic, 1);
    core.lines();
    a.permit(NOTHING);
    b.puback(1);
    b.puback(2);
    const heard = core.heard(b).flatMap((line) => /^publish (\S+)=/.exec(line)?.[1] ?? []);
    expect(heard).toEqual(['x/3', 'x/4']);
    b.permit(NOTHING);
    expect(core.storedIn(GROUP)).toEqual([]);
  });
});

describe('changed permissions', () => {
  test('changed permissions apply to publishing and subscribing, and leave existing subscriptions', () => {
    const core = new CoreHarness();
    const reader = core.connectStored('reader', { permissions: permissionsOf('allow publish,receive a') });
    reader.subscribe(['a', 0], ['b', 0]);
    expect(core.heard(reader)).toContainEqual(expect.stringMatching(/^suback \d+ 0,128$/));
    reader.permit(permissionsOf('allow publish,receive b'));
    const publisher = core.connect('publisher');
    core.lines();
    publisher.publish('a', 'x', 0);
    expect(topicsHeard(core, reader)).toEqual([]);
    reader.subscribe(['b', 0]);
    publisher.publish('b', 'x', 0);
    reader.permit(ALLOW_ALL);
    publisher.publish('a', 'x', 0);
    expect(topicsHeard(core, reader)).toEqual(['b', 'a']);
    reader.permit(permissionsOf('allow receive #'));
    reader.publish('a', 'x', 0);
    expect(core.lines()).toContain('! publish-denied reader a');
  });

  test('changed permissions have no effect on a connection that was not admitted', () => {
    const core = new CoreHarness();
    const peer = core.open();
    peer.connect('a');
    peer.permit(ALLOW_ALL);
    peer.allow(NOTHING);
    core.lines();
    peer.publish('t', 'x', 0);
    expect(core.lines()).toContain('! publish-denied a t');
  });

  test('changed permissions that deny the will keep it from being published', () => {
    const core = new CoreHarness();
    core.connect('watcher').subscribe(['#', 0]);
    const a = core.connectStored('a', { will: will('open/will', 'gone') });
    const b = core.connectStored('b', { will: will('open/will', 'gone') });
    core.lines();
    a.permit(NOTHING);
    b.permit(OPEN);
    a.lose();
    expect(core.lines()).toEqual(expect.arrayContaining(['! publish-denied a open/will', '-will a']));
    b.lose();
    expect(core.lines()).toContain('1 < publish open/will=gone q0');
  });
});
