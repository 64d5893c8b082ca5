// Group commit: what goes into a batch, when it is committed, and how a failed commit is repeated.
import { describe, expect, test } from '@jest/globals';
import { Committer } from '../../../src/application/committer.js';
import type { CommitterObserver, StoragePressure } from '../../../src/application/committer.js';
import type { StorageReports } from '../../../src/application/storage-reports.js';
import type { Append, Change, QueueAppend } from '../../../src/domain/changes.js';
import type { ClientId, MessageId, QueueId, Seq, TopicFilter, TopicName } from '../../../src/domain/identifiers.js';
import { StorageError } from '../../../src/ports/storage.js';
import { VirtualClock } from '../../../src/testkit/virtual-clock.js';
import { HandStorage, noticed } from '../../support/hand-storage.js';

class Observer implements CommitterObserver, StorageReports {
  readonly log: string[] = [];

  durable(batch: number): void {
    this.log.push(`durable ${batch}`);
  }

  pressure(pressure: StoragePressure): void {
    this.log.push(['no pressure', 'pressure', 'pressure on everyone'][pressure] as string);
  }

  failing(error: StorageError, attempt: number): void {
    this.log.push(`failing ${error.kind} ${attempt}`);
  }

  recovered(attempts: number): void {
    this.log.push(`recovered ${attempts}`);
  }

  fatal(error: Error): void {
    this.log.push(`fatal ${error.message}`);
  }
}

function started(preferredBatchChanges?: number): {
  committer: Committer;
  storage: HandStorage;
  observer: Observer;
  clock: VirtualClock;
} {
  const storage = new HandStorage(preferredBatchChanges);
  const observer = new Observer();
  const clock = new VirtualClock();
  const committer = new Committer(storage, clock, observer);
  committer.observe(observer);
  return { committer, storage, observer, clock };
}

/** A removal, and the append that it may cancel. */
type Recorded = Change & { readonly of?: QueueAppend | undefined };

const appends = new WeakMap<QueueAppend, Append>();

function record(committer: Committer, change: Recorded): void {
  if (change.kind === 'queue.append') {
    appends.set(change, committer.append(change.queue, change.seq, change.message, change));
  } else if (change.kind === 'queue.remove' || change.kind === 'queue.trim') {
    const { of, ...removal } = change;
    committer.remove(removal, of === undefined ? undefined : appends.get(of));
  } else committer.record(change);
}

function step(committer: Committer, ...changes: readonly Recorded[]): void {
  committer.beginStep();
  for (const change of changes) record(committer, change);
}

const QUEUE = 'c:a' as QueueId;

const append = (seq: number, payloadBytes = 1, queue = QUEUE): QueueAppend => ({
  kind: 'queue.append',
  queue,
  seq: seq as Seq,
  message: {
    id: (seq + 1) as MessageId,
    topic: 't' as TopicName,
    payload: new Uint8Array(payloadBytes),
    qos: 1,
    retain: false,
    properties: undefined,
    publisher: undefined,
    acceptedAtMs: 0,
    expiresAtMs: undefined,
  },
  qos: 1,
  retain: false,
  identifiers: undefined,
});
const remove = (seq: number, of?: QueueAppend): Recorded => ({
  kind: 'queue.remove',
  queue: QUEUE,
  seq: seq as Seq,
  of,
});
const trim = (through: number, of?: QueueAppend, queue = QUEUE): Recorded => ({
  kind: 'queue.trim',
  queue,
  through: through as Seq,
  of,
});
const inbound = (packetId: number): Change => ({ kind: 'inbound.put', clientId: 'a' as ClientId, packetId });

const brief = (batch: readonly Change[] | undefined): string[] =>
  (batch ?? []).map((change) => {
    if (change.kind === 'queue.trim') return `trim ${change.through}`;
    if (change.kind === 'queue.append') return `append ${change.seq}`;
    if (change.kind === 'queue.remove') return `remove ${change.seq}`;
    return change.kind === 'inbound.put' ? `inbound ${change.packetId}` : change.kind;
  });

