// Publishers that are slowed because their messages come faster than a client that keeps up can get them.
import { describe, expect, test } from '@jest/globals';
import { CoreHarness, will } from '../../../support/core-harness.js';
import type { CorePeer } from '../../../support/core-harness.js';
import { PacketType } from '../../../../src/protocol/packets.js';

const LIMITS = { maxInflight: 1, maxQueueSize: 20 };

const names = (from: number, to: number): string[] => Array.from({ length: to - from + 1 }, (_, i) => String(from + i));

function publishAll(publisher: CorePeer, from: number, to: number, topic = 't'): void {
  for (const name of names(from, to)) publisher.publish(topic, name, 1, { packetId: Number(name) });
}

/** The Packet Identifiers that the peer has got acknowledgements for since the last call. */
const acknowledged = (core: CoreHarness, peer: CorePeer): number[] =>
  core.heard(peer).flatMap((line) => (line.startsWith('puback ') ? [Number(line.slice(7))] : []));

/** A client that gets and acknowledges one message at a time, and a publisher. Of 20 messages 11 are more than half. */
function overloaded(limits = {}): { core: CoreHarness; a: CorePeer; publisher: CorePeer } {
  const core = new CoreHarness({ ...LIMITS, ...limits });
  const a = core.connectStored('a');
  a.subscribe(['t', 1]);
  const publisher = core.connect('publisher');
  core.lines();
  return { core, a, publisher };
}

