// The faulty storage: without faults it keeps the contract, slow it keeps it too, and each injected fault is the fault
// that it says it is.
import { describe, expect, test } from '@jest/globals';
import * as fastCheck from 'fast-check';
import { StorageError } from 'hexmq/ports';
import type { Change, ClientId, Clock, Message, QueueId, RestoredFact, Seq, Storage, TopicName } from 'hexmq/ports';
import { FaultyStorage, SeededRandom, VirtualClock, storageContract } from 'hexmq/testkit';
import type { FaultyStorageOptions, StorageUnderTest } from 'hexmq/testkit';
import { MemoryStorage } from '../../adapters/storage/memory/index.js';

const memory = (): Storage => new MemoryStorage();

function underTest(options: FaultyStorageOptions): Promise<StorageUnderTest> {
  const storage = new FaultyStorage(memory, options);
  let current = storage;
  return Promise.resolve({
    storage,
    reopen: () => Promise.resolve((current = current.crash())),
    dispose: () => Promise.resolve(),
  });
}

/** Waits a turn of the event loop or a few instead of milliseconds: as much disorder, less time. */
const turns: Clock = {
  nowMs: () => 0,
  wallMs: () => 0,
  at: (atMs, callback) => {
    let left = atMs;
    const turn = (): void => {
      if (left-- <= 0) callback();
      else setImmediate(turn);
    };
    setImmediate(turn);
    return { cancel: () => (left = Infinity) };
  },
};

storageContract({
  name: 'faulty storage without faults, on memory',
  describe,
  test,
  fastCheck,
  factory: { create: () => underTest({}) },
});

storageContract({
  name: 'faulty storage that takes its time, on memory',
  describe,
  test,
  fastCheck,
  model: { runs: 20, steps: 15 },
  factory: { create: () => underTest({ chaos: { random: new SeededRandom(42), delay: { clock: turns, mostMs: 2 } } }) },
});

storageContract({
  name: 'faulty storage that is never flushed, on memory',
  describe,
  test,
  fastCheck,
  model: { runs: 20, steps: 15 },
  factory: { create: () => underTest({ flush: 'manual' }) },
});

const session = (id: string): Change => ({
  kind: 'session.put',
  session: {
    clientId: id as ClientId,
    expiryIntervalS: 60,
    disconnectedAtMs: undefined,
    sentBelow: undefined,
    doubtBelow: undefined,
  },
});

async function opened(options?: FaultyStorageOptions): Promise<FaultyStorage> {
  const storage = new FaultyStorage(memory, options);
  await storage.open();
  return storage;
}

/** The client ids of the sessions in a storage that is not open yet. */
async function sessionsIn(storage: Storage): Promise<string[]> {
  await storage.open();
  const facts: RestoredFact[] = [];
  for await (const fact of storage.load()) facts.push(fact);
  return facts.flatMap((fact) => (fact.kind === 'session' ? [fact.session.clientId] : []));
}

const kindOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'resolved',
    (error: unknown) => (error instanceof StorageError ? error.kind : String(error)),
  );

async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  void promise.then(
    () => (settled = true),
    () => (settled = true),
  );
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
  return settled;
}

describe('injected faults', () => {
  test.each(['unavailable', 'full', 'fenced', 'corrupt'] as const)(
    'failNext refuses one commit as %s and the store has not seen it',
    async (kind) => {
      const storage = await opened();
      storage.failNext('commit', kind);
      expect(await kindOf(storage.commit([session('refused')]))).toBe(kind);
      expect(await kindOf(storage.commit([session('taken')]))).toBe('resolved');
      expect(await sessionsIn(storage.crash())).toEqual(['taken']);
    },
  );

  test('failNext rejects the given number of calls of the given operation', async () => {
    const storage = await opened();
    storage.failNext('readRetained', 'unavailable', 2);
    storage.failNext('close', 'unavailable');
    expect(await kindOf(storage.readRetained([]))).toBe('unavailable');
    expect(await kindOf(storage.readQueue('c:a' as QueueId, 0 as Seq, { maxEntries: 1, maxBytes: 1 }))).toBe(
      'resolved',
    );
    expect(await kindOf(storage.readRetained([]))).toBe('unavailable');
    expect(await kindOf(storage.readRetained([]))).toBe('resolved');
    expect(await kindOf(storage.close())).toBe('unavailable');
  });

  test('failNext works on open and load too', async () => {
    const storage = new FaultyStorage(memory);
    storage.failNext('open', 'fenced');
    storage.failNext('load', 'corrupt');
    expect(await kindOf(storage.open())).toBe('fenced');
    await storage.open();
    expect(await kindOf(storage.load().next())).toBe('corrupt');
  });

  test('applyThenFail rejects a commit that the store has applied', async () => {
    const storage = await opened();
    storage.applyThenFail();
    expect(await kindOf(storage.commit([session('applied')]))).toBe('unavailable');
    expect(await sessionsIn(storage.crash())).toEqual(['applied']);
  });

  test('faults of one operation occur in the order in which they were planned', async () => {
    const storage = await opened();
    storage.failNext('commit', 'full');
    storage.applyThenFail('unavailable');
    expect(await kindOf(storage.commit([session('a')]))).toBe('full');
    expect(storage.batches).toBe(0);
    expect(await kindOf(storage.commit([session('a')]))).toBe('unavailable');
    expect(storage.batches).toBe(1);
    expect(await kindOf(storage.commit([session('a')]))).toBe('resolved');
  });

  test('a held call waits, and reaches the store when it is released', async () => {
    const storage = await opened();
    storage.hold();
    const commit = storage.commit([session('a')]);
    expect(await isSettled(commit)).toBe(false);
    expect(storage.waiting).toEqual([{ operation: 'commit', at: 'call' }]);
    expect(storage.batches).toBe(0);
    storage.release();
    expect(await kindOf(commit)).toBe('resolved');
    expect(storage.batches).toBe(1);
    expect(await kindOf(storage.commit([session('b')]))).toBe('resolved');
  });

  test('a held answer waits while the store has it already', async () => {
    const storage = await opened();
    storage.hold('answer', ['commit']);
    const commit = storage.commit([session('a')]);
    expect(await isSettled(commit)).toBe(false);
    expect(storage.batches).toBe(1);
    expect(await isSettled(storage.readRetained([]))).toBe(true);
    storage.releaseOne();
    expect(await kindOf(commit)).toBe('resolved');
    expect(await isSettled(storage.commit([session('b')]))).toBe(false);
  });

  test('releaseOne releases the call that was held longest, and holds the rest', async () => {
    const storage = await opened();
    storage.hold();
    const first = storage.readRetained([]);
    const second = storage.readRetained([]);
    storage.releaseOne();
    expect(await isSettled(first)).toBe(true);
    expect(await isSettled(second)).toBe(false);
  });
});