describe('group commit', () => {
  test('the changes of a turn are committed at its end, in order', async () => {
    const { committer, storage, observer } = started();
    record(committer, inbound(1));
    record(committer, append(0));
    expect(storage.batches).toHaveLength(0);
    committer.endOfTurn();
    expect(storage.batches.map(brief)).toEqual([['inbound 1', 'append 0']]);
    expect(observer.log).toEqual([]);
    await storage.grantCommit();
    expect(observer.log).toEqual(['durable 1']);
  });

  test('at the level `stored` only a batch that was secured is flushed', async () => {
    const { storage, observer, clock } = started();
    const committer = new Committer(storage, clock, observer, 'stored');
    for (const isSecured of [false, true, false]) {
      committer.record({ kind: 'will.drop', clientId: 'a' as ClientId });
      if (isSecured) committer.secure();
      committer.endOfTurn();
      storage.commits.shift()?.grant();
      await noticed();
    }
    expect(storage.durabilities).toEqual(['stored', 'flushed', 'stored']);
  });

  test('a turn without changes commits nothing', () => {
    const { committer, storage } = started();
    committer.endOfTurn();
    expect(storage.batches).toEqual([]);
    expect(committer.waitingChanges).toBe(0);
  });

  test('changes during a commit are collected and committed after it', async () => {
    const { committer, storage, observer } = started();
    record(committer, inbound(1));
    committer.endOfTurn();
    for (const packetId of [2, 3, 4]) {
      record(committer, inbound(packetId));
      committer.endOfTurn();
    }
    expect(storage.batches).toHaveLength(1);
    await storage.grantCommit();
    expect(storage.batches.map(brief)).toEqual([['inbound 1'], ['inbound 2', 'inbound 3', 'inbound 4']]);
    expect(observer.log).toEqual(['durable 1']);
    await storage.grantCommit();
    expect(observer.log).toEqual(['durable 1', 'durable 2']);
    expect(committer.waitingChanges).toBe(0);
  });

  test('the durable ticket advances with each commit', async () => {
    const { committer, storage } = started();
    record(committer, inbound(1));
    committer.endOfTurn();
    expect(committer.durableTicket).toBe(0);
    expect(committer.record(inbound(2))).toBe(2);
    await storage.grantCommit();
    expect(committer.durableTicket).toBe(1);
    await storage.grantCommit();
    expect(committer.durableTicket).toBe(2);
  });

  test('a batch is split into the parts that the adapter prefers, in order, and is durable when all parts are', async () => {
    const { committer, storage, observer } = started(2);
    for (const packetId of [1, 2, 3, 4, 5]) step(committer, inbound(packetId));
    committer.endOfTurn();
    await storage.grantCommit();
    await storage.grantCommit();
    expect(observer.log).toEqual([]);
    await storage.grantCommit();
    expect(storage.batches.map(brief)).toEqual([['inbound 1', 'inbound 2'], ['inbound 3', 'inbound 4'], ['inbound 5']]);
    expect(observer.log).toEqual(['durable 1']);
  });

  test('the changes of one step are never split, however many they are', async () => {
    const { committer, storage } = started(2);
    step(committer, inbound(1));
    step(committer, inbound(2), inbound(3), inbound(4), inbound(5), inbound(6));
    step(committer, inbound(7));
    committer.endOfTurn();
    await storage.grantCommit();
    await storage.grantCommit();
    expect(storage.batches.map(brief)).toEqual([
      ['inbound 1', 'inbound 2', 'inbound 3', 'inbound 4', 'inbound 5', 'inbound 6'],
      ['inbound 7'],
    ]);
  });

  test('a batch is split at the same steps after annulled changes were removed from it', async () => {
    const { committer, storage } = started(2000);
    const gone = Array.from({ length: 1500 }, (_, i) => append(i));
    step(committer, inbound(1), ...gone);
    step(committer, ...Array.from({ length: 600 }, (_, i) => inbound(i + 2)));
    // The batch may be cut here.
    step(committer, inbound(999));
    step(committer, ...gone.map((one, i) => remove(i, one)));
    committer.endOfTurn();
    await storage.grantCommit();
    await storage.grantCommit();
    expect(storage.batches.map((batch) => batch.length)).toEqual([601, 1]);
    expect(brief(storage.batches[1])).toEqual(['inbound 999']);
  });
});

