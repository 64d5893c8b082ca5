// File storage on a disk that fails: which failures are retried, which are final, and which are program errors. The
// engine is the real one; what fails is put between it and the storage, so that these tests need neither a full disk
// nor the right to make one.
import { afterAll, describe, expect, test } from '@jest/globals';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Message, Storage } from 'hexmq/ports';
import { StorageError } from 'hexmq/ports';
import { FileStorage, engineOf } from '../../adapters/storage/file/index.js';
import type { Database } from '../../adapters/storage/file/engine.js';
import { append, entriesOf, factsOf, messageOf as message, trim } from './changes.js';
import { engineWith, failing, levelError } from './failing-engine.js';

const ROOM = mkdtempSync(join(tmpdir(), 'hexmq-file-disk-'));
let directories = 0;
const newDirectory = (): string => join(ROOM, String(++directories));

afterAll(() => {
  rmSync(ROOM, { recursive: true, force: true });
});

const messageOf = (id: number, bytes = 10): Message => message(id, Buffer.alloc(bytes, id));

async function opened(directory: string, makeEngine = engineOf): Promise<FileStorage> {
  const storage = new FileStorage({ directory }, makeEngine);
  await storage.open();
  await factsOf(storage);
  return storage;
}

const seqsOf = async (storage: Storage, id: string): Promise<number[]> =>
  (await entriesOf(storage, id)).map(({ seq }) => seq);

async function refusalOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => 'done',
    (reason: unknown) => reason,
  );
}

const DISK_FAILURES: readonly (readonly [what: string, message: string, kind: string, text: string])[] = [
  ['a full disk', 'IO error: /data/000005.log: No space left on device', 'full', 'free some'],
  ['a quota', 'IO error: /data/000005.log: Disk quota exceeded', 'full', 'free some'],
  ['a limit on the size of files', 'IO error: /data/000005.log: File too large', 'full', 'free some'],
  ['an input/output error', 'IO error: /data/000005.log: Input/output error', 'unavailable', 'failed: check the disk'],
  [
    'a file system that has become read-only',
    'IO error: /data/000007.log: Read-only file system',
    'unavailable',
    'cannot be written',
  ],
  [
    'a directory that may not be written any more',
    'IO error: /data/000007.log: Permission denied',
    'unavailable',
    'cannot be written',
  ],
];

describe.each(DISK_FAILURES)('file storage and %s', (what, message, kind, text) => {
  test.each([
    ['write', 'write'],
    ['sync after the write', 'written'],
    ['read of records that the batch needs', 'getMany'],
  ] as const)(
    `a batch whose %s fails by ${what} may be repeated until it is accepted, and is applied once`,
    async (_, call) => {
      const directory = newDirectory();
      const { engine, left } = failing();
      const storage = await opened(directory, engine);
      const shared = messageOf(1, 5000);
      await storage.commit([append('a', 0, shared), append('b', 0, shared)]);
      const batch = [append('new', 0, shared), append('a', 1, messageOf(2)), trim('b', 0)];
      left[call] = { times: 3, error: levelError(message) };
      for (let attempt = 0; attempt < 3; attempt++) {
        const error = await refusalOf(storage.commit(batch));
        expect(error).toBeInstanceOf(StorageError);
        expect(error).toMatchObject({ kind, message: expect.stringContaining(text) });
        expect((error as Error).message).toContain(directory);
        expect((error as Error).message).toContain(message);
      }
      await storage.commit(batch);
      await storage.commit([append('a', 2, messageOf(3))]);
      expect([await seqsOf(storage, 'a'), await seqsOf(storage, 'b'), await seqsOf(storage, 'new')]).toEqual([
        [0, 1, 2],
        [],
        [0],
      ]);
      await storage.close();
      const again = await opened(directory);
      expect([await seqsOf(again, 'a'), await seqsOf(again, 'b'), await seqsOf(again, 'new')]).toEqual([
        [0, 1, 2],
        [],
        [0],
      ]);
      await again.close();
    },
  );

  test('a failure to reopen rejects the batch and the next ones until it has passed', async () => {
    const directory = newDirectory();
    const { engine, left } = failing();
    const storage = await opened(directory, engine);
    await storage.commit([append('a', 0, messageOf(1))]);
    left.written = { times: 1, error: levelError(message) };
    left.open = {
      times: 2,
      error: Object.assign(new Error('Database failed to open'), {
        code: 'LEVEL_DATABASE_NOT_OPEN',
        cause: levelError(message),
      }),
    };
    const batch = [append('a', 1, messageOf(2))];
    for (let attempt = 0; attempt < 3; attempt++)
      expect(await refusalOf(storage.commit(batch))).toMatchObject({ name: 'StorageError', kind });
    await storage.commit(batch);
    expect(await seqsOf(storage, 'a')).toEqual([0, 1]);
    await storage.close();
  });

  test('a failure to read rejects the page, which can be read again', async () => {
    const { engine, left } = failing();
    const storage = await opened(newDirectory(), engine);
    await storage.commit([append('a', 0, messageOf(1, 5000)), { kind: 'retained.put', message: messageOf(2) }]);
    for (const call of ['get', 'next', 'getMany'] as const) {
      left[call] = { times: 1, error: levelError(message) };
      expect(await refusalOf(entriesOf(storage, 'a'))).toMatchObject({ name: 'StorageError', kind });
      expect(await seqsOf(storage, 'a')).toEqual([0]);
    }
    left.getMany = { times: 1, error: levelError(message) };
    expect(await refusalOf(storage.readRetained(['t' as never]))).toMatchObject({ name: 'StorageError', kind });
    expect(await storage.readRetained(['t' as never])).toHaveLength(1);
    await storage.close();
  });

  test('a failure at the start rejects it, and leaves nothing open', async () => {
    const directory = newDirectory();
    const { engine, left } = failing();
    left.get = { times: 1, error: levelError(message) };
    expect(await refusalOf(new FileStorage({ directory }, engine).open())).toMatchObject({
      name: 'StorageError',
      kind,
    });
    await (await opened(directory)).close();
  });
});