describe('crashes of the faulty storage', () => {
  test('a commit that had not reached the store is lost, and never settles', async () => {
    const storage = await opened();
    await storage.commit([session('a')]);
    storage.hold('call');
    const commit = storage.commit([session('b')]);
    const next = storage.crash();
    storage.release();
    expect(await isSettled(commit)).toBe(false);
    expect(await sessionsIn(next)).toEqual(['a']);
  });

  test('a commit that waited for its answer survives, and never settles', async () => {
    const storage = await opened();
    storage.hold('answer');
    const commit = storage.commit([session('a')]);
    await isSettled(commit);
    const next = storage.crash();
    expect(await isSettled(commit)).toBe(false);
    expect(await sessionsIn(next)).toEqual(['a']);
  });

  test('a crash loses the batches that were not flushed, and keeps those before them', async () => {
    const storage = await opened({ flush: 'manual' });
    expect(storage.traits.durable).toBe(false);
    await storage.commit([session('a')]);
    await storage.commit([session('b')]);
    storage.flush();
    await storage.commit([session('c')]);
    await storage.commit([session('d')]);
    expect(storage.unflushed).toBe(2);
    const next = storage.crash();
    expect(await sessionsIn(next)).toEqual(['a', 'b']);
    await next.commit([session('e')]);
    next.flush();
    expect(await sessionsIn(next.crash())).toEqual(['a', 'b', 'e']);
  });

  test('flush decides how many batches survive a crash, even fewer than before', async () => {
    const storage = await opened({ flush: 'manual' });
    for (const id of ['a', 'b', 'c']) await storage.commit([session(id)]);
    storage.flush();
    storage.flush(2);
    expect(storage.journal).toHaveLength(3);
    expect(await sessionsIn(storage.crash())).toEqual(['a', 'b']);
  });

  test('a storage that has crashed rejects every call', async () => {
    const storage = await opened();
    const next = storage.crash();
    expect(await kindOf(storage.commit([session('late')]))).toBe('fenced');
    expect(await sessionsIn(next)).toEqual([]);
  });

  test('a batch that survives does not change when its payload memory is reused', async () => {
    const storage = await opened();
    const payload = new Uint8Array([1, 2, 3]);
    const topic = 't' as TopicName;
    const message: Message = {
      id: 1 as Message['id'],
      topic,
      payload,
      qos: 1,
      retain: true,
      properties: undefined,
      publisher: undefined,
      acceptedAtMs: 0,
      expiresAtMs: undefined,
    };
    await storage.commit([{ kind: 'retained.put', message }]);
    payload.fill(9);
    const next = storage.crash();
    await next.open();
    const [retained] = await next.readRetained([topic]);
    expect(retained?.payload).toEqual(new Uint8Array([1, 2, 3]));
  });
});

describe('chaos from a seed', () => {
  async function outcomes(seed: number): Promise<string[]> {
    const storage = await opened({ chaos: { random: new SeededRandom(seed), refuse: 0.3, applyThenFail: 0.3 } });
    const seen: string[] = [];
    for (let i = 0; i < 200; i++) {
      const before = storage.batches;
      const kind = await kindOf(storage.commit([session(String(i))]));
      seen.push(`${kind} ${storage.batches > before ? 'applied' : 'not applied'}`);
    }
    return seen;
  }

  test('the same seed causes the same faults, and another seed other ones', async () => {
    expect(await outcomes(7)).toEqual(await outcomes(7));
    expect(await outcomes(7)).not.toEqual(await outcomes(8));
  });

  test('chaos refuses some commits, applies and fails others, and passes on the rest', async () => {
    expect(new Set(await outcomes(1))).toEqual(
      new Set(['resolved applied', 'unavailable not applied', 'unavailable applied']),
    );
  });

  test('a delay ends when the clock reaches its end', async () => {
    const clock = new VirtualClock(0);
    const storage = await opened({ chaos: { random: new SeededRandom(3), delay: { clock, mostMs: 1000 } } });
    const commit = storage.commit([session('a')]);
    expect(await isSettled(commit)).toBe(false);
    await clock.advanceAsync(2000);
    expect(await kindOf(commit)).toBe('resolved');
  });
});