describe('a publisher that is slowed', () => {
  test('a publisher is slowed when more than half of what may wait for a client that keeps up does, and nothing is dropped', () => {
    const { core, publisher } = overloaded();
    publishAll(publisher, 1, 40);
    expect(acknowledged(core, publisher)).toEqual(names(1, 12).map(Number));
    expect(core.stored('a')).toEqual(names(1, 12));
    expect(core.broker.counters.dropped['queue-full']).toBe(0);
  });

  test('a publisher that is slowed goes on as the client acknowledges, and all messages arrive in their order', () => {
    const { core, a, publisher } = overloaded();
    publishAll(publisher, 1, 40);
    for (let id = 1; id <= 40; id++) a.puback(id);
    expect(core.heard(a).flatMap((line) => /^publish t=(\S+)/.exec(line)?.[1] ?? [])).toEqual(names(1, 40));
    expect(core.broker.counters.dropped['queue-full']).toBe(0);
    expect(core.waiting).toBe(0);
  });

  test('a slowed publisher has its PINGREQ answered, and its own messages acknowledged', () => {
    const { core, publisher } = overloaded();
    publisher.subscribe(['own', 1]);
    publisher.publish('own', 'x', 1, { packetId: 100 });
    publishAll(publisher, 1, 40);
    core.lines();
    publisher.ping();
    publisher.puback(1);
    expect(core.heard(publisher)).toEqual(['pingresp']);
    expect(core.broker.counters.delivered).toBe(1);
  });

  test('a publisher that is slowed is not read when much of what it has sent waits, and is read again when that is handled', () => {
    const { core, a, publisher } = overloaded();
    publishAll(publisher, 1, 211);
    expect(core.lines().filter((line) => line.includes('suspend'))).toEqual([]);
    publishAll(publisher, 212, 212);
    expect(core.lines()).toEqual([`${publisher.id} suspend for backlog`]);
    for (let id = 1; id <= 212; id++) a.puback(id);
    expect(core.lines().filter((line) => line.includes('resume'))).toEqual([`${publisher.id} resume for backlog`]);
  });

  test('a client that does not acknowledge slows its publishers for half a second, and then the policy decides', () => {
    const { core, publisher } = overloaded();
    publishAll(publisher, 1, 30);
    core.advance(400);
    expect(core.broker.counters.dropped['queue-full']).toBe(0);
    core.advance(200);
    expect(core.broker.counters.dropped['queue-full']).toBe(9);
    publishAll(publisher, 31, 32);
    expect(core.broker.counters.dropped['queue-full']).toBe(11);
    expect(acknowledged(core, publisher)).toEqual(names(1, 32).map(Number));
  });

  test('a client whose backlog does not become less within two seconds slows its publishers no more, until it is small again', () => {
    const { core, a, publisher } = overloaded({ maxQueueSize: 20_000, initialInflight: 1 });
    for (let i = 1; i <= 10_002; i++) publisher.publish('t', 'x', 1, { packetId: 1 });
    core.lines();
    publishAll(publisher, 1, 1);
    expect(acknowledged(core, publisher)).toEqual([]);
    for (let id = 1; id <= 20; id++) {
      core.advance(105);
      a.puback(id);
    }
    expect(acknowledged(core, publisher)).toEqual([1]);
    publishAll(publisher, 2, 100);
    expect(acknowledged(core, publisher)).toHaveLength(99);
  });

  test('a publisher is slowed no more when the client that it waits for goes away', () => {
    const { core, a, publisher } = overloaded();
    publishAll(publisher, 1, 15);
    a.lose();
    expect(acknowledged(core, publisher)).toEqual(names(1, 15).map(Number));
    expect(core.stored('a')).toEqual(names(1, 15));
  });

  test('a client that is away slows no publisher, and one that returns to a large backlog only when it grows again', () => {
    const { core, a, publisher } = overloaded();
    a.lose();
    publishAll(publisher, 1, 18);
    expect(acknowledged(core, publisher)).toHaveLength(18);
    const again = core.connectStored('a');
    again.puback(1, 2);
    publishAll(publisher, 19, 20);
    expect(acknowledged(core, publisher)).toEqual([19]);
    again.puback(3);
    expect(acknowledged(core, publisher)).toEqual([20]);
    expect(core.broker.counters.dropped['queue-full']).toBe(0);
  });

  test('a client does not wait for itself', () => {
    const core = new CoreHarness(LIMITS);
    const a = core.connectStored('a');
    a.subscribe(['t', 1]);
    publishAll(a, 1, 30);
    expect(acknowledged(core, a)).toEqual(names(1, 30).map(Number));
    expect(core.broker.counters.dropped['queue-full']).toBe(9);
  });

  test('two clients that publish to each other do not wait for each other', () => {
    const core = new CoreHarness(LIMITS);
    const a = core.connectStored('a');
    const b = core.connectStored('b');
    a.subscribe(['to/a', 1]);
    b.subscribe(['to/b', 1]);
    publishAll(a, 1, 15, 'to/b');
    expect(core.stored('b')).toHaveLength(12);
    // As soon as many messages wait for `a`, what it publishes does not wait any longer, and so its PUBACKs do not.
    publishAll(b, 1, 12, 'to/a');
    expect(core.stored('b')).toHaveLength(15);
    expect(core.stored('a')).toHaveLength(12);
  });

  test('of many publishers that are slowed, as many go on as there is room for, in the order in which they began to wait', () => {
    const { core, a } = overloaded({ maxQueueSize: 40 });
    const publishers = names(1, 20).map((name) => core.connect(`p${name}`));
    for (const round of ['1', '2', '3', '4', '5']) for (const each of publishers) each.publish('t', round);
    // 22 are more than half, and each publisher can add one to them.
    expect(core.waiting).toBe(41);
    const got: string[] = [];
    for (let id = 1; id <= 100; id++) {
      got.push(...core.heard(a).flatMap((line) => /^publish t=(\S+)/.exec(line)?.[1] ?? []));
      a.puback(id);
      expect(core.waiting).toBeLessThanOrEqual(41);
    }
    for (const round of ['1', '2', '3', '4', '5']) expect(got.filter((one) => one === round)).toHaveLength(20);
    expect(got.slice(0, 40)).toEqual(['1', '2'].flatMap((round) => publishers.map(() => round)));
    expect(core.waiting).toBe(0);
  });

  test('a SUBSCRIBE behind a publication that waits keeps its place', () => {
    const { core, a, publisher } = overloaded();
    publishAll(publisher, 1, 12);
    publisher.publish('mine', 'x', 1, { packetId: 50 });
    publisher.subscribe(['mine', 1]);
    core.lines();
    for (let id = 1; id <= 12; id++) a.puback(id);
    expect(core.heard(publisher).map((line) => line.split(' ')[0])).toEqual(['puback', 'suback']);
  });

  test('what a client has sent before DISCONNECT is handled before its end', () => {
    const { core, publisher } = overloaded();
    publishAll(publisher, 1, 15);
    publisher.disconnect();
    expect(core.stored('a')).toEqual(names(1, 15));
    expect(core.recorder.events.at(-1)).toMatchObject({ kind: 'session-ended', clientId: 'publisher' });
    expect(core.recorder.events.at(-2)).toMatchObject({ kind: 'connection-ended', reason: 'client-disconnect' });
  });

  test('the will of a client that has sent DISCONNECT is not published, even if another connection takes over before what it had sent is handled', () => {
    const { core } = overloaded();
    const publisher = core.connect('leaving', { will: will('t', 'its will') });
    publishAll(publisher, 1, 15);
    core.finishesAtOnce = false;
    publisher.disconnect();
    core.connect('leaving');
    core.finishesAtOnce = true;
    core.finish();
    expect(core.recorder.events).toContainEqual(expect.objectContaining({ reason: 'session-taken-over' }));
    expect(core.recorder.events).not.toContainEqual(expect.objectContaining({ kind: 'will-published' }));
    expect(core.stored('a')).not.toContain('its will');
  });

  test('a session that DISCONNECT ends is over, even if another connection takes over before what the client had sent is handled', () => {
    const { core } = overloaded();
    const properties = { sessionExpiryInterval: 100 };
    const publisher = core.connect('leaving', { version: 5, properties });
    publishAll(publisher, 1, 15);
    core.finishesAtOnce = false;
    publisher.disconnect(0, { sessionExpiryInterval: 0 });
    core.lines();
    const next = core.connect('leaving', { version: 5, clean: false, properties });
    core.finishesAtOnce = true;
    core.finish();
    expect(core.heard(next)[0]).not.toContain('present');
  });

  test('what a client has sent before it is lost is handled before its end', () => {
    const { core, publisher } = overloaded();
    publishAll(publisher, 1, 15);
    publisher.lose();
    expect(core.stored('a')).toEqual(names(1, 15));
    expect(core.recorder.events.at(-2)).toMatchObject({ kind: 'connection-ended', reason: 'connection-lost' });
  });

  test('a client that is lost is sent nothing while what it had sent before is handled', () => {
    const { core, publisher } = overloaded();
    publisher.subscribe(['back', 1]);
    publishAll(publisher, 1, 15);
    core.finishesAtOnce = false;
    publisher.lose();
    core.lines();
    core.connect('other').publish('back', 'x', 1);
    expect(core.heard(publisher)).toEqual([]);
    core.finishesAtOnce = true;
    core.finish();
    expect(core.recorder.events).toContainEqual(expect.objectContaining({ reason: 'connection-lost' }));
  });

  test('what waits with a publisher is forgotten with its connection', () => {
    const { core, a, publisher } = overloaded();
    publishAll(publisher, 1, 15);
    core.connect('publisher');
    for (let id = 1; id <= 12; id++) a.puback(id);
    expect(core.waiting).toBe(0);
    expect(core.broker.counters.accepted).toBe(12);
  });

  test('the waiting messages of a shared group slow publishers if one of its members keeps up', () => {
    const core = new CoreHarness(LIMITS);
    const a = core.connectStored('a');
    a.subscribe(['$share/g/t', 1]);
    const publisher = core.connect('publisher');
    publishAll(publisher, 1, 40);
    expect(core.broker.counters.accepted).toBe(12);
    for (let id = 1; id <= 40; id++) a.puback(id);
    expect(core.broker.counters.accepted).toBe(40);
    expect(core.broker.counters.dropped['queue-full']).toBe(0);
    expect(core.waiting).toBe(0);
  });

  test('a large publication that waits for its slices is followed by the next packet of its slowed publisher only when it is complete', () => {
    const core = new CoreHarness({ ...LIMITS, maxQueueSize: 4 }, undefined, undefined, 2);
    const peers = names(1, 4).map((name) => core.connectStored(`s${name}`));
    for (const each of peers) each.subscribe(['t', 1]);
    const publisher = core.connect('publisher');
    publishAll(publisher, 1, 8);
    for (let id = 1; id <= 8; id++) for (const each of peers) each.puback(id);
    expect(acknowledged(core, publisher)).toEqual(names(1, 8).map(Number));
    expect(core.broker.counters.delivered).toBe(32);
    expect(core.broker.counters.dropped['queue-full']).toBe(0);
  });
});

describe('the order of packets', () => {
  test('a packet of another kind passes publications that wait', () => {
    const { core, publisher } = overloaded();
    publishAll(publisher, 1, 13);
    core.lines();
    publisher.send({ type: PacketType.pingreq });
    publisher.pubrel(7);
    expect(core.heard(publisher)).toEqual(['pingresp', 'pubcomp 7']);
  });
});
