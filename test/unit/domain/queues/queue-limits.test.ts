// The limits of a queue: which message is dropped when it is full, and what is counted.
import { describe, expect, test } from '@jest/globals';
import { CoreHarness, pair } from '../../../support/core-harness.js';
import type { CorePeer } from '../../../support/core-harness.js';
import { DEFAULT_LIMITS } from '../../../../src/domain/limits.js';

/** A client that acknowledges nothing for so long does not keep up: it slows no publisher. */
const LAGS_MS = 600;

const names = (from: number, to: number): string[] => Array.from({ length: to - from + 1 }, (_, i) => String(from + i));

function publishAll(publisher: CorePeer, from: number, to: number, qos: 1 | 2 = 1): void {
  for (const name of names(from, to)) publisher.publish('t', name, qos);
}

/** The messages that the client gets if it acknowledges everything, until nothing more arrives. */
function takeAll(core: CoreHarness, peer: CorePeer): string[] {
  const got: string[] = [];
  for (;;) {
    const deliveries = core.heard(peer).flatMap((line) => {
      const match = /^publish t=(\S+) q\d id(\d+)/.exec(line);
      return match === null ? [] : [{ payload: match[1] as string, packetId: Number(match[2]) }];
    });
    if (deliveries.length === 0) return got;
    for (const { payload, packetId } of deliveries) {
      got.push(payload);
      peer.puback(packetId);
    }
  }
}

describe('a full queue that discards new messages', () => {
  test('a full queue that discards new messages drops the newest message of an offline session, with an event, and acknowledges its publisher', () => {
    const { core, a, publisher } = pair({ maxQueueSize: 2 });
    a.lose();
    publishAll(publisher, 1, 2);
    core.lines();
    publisher.publish('t', '3', 1, { packetId: 9 });
    expect(core.lines()).toEqual(['! queue-full c:a t', `${publisher.id} < puback 9 after an earlier change`]);
    expect(core.recorder.events.at(-1)).toEqual({
      kind: 'message-dropped',
      reason: 'queue-full',
      messageId: 3,
      topic: 't',
      qos: 1,
      queue: 'c:a',
    });
    expect(core.stored('a')).toEqual(['1', '2']);
    expect(core.broker.counters.dropped['queue-full']).toBe(1);
    expect(core.waiting).toBe(2);
  });

  test('a queue does not count messages in flight against its limit', () => {
    const { core, publisher } = pair({ maxQueueSize: 2, maxInflight: 3 });
    publishAll(publisher, 1, 6);
    expect(core.stored('a')).toEqual(names(1, 5));
  });

  test('a full queue takes messages again when there is room', () => {
    const { core, a, publisher } = pair({ maxQueueSize: 1, maxInflight: 1 });
    publishAll(publisher, 1, 3);
    core.advance(LAGS_MS);
    a.puback(1);
    publishAll(publisher, 4, 5);
    expect(core.stored('a')).toEqual(['2', '4']);
  });

  test('a queue drops a message that would exceed its byte limit', () => {
    const { core, a, publisher } = pair({ maxQueueBytes: 10 });
    a.lose();
    for (const payload of ['123456', '1234567', '1234']) publisher.publish('t', payload);
    expect(core.stored('a')).toEqual(['123456', '1234']);
    expect(core.broker.counters.dropped['queue-bytes-full']).toBe(1);
  });

  test('an empty queue takes one message larger than its byte limit', () => {
    const { core, a, publisher } = pair({ maxQueueBytes: 10 });
    a.lose();
    publisher.publish('t', 'more than ten bytes');
    publisher.publish('t', 'x');
    expect(core.stored('a')).toEqual(['more than ten bytes']);
  });

  test('a queue that is not stored has a byte limit of its own', () => {
    const core = new CoreHarness({ maxInflight: 1, maxTransientQueueBytes: 682, maxQueueBytes: 1 });
    const a = core.connect('a');
    a.subscribe(['t', 1]);
    for (const payload of ['1', '123456', '1234567', '12']) a.publish('t', payload);
    expect(core.broker.counters.dropped['queue-bytes-full']).toBe(1);
    expect(core.waiting).toBe(3);
  });

  test('a full queue drops QoS 2 messages too and completes the handshake with their publisher', () => {
    const { core, a, publisher } = pair({ maxQueueSize: 1 });
    a.lose();
    publisher.publish('t', '1', 2, { packetId: 1 });
    publisher.publish('t', '2', 2, { packetId: 2 });
    publisher.pubrel(1, 2);
    expect(core.heard(publisher)).toEqual(['pubrec 1', 'pubrec 2', 'pubcomp 1', 'pubcomp 2']);
    expect(core.stored('a')).toEqual(['1']);
  });
});

