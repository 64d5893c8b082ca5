// Shared subscriptions: which member gets a message, and what happens when a member leaves.
import { describe, expect, test } from '@jest/globals';
import { CoreHarness } from '../../../support/core-harness.js';
import type { ConnectOptions, CorePeer } from '../../../support/core-harness.js';
import type { QueueId, TopicFilter } from '../../../../src/domain/identifiers.js';

const GROUP = 'g:g/t' as QueueId;

function member(core: CoreHarness, clientId: string, qos: 0 | 1 | 2 = 2, options: ConnectOptions = {}): CorePeer {
  const peer = core.connect(clientId, options);
  peer.subscribe(['$share/g/t', qos]);
  return peer;
}

const publishAll = (publisher: CorePeer, names: string, qos: 0 | 1 | 2 = 1): void => {
  for (const name of names) publisher.publish('t', name, qos);
};

/** Which member got which payload since the last call: `1:a 2:b`. */
const given = (core: CoreHarness): string =>
  core
    .lines()
    .flatMap((line) => {
      const match = /^(\d+) < publish t=(\S+)/.exec(line);
      return match === null ? [] : [`${match[1]}:${match[2]}`];
    })
    .join(' ');

describe('a shared group', () => {
  test('a shared group gives each message to one member, in turn', () => {
    const core = new CoreHarness();
    member(core, 'a');
    member(core, 'b');
    member(core, 'c');
    const publisher = core.connect('publisher');
    core.lines();
    publishAll(publisher, 'uvwxyz');
    expect(given(core)).toBe('1:u 2:v 3:w 1:x 2:y 3:z');
  });

  test('a shared group takes turns at QoS 0 and 2 as well, at the QoS granted to the member', () => {
    const core = new CoreHarness();
    const a = member(core, 'a', 0);
    const b = member(core, 'b', 1);
    const publisher = core.connect('publisher');
    core.lines();
    publishAll(publisher, 'xy', 2);
    expect(core.lines().filter((line) => line.includes('publish'))).toEqual([
      `${a.id} < publish t=x q0`,
      `${b.id} < publish t=y q1 id1`,
    ]);
    publishAll(publisher, 'z', 0);
    expect(given(core)).toBe('1:z');
  });

  test('a shared group is independent of plain subscriptions and of other groups', () => {
    const core = new CoreHarness();
    member(core, 'a');
    core.connect('b').subscribe(['$share/h/+', 1]);
    core.connect('c').subscribe(['t', 1]);
    const publisher = core.connect('publisher');
    core.lines();
    publishAll(publisher, 'x');
    expect(given(core).split(' ').sort()).toEqual(['1:x', '2:x', '3:x']);
  });

  test('a message within one step reaches every group, however many members the groups before it have', () => {
    const core = new CoreHarness();
    for (let i = 0; i < 600; i++) member(core, `member ${i}`);
    const other = core.connect('other');
    other.subscribe(['$share/h/t', 1]);
    const publisher = core.connect('publisher');
    core.lines();
    publishAll(publisher, 'x');
    expect(given(core).split(' ')).toEqual(['1:x', `${other.id}:x`]);
  });

  test('a shared group skips a member whose window is full', () => {
    const core = new CoreHarness({ maxInflight: 1 });
    member(core, 'a');
    const b = member(core, 'b');
    const publisher = core.connect('publisher');
    publishAll(publisher, 'uv');
    core.lines();
    b.puback(1);
    publishAll(publisher, 'w');
    expect(given(core)).toBe('2:w');
  });

  test('a shared group skips a member that does not read', () => {
    const core = new CoreHarness();
    const a = member(core, 'a');
    member(core, 'b');
    const publisher = core.connect('publisher');
    publishAll(publisher, 'uv');
    core.lines();
    a.congested();
    publishAll(publisher, 'wx');
    publishAll(publisher, 'y', 0);
    expect(given(core)).toBe('2:w 2:x 2:y');
  });

  test('a shared group skips a member that does not read, even before that member ever got a message', () => {
    const core = new CoreHarness();
    const a = member(core, 'a');
    member(core, 'b');
    const publisher = core.connect('publisher');
    core.lines();
    a.congested();
    publishAll(publisher, 'wx');
    expect(given(core)).toBe('2:w 2:x');
  });

  test('a shared group queues what no member can take, and assigns it in order when there is capacity', () => {
    const core = new CoreHarness({ maxInflight: 1 });
    const a = member(core, 'a');
    const publisher = core.connect('publisher');
    core.lines();
    publishAll(publisher, 'xyz');
    expect(given(core)).toBe('1:x');
    a.puback(1);
    a.puback(2);
    expect(given(core)).toBe('1:y 1:z');
    a.puback(3);
    expect(core.waiting).toBe(0);
  });

  test('a shared group assigns waiting messages to a member that joins, each once', () => {
    const core = new CoreHarness({ maxInflight: 1 });
    const a = member(core, 'a');
    const publisher = core.connect('publisher');
    publishAll(publisher, 'xyz');
    core.lines();
    const c = member(core, 'c');
    expect(given(core)).toBe(`${c.id}:y`);
    a.puback(1);
    expect(given(core)).toBe(`${a.id}:z`);
    c.puback(1);
    a.puback(2);
    expect(given(core)).toBe('');
    expect(core.waiting).toBe(0);
  });

  test('a shared group assigns waiting messages to a member with capacity, each once and in order', () => {
    const core = new CoreHarness({ maxInflight: 2 });
    const a = member(core, 'a');
    const publisher = core.connect('publisher');
    publishAll(publisher, 'uvwxyz');
    core.lines();
    const c = member(core, 'c');
    expect(given(core)).toBe(`${c.id}:w ${c.id}:x`);
    a.puback(1, 2);
    c.puback(1, 2);
    expect(given(core)).toBe('1:y 1:z');
  });

  test('a shared group assigns waiting messages to a QoS 0 member once it reads again', () => {
    const core = new CoreHarness();
    const a = member(core, 'a', 0);
    const publisher = core.connect('publisher');
    core.lines();
    a.congested();
    publishAll(publisher, 'x');
    expect(given(core)).toBe('');
    a.writable();
    expect(given(core)).toBe('1:x');
    expect(core.waiting).toBe(0);
  });

  test('a shared group reassigns the QoS 1 messages of a leaving member and keeps its QoS 2 messages for it', () => {
    const core = new CoreHarness();
    const a = member(core, 'a', 2, { clean: false });
    member(core, 'b', 2, { clean: false });
    const publisher = core.connect('publisher');
    publishAll(publisher, 'uv', 1);
    publishAll(publisher, 'w', 2);
    core.lines();
    a.lose();
    expect(given(core)).toBe('2:u');
    expect(core.stored('a')).toEqual(['w']);
    expect(core.stored('b')).toEqual(['v', 'u']);
    expect(core.waiting).toBe(3);
  });

  test('a shared group leaves its messages with a stored member that disconnects if there is no other', () => {
    const core = new CoreHarness();
    const a = member(core, 'a', 2, { clean: false });
    const publisher = core.connect('publisher');
    publishAll(publisher, 'xy');
    a.lose();
    expect(core.stored('a')).toEqual(['x', 'y']);
    core.lines();
    const again = core.connectStored('a');
    expect(core.heard(again)).toEqual(['connack 0 present', 'publish t=x q1 id1 dup', 'publish t=y q1 id2 dup']);
  });

  test('a shared group queues QoS 1 and 2 for offline members, in storage if one of them is stored', () => {
    const core = new CoreHarness();
    const a = member(core, 'a', 2, { clean: false });
    a.lose();
    const publisher = core.connect('publisher');
    publishAll(publisher, 'x', 1);
    publishAll(publisher, 'y', 2);
    expect(core.storedIn(GROUP)).toEqual(['x', 'y']);
    core.lines();
    const again = core.connectStored('a');
    expect(core.heard(again)).toEqual(['connack 0 present', 'publish t=x q1 id1', 'publish t=y q2 id2']);
    expect(core.storedIn(GROUP)).toEqual([]);
    expect(core.stored('a')).toEqual(['x', 'y']);
  });

  test('a shared group assigns waiting messages to the first member that returns, also after a restart, each once', () => {
    const core = new CoreHarness({ maxInflight: 2 });
    const a = member(core, 'a', 1, { clean: false });
    const b = member(core, 'b', 1, { clean: false });
    a.lose();
    b.lose();
    publishAll(core.connect('publisher'), 'vwxyz');
    const next = core.restarted();
    expect(next.waiting).toBe(5);
    const back = next.connectStored('b');
    expect(given(next)).toBe('1:v 1:w');
    back.puback(1);
    expect(given(next)).toBe('1:x');
    next.connectStored('a');
    expect(given(next)).toBe('2:y 2:z');
    expect(next.storedIn(GROUP)).toEqual([]);
    expect(next.waiting).toBe(4);
  });

  test('a shared group without connected members keeps nothing in memory of a stored queue, also after a restart', () => {
    const core = new CoreHarness();
    member(core, 'a', 1, { clean: false });
    const next = core.restarted();
    publishAll(next.connect('publisher'), 'x');
    const queue = next.store.queues.get(GROUP);
    for (const [seq, entry] of queue ?? [])
      queue?.set(seq, { ...entry, message: { ...entry.message, payload: Buffer.from('from-storage') } });
    next.lines();
    next.connectStored('a');
    expect(given(next)).toBe('2:from-storage');
  });

  test("a shared group reassigns a stored member's messages in flight when that member's session ends", () => {
    const core = new CoreHarness();
    const a = member(core, 'a', 1, { clean: false });
    const publisher = core.connect('publisher');
    publishAll(publisher, 'xy');
    const b = member(core, 'b', 1, { clean: false });
    b.lose();
    a.lose();
    core.lines();
    core.connect('a', { clean: true });
    core.connectStored('b');
    expect(given(core)).toMatch(/^\d+:x \d+:y$/);
  });

  test('a shared group drops a QoS 0 message that no member can take, counted', () => {
    const core = new CoreHarness();
    const a = member(core, 'a', 2, { clean: false });
    a.lose();
    const publisher = core.connect('publisher');
    core.lines();
    publishAll(publisher, 'x', 0);
    expect(core.lines()).toEqual(['! client-offline g:g/t t']);
    expect(core.waiting).toBe(0);
  });

  test('a shared group stores its waiting messages when the first stored member joins', () => {
    const core = new CoreHarness({ maxInflight: 1 });
    member(core, 'a');
    const publisher = core.connect('publisher');
    publishAll(publisher, 'xyz');
    expect(core.storedIn(GROUP)).toEqual([]);
    const b = member(core, 'b', 1, { clean: false });
    expect(core.stored('b')).toEqual(['y']);
    expect(core.storedIn(GROUP)).toEqual(['z']);
    b.puback(1);
    expect(core.stored('b')).toEqual(['z']);
    expect(core.waiting).toBe(2);
  });

  test('a shared group drops and counts its waiting messages when its last member leaves, and starts empty again', () => {
    const core = new CoreHarness({ maxInflight: 1 });
    const a = member(core, 'a', 1, { clean: false });
    const publisher = core.connect('publisher');
    publishAll(publisher, 'xyz');
    a.unsubscribe('$share/g/t');
    expect(core.storedIn(GROUP)).toEqual([]);
    expect(core.broker.counters.dropped['session-ended']).toBe(2);
    expect(core.stored('a')).toEqual(['x']);
    core.lines();
    publishAll(publisher, 'v');
    expect(given(core)).toBe('');
    a.puback(1);
    a.subscribe(['$share/g/t', 1]);
    publishAll(publisher, 'w');
    expect(given(core)).toBe('1:w');
    expect(core.waiting).toBe(1);
  });

  test('a shared group without stored members ends at a crash, and a later group of its name does not find its messages', () => {
    const core = new CoreHarness({ maxInflight: 1 });
    member(core, 'stored', 1, { clean: false });
    member(core, 'a').lose();
    const b = member(core, 'b');
    core.connectStored('stored').unsubscribe('$share/g/t');
    publishAll(core.connect('publisher'), 'xyz');
    expect(core.storedIn(GROUP)).toEqual(['x', 'y', 'z']);
    expect(b).toBeDefined();
    const next = core.restarted();
    expect(next.storedIn(GROUP)).toEqual([]);
    expect(next.waiting).toBe(0);
    expect(next.broker.counters.dropped['session-ended']).toBe(3);
    const again = member(next, 'stored', 1, { clean: false });
    again.lose();
    publishAll(next.connect('publisher'), 'n');
    next.lines();
    next.connectStored('stored');
    expect(given(next)).toBe('3:n');
  });

  test('a shared group without members takes no message back', () => {
    const core = new CoreHarness();
    const a = member(core, 'a');
    publishAll(core.connect('publisher'), 'x');
    a.unsubscribe('$share/g/t');
    a.lose();
    expect(core.waiting).toBe(0);
    expect(core.broker.counters.dropped['session-ended']).toBe(1);
  });

  test('a shared group keeps its waiting messages when a member subscribes again', () => {
    const core = new CoreHarness({ maxInflight: 1 });
    const a = member(core, 'a');
    const publisher = core.connect('publisher');
    publishAll(publisher, 'xy');
    a.subscribe(['$share/g/t', 0]);
    core.lines();
    publishAll(publisher, 'z');
    a.puback(1);
    expect(core.waiting).toBe(0);
    expect(core.broker.counters.dropped['session-ended']).toBe(0);
  });

  test('a shared group reassigns the messages of a member that is not stored, or drops them with the last member', () => {
    const core = new CoreHarness();
    const a = member(core, 'a');
    const b = member(core, 'b');
    const publisher = core.connect('publisher');
    publishAll(publisher, 'xy');
    core.lines();
    a.lose();
    expect(given(core)).toBe('2:x');
    b.lose();
    expect(core.waiting).toBe(0);
    expect(core.broker.counters.dropped['session-ended']).toBe(2);
  });

  test('a shared group reassigns the messages of a member that is not stored to an offline stored member', () => {
    const core = new CoreHarness();
    const a = member(core, 'a', 1, { clean: false });
    a.lose();
    const b = member(core, 'b');
    const publisher = core.connect('publisher');
    publishAll(publisher, 'xy');
    b.lose();
    expect(core.storedIn(GROUP)).toEqual(['x', 'y']);
    core.lines();
    core.connectStored('a');
    expect(given(core)).toBe('4:x 4:y');
    expect(core.waiting).toBe(2);
  });

  test('a message reserved for a member that is not stored goes to another member after a crash', () => {
    const core = new CoreHarness();
    member(core, 'a', 1, { clean: false }).lose();
    const b = member(core, 'b');
    publishAll(core.connect('publisher'), 'xyz');
    expect(given(core)).toBe('2:x 2:y 2:z');
    expect(core.storedIn(GROUP)).toEqual(['x', 'y', 'z']);
    b.puback(2);
    expect(core.storedIn(GROUP)).toEqual(['x', 'z']);
    const next = core.restarted();
    next.connectStored('a');
    expect(given(next)).toBe('1:x 1:z');
  });

  test('nothing is left of reserved messages that were acknowledged, in any order', () => {
    const core = new CoreHarness();
    member(core, 'a', 1, { clean: false }).lose();
    const members = [member(core, 'b'), member(core, 'c')] as const;
    publishAll(core.connect('publisher'), 'vwxyz');
    expect(given(core)).toBe('2:v 3:w 2:x 3:y 2:z');
    members[1].puback(2);
    members[0].puback(3);
    members[0].puback(1);
    members[1].puback(1);
    expect(core.storedIn(GROUP)).toEqual(['x']);
    members[0].puback(2);
    expect(core.storedIn(GROUP)).toEqual([]);
    expect(core.waiting).toBe(0);
    expect(core.store.oddities).toEqual([]);
  });

  test('a QoS 2 message is not reserved: once sent to a member it may go to no other [MQTT5-4.8.2-5]', () => {
    const core = new CoreHarness();
    member(core, 'a', 2, { clean: false }).lose();
    member(core, 'b', 2);
    core.connect('publisher').publish('t', 'x', 2);
    expect(given(core)).toBe('2:x');
    expect(core.storedIn(GROUP)).toEqual([]);
  });

  test('reservations end with the last member, and a late acknowledgement does not affect a later group of that name', () => {
    const core = new CoreHarness();
    const a = member(core, 'a', 1, { clean: false });
    a.lose();
    const b = member(core, 'b');
    const publisher = core.connect('publisher');
    publishAll(publisher, 'x');
    b.unsubscribe('$share/g/t');
    core.connectStored('a').unsubscribe('$share/g/t');
    expect(core.storedIn(GROUP)).toEqual([]);
    member(core, 'c', 1, { clean: false }).lose();
    publishAll(publisher, 'y');
    expect(core.storedIn(GROUP)).toEqual(['y']);
    b.puback(1);
    expect(core.storedIn(GROUP)).toEqual(['y']);
    expect(core.waiting).toBe(1);
  });

  test('a message reserved for a member that has unsubscribed goes to no member that returns meanwhile', () => {
    const core = new CoreHarness();
    member(core, 'a', 1, { clean: false }).lose();
    const b = member(core, 'b');
    publishAll(core.connect('publisher'), 'xyz');
    b.unsubscribe('$share/g/t');
    b.puback(1);
    expect(core.storedIn(GROUP)).toEqual(['y', 'z']);
    core.lines();
    core.connectStored('a');
    expect(given(core)).toBe('');
    b.puback(2);
    b.puback(3);
    expect(core.storedIn(GROUP)).toEqual([]);
    expect(core.waiting).toBe(0);
    expect(core.store.oddities).toEqual([]);
  });

  test('the policy for a full queue drops no message that is reserved for a member that has unsubscribed', () => {
    const core = new CoreHarness({ maxQueueSize: 1, queueFullPolicy: 'discard-oldest' });
    member(core, 'a', 1, { clean: false }).lose();
    const b = member(core, 'b');
    const publisher = core.connect('publisher');
    publishAll(publisher, 'xyz');
    b.unsubscribe('$share/g/t');
    b.puback(1);
    publishAll(publisher, 'vw');
    expect(core.storedIn(GROUP)).toEqual(['y', 'z', 'w']);
    b.puback(2);
    b.puback(3);
    expect(core.storedIn(GROUP)).toEqual(['w']);
    expect(core.waiting).toBe(1);
    expect(core.store.oddities).toEqual([]);
  });

  test('a QoS 2 message that waits, never sent, for a member that is not stored goes to another member when it leaves', () => {
    const core = new CoreHarness({ maxInflight: 1 });
    const b = member(core, 'b', 2);
    const c = member(core, 'c', 2);
    const publisher = core.connect('publisher');
    for (const payload of ['x', 'y']) publisher.publish('t', payload, 2);
    b.permit({
      kind: 'rules',
      rules: [{ effect: 'deny', actions: ['receive'], topicFilter: 't' as TopicFilter, source: 'test' }],
      defaultEffect: 'allow',
    });
    publisher.publish('t', 'z', 2);
    expect(core.waiting).toBe(3);
    core.lines();
    const d = member(core, 'd', 2);
    c.lose();
    expect(given(core)).toBe(`${d.id}:z`);
  });

  test('a QoS 2 message that has not left yet goes to another member when a member that is not stored leaves', () => {
    const core = new CoreHarness();
    const b = member(core, 'b', 2);
    const publisher = core.connect('publisher', { clean: false });
    core.recorder.released = 0;
    publisher.publish('t', 'x', 2);
    expect(given(core)).toBe(`${b.id}:x`);
    member(core, 'c', 2, { clean: false }).lose();
    b.lose();
    expect(core.storedIn(GROUP)).toEqual(['x']);
    core.connectStored('c');
    expect(given(core)).toMatch(/^\d+:x$/);
  });

  test('a QoS 2 message that has left goes to no other member', () => {
    const core = new CoreHarness();
    const b = member(core, 'b', 2);
    core.connect('publisher', { clean: false }).publish('t', 'x', 2);
    member(core, 'c', 2, { clean: false }).lose();
    b.lose();
    expect(core.storedIn(GROUP)).toEqual([]);
  });

  test("a QoS 2 message that waited in memory is sent once the publisher's Packet Identifier is stored", () => {
    const core = new CoreHarness({ maxInflight: 1 });
    const b = member(core, 'b');
    const publisher = core.connect('publisher', { clean: false });
    for (const payload of ['x', 'y', 'z']) publisher.publish('t', payload, 2);
    core.lines();
    b.pubrec(1);
    b.pubcomp(1);
    expect(core.lines()).toContain(`${b.id} < publish t=y q2 id2 after an earlier change`);
    const c = member(core, 'c');
    expect(core.lines()).toContain(`${c.id} < publish t=z q2 id1 after an earlier change`);
  });

  test("a QoS 2 message that a member returns unsent is sent once the publisher's Packet Identifier is stored", () => {
    const core = new CoreHarness({ maxInflight: 1 });
    const b = member(core, 'b');
    const c = member(core, 'c');
    const publisher = core.connect('publisher', { clean: false });
    for (const payload of ['x', 'y']) publisher.publish('t', payload, 2);
    // What not all members may receive waits with one that may.
    c.permit({
      kind: 'rules',
      rules: [{ effect: 'deny', actions: ['receive'], topicFilter: 't' as TopicFilter, source: 'test' }],
      defaultEffect: 'allow',
    });
    publisher.publish('t', 'z', 2);
    const d = member(core, 'd');
    core.lines();
    b.lose();
    expect(core.lines()).toContain(`${d.id} < publish t=z q2 id1 after an earlier change`);
  });

  test('a shared group drops messages by the policy when too many wait', () => {
    for (const [queueFullPolicy, left] of [
      ['discard', ['v', 'w']],
      ['discard-oldest', ['y', 'z']],
    ] as const) {
      const core = new CoreHarness({ maxQueueSize: 2, queueFullPolicy });
      const a = member(core, 'a', 1, { clean: false });
      a.lose();
      publishAll(core.connect('publisher'), 'vwxyz');
      expect(core.storedIn(GROUP)).toEqual(left);
      expect(core.store.oddities).toEqual([]);
      expect(core.waiting).toBe(2);
      core.lines();
      core.connectStored('a');
      expect(given(core)).toBe(left.map((name) => `3:${name}`).join(' '));
    }
  });

  test('a shared group reads its queue a page at a time and assigns each message once, in order', () => {
    const core = new CoreHarness({ maxInflight: 10 });
    const a = member(core, 'a', 1, { clean: false });
    a.lose();
    const publisher = core.connect('publisher');
    const got: string[] = [];
    const inFlight: number[] = [];
    core.recorder.watchers.push({
      delivered: ({ message, packetId }) => {
        got.push(Buffer.from(message.payload).toString());
        inFlight.push(packetId);
      },
    });
    for (let i = 0; i < 3000; i++) publisher.publish('t', String(i));
    const again = core.connectStored('a');
    for (let packetId = inFlight.shift(); packetId !== undefined; packetId = inFlight.shift()) again.puback(packetId);
    expect(got).toEqual(Array.from({ length: 3000 }, (_, i) => String(i)));
    expect(core.storedIn(GROUP)).toEqual([]);
    expect(core.stored('a')).toEqual([]);
    expect(core.waiting).toBe(0);
  });

  test('joining a shared group brings no retained messages', () => {
    const core = new CoreHarness();
    core.connect('publisher').publish('t', 'x', 1, { retain: true });
    core.lines();
    member(core, 'a');
    expect(given(core)).toBe('');
  });

  test('a shared group does not take a page that was read for a group of the same name that has ended', () => {
    const core = new CoreHarness({ maxInflight: 1 });
    const publisher = core.connect('publisher');
    const a = member(core, 'a', 1, { clean: false });
    a.lose();
    publishAll(publisher, 'uvw');
    core.answersAtOnce = false;
    const again = core.connectStored('a');
    const [early] = core.recorder.queueReads.splice(0);
    if (early === undefined) throw new Error('nothing was asked for');
    const page = core.store.readQueue(early.queue, early.from, early.limit);
    again.unsubscribe('$share/g/t');
    again.subscribe(['$share/g/t', 1]);
    again.lose();
    publishAll(publisher, 'x');
    core.connectStored('a');
    core.lines();
    core.handle({ kind: 'queue-page', queue: early.queue, request: early.request, entries: page });
    core.answerAll();
    expect(given(core)).toBe('4:x');
  });
});
