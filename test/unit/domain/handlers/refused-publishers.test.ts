// Full queues that refuse: what would not be stored is not acknowledged.
import { describe, expect, jest, test } from '@jest/globals';
import { CoreHarness, pair, will } from '../../../support/core-harness.js';
import type { CorePeer } from '../../../support/core-harness.js';
import type { Limits } from '../../../../src/domain/limits.js';
import { UserProperties } from '../../../../src/protocol/user-properties.js';
import { Session } from '../../../../src/domain/session/session.js';

const LIMITS: Partial<Limits> = { maxQueueSize: 2, queueFullPolicy: 'refuse', fullQueueTimeoutMs: 5000 };

/** A stored client that is away, with a full queue, and a publisher. */
function full(limits: Partial<Limits> = {}): { core: CoreHarness; publisher: CorePeer } {
  const { core, a, publisher } = pair({ ...LIMITS, ...limits });
  a.lose();
  publisher.publish('t', '1');
  publisher.publish('t', '2');
  core.lines();
  return { core, publisher };
}

const endReasons = (core: CoreHarness): string[] =>
  core.recorder.events.flatMap((event) => (event.kind === 'connection-ended' ? [event.reason] : []));

describe('a full queue that refuses', () => {
  test('a message for which there is no room is not acknowledged, not stored and not dropped', () => {
    const { core, publisher } = full();
    publisher.publish('t', '3', 1, { packetId: 9 });
    expect(core.lines()).toEqual([]);
    expect(core.stored('a')).toEqual(['1', '2']);
    expect(core.broker.counters.dropped['queue-full']).toBe(0);
    expect(core.broker.counters.accepted).toBe(2);
  });

  test('the message is accepted when there is room, before what its publisher has sent after it', () => {
    const { core, publisher } = full();
    publisher.publish('t', '3', 1, { packetId: 8 });
    publisher.publish('elsewhere', 'x', 1, { packetId: 9 });
    const a = core.connectStored('a');
    core.finish();
    expect(core.heard(publisher)).toEqual(['puback 8', 'puback 9']);
    a.puback(1, 2, 3);
    expect(core.waiting).toBe(0);
  });

  test('a publisher that has waited too long is disconnected, and nothing of its message remains', () => {
    const { core, publisher } = full();
    publisher.publish('t', '3', 1, { retain: true });
    core.advance(4900);
    expect(endReasons(core)).toEqual(['connection-lost']);
    core.advance(600);
    expect(endReasons(core)).toEqual(['connection-lost', 'queue-full']);
    expect(core.broker.retainedCount).toBe(0);
    expect(core.stored('a')).toEqual(['1', '2']);
  });

  test('a repeat with DUP on the next connection is a new message', () => {
    const { core, publisher } = full();
    publisher.publish('t', '3', 2, { packetId: 9 });
    publisher.lose();
    const again = core.connect('publisher');
    again.publish('t', '3', 2, { packetId: 9, dup: true });
    expect(core.heard(again)).toEqual(['connack 0']);
    core.connectStored('a');
    core.finish();
    expect(core.heard(again)).toEqual(['pubrec 9']);
    expect(core.broker.counters.accepted).toBe(3);
  });

  test('of several recipients none gets a message that one of them has no room for', () => {
    const { core, publisher } = full();
    const other = core.connectStored('b');
    other.subscribe(['t', 1]);
    core.lines();
    publisher.publish('t', '3', 1, { packetId: 9 });
    expect(core.lines()).toEqual([]);
    core.connectStored('a');
    core.finish();
    expect(core.stored('b')).toEqual(['3']);
  });

  test('a recipient that is gone, unsubscribed or has no right to the message is waited for no longer', () => {
    const { core, publisher } = full();
    publisher.publish('t', '3', 1, { packetId: 9 });
    core.command({ kind: 'delete-session', clientId: 'a' });
    core.advance(600);
    expect(core.heard(publisher)).toEqual(['puback 9']);
  });

  test('a QoS 0 message is not refused: it goes to no queue', () => {
    const { core, publisher } = full();
    publisher.publish('t', '3', 0);
    expect(core.broker.counters.dropped['client-offline']).toBe(1);
    publisher.ping();
    expect(core.heard(publisher)).toEqual(['pingresp']);
  });

  test('a message for a shared group waits for room in the queue of the group', () => {
    const core = new CoreHarness(LIMITS);
    const a = core.connectStored('a');
    a.subscribe(['$share/g/t', 1]);
    a.lose();
    const publisher = core.connect('publisher');
    for (const id of [1, 2, 3]) publisher.publish('t', String(id), 1, { packetId: id });
    expect(core.heard(publisher)).toEqual(['connack 0', 'puback 1', 'puback 2']);
    core.connectStored('a');
    core.finish();
    expect(core.heard(publisher)).toEqual(['puback 3']);
  });

  test('a message that goes back to a full group is not dropped', () => {
    const core = new CoreHarness({ ...LIMITS, maxInflight: 2 });
    const [a, b] = ['a', 'b'].map((name) => core.connectStored(name)) as [CorePeer, CorePeer];
    a.subscribe(['$share/g/t', 1]);
    const publisher = core.connect('publisher');
    for (const id of [1, 2, 3, 4]) publisher.publish('t', String(id), 1, { packetId: id });
    b.subscribe(['$share/g/t', 1]);
    b.lose();
    a.lose();
    expect(core.broker.counters.dropped['queue-full']).toBe(0);
    expect(core.waiting).toBe(4);
  });

  test('properties count for the room of a session that is not stored', () => {
    const core = new CoreHarness({ ...LIMITS, maxQueueSize: 100, maxInflight: 1, maxTransientQueueBytes: 1000 });
    core.connect('a', { version: 5 }).subscribe(['t', 1]);
    const publisher = core.connect('publisher', { version: 5 });
    publisher.publish('t', 'sent', 1, { packetId: 1 });
    publisher.publish('t', 'waits', 1, { packetId: 2 });
    const userProperties = UserProperties.of([['name', 'x'.repeat(800)]]);
    publisher.publish('t', 'has no room', 1, { packetId: 3, properties: { userProperties } });
    expect(core.heard(publisher).slice(-2)).toEqual(['puback 2', 'puback 3 0x97']);
    // Refused before anything of it was accepted.
    expect(core.broker.counters.accepted).toBe(2);
    expect(core.broker.counters.dropped['queue-bytes-full']).toBe(0);
  });

  test('a will for which there is no room is dropped for that recipient and counted: no publisher could wait with it', () => {
    const { core } = full();
    core.connect('w', { will: will('t', 'gone', { qos: 1 }) }).lose();
    expect(core.stored('a')).toEqual(['1', '2']);
    expect(core.broker.counters.dropped['queue-full']).toBe(1);
  });

  test("an operator's message for which there is no room is refused, and nothing of it remains", () => {
    const { core } = full();
    const message = { topic: 't', payload: Buffer.from('x'), qos: 1, retain: true, properties: undefined } as const;
    expect(core.command({ kind: 'publish', message })).toEqual({
      result: 'refused',
      detail: 'no room in the queue c:a',
    });
    expect(core.broker.retainedCount).toBe(0);
  });

  test('DISCONNECT behind a refused message ends the connection, and what was not acknowledged is not accepted', () => {
    const { core, publisher } = full();
    publisher.publish('t', '3', 1);
    publisher.publish('elsewhere', 'x', 1);
    publisher.disconnect();
    expect(endReasons(core)).toEqual(['connection-lost', 'client-disconnect']);
    expect(core.broker.counters.accepted).toBe(2);
  });

  test('clients that publish to each other and are both full go on, because their acknowledgements are handled', () => {
    const core = new CoreHarness({ ...LIMITS, maxInflight: 1 });
    const a = core.connectStored('a');
    const b = core.connectStored('b');
    a.subscribe(['to/a', 1]);
    b.subscribe(['to/b', 1]);
    for (let id = 1; id <= 10; id++) {
      a.publish('to/b', String(id), 1, { packetId: id });
      b.publish('to/a', String(id), 1, { packetId: id });
    }
    for (let id = 1; id <= 10; id++) {
      a.puback(id);
      b.puback(id);
    }
    expect(core.broker.counters.delivered).toBe(20);
    expect(endReasons(core)).toEqual([]);
  });

  test('a message that is published in slices is refused before anything of it is recorded, and tried again', () => {
    const core = new CoreHarness({ ...LIMITS, maxQueueSize: 1 }, undefined, undefined, 2);
    for (const name of ['a', 'b', 'c']) {
      const peer = core.connectStored(name);
      peer.subscribe(['t', 1]);
      peer.lose();
    }
    const publisher = core.connect('publisher');
    publisher.publish('t', '1', 2, { packetId: 1 });
    publisher.publish('t', '2', 2, { packetId: 2, retain: true });
    publisher.publish('t', '3', 2, { packetId: 3 });
    expect(core.heard(publisher)).toEqual(['connack 0', 'pubrec 1']);
    expect(core.broker.retainedCount).toBe(0);
    for (const name of ['a', 'b', 'c']) core.connectStored(name).puback(1, 2);
    core.advance(600);
    expect(core.heard(publisher)).toEqual(['pubrec 2', 'pubrec 3']);
    expect(core.broker.counters.dropped['queue-full']).toBe(0);
  });
});

