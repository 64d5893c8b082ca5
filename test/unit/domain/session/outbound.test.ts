// Outbound delivery as transcripts: the window, Packet Identifiers, repeats and paging.
import { describe, expect, test } from '@jest/globals';
import type { ConnectionId, QueueId } from '../../../../src/domain/identifiers.js';
import { CoreHarness, pair } from '../../../support/core-harness.js';
import type { CorePeer } from '../../../support/core-harness.js';
import { text } from '../../../support/recorder.js';

function publishAll(publisher: CorePeer, from: number, to: number, qos: 0 | 1 | 2 = 1): void {
  for (let i = from; i <= to; i++) publisher.publish('t', String(i), qos);
}

const ids = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const payloads = (lines: readonly string[]): string[] =>
  lines.flatMap((line) => /publish t=(\S*)/.exec(line)?.[1] ?? []);

describe('the window of a session', () => {
  test('a message is stored, sent and acknowledged to its publisher, in this order', () => {
    const { core, publisher } = pair();
    publisher.publish('t', 'x', 1, { packetId: 7 });
    expect(core.lines()).toEqual(['+c:a #0 t=x q1', '1 < publish t=x q1 id1', '2 < puback 7 after #1']);
  });

  test('no more messages are in flight than the window takes', () => {
    const { core, a, publisher } = pair({ maxInflight: 3 });
    publishAll(publisher, 1, 5);
    expect(core.heard(a)).toEqual(['publish t=1 q1 id1', 'publish t=2 q1 id2', 'publish t=3 q1 id3']);
  });

  test('a client that acknowledges a whole window gets twice as many messages', () => {
    const { core, a, publisher } = pair({ initialInflight: 2, maxInflight: 4 });
    publishAll(publisher, 1, 9);
    core.heard(a);
    a.puback(1, 2);
    expect(payloads(core.heard(a))).toEqual(['3', '4', '5', '6']);
    a.puback(3, 4, 5, 6);
    expect(payloads(core.heard(a))).toEqual(['7', '8', '9']);
  });

  test('an acknowledgement in any order makes room for the next message', () => {
    const { core, a, publisher } = pair({ maxInflight: 3 });
    publishAll(publisher, 1, 5);
    core.lines();
    a.puback(2);
    expect(core.lines()).toEqual(['-c:a #1', '1 < publish t=4 q1 id4']);
    a.puback(1);
    expect(core.lines()).toEqual(['-c:a ..#1', '1 < publish t=5 q1 id5']);
    a.puback(3, 4, 5);
    expect(core.stored('a')).toEqual([]);
    expect(core.waiting).toBe(0);
  });

  test('a repeated or unexpected acknowledgement changes nothing', () => {
    const { core, a, publisher } = pair();
    publishAll(publisher, 1, 2);
    a.puback(1);
    core.lines();
    a.puback(1);
    a.puback(77);
    a.pubcomp(78);
    expect(core.lines()).toEqual([]);
    expect(core.stored('a')).toEqual(['2']);
  });

  test.each([
    ['PUBREC for a message that was sent at QoS 1', 1, (a: CorePeer) => a.pubrec(1)],
    ['PUBCOMP for a message that was sent at QoS 1', 1, (a: CorePeer) => a.pubcomp(1)],
    ['PUBACK for a message that was sent at QoS 2', 2, (a: CorePeer) => a.puback(1)],
    ['PUBCOMP for a message for which PUBREL was not sent', 2, (a: CorePeer) => a.pubcomp(1)],
  ] as const)('%s ends the connection, and the message stays', (_what, qos, answer) => {
    const { core, a, publisher } = pair();
    publisher.publish('t', 'x', qos);
    core.lines();
    answer(a);
    expect(core.lines()).toContainEqual(expect.stringContaining('protocol-violation'));
    expect(core.stored('a')).toEqual(['x']);
  });

  test('Packet Identifiers wrap around without reusing one in flight', () => {
    const { core, a, publisher } = pair({ initialInflight: 65_535, maxInflight: 65_535 });
    const inFlight = new Set<number>();
    let isClean = true;
    let repeats = 0;
    core.recorder.isWriting = false;
    core.recorder.watchers.push({
      delivered: ({ packetId }) => {
        if (packetId < 1 || packetId > 65_535) isClean = false;
        if (inFlight.has(packetId)) repeats++;
        inFlight.add(packetId);
      },
    });
    publishAll(publisher, 1, 3);
    for (let i = 4; i <= 70_000; i++) {
      publisher.publish('t', String(i));
      const packetId = ((i - 1) % 65_535) + 1;
      if (inFlight.has(packetId) && packetId > 3) {
        inFlight.delete(packetId);
        a.puback(packetId);
      }
    }
    // 1 to 3 are not acknowledged: the 65,536th message waits for the first.
    expect({ isClean, repeats, last: inFlight.size }).toEqual({ isClean: true, repeats: 0, last: 3 });
    inFlight.delete(1);
    a.puback(1);
    expect(inFlight.has(1)).toBe(true);
  });

  test('a session that is not stored writes nothing to storage', () => {
    const core = new CoreHarness();
    const a = core.connect('a');
    a.subscribe(['t', 2]);
    a.publish('t', 'x', 1, { packetId: 9 });
    a.puback(1);
    a.publish('t', 'y', 2, { packetId: 10 });
    a.pubrec(2);
    a.pubcomp(2);
    a.pubrel(10);
    expect(core.lines().filter((line) => /^[+~-]/.test(line))).toEqual([]);
    expect(core.waiting).toBe(0);
  });
});