describe('a full queue that discards the oldest', () => {
  const limits = { maxQueueSize: 3, maxInflight: 2, queueFullPolicy: 'discard-oldest' } as const;

  test('a full queue that discards the oldest drops the oldest waiting message of a connected client, never one in flight', () => {
    const { core, a, publisher } = pair(limits);
    publishAll(publisher, 1, 8);
    core.advance(LAGS_MS);
    expect(core.stored('a')).toEqual(['1', '2', '6', '7', '8']);
    core.lines();
    a.puback(1, 2);
    expect(takeAll(core, a)).toEqual(['6', '7', '8']);
    expect(core.broker.counters.dropped['queue-full']).toBe(3);
    expect(core.waiting).toBe(0);
  });

  test('a full queue that discards the oldest drops the oldest message of an offline session without reading it', () => {
    const { core, a, publisher } = pair(limits);
    a.lose();
    publishAll(publisher, 1, 5);
    expect(core.stored('a')).toEqual(['3', '4', '5']);
    expect(core.lines().filter((line) => line.startsWith('!'))).toEqual([
      '! queue-full c:a unread',
      '! queue-full c:a unread',
    ]);
    const again = core.connectStored('a');
    expect(takeAll(core, again)).toEqual(['3', '4', '5']);
    expect(core.waiting).toBe(0);
  });

  test('a full queue that discards the oldest spares messages that were in flight when the client disconnected', () => {
    const { core, a, publisher } = pair(limits);
    publishAll(publisher, 1, 2, 2);
    a.lose();
    publishAll(publisher, 3, 8, 2);
    expect(core.stored('a').slice(0, 2)).toEqual(['1', '2']);
    expect(core.store.oddities).toEqual([]);
    expect(core.waiting).toBe(core.stored('a').length);
  });

  test('a full queue that discards the oldest drops each message once, some while the client is connected and more afterwards', () => {
    const { core, a, publisher } = pair(limits);
    publishAll(publisher, 1, 7);
    core.advance(LAGS_MS);
    expect(core.stored('a')).toEqual(['1', '2', '5', '6', '7']);
    a.lose();
    publishAll(publisher, 8, 9);
    expect(core.store.oddities).toEqual([]);
    expect(core.waiting).toBe(core.stored('a').length);
    core.lines();
    const again = core.connectStored('a');
    const left = core.stored('a');
    expect(takeAll(core, again)).toEqual(left);
    expect(core.waiting).toBe(0);
  });

  test('a full queue that discards the oldest drops only existing messages after some between them have expired', () => {
    const { core, a, publisher } = pair({ ...limits, messageExpiryMax: 10 });
    publishAll(publisher, 1, 4);
    core.advance(11_000);
    publishAll(publisher, 5, 5);
    a.puback(2); // 3 and 4 have expired, 5 goes out
    expect(core.stored('a')).toEqual(['1', '5']);
    publishAll(publisher, 6, 8);
    a.lose();
    publishAll(publisher, 9, 12);
    expect(core.store.oddities).toEqual([]);
    expect(core.waiting).toBe(core.stored('a').length);
  });

  test('a full queue that discards the oldest drops only existing messages after a restart', () => {
    const { core, a, publisher } = pair({ ...limits, maxInflight: 5 });
    publishAll(publisher, 1, 6);
    a.puback(2, 3, 4, 5); // 1 is in flight still, and 6
    expect(core.stored('a')).toEqual(['1', '6']);
    const next = core.restarted();
    const other = next.connect('publisher');
    publishAll(other, 7, 12);
    expect(next.store.oddities).toEqual([]);
    expect(next.waiting).toBe(next.stored('a').length);
  });

  test('a full queue that discards the oldest spares messages in flight when the client returns and does not read', () => {
    const { core, a, publisher } = pair(limits);
    publishAll(publisher, 1, 2, 2);
    a.pubrec(1);
    a.lose();
    core.answersAtOnce = false;
    const again = core.connectStored('a');
    again.congested();
    core.answerAll();
    publishAll(publisher, 3, 8, 2);
    expect(core.stored('a').slice(0, 2)).toEqual(['(released)', '2']);
  });

  test('a full queue that discards the oldest drops the messages of a page that is being read once', () => {
    const { core, a, publisher } = pair(limits);
    a.lose();
    publishAll(publisher, 1, 3);
    core.answersAtOnce = false;
    const again = core.connectStored('a');
    const [read] = core.recorder.queueReads.splice(0);
    if (read === undefined) throw new Error('nothing was asked for');
    const page = core.store.readQueue(read.queue, read.from, read.limit);
    publishAll(publisher, 4, 5);
    core.lines();
    core.answersAtOnce = true;
    core.handle({ kind: 'queue-page', queue: read.queue, request: read.request, entries: page });
    expect(takeAll(core, again)).toEqual(['3', '4', '5']);
    expect(core.waiting).toBe(0);
    expect(core.store.oddities).toEqual([]);
  });

  test('a full queue that discards the oldest drops as many as a large message needs room for', () => {
    const { core, a, publisher } = pair({ ...limits, maxQueueSize: 100, maxQueueBytes: 10 });
    a.lose();
    for (const payload of ['111', '222', '333', '7777777']) publisher.publish('t', payload);
    expect(core.stored('a')).toEqual(['333', '7777777']);
    expect(core.broker.counters.dropped['queue-bytes-full']).toBe(2);
  });

  test('a full queue that discards the oldest knows its size exactly again once it is empty', () => {
    const { core, a, publisher } = pair({ ...limits, maxQueueSize: 100, maxQueueBytes: 100 });
    for (let round = 0; round < 5; round++) {
      const peer = round === 0 ? a : core.connectStored('a');
      peer.lose();
      publisher.publish('t', 'x'.repeat(90));
      for (let i = 0; i < 9; i++) publisher.publish('t', 'y');
      publisher.publish('t', 'z'.repeat(80)); // makes room
      core.lines();
      const again = core.connectStored('a');
      takeAll(core, again);
      expect(core.stored('a')).toEqual([]);
      again.lose();
    }
    core.lines();
    for (let i = 0; i < 20; i++) publisher.publish('t', 'abcde'); // 100 bytes in all
    expect(core.stored('a')).toHaveLength(20);
    expect(core.lines().filter((line) => line.startsWith('!'))).toEqual([]);
  });

  test('discarding the oldest also applies to a session that is not stored', () => {
    const core = new CoreHarness(limits);
    const a = core.connect('a');
    a.subscribe(['t', 1]);
    core.lines();
    publishAll(a, 1, 8);
    a.puback(1, 2);
    expect(core.heard(a).filter((line) => line.startsWith('publish'))).toEqual([
      'publish t=1 q1 id1',
      'publish t=2 q1 id2',
      'publish t=6 q1 id6',
      'publish t=7 q1 id7',
    ]);
    expect(core.waiting).toBe(3);
  });
});