describe('a message to very many recipients', () => {
  /** Slices of two; the last of nine subscribers, all away, has room for `room` messages. */
  function crowd(room: number): { core: CoreHarness; publisher: CorePeer } {
    const core = new CoreHarness(LIMITS, undefined, undefined, 2);
    const publisher = core.connect('publisher');
    for (let i = 1; i <= 9; i++) {
      const peer = core.connectStored(`c${i}`);
      peer.subscribe(['t', 1], [`own/${i}`, 1]);
      peer.lose();
    }
    for (let i = room; i < 2; i++) publisher.publish('own/9', 'x');
    core.lines();
    core.finishesAtOnce = false;
    return { core, publisher };
  }

  test('the message is checked for room two recipients a step before anything of it is recorded', () => {
    const { core, publisher } = crowd(1);
    const asked = jest.spyOn(Session.prototype, 'fullFor');
    try {
      publisher.publish('t', 'to all', 1, { packetId: 9 });
      const perStep: number[] = [];
      for (let before = 0; core.broker.hasWork; before = asked.mock.calls.length) {
        core.handle({ kind: 'continue' });
        perStep.push(asked.mock.calls.length - before);
      }
      expect(perStep.filter((count) => count > 0)).toEqual([2, 2, 2, 2, 1]);
    } finally {
      asked.mockRestore();
    }
    expect(core.heard(publisher)).toEqual(['puback 9']);
    expect(core.stored('c1')).toEqual(['to all']);
  });

  test('the message goes to none of them if the last one has no room', () => {
    const { core, publisher } = crowd(0);
    publisher.publish('t', 'to all', 1, { packetId: 9 });
    core.finish();
    expect(core.heard(publisher)).toEqual([]);
    expect(core.stored('c1')).toEqual([]);
    core.connectStored('c9').puback(1, 2);
    core.advance(600);
    core.finish();
    expect(core.heard(publisher)).toEqual(['puback 9']);
    expect(core.stored('c1')).toEqual(['to all']);
  });
});