describe('QoS 2 to a client', () => {
  test('PUBREC releases a QoS 2 message, and PUBCOMP ends its delivery', () => {
    const { core, a, publisher } = pair();
    publisher.publish('t', 'x', 2, { packetId: 7 });
    expect(core.lines()).toEqual(['+c:a #0 t=x q2', '1 < publish t=x q2 id1 after #1', '2 < pubrec 7 after #1']);
    a.pubrec(1);
    expect(core.lines()).toEqual(['~c:a #0', '1 < pubrel 1 after #1']);
    a.pubcomp(1);
    expect(core.lines()).toEqual(['-c:a ..#0']);
  });

  test('a repeated PUBREC is answered by PUBREL again and recorded once', () => {
    const { core, a, publisher } = pair();
    publisher.publish('t', 'x', 2);
    a.pubrec(1);
    core.lines();
    a.pubrec(1);
    expect(core.lines()).toEqual(['1 < pubrel 1 after an earlier change']);
  });

  test('PUBREC for an unknown identifier is answered by PUBREL', () => {
    const { core, a } = pair();
    a.pubrec(99);
    expect(core.lines()).toEqual(['1 < pubrel 99 after an earlier change']);
  });

  test('a released message keeps its place in the window until PUBCOMP', () => {
    const { core, a, publisher } = pair({ maxInflight: 1 });
    publishAll(publisher, 1, 2, 2);
    core.lines();
    a.pubrec(1);
    expect(core.heard(a)).toEqual(['pubrel 1']);
    a.pubcomp(1);
    expect(core.heard(a)).toEqual(['publish t=2 q2 id2']);
  });

  test('after a reconnect a released message continues with PUBREL alone, in its place', () => {
    const { core, a, publisher } = pair();
    publishAll(publisher, 1, 3, 2);
    a.pubrec(2);
    a.lose();
    core.lines();
    const again = core.connectStored('a');
    expect(core.heard(again)).toEqual([
      'connack 0 present',
      'publish t=1 q2 id1 dup',
      'pubrel 2',
      'publish t=3 q2 id3 dup',
    ]);
    again.pubcomp(2);
    again.pubrec(1, 3);
    again.pubcomp(1, 3);
    expect(core.stored('a')).toEqual([]);
    expect(core.waiting).toBe(0);
  });

  test('after a crash a released message continues with PUBREL alone and the same identifier', () => {
    const { core, a, publisher } = pair();
    publishAll(publisher, 1, 3, 2);
    a.pubrec(1);
    a.pubcomp(1);
    a.pubrec(2);
    const next = core.restarted();
    const again = next.connectStored('a');
    const heard = next.heard(again).map((line) => line.replace(' dup', ''));
    expect(heard).toEqual(['connack 0 present', 'pubrel 2', 'publish t=3 q2 id3']);
    again.pubcomp(2);
    expect(next.stored('a')).toEqual(['3']);
  });
});