describe('program errors in file storage', () => {
  test.each(['write', 'getMany', 'get', 'next'] as const)(
    'a program error in %s is passed on unchanged, so that the batch is not repeated without end',
    async (call) => {
      const { engine, left } = failing();
      const storage = await opened(newDirectory(), engine);
      await storage.commit([append('a', 0, messageOf(1))]);
      const fault = new TypeError('Cannot read properties of undefined');
      left[call] = { times: 1, error: fault };
      const work =
        call === 'write' || call === 'getMany'
          ? storage.commit([append('b', 0, messageOf(2))])
          : entriesOf(storage, 'a');
      expect(await refusalOf(work)).toBe(fault);
      await storage.close();
    },
  );

  test('a RangeError of the program is not reported as damage', async () => {
    const { engine, left } = failing();
    const storage = await opened(newDirectory(), engine);
    const fault = new RangeError('Maximum call stack size exceeded');
    left.write = { times: 1, error: fault };
    expect(await refusalOf(storage.commit([append('b', 0, messageOf(2))]))).toBe(fault);
    await storage.close();
  });
});

describe('a slow disk', () => {
  test('a slow disk delays a commit, and loses no read and no commit meanwhile', async () => {
    const gate: { open: () => void } = { open: () => undefined };
    let isSlow = false;
    const storage = await opened(
      newDirectory(),
      engineWith((call) =>
        call === 'write' && isSlow ? new Promise<void>((resolve) => (gate.open = resolve)) : undefined,
      ),
    );
    await storage.commit([append('a', 0, messageOf(1))]);
    isSlow = true;
    let isSettled = false;
    const commit = storage.commit([append('a', 1, messageOf(2))]).then(() => (isSettled = true));
    for (let times = 0; times < 20; times++) expect(await seqsOf(storage, 'a')).toEqual([0]);
    expect(isSettled).toBe(false);
    isSlow = false;
    gate.open();
    await commit;
    expect(await seqsOf(storage, 'a')).toEqual([0, 1]);
    await storage.close();
  });

  test('a read under way during a reopening is answered or rejected as unavailable, and never hangs', async () => {
    const { engine, left } = failing();
    const storage = await opened(newDirectory(), engine);
    const seqs = Array.from({ length: 300 }, (_, i) => i);
    await storage.commit(seqs.map((seq) => append('a', seq, messageOf(seq, 5000))));
    for (let round = 0; round < 20; round++) {
      left.write = { times: 1, error: levelError('IO error: something broke') };
      const commit = refusalOf(storage.commit([append('b', round, messageOf(1000 + round))]));
      const early = Array.from({ length: 5 }, () => entriesOf(storage, 'a').catch((error: unknown) => error));
      await commit;
      const again = storage.commit([append('b', round, messageOf(1000 + round))]);
      const late = Array.from({ length: 5 }, () => entriesOf(storage, 'a').catch((error: unknown) => error));
      await again;
      for (const answer of await Promise.all([...early, ...late])) {
        if (Array.isArray(answer)) expect(answer).toHaveLength(300);
        else expect(answer).toMatchObject({ name: 'StorageError', kind: 'unavailable' });
      }
    }
    expect(await seqsOf(storage, 'b')).toHaveLength(20);
    await storage.close();
  });
});