describe('memory that is full', () => {
  const MEMORY: Partial<Limits> = {
    queueFullPolicy: 'refuse',
    maxInflight: 1,
    maxWaitingBytes: 20_000,
    fullQueueTimeoutMs: 5000,
  };

  /** A client without a stored session that acknowledges nothing, and what its publisher was acknowledged. */
  function filled(): { core: CoreHarness; laggard: CorePeer; publisher: CorePeer; acknowledged: number } {
    const core = new CoreHarness(MEMORY);
    const laggard = core.connect('laggard');
    laggard.subscribe(['t', 1]);
    const publisher = core.connect('publisher');
    core.lines();
    for (let i = 0; i < 100; i++) publisher.publish('t', String(i));
    return { core, laggard, publisher, acknowledged: core.heard(publisher).length };
  }

  test('a message that would wait in memory is refused, and nothing that was acknowledged is dropped for it', () => {
    const { core, laggard, publisher, acknowledged } = filled();
    expect(acknowledged).toBeGreaterThan(50);
    expect(acknowledged).toBeLessThan(80);
    expect(core.broker.counters.dropped['memory-full']).toBe(0);
    expect(endReasons(core)).toEqual([]);
    for (let id = 1; id <= 10; id++) laggard.puback(id);
    core.advance(600);
    core.finish();
    expect(core.heard(publisher).length).toBeGreaterThan(0);
  });

  test('a message for another client is not made room for by what the first one was promised', () => {
    const { core, acknowledged } = filled();
    const other = core.connect('other');
    other.subscribe(['u', 1]);
    const publisher = core.connect('another publisher');
    core.lines();
    publisher.publish('u', 'in flight', 1, { packetId: 1 });
    publisher.publish('u', 'waits', 1, { packetId: 2 });
    expect(core.heard(publisher)).toEqual(['puback 1']);
    expect(core.waiting).toBe(acknowledged + 1);
    other.puback(1);
    core.advance(600);
    expect(core.heard(publisher)).toEqual(['puback 2']);
    expect(core.broker.counters.dropped['memory-full']).toBe(0);
  });

  test.each([500, 7])(
    'a message for many is refused if they have room one by one and not together (%i a step)',
    (size) => {
      const core = new CoreHarness(MEMORY, undefined, undefined, size);
      const away: CorePeer[] = [];
      for (let i = 0; i < 60; i++) {
        const peer = core.connect(`c${i}`);
        peer.subscribe(['t', 1]);
        away.push(peer);
      }
      const publisher = core.connect('publisher');
      publisher.publish('t', 'in flight', 1, { packetId: 1 });
      core.lines();
      publisher.publish('t', 'x'.repeat(200), 1, { packetId: 2 });
      core.finish();
      expect(core.heard(publisher)).toEqual([]);
      expect(endReasons(core)).toEqual([]);
      expect(core.broker.heldBytes).toBe(60 * 160);
      for (const peer of away.slice(0, 50)) peer.puback(1);
      core.advance(600);
      core.finish();
      expect(core.heard(publisher)).toEqual(['puback 2']);
      expect(endReasons(core)).toEqual([]);
    },
  );

  test('a message for many is refused if the memory for stored queues has room for some of them only', () => {
    const core = new CoreHarness({ ...MEMORY, maxWaitingBytes: 1_000_000, maxStoredQueueBytes: 20_000 });
    for (let i = 0; i < 40; i++) {
      const peer = core.connectStored(`c${i}`);
      peer.subscribe(['t', 1]);
      peer.lose();
    }
    const publisher = core.connect('publisher');
    core.lines();
    publisher.publish('t', 'x'.repeat(200), 1, { packetId: 1 });
    expect(core.heard(publisher)).toEqual([]);
    publisher.publish('t', 'x', 1, { packetId: 2 });
    expect(core.waiting).toBe(0);
  });

  test('a message for a shared group whose member can take it waits nowhere, however large it is', () => {
    const core = new CoreHarness(MEMORY);
    const member = core.connect('member');
    member.subscribe(['$share/g/t', 1]);
    const publisher = core.connect('publisher');
    core.lines();
    publisher.publish('t', 'x'.repeat(18_000), 1, { packetId: 1 });
    publisher.publish('t', 'x'.repeat(18_000), 1, { packetId: 2 });
    expect(core.heard(publisher)).toEqual(['puback 1']);
    member.puback(1);
    core.advance(600);
    expect(core.heard(publisher)).toEqual(['puback 2']);
  });

  test('buffers of stored queues are forgotten before a shared group loses what was acknowledged', () => {
    const core = new CoreHarness(MEMORY);
    core.connect('member').subscribe(['$share/g/t', 1]);
    core.connectStored('stored').subscribe(['s', 1]);
    const publisher = core.connect('publisher');
    for (let i = 0; i < 40; i++) publisher.publish('t', 'x');
    for (let i = 0; i < 20; i++) publisher.publish('s', 'x');
    expect(core.waiting).toBe(60);
    // What cannot be refused.
    core.connect('deaf').congested(6000);
    expect(core.broker.counters.dropped['memory-full']).toBe(0);
    expect(core.broker.heldBytes).toBeLessThanOrEqual(20_000);
  });

  test('buffers of stored queues are forgotten before a message is refused', () => {
    const core = new CoreHarness(MEMORY);
    const stored = core.connectStored('stored');
    stored.subscribe(['s', 1]);
    const publisher = core.connect('publisher');
    for (let i = 0; i < 100; i++) publisher.publish('s', String(i));
    const laggard = core.connect('laggard');
    laggard.subscribe(['t', 1]);
    core.lines();
    for (let i = 0; i < 20; i++) publisher.publish('t', String(i));
    expect(core.heard(publisher)).toHaveLength(20);
    expect(core.waiting).toBe(120);
  });

  test('a client is disconnected, not its messages dropped one by one, for what cannot be refused', () => {
    const { core, laggard } = filled();
    const deaf = core.connect('deaf');
    core.lines();
    deaf.congested(4000);
    expect(core.lines()).toContain(`${laggard.id} close memory-full`);
    expect(core.broker.counters.dropped['memory-full']).toBe(0);
    expect(core.broker.heldBytes).toBe(4000);
  });

  test('a will is dropped where there is no room in memory, and displaces nothing', () => {
    const { core, laggard } = filled();
    const mourner = core.connect('mourner', { will: will('t', 'x'.repeat(4000), { qos: 1 }) });
    mourner.lose();
    expect(core.broker.counters.dropped['memory-full']).toBe(1);
    expect(endReasons(core)).toEqual(['connection-lost']);
    laggard.lose();
    expect(core.broker.heldBytes).toBe(0);
  });
});