describe('after a crash', () => {
  test('messages that may have been sent before a crash are sent with DUP', () => {
    const { core, a, publisher } = pair({ maxInflight: 2 });
    publishAll(publisher, 1, 3);
    expect(core.heard(a)).toEqual(['publish t=1 q1 id1', 'publish t=2 q1 id2']);
    const next = core.restarted();
    const again = next.connectStored('a');
    // [MQTT-3.3.1-1]; whether the third was sent is no longer known, and DUP only says that it may be a repeat.
    expect(next.heard(again).slice(0, 3)).toEqual([
      'connack 0 present',
      'publish t=1 q1 id1 dup',
      'publish t=2 q1 id2 dup',
    ]);
  });

  test('new messages after a crash take sequence numbers after the stored ones', () => {
    const { core, a, publisher } = pair();
    publishAll(publisher, 1, 3);
    a.puback(1);
    const next = core.restarted();
    next.connect('publisher').publish('t', '4');
    const again = next.connectStored('a');
    const heard = next.heard(again).map((line) => line.replace(' dup', ''));
    expect(heard).toEqual(['connack 0 present', 'publish t=2 q1 id2', 'publish t=3 q1 id3', 'publish t=4 q1 id4']);
    expect(next.waiting).toBe(3);
  });
});

describe('QoS 2 from a client', () => {
  test('a QoS 2 message is delivered on arrival, and a repeat before PUBREL is only acknowledged', () => {
    const { core, publisher } = pair();
    publisher.publish('t', 'x', 2, { packetId: 5 });
    core.lines();
    publisher.publish('t', 'x', 2, { packetId: 5, dup: true });
    expect(core.lines()).toEqual(['2 < pubrec 5 after an earlier change']);
  });

  test('PUBREL frees the identifier for a new message, and a repeated PUBREL is answered', () => {
    const { core, publisher } = pair();
    publisher.publish('t', 'x', 2, { packetId: 5 });
    core.lines();
    publisher.pubrel(5);
    publisher.pubrel(5);
    publisher.publish('t', 'y', 2, { packetId: 5 });
    expect(core.lines()).toEqual([
      '2 < pubcomp 5 after an earlier change',
      '2 < pubcomp 5 after an earlier change',
      '+c:a #1 t=y q2',
      '1 < publish t=y q2 id2 after #1',
      '2 < pubrec 5 after #1',
    ]);
  });

  test('a stored session remembers the identifier over a reconnect and over a crash', () => {
    const { core, a } = pair();
    a.publish('other', 'x', 2, { packetId: 5 });
    expect(core.lines()).toContain('+inbound a 5');
    a.lose();
    const again = core.connectStored('a');
    core.lines();
    again.publish('other', 'x', 2, { packetId: 5, dup: true });
    expect(core.lines()).toEqual(['3 < pubrec 5 after an earlier change']);
    const next = core.restarted();
    const after = next.connectStored('a');
    next.lines();
    after.publish('other', 'x', 2, { packetId: 5, dup: true });
    after.pubrel(5);
    expect(next.lines()).toEqual(['1 < pubrec 5 after an earlier change', '-inbound a 5', '1 < pubcomp 5 after #1']);
  });

  test('the identifiers of the two directions are independent', () => {
    const { core, a, publisher } = pair();
    publisher.publish('t', 'x', 2);
    core.lines();
    a.publish('t', 'y', 2, { packetId: 1 });
    a.pubrec(1);
    a.pubrel(1);
    expect(core.heard(a)).toEqual(['publish t=y q2 id2', 'pubrec 1', 'pubrel 1', 'pubcomp 1']);
    expect(core.stored('a')).toEqual(['(released)', 'y']);
  });
});