describe('batches far larger than are preferred', () => {
  /** Generous for a busy machine. */
  const PATIENCE_MS = 120_000;
  const SESSIONS = 100_000;
  /** More than the adapter writes in one lot, and far less than in a whole batch. */
  const WRITES_IN_A_TURN_MAX = 4096;

  /**
   * An engine that counts the writes of its batches, and the most that were made without a turn of the event loop.
   * Not a matter of time.
   */
  function counting(): {
    readonly engine: (directory: string) => Database;
    mostInATurn: (work: () => Promise<void>) => Promise<number>;
  } {
    let writes = 0;
    const engine = (directory: string): Database => {
      const db = engineOf(directory);
      const batch = db.batch.bind(db) as (...args: unknown[]) => ReturnType<Database['batch']>;
      db.batch = ((...args: unknown[]) => {
        const made = batch(...args);
        if (args.length > 0) return made;
        for (const name of ['put', 'del'] as const) {
          const inner = (made[name] as (...rest: unknown[]) => unknown).bind(made);
          (made as unknown as Record<string, unknown>)[name] = (...rest: unknown[]) => {
            writes++;
            return inner(...rest);
          };
        }
        return made;
      }) as Database['batch'];
      return db;
    };
    const mostInATurn = async (work: () => Promise<void>): Promise<number> => {
      let most = 0;
      let isDone = false;
      const turn = (): void => {
        most = Math.max(most, writes);
        writes = 0;
        if (!isDone) setImmediate(turn);
      };
      turn();
      await work();
      isDone = true;
      return Math.max(most, writes);
    };
    return { engine, mostInATurn };
  }

  const ids = Array.from({ length: SESSIONS }, (_, i) => `client ${String(i)}`);

  test(
    'one message for a hundred thousand queues is stored once, completely or not at all, and does not block other work',
    async () => {
      const directory = newDirectory();
      const { engine, left } = failing();
      const storage = await opened(directory, engine);
      const message = messageOf(1, 500);
      const batch = ids.map((id) => append(id, 0, message));
      left.write = { times: 1, error: levelError('IO error: /data/000005.log: No space left on device') };
      expect(await refusalOf(storage.commit(batch))).toMatchObject({ kind: 'full' });
      expect(await seqsOf(storage, ids[0] as string)).toEqual([]);
      await storage.commit(batch);
      await storage.close();

      const { engine: counted, mostInATurn } = counting();
      const next = await opened(directory, counted);
      const message2 = messageOf(2, 500);
      const most = await mostInATurn(() => next.commit(ids.map((id) => append(id, 1, message2))));
      expect(most).toBeGreaterThan(100);
      expect(most).toBeLessThan(WRITES_IN_A_TURN_MAX);
      await next.close();

      const again = new FileStorage({ directory });
      await again.open();
      const queues = (await factsOf(again)).filter((fact) => fact.kind === 'queue');
      expect(queues).toHaveLength(SESSIONS);
      expect(queues.every(({ count: entries, bytes }) => entries === 2 && bytes === 1000)).toBe(true);
      await again.commit(ids.map((id) => trim(id, 1)));
      await again.close();

      const db = engineOf(directory);
      const bodies = await db.keys({ gt: Buffer.of(7), lt: Buffer.of(9) }).all();
      await db.close();
      // The fence of the space of references is all that is left between the two.
      expect(bodies.map((key) => key.toString('hex'))).toEqual(['08']);
    },
    PATIENCE_MS,
  );

  test(
    'a trim of two hundred thousand entries that are not in memory does not block other work',
    async () => {
      const directory = newDirectory();
      const length = 200_000;
      let storage = await opened(directory);
      for (let from = 0; from < length; from += 20_000)
        await storage.commit(
          Array.from({ length: 20_000 }, (_, i) => append('a', from + i, messageOf(from + i))),
          'stored',
        );
      await storage.close();
      const { engine, mostInATurn } = counting();
      storage = await opened(directory, engine);
      const most = await mostInATurn(() => storage.commit([trim('a', length - 3)]));
      expect(most).toBeGreaterThan(100);
      expect(most).toBeLessThan(WRITES_IN_A_TURN_MAX);
      expect(await seqsOf(storage, 'a')).toEqual([length - 2, length - 1]);
      await storage.close();
    },
    PATIENCE_MS,
  );
});

describe('a data directory that cannot be created', () => {
  // On a file system that says ENOENT although the directory above is there, Node's own recursive mkdir goes round for
  // ever.
  test('a directory that cannot be created is reported instead of tried without end', async () => {
    const error = await refusalOf(new FileStorage({ directory: '/proc/hexmq/data' }).open());
    expect(error).toMatchObject({
      name: 'StorageError',
      kind: 'unavailable',
      message: expect.stringContaining('/proc/hexmq'),
    });
    expect(() => readdirSync('/proc/hexmq')).toThrow('ENOENT');
  });
});