describe('changes that annul each other', () => {
  test('an append that is removed before it was sent is never sent, and its batch still becomes durable', () => {
    const { committer, storage, observer } = started();
    const one = append(0);
    record(committer, one);
    record(committer, remove(0, one));
    expect(committer.waitingChanges).toBe(0);
    committer.endOfTurn();
    expect(storage.batches).toEqual([]);
    expect(observer.log).toEqual(['durable 1']);
  });

  test('a batch whose changes were all annulled becomes durable, because an effect may wait for it', () => {
    const { committer, storage, observer } = started();
    const appends = Array.from({ length: 1024 }, (_, i) => append(i));
    for (const one of appends) record(committer, one);
    for (const [i, one] of appends.entries()) record(committer, remove(i, one));
    committer.endOfTurn();
    expect(storage.batches).toEqual([]);
    expect(observer.log).toEqual(['durable 1']);
  });

  test('an annulled append leaves the changes around it in order', () => {
    const { committer, storage } = started();
    const [one, two, three] = [append(0), append(1), append(2)];
    for (const change of [one, inbound(1), two, three]) record(committer, change);
    record(committer, remove(1, two));
    record(committer, trim(1, one));
    committer.endOfTurn();
    expect(storage.batches.map(brief)).toEqual([['inbound 1', 'append 2']]);
  });

  test('an append that was sent is removed by a change of its own', () => {
    const { committer, storage } = started();
    const one = append(0);
    record(committer, one);
    committer.endOfTurn();
    record(committer, remove(0, one));
    expect(committer.waitingChanges).toBe(2);
    void storage.grantCommit();
  });

  test('an append in a batch that is being committed is not annulled', async () => {
    const { committer, storage } = started();
    const [one, two] = [append(0), append(1)];
    record(committer, one);
    committer.endOfTurn();
    record(committer, two);
    record(committer, trim(0, one));
    await storage.grantCommit();
    expect(storage.batches.map(brief)).toEqual([['append 0'], ['append 1', 'trim 0']]);
  });

  test('only the last trim of each queue is sent', () => {
    const { committer, storage } = started();
    const other = 'c:b' as QueueId;
    for (const change of [trim(1), trim(10, undefined, other), trim(2), inbound(1), trim(3)]) record(committer, change);
    committer.endOfTurn();
    expect(storage.batches.map(brief)).toEqual([['trim 10', 'inbound 1', 'trim 3']]);
  });

  test('a trim before the drop of a queue is not replaced by a trim after it', () => {
    const { committer, storage } = started();
    for (const change of [trim(5), { kind: 'queue.drop', queue: QUEUE } as const, append(0), trim(0)])
      record(committer, change);
    committer.endOfTurn();
    expect(brief(storage.batches[0])).toEqual(['trim 5', 'queue.drop', 'append 0', 'trim 0']);
  });

  test('an append that was released before it is annulled is not sent', () => {
    const { committer, storage } = started();
    const one = append(0);
    record(committer, one);
    record(committer, { kind: 'queue.release', queue: QUEUE, seq: 0 as Seq });
    record(committer, trim(0, one));
    committer.endOfTurn();
    expect(brief(storage.batches[0]).filter((fact) => fact.startsWith('append'))).toEqual([]);
  });
});

describe('a storage that fails', () => {
  test('a failing storage gets the same batch again, with growing delays, until it accepts it', async () => {
    const { committer, storage, observer, clock } = started();
    record(committer, inbound(1));
    committer.endOfTurn();
    await storage.refuseCommit(new StorageError('unavailable', 'gone'));
    record(committer, inbound(2));
    committer.endOfTurn();
    expect(storage.batches).toHaveLength(1);
    clock.advance(49);
    await noticed();
    expect(storage.batches).toHaveLength(1);
    clock.advance(1);
    await noticed();
    await storage.refuseCommit(new StorageError('full', 'no space'));
    clock.advance(99);
    await noticed();
    expect(storage.batches).toHaveLength(2);
    clock.advance(1);
    await noticed();
    await storage.grantCommit();
    expect(storage.batches.slice(0, 3).map(brief)).toEqual([['inbound 1'], ['inbound 1'], ['inbound 1']]);
    expect(brief(storage.batches[3])).toEqual(['inbound 2']);
    expect(observer.log).toEqual(['failing unavailable 1', 'failing full 2', 'recovered 3', 'durable 1']);
  });

  test('the delay between two attempts to commit never exceeds five seconds', async () => {
    const { committer, storage, clock } = started();
    record(committer, inbound(1));
    committer.endOfTurn();
    for (let i = 0; i < 20; i++) {
      await storage.refuseCommit(new StorageError('unavailable', 'gone'));
      clock.advance(5000);
      await noticed();
    }
    expect(storage.batches).toHaveLength(21);
  });

  test.each([
    new StorageError('fenced', 'another has it'),
    new StorageError('corrupt', 'broken'),
    new Error('a mistake'),
  ])('after %s nothing becomes durable and nothing more is committed', async (error) => {
    const { committer, storage, observer } = started();
    record(committer, inbound(1));
    committer.endOfTurn();
    record(committer, inbound(2));
    await storage.refuseCommit(error);
    committer.endOfTurn();
    expect(observer.log).toEqual([`fatal ${error.message}`]);
    expect(storage.batches).toHaveLength(1);
    await expect(committer.flush()).resolves.toBeUndefined();
  });

  test('a storage that fails in the middle of a split batch gets only the failed part again', async () => {
    const { committer, storage, clock, observer } = started(1);
    step(committer, inbound(1));
    step(committer, inbound(2));
    committer.endOfTurn();
    await storage.grantCommit();
    await storage.refuseCommit(new StorageError('unavailable', 'gone'));
    clock.advance(50);
    await noticed();
    await storage.grantCommit();
    expect(storage.batches.map(brief)).toEqual([['inbound 1'], ['inbound 2'], ['inbound 2']]);
    expect(observer.log.at(-1)).toBe('durable 1');
  });
});