describe('a resumed session', () => {
  test('a resumed session gets messages in flight first, with DUP and their identifiers, then the waiting ones without', () => {
    const { core, a, publisher } = pair({ maxInflight: 3 });
    publishAll(publisher, 1, 5);
    a.puback(2);
    a.lose();
    core.lines();
    const again = core.connectStored('a');
    expect(core.heard(again)).toEqual([
      'connack 0 present',
      'publish t=1 q1 id1 dup',
      'publish t=3 q1 id3 dup',
      'publish t=4 q1 id4 dup',
    ]);
    again.puback(1);
    expect(core.heard(again)).toEqual(['publish t=5 q1 id5']);
  });

  test('a session that is taken over sends the same messages and identifiers on the new connection', () => {
    const { core, a, publisher } = pair({ maxInflight: 2 });
    publishAll(publisher, 1, 3);
    core.lines();
    const again = core.connectStored('a');
    expect(core.lines()).toEqual([
      '3 ask a',
      `${a.id} close session-taken-over`,
      '+session a offline',
      '+session a',
      '3 when-durable after #2',
      '3 < connack 0 present',
      'read c:a #0',
      '3 < publish t=1 q1 id1 dup',
      '3 < publish t=2 q1 id2 dup',
    ]);
    a.puback(1);
    expect(core.stored('a')).toEqual(['1', '2', '3']);
    again.puback(1);
    expect(core.stored('a')).toEqual(['2', '3']);
  });

  test('a resumed session reads its messages from storage, not from memory', () => {
    const { core, a, publisher } = pair();
    publishAll(publisher, 1, 2);
    a.lose();
    publishAll(publisher, 3, 4);
    const queue = core.store.queues.get('c:a' as QueueId);
    for (const [seq, entry] of queue ?? []) {
      queue?.set(seq, {
        ...entry,
        message: {
          ...entry.message,
          payload: Buffer.from(`${Buffer.from(entry.message.payload).toString()}-from-storage`),
        },
      });
    }
    core.lines();
    const again = core.connectStored('a');
    expect(payloads(core.heard(again))).toEqual(ids(1, 4).map((i) => `${i}-from-storage`));
  });

  test('sessions that resume together read ahead less, and all get everything in order', () => {
    const core = new CoreHarness({ maxInflight: 10 });
    const publisher = core.connect('publisher');
    const names = Array.from({ length: 400 }, (_, i) => `client ${i}`);
    for (const name of names) {
      const peer = core.connectStored(name);
      peer.subscribe(['t', 1]);
      peer.lose();
    }
    publishAll(publisher, 1, 100);
    core.answersAtOnce = false;
    const back = names.map((name) => core.connectStored(name));
    const asked = core.recorder.queueReads.map(({ limit }) => limit.maxBytes);
    expect(asked).toHaveLength(400);
    // 128 KiB each for the first, until 6 MiB are reserved; 16 KiB for the others.
    expect([
      asked.filter((bytes) => bytes === 128 * 1024).length,
      asked.filter((bytes) => bytes === 16 * 1024).length,
    ]).toEqual([48, 352]);
    const got = new Map<number, string[]>(back.map(({ id }) => [id, []]));
    const inFlight: { readonly connection: number; readonly packetId: number }[] = [];
    core.recorder.watchers.push({
      delivered: ({ connection, message, packetId }) => {
        got.get(connection)?.push(text(message.payload));
        inFlight.push({ connection, packetId });
      },
    });
    core.answersAtOnce = true;
    core.answerAll();
    for (let next = inFlight.shift(); next !== undefined; next = inFlight.shift()) {
      const { connection, packetId } = next;
      back.find(({ id }) => id === connection)?.puback(packetId);
    }
    for (const payloadsOfOne of got.values()) expect(payloadsOfOne).toEqual(ids(1, 100).map(String));
    // The reserved bytes are free again.
    core.recorder.queueReads.length = 0;
    core.answersAtOnce = false;
    for (const peer of back) peer.lose();
    publishAll(publisher, 101, 101);
    core.connectStored(names[399] ?? '');
    expect(core.recorder.queueReads.at(-1)?.limit.maxBytes).toBe(128 * 1024);
  });

  test('a resumed session ignores a page that an earlier connection requested', () => {
    const { core, a, publisher } = pair({ maxInflight: 10 });
    a.lose();
    publishAll(publisher, 1, 3);
    core.answersAtOnce = false;
    const second = core.connectStored('a');
    const [early] = core.recorder.queueReads;
    if (early === undefined) throw new Error('nothing was asked for');
    const page = core.store.readQueue(early.queue, early.from, early.limit);
    second.lose();
    const third = core.connectStored('a');
    core.lines();
    core.handle({ kind: 'queue-page', queue: early.queue, request: early.request, entries: page });
    expect(core.lines()).toEqual([]);
    core.recorder.queueReads.shift();
    core.answerAll();
    expect(payloads(core.heard(third))).toEqual(['1', '2', '3']);
    third.puback(1, 2, 3);
    expect(core.stored('a')).toEqual([]);
  });

  test('a new session ignores a page that was read for an ended session of the same client', () => {
    const core = new CoreHarness();
    const publisher = core.connect('publisher');
    const first = core.connectStored('a');
    first.subscribe(['t', 1]);
    first.lose();
    publishAll(publisher, 1, 3);
    core.answersAtOnce = false;
    const second = core.connectStored('a');
    const [early] = core.recorder.queueReads;
    if (early === undefined) throw new Error('nothing was asked for');
    const page = core.store.readQueue(early.queue, early.from, early.limit);
    core.recorder.queueReads.length = 0;
    second.lose();
    core.connect('a', { clean: true }).disconnect();
    const third = core.connectStored('a');
    third.subscribe(['t', 1]);
    third.lose();
    publishAll(publisher, 10, 11);
    const fourth = core.connectStored('a');
    core.lines();
    core.handle({ kind: 'queue-page', queue: early.queue, request: early.request, entries: page });
    core.answerAll();
    expect(payloads(core.heard(fourth))).toEqual(['10', '11']);
  });
});