describe('Subscription Identifiers of waiting messages', () => {
  test('a message that carries many counts for them in the limit of bytes', () => {
    const core = new CoreHarness({ maxTransientQueueBytes: 16_384, maxInflight: 1, initialInflight: 1 });
    const a = core.connect('a', { version: 5 });
    // 2 to the power of 6 filters match the topic.
    for (let i = 0; i < 64; i++) {
      const topicFilter = Array.from({ length: 6 }, (_, level) => (((i >> level) & 1) === 1 ? '+' : 't')).join('/');
      a.subscribeWith({ properties: { subscriptionIdentifiers: [i + 1] } }, [topicFilter, 1]);
    }
    for (let i = 0; i < 40; i++) a.publish('t/t/t/t/t/t', 'x');
    const { dropped } = core.broker.counters;
    // One is in flight; each of the others takes 256 bytes, 12 of content, and 64 identifiers of 12.
    expect(dropped['queue-bytes-full']).toBe(40 - 1 - Math.floor(16_384 / (256 + 12 + 64 * 12)));
  });
});

describe('a limit of queues that is lowered under `discard-oldest`', () => {
  const LIMITS = { queueFullPolicy: 'discard-oldest', maxInflight: 1 } as const;

  test.each([
    ['maxQueueSize', { maxQueueSize: 10 }],
    ['maxQueueBytes', { maxQueueBytes: 20 }],
  ] as const)('makes a queue smaller with each message, and not at once (%s)', (_name, lower) => {
    const { core, a, publisher } = pair(LIMITS);
    a.lose();
    publishAll(publisher, 1001, 2000);
    core.settings.replace({ limits: { ...DEFAULT_LIMITS, ...LIMITS, ...lower }, perListener: new Map() });
    const sizes = [3000, 3001, 3002, 3003, 3004].map((name) => {
      publishAll(publisher, name, name);
      return core.waiting;
    });
    expect(sizes.slice(0, 3)).toEqual([1000 - 255, 1000 - 2 * 255, 1000 - 3 * 255]);
    expect(sizes.at(-1)).toBeLessThanOrEqual(10);
    expect(core.stored('a').slice(-5)).toEqual(names(3000, 3004));
  });

  test('a large message displaces as many small ones as it needs', () => {
    const { core, a, publisher } = pair({ ...LIMITS, maxQueueBytes: 4000 });
    a.lose();
    publishAll(publisher, 1001, 2000);
    publisher.publish('t', 'x'.repeat(3000));
    expect(core.waiting).toBe(251);
  });
});