describe('flush and stop', () => {
  test('flush resolves when all recorded changes are durable', async () => {
    const { committer, storage } = started();
    let isFlushed = false;
    record(committer, inbound(1));
    committer.endOfTurn();
    record(committer, inbound(2));
    void committer.flush().then(() => (isFlushed = true));
    await storage.grantCommit();
    expect(isFlushed).toBe(false);
    await storage.grantCommit();
    expect(isFlushed).toBe(true);
  });

  test('flush without recorded changes resolves', async () => {
    const { committer } = started();
    await expect(committer.flush()).resolves.toBeUndefined();
  });

  test('a stop ends the attempts and every flush, and nothing becomes durable after it', async () => {
    const { committer, storage, observer, clock } = started();
    record(committer, inbound(1));
    const flushed = committer.flush();
    await storage.refuseCommit(new StorageError('unavailable', 'gone'));
    committer.stop();
    await flushed;
    clock.advance(60_000);
    await noticed();
    record(committer, inbound(2));
    committer.endOfTurn();
    expect(storage.batches).toHaveLength(1);
    expect(observer.log).toEqual(['failing unavailable 1']);
  });
});

describe('storage pressure', () => {
  const MIB = 1024 * 1024;

  test('storage pressure is reported once when it begins and once when it ends', async () => {
    const { committer, storage, observer } = started();
    record(committer, append(0, 40 * MIB));
    committer.endOfTurn();
    expect(observer.log).toEqual([]);
    record(committer, append(1, 40 * MIB));
    committer.endOfTurn();
    committer.endOfTurn();
    expect(observer.log).toEqual(['pressure']);
    await storage.grantCommit();
    expect(observer.log).toEqual(['pressure', 'durable 1']);
    await storage.grantCommit();
    expect(observer.log).toEqual(['pressure', 'durable 1', 'durable 2', 'no pressure']);
  });

  /** An append whose payload is a view of ten bytes of a chunk. */
  const arrived = (seq: number, chunk: Uint8Array): QueueAppend => {
    const record = append(seq);
    return { ...record, message: { ...record.message, payload: chunk.subarray(0, 10) } };
  };

  test('storage pressure counts the whole chunk that a payload is a view of', () => {
    const { committer, observer } = started();
    for (let seq = 0; seq < 33; seq++) record(committer, arrived(seq, new Uint8Array(2 * MIB)));
    committer.endOfTurn();
    expect(observer.log).toEqual(['pressure']);
  });

  test('storage pressure counts a chunk once per batch, however many payloads are views of it', async () => {
    const { committer, storage, observer } = started();
    const chunk = new Uint8Array(40 * MIB);
    for (let seq = 0; seq < 100; seq++) record(committer, arrived(seq, chunk));
    committer.endOfTurn();
    expect(observer.log).toEqual([]);
    record(committer, arrived(100, chunk));
    committer.endOfTurn();
    expect(observer.log).toEqual(['pressure']);
    await storage.grantCommit();
    await storage.grantCommit();
    expect(observer.log).toEqual(['pressure', 'durable 1', 'durable 2', 'no pressure']);
  });

  test('storage pressure counts the payloads of wills, and names, which clients choose', () => {
    const name = 't'.repeat(16_000);
    const large: readonly ((i: number) => Change)[] = [
      (i) => ({
        kind: 'will.put',
        will: {
          clientId: `c${i}` as ClientId,
          message: { ...append(i, 64_000).message },
          delayS: 0,
          dueAtMs: undefined,
        },
      }),
      (i) => ({ kind: 'subscription.drop', clientId: 'a' as ClientId, topicFilter: `${name}${i}` as TopicFilter }),
      (i) => ({ kind: 'retained.drop', topic: `${name}${i}` as TopicName }),
      (i) => ({
        kind: 'session.put',
        session: {
          clientId: `${name}${i}` as ClientId,
          expiryIntervalS: 1,
          disconnectedAtMs: undefined,
          sentBelow: undefined,
          doubtBelow: undefined,
        },
      }),
    ];
    for (const make of large) {
      const { committer, observer } = started();
      for (let i = 0; i < 10_000; i++) record(committer, make(i));
      committer.endOfTurn();
      expect(observer.log).toEqual(['pressure on everyone']);
    }
  });

  test('storage pressure counts only the last change of a session or will that changes repeatedly', async () => {
    const { committer, storage, observer } = started(10);
    const session = (at: number | undefined, clientId = 'a'): Change => ({
      kind: 'session.put',
      session: {
        clientId: clientId as ClientId,
        expiryIntervalS: 9,
        disconnectedAtMs: at,
        sentBelow: undefined,
        doubtBelow: undefined,
      },
    });
    const willPut = (i: number): Change => ({
      kind: 'will.put',
      will: { clientId: 'a' as ClientId, message: append(i, MIB).message, delayS: 0, dueAtMs: undefined },
    });
    step(committer, inbound(1));
    committer.endOfTurn();
    step(committer, session(undefined, 'b'));
    for (let i = 0; i < 5000; i++) {
      step(committer, session(undefined), willPut(i));
      step(committer, inbound(i), session(i), { kind: 'will.drop', clientId: 'a' as ClientId });
      committer.endOfTurn();
    }
    step(committer, { kind: 'session.drop', clientId: 'a' as ClientId, queue: QUEUE }, session(undefined));
    expect(committer.waitingChanges).toBe(1 + 3 + 5000 + 2);
    await storage.grantCommit();
    while (storage.commits.length > 0) await storage.grantCommit();
    const [, ...batches] = storage.batches;
    expect(batches.flat().filter(({ kind }) => kind !== 'inbound.put')).toEqual([
      session(undefined, 'b'),
      session(4999),
      { kind: 'will.drop', clientId: 'a' },
      { kind: 'session.drop', clientId: 'a', queue: QUEUE },
      session(undefined),
    ]);
    expect(observer.log).not.toContain('pressure');
  });

  test('storage pressure does not count annulled changes', () => {
    const { committer, observer } = started();
    for (let i = 0; i < 10; i++) {
      const one = append(i, 10 * MIB);
      record(committer, one);
      record(committer, remove(i, one));
    }
    committer.endOfTurn();
    expect(observer.log).not.toContain('pressure');
  });
});

describe('a held batch', () => {
  test('a held batch is committed neither in parts nor at the end of a turn, but completely after its release', async () => {
    const { committer, storage } = started(2);
    committer.hold();
    for (const packetId of [1, 2, 3, 4, 5]) step(committer, inbound(packetId));
    committer.endOfTurn();
    expect(storage.batches).toEqual([]);
    committer.release();
    committer.endOfTurn();
    expect(storage.batches.map(brief)).toEqual([['inbound 1', 'inbound 2', 'inbound 3', 'inbound 4', 'inbound 5']]);
    await storage.grantCommit();
  });

  test('a batch is committed between two holds that follow each other without a pause, if a turn ended meanwhile', () => {
    const { committer, storage } = started();
    committer.hold();
    step(committer, inbound(1));
    committer.endOfTurn();
    committer.release();
    committer.beginStep();
    committer.hold();
    record(committer, inbound(2));
    committer.endOfTurn();
    expect(storage.batches.map(brief)).toEqual([['inbound 1']]);
  });
});