describe('a long queue', () => {
  test('a long queue arrives once and in order while new messages come during the reading', () => {
    const { core, a, publisher } = pair({ maxInflight: 20 });
    a.lose();
    core.recorder.isWriting = false;
    publishAll(publisher, 1, 5000);
    core.answersAtOnce = false;
    const got: string[] = [];
    const unacknowledged: number[] = [];
    let most = 0;
    core.recorder.watchers.push({
      delivered: ({ message, packetId }) => {
        got.push(Buffer.from(message.payload).toString());
        unacknowledged.push(packetId);
        most = Math.max(most, unacknowledged.length);
      },
    });
    const again = core.connectStored('a');
    let published = 5000;
    while (got.length < 6000 || unacknowledged.length > 0) {
      if (published < 6000) {
        published++;
        publisher.publish('t', String(published));
      }
      const packetId = unacknowledged.shift();
      if (packetId !== undefined) again.puback(packetId);
      if (got.length % 7 === 0 || packetId === undefined) core.answerNext();
    }
    expect(got).toEqual(ids(1, 6000).map(String));
    expect(most).toBe(20);
    expect(core.stored('a')).toEqual([]);
    expect(core.waiting).toBe(0);
  });

  test('a long queue needs no reading once it has been drained', () => {
    const { core, a, publisher } = pair();
    a.lose();
    publishAll(publisher, 1, 10);
    const again = core.connectStored('a');
    again.puback(...ids(1, 10));
    core.lines();
    publisher.publish('t', 'x', 1, { packetId: 50 });
    expect(core.lines()).toEqual(['+c:a #10 t=x q1', '3 < publish t=x q1 id11', '2 < puback 50 after #1']);
  });

  test('a client that falls behind gets all in order, from memory first and then from storage', () => {
    const { core, a, publisher } = pair({ maxInflight: 5 });
    core.recorder.isWriting = false;
    const got: string[] = [];
    core.recorder.watchers.push({ delivered: ({ message }) => got.push(Buffer.from(message.payload).toString()) });
    publishAll(publisher, 1, 3000);
    for (let i = 1; i <= 3000; i++) a.puback(i);
    expect(got).toEqual(ids(1, 3000).map(String));
    expect(core.stored('a')).toEqual([]);
  });

  test('a message larger than what memory holds of a queue is delivered', () => {
    const { core, a, publisher } = pair();
    publisher.publish('t', new Uint8Array(3 * 1024 * 1024));
    publisher.publish('t', 'x');
    expect(core.heard(a)).toEqual([`publish t=${3 * 1024 * 1024}-bytes q1 id1`, 'publish t=x q1 id2']);
  });

  test('a page is requested once, however many messages arrive meanwhile', () => {
    const { core, a, publisher } = pair();
    a.lose();
    publishAll(publisher, 1, 3);
    core.answersAtOnce = false;
    core.connectStored('a');
    publishAll(publisher, 4, 6);
    expect(core.recorder.queueReads).toHaveLength(1);
    core.answerAll();
    expect(payloads(core.lines())).toEqual(ids(1, 6).map(String));
  });
});

describe('a client that reads slowly', () => {
  test('a client that reads slowly gets nothing more at QoS 1 until it has read what it was sent', () => {
    const { core, a, publisher } = pair();
    publisher.publish('t', '1');
    a.congested();
    publishAll(publisher, 2, 3);
    a.puback(1);
    expect(core.heard(a)).toEqual(['publish t=1 q1 id1']);
    a.writable();
    expect(core.heard(a)).toEqual(['publish t=2 q1 id2', 'publish t=3 q1 id3']);
  });

  test('a client that reads slowly gets nothing at QoS 1 while it is congested, not even its first message', () => {
    const { core, a, publisher } = pair();
    a.congested();
    publisher.publish('t', '1');
    expect(core.heard(a)).toEqual([]);
    a.writable();
    expect(core.heard(a)).toEqual(['publish t=1 q1 id1']);
  });

  test('a client that reads slowly and is not stored gets nothing at QoS 1 while it is congested, not even its first message', () => {
    const core = new CoreHarness();
    const a = core.connect('a');
    a.subscribe(['t', 1]);
    core.lines();
    a.congested();
    a.publish('t', 'x', 1);
    expect(core.heard(a).filter((line) => line.startsWith('publish'))).toEqual([]);
  });

  test('a client that reads slowly gets QoS 0 messages up to the limit; the rest is dropped and counted', () => {
    const { core, a, publisher } = pair({ maxBufferedQos0Messages: 2 });
    a.congested();
    publishAll(publisher, 1, 4, 0);
    expect(core.lines()).toEqual([
      '1 < publish t=1 q0',
      '1 < publish t=2 q0',
      '! slow-consumer c:a t',
      '! slow-consumer c:a t',
    ]);
    a.writable();
    publisher.publish('t', '5', 0);
    expect(core.heard(a)).toEqual(['publish t=5 q0']);
    expect(core.waiting).toBe(0);
    expect(core.broker.counters.dropped['slow-consumer']).toBe(2);
  });

  test('a client that reads slowly loses QoS 0 messages beyond the byte limit', () => {
    const { core, a, publisher } = pair({ maxBufferedQos0Bytes: 100 });
    a.congested();
    publisher.publish('t', new Uint8Array(90), 0);
    publisher.publish('t', new Uint8Array(90), 0);
    expect(core.broker.counters.dropped['slow-consumer']).toBe(1);
    expect(core.heard(a)).toHaveLength(1);
  });

  test('a client that reads slowly is disconnected when it reads nothing for too long', () => {
    const { core, a } = pair({ drainTimeoutMs: 1000 });
    a.congested();
    core.advance(999);
    expect(core.lines()).toEqual([]);
    core.advance(1);
    expect(core.lines()).toContain('1 close drain-timeout');
  });

  test('a client that reads slowly has the full time again whenever it has read something', () => {
    const { core, a } = pair({ drainTimeoutMs: 1000 });
    a.congested();
    for (let i = 0; i < 3; i++) {
      core.advance(999);
      a.draining();
    }
    core.advance(999);
    expect(core.lines()).toEqual([]);
    core.advance(1);
    expect(core.lines()).toContain('1 close drain-timeout');
  });

  test('a client that has caught up starts with a full drain timeout the next time', () => {
    const { core, a } = pair({ drainTimeoutMs: 1000 });
    a.congested();
    a.writable();
    a.draining();
    core.advance(5000);
    expect(core.lines()).toEqual([]);
  });

  test('a client that reads slowly stays connected if it reads in time', () => {
    const { core, a } = pair({ drainTimeoutMs: 1000 });
    a.congested();
    core.advance(999);
    a.writable();
    core.advance(10_000);
    expect(core.lines()).toEqual([]);
  });
});

describe('message expiry', () => {
  test('a message that waited too long is counted as expired and leaves storage', () => {
    const { core, a, publisher } = pair({ messageExpiryMax: 10 });
    a.lose();
    publishAll(publisher, 1, 2);
    core.advance(5000);
    publisher.publish('t', '3');
    core.advance(5000);
    core.lines();
    const again = core.connectStored('a');
    expect(core.heard(again)).toEqual(['connack 0 present', 'publish t=3 q1 id3']);
    expect(core.stored('a')).toEqual(['3']);
    expect(core.broker.counters.dropped.expired).toBe(2);
    expect(core.waiting).toBe(1);
  });

  test('a message that was sent before it expired is sent again', () => {
    const { core, a, publisher } = pair({ messageExpiryMax: 10 });
    publisher.publish('t', '1', 2);
    a.lose();
    core.advance(60_000);
    core.lines();
    const again = core.connectStored('a');
    expect(core.heard(again)).toEqual(['connack 0 present', 'publish t=1 q2 id1 dup']);
  });

  test('messages that expire between others leave the rest in order', () => {
    const { core, a, publisher } = pair({ messageExpiryMax: 10, maxInflight: 1 });
    publisher.publish('t', '1');
    publisher.publish('t', '2');
    core.advance(9_000);
    publisher.publish('t', '3');
    core.advance(2_000);
    core.lines();
    a.puback(1);
    expect(core.heard(a)).toEqual(['publish t=3 q1 id3']);
    expect(core.stored('a')).toEqual(['3']);
    a.puback(3);
    expect(core.stored('a')).toEqual([]);
  });
});

test('a page for an unknown queue is ignored', () => {
  const core = new CoreHarness();
  core.handle({ kind: 'queue-page', queue: 'c:unknown' as QueueId, request: 1, entries: [] });
  core.handle({ kind: 'retained-page', connection: 99 as ConnectionId, messages: [] });
  expect(core.lines()).toEqual([]);
});
