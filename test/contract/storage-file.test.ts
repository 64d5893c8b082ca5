// File storage keeps the contract, and what it promises beyond it: a process killed at any moment, directories that are
// not its own, payloads stored once.
//
// A crash in the contract's sense is made with `close`: the engine's lock is this process's, and an instance that is
// merely left alone would keep it. Closing writes nothing, so the store is as a crash leaves it. That this is so is not
// taken on trust: a child process is killed below.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import * as fastCheck from 'fast-check';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Change, Seq, Storage } from 'hexmq/ports';
import { StorageError } from 'hexmq/ports';
import { storageContract } from 'hexmq/testkit';
import type { StorageUnderTest } from 'hexmq/testkit';
import { storageError } from '../../adapters/storage/file/errors.js';
import { FileStorage, createStorage, engineOf } from '../../adapters/storage/file/index.js';
import { Space, isFence, namedKey, spaceKey } from '../../adapters/storage/file/keys.js';
import type { Database } from '../../adapters/storage/file/engine.js';
import { decodeFormat, encodeFormat } from '../../adapters/storage/file/records/index.js';
import { append, entriesOf, factsOf, messageOf, queue, remove, topic, trim } from './changes.js';
import { ChildProgram } from './child-program.js';

const ROOM = mkdtempSync(join(tmpdir(), 'hexmq-file-storage-'));
let directories = 0;
const newDirectory = (): string => join(ROOM, String(++directories));

afterAll(() => {
  rmSync(ROOM, { recursive: true, force: true });
});

/** An engine whose next write fails: not done, or done and not known to be. */
function failingEngine(): {
  readonly make: (directory: string) => Database;
  fail: (how: 'before' | 'after', message: string) => void;
} {
  let next: { how: 'before' | 'after'; message: string } | undefined;
  const make = (directory: string): Database => {
    const db = engineOf(directory);
    const batch = db.batch.bind(db) as () => ReturnType<Database['batch']>;
    db.batch = ((...args: []) => {
      const writes = batch(...args);
      if (args.length > 0) return writes;
      const write = writes.write.bind(writes) as (options?: object) => Promise<void>;
      writes.write = async (options?: object) => {
        const failure = next;
        next = undefined;
        if (failure?.how !== 'before') await write(options);
        if (failure !== undefined) throw Object.assign(new Error(failure.message), { code: 'LEVEL_IO_ERROR' });
      };
      return writes;
    }) as Database['batch'];
    return db;
  };
  return { make, fail: (how, message) => (next = { how, message }) };
}

storageContract({
  name: 'file',
  describe,
  test,
  fastCheck,
  reopenTimeoutMs: 25_000,
  factory: {
    create: () => {
      const directory = newDirectory();
      const opened: Storage[] = [];
      const engine = failingEngine();
      const another = (): Storage => {
        const storage = new FileStorage({ directory }, engine.make);
        opened.push(storage);
        return storage;
      };
      const abandon = async (): Promise<void> => {
        for (const storage of opened.splice(0)) await storage.close();
      };
      return Promise.resolve<StorageUnderTest>({
        storage: another(),
        reopen: async () => {
          await abandon();
          return another();
        },
        second: () => Promise.resolve(another()),
        failNextCommit: (how) => {
          engine.fail(how, 'IO error: something broke');
        },
        dispose: async () => {
          await abandon();
          rmSync(directory, { recursive: true, force: true });
        },
      });
    },
  },
});

async function opened(directory: string, makeEngine = engineOf): Promise<FileStorage> {
  const storage = new FileStorage({ directory }, makeEngine);
  await storage.open();
  await factsOf(storage);
  return storage;
}

test('a directory that file storage creates is private to its user', async () => {
  const above = newDirectory();
  const directory = join(above, 'made', 'store');
  const storage = await opened(directory);
  await storage.close();
  expect(statSync(directory).mode & 0o777).toBe(0o700);
  rmSync(above, { recursive: true, force: true });
});

async function refusalOf(work: Promise<unknown>): Promise<StorageError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(StorageError);
  return error as StorageError;
}

/** The number of records of each kind in a closed store, without fences. */
async function recordsIn(directory: string): Promise<Partial<Record<keyof typeof Space, number>>> {
  const db = engineOf(directory);
  const counts: Partial<Record<keyof typeof Space, number>> = {};
  const names = Object.keys(Space) as (keyof typeof Space)[];
  for (const key of await db.keys().all()) {
    const name = names.find((each) => Space[each] === key[0]);
    if (key.length > 1 && !isFence(key) && name !== undefined) counts[name] = (counts[name] ?? 0) + 1;
  }
  await db.close();
  return counts;
}

describe('payloads in file storage', () => {
  test('a message in a thousand queues that is also retained is stored once, and removed with its last reference', async () => {
    const directory = newDirectory();
    let storage = await opened(directory);
    const message = messageOf(1, Buffer.alloc(500, 7));
    const ids = Array.from({ length: 1000 }, (_, i) => `client ${String(i)}`);
    await storage.commit(ids.slice(0, 400).map((id) => append(id, 0, message)));
    await storage.commit([{ kind: 'retained.put', message }, ...ids.slice(400).map((id) => append(id, 0, message))]);
    await storage.close();
    expect(await recordsIn(directory)).toMatchObject({ body: 1, references: 1, entry: 1000 });

    storage = await opened(directory);
    await storage.commit(ids.slice(0, 998).map((id) => trim(id, 0)));
    await storage.commit([
      { kind: 'retained.drop', topic: topic('t') },
      { kind: 'queue.drop', queue: queue('client 998') },
    ]);
    expect(await entriesOf(storage, 'client 999')).toMatchObject([
      { message: { payload: new Uint8Array(500).fill(7) } },
    ]);
    await storage.close();
    expect(await recordsIn(directory)).toMatchObject({ body: 1, entry: 1 });

    storage = await opened(directory);
    await storage.commit([remove('client 999', 0)]);
    await storage.close();
    const left = await recordsIn(directory);
    expect([left.body, left.references, left.entry]).toEqual([undefined, undefined, undefined]);
  });

  test('a message that goes to one queue needs one record', async () => {
    const directory = newDirectory();
    const storage = await opened(directory);
    await storage.commit([append('a', 0, messageOf(1)), append('b', 0, messageOf(2))]);
    await storage.close();
    const { body, entry } = await recordsIn(directory);
    expect({ body, entry }).toEqual({ body: undefined, entry: 2 });
  });

  test('a batch that is sent again does not count its references twice', async () => {
    const directory = newDirectory();
    const storage = await opened(directory);
    const message = messageOf(1);
    const batch = [append('a', 0, message), append('b', 0, message), { kind: 'retained.put', message } as const];
    for (let times = 0; times < 3; times++) await storage.commit(batch);
    await storage.close();
    const again = await opened(directory);
    for (let times = 0; times < 3; times++) await again.commit(batch);
    await again.commit([trim('a', 0), trim('b', 0), { kind: 'retained.drop', topic: topic('t') }]);
    await again.close();
    const { body, references, entry } = await recordsIn(directory);
    expect([body, references, entry]).toEqual([undefined, undefined, undefined]);
  });

  test('two different messages with the same id stay distinct', async () => {
    const storage = await opened(newDirectory());
    const [one, other] = [messageOf(1, Buffer.from('one')), messageOf(1, Buffer.from('other'))];
    await storage.commit([append('a', 0, one), append('b', 0, one), append('a', 1, other), append('b', 1, other)]);
    expect((await entriesOf(storage, 'b')).map(({ message }) => Buffer.from(message.payload).toString())).toEqual([
      'one',
      'other',
    ]);
    await storage.close();
  });
});

describe('dropped sessions in file storage', () => {
  /** The time that an open storage gets to sweep, and how often it is opened for it. */
  const SWEEP_TIME_MS = 50;
  const SWEEP_ATTEMPTS_MAX = 200;

  async function sweptRecords(
    directory: string,
    isDone: (records: Awaited<ReturnType<typeof recordsIn>>) => boolean,
  ): Promise<Awaited<ReturnType<typeof recordsIn>>> {
    for (let attempts = 0; attempts < SWEEP_ATTEMPTS_MAX; attempts++) {
      const storage = await opened(directory);
      await new Promise((done) => setTimeout(done, SWEEP_TIME_MS));
      await storage.close();
      const records = await recordsIn(directory);
      if (isDone(records)) return records;
    }
    throw new Error('the records of a dropped session were not swept');
  }

  test('a dropped session with a long queue is gone at once, and its records are swept later, across restarts', async () => {
    const directory = newDirectory();
    const storage = await opened(directory);
    const shared = messageOf(9, Buffer.alloc(200));
    await storage.commit([
      {
        kind: 'session.put',
        session: {
          clientId: 'a' as never,
          expiryIntervalS: 1,
          disconnectedAtMs: undefined,
          sentBelow: undefined,
          doubtBelow: undefined,
        },
      },
      ...Array.from({ length: 3000 }, (_, i) => append('a', i, i % 2 === 0 ? messageOf(i + 10) : shared)),
      append('b', 0, shared),
      ...Array.from({ length: 700 }, (_, i): Change => ({
        kind: 'inbound.put',
        clientId: 'a' as never,
        packetId: i + 1,
      })),
    ]);
    await storage.commit([{ kind: 'session.drop', clientId: 'a' as never, queue: queue('a') }]);
    expect(await entriesOf(storage, 'a')).toEqual([]);
    await storage.commit([append('a', 5, messageOf(10_000))]);
    expect((await entriesOf(storage, 'a')).map(({ seq }) => seq)).toEqual([5]);
    await storage.close();

    const records = await sweptRecords(directory, ({ dropped }) => dropped === undefined);
    expect(records).toMatchObject({ entry: 2, queue: 2, body: 1 });
    expect([records.inbound, records.client, records.references]).toEqual([undefined, undefined, undefined]);
  });
});

describe('queues longer than the part of them in memory', () => {
  test('a long queue has the right count and bytes after removals of entries in memory and on disk', async () => {
    const directory = newDirectory();
    const length = 40_000;
    let storage = await opened(directory);
    for (let from = 0; from < length; from += 4000)
      await storage.commit(
        Array.from({ length: 4000 }, (_, i) => append('a', from + i, messageOf(from + i, Buffer.alloc(3)))),
      );
    await storage.commit([
      remove('a', 20_000),
      trim('a', 99),
      remove('a', 39_999),
      append('a', 150, messageOf(1, Buffer.alloc(10))),
    ]);
    await storage.close();
    storage = await opened(directory);
    await storage.commit([trim('a', 9_999), remove('a', 10_000), remove('a', 10_000), remove('a', 5)]);
    await storage.close();

    const again = new FileStorage({ directory });
    await again.open();
    const [bounds] = (await factsOf(again)).filter(({ kind }) => kind === 'queue');
    expect(bounds).toMatchObject({ first: 10_001, next: 39_999, count: 29_997, bytes: 29_997 * 3 });
    await again.close();
  });
});

describe('reading during commits', () => {
  test('a page read during commits shows one moment, and no entry that was removed', async () => {
    const directory = newDirectory();
    let storage = await opened(directory);
    const shared = messageOf(0, Buffer.alloc(50, 1));
    let isOver = false;
    const reader = async (): Promise<void> => {
      for (let from = 0; !isOver;) {
        const entries = await storage.readQueue(queue('a'), from as Seq, { maxEntries: 7, maxBytes: 1e6 });
        const first = entries[0]?.seq ?? 0;
        expect(entries.map(({ seq }) => seq)).toEqual(entries.map((_, i) => first + i));
        for (const { seq, message } of entries) expect(message.payload).toHaveLength(seq % 5 === 0 ? 50 : 10);
        from = (from + 3) % 400;
      }
    };
    const readers = [reader(), reader(), reader()];
    for (let k = 0; k < 400; k++) {
      await storage.commit([
        append('a', k, k % 5 === 0 ? shared : messageOf(k, Buffer.alloc(10))),
        ...(k % 5 === 0 ? [append('b', k, shared)] : []),
        ...(k > 20 ? [trim('a', k - 20)] : []),
        ...(k % 50 === 49 ? [{ kind: 'queue.drop', queue: queue('b') } as const] : []),
      ]);
      // Drops its cached state now and then, so that it has to read it from the store again.
      if (k % 100 === 99) {
        isOver = true;
        await Promise.all(readers.splice(0));
        await storage.close();
        storage = await opened(directory);
        isOver = false;
        readers.push(reader(), reader(), reader());
      }
    }
    isOver = true;
    await Promise.all(readers);
    await storage.close();
    const again = new FileStorage({ directory });
    await again.open();
    const queues = (await factsOf(again)).filter(({ kind }) => kind === 'queue');
    expect(queues).toMatchObject([{ first: 380, next: 400, count: 20, bytes: 4 * 50 + 16 * 10 }]);
    await again.close();
  });
});

describe('a disk that fails', () => {
  test.each(['before', 'after'] as const)(
    'a batch that failed %s it was written can be repeated, and is applied once',
    async (how) => {
      const directory = newDirectory();
      const engine = failingEngine();
      const storage = await opened(directory, engine.make);
      const shared = messageOf(1);
      await storage.commit([append('a', 0, shared), append('b', 0, shared), append('a', 1, messageOf(2))]);
      const batch = [append('c', 0, shared), trim('a', 0), append('a', 2, messageOf(3)), remove('b', 0)];
      engine.fail(how, 'IO error: something broke');
      expect((await refusalOf(storage.commit(batch))).kind).toBe('unavailable');
      // A read in between sees the store, not the changes of the failed batch.
      expect((await entriesOf(storage, 'a')).map(({ seq }) => seq)).toEqual(how === 'before' ? [0, 1] : [1, 2]);
      await storage.commit(batch);
      expect((await entriesOf(storage, 'a')).map(({ seq }) => seq)).toEqual([1, 2]);
      await storage.commit([trim('c', 0), trim('a', 2)]);
      await storage.close();
      const { body, references, entry } = await recordsIn(directory);
      expect([body, references, entry]).toEqual([undefined, undefined, undefined]);
    },
  );

  test('the disk syncs every flushed batch and no other', async () => {
    const written: unknown[] = [];
    const storage = await opened(newDirectory(), (directory) => {
      const db = engineOf(directory);
      const batch = db.batch.bind(db) as (...args: unknown[]) => ReturnType<Database['batch']>;
      db.batch = ((...args: unknown[]) => {
        const writes = batch(...args);
        if (args.length > 0) return writes;
        const write = writes.write.bind(writes) as (options?: object) => Promise<void>;
        writes.write = (options?: object) => {
          written.push(options);
          return write(options);
        };
        return writes;
      }) as Database['batch'];
      return db;
    });
    await storage.commit([append('a', 0, messageOf(1)), append('a', 1, messageOf(2))]);
    await storage.commit([trim('a', 0)], 'flushed');
    await storage.commit([trim('a', 1)], 'stored');
    await storage.close();
    expect(written).toEqual([{ sync: true }, { sync: true }, { sync: false }]);
  });

  test('a full disk is reported as full', async () => {
    const engine = failingEngine();
    const storage = await opened(newDirectory(), engine.make);
    engine.fail('before', 'IO error: /x/000003.log: No space left on device');
    expect(await refusalOf(storage.commit([append('a', 0, messageOf(1))]))).toMatchObject({ kind: 'full' });
    await storage.commit([append('a', 0, messageOf(1))]);
    await storage.close();
  });

  test.each([
    ['ENOSPC: no space left on device, mkdir', 'ENOSPC', 'full'],
    ['EACCES: permission denied, mkdir', 'EACCES', 'unavailable'],
    ['EROFS: read-only file system, mkdir', 'EROFS', 'unavailable'],
    ['Corruption: bad block', 'LEVEL_CORRUPTION', 'corrupt'],
    ['IO error: lock', 'LEVEL_LOCKED', 'fenced'],
    ['anything', 'LEVEL_IO_ERROR', 'unavailable'],
  ])('the engine error %j becomes a StorageError that names the directory', (message, code, kind) => {
    const cause = Object.assign(new Error(message), { code, ...(code.startsWith('LEVEL') ? {} : { errno: -1 }) });
    const error = storageError(
      Object.assign(new Error('Database failed to open'), { code: 'LEVEL_DATABASE_NOT_OPEN', cause }),
      '/some/where',
    ) as StorageError;
    expect(error).toBeInstanceOf(StorageError);
    expect(error.kind).toBe(kind);
    expect(error.message).toContain('/some/where');
    expect(error.message).toContain(message);
  });
});

describe('the directory of file storage', () => {
  test('a missing directory is created with its parents when the storage is opened, and not before', async () => {
    const directory = join(newDirectory(), 'deep', 'down');
    const storage = createStorage({ directory });
    expect(() => readdirSync(directory)).toThrow('ENOENT');
    await storage.open();
    await storage.close();
    expect(readdirSync(directory)).toContain('CURRENT');
  });

  test('a second storage of the same process is refused with the name of the directory', async () => {
    const directory = newDirectory();
    const storage = await opened(directory);
    const error = await refusalOf(new FileStorage({ directory }).open());
    expect(error.kind).toBe('fenced');
    expect(error.message).toContain(`${directory} is in use by another hexmq`);
    await storage.commit([append('a', 0, messageOf(1))]);
    await storage.close();
  });

  test('a directory with foreign files is refused and left alone', async () => {
    const directory = newDirectory();
    mkdirSync(directory);
    writeFileSync(join(directory, 'letter.txt'), 'dear');
    const error = await refusalOf(new FileStorage({ directory }).open());
    expect(error.message).toContain(`${directory} holds a file that is not of hexmq ("letter.txt")`);
    expect(readdirSync(directory)).toEqual(['letter.txt']);
  });

  test('a path that is a file is refused', async () => {
    const directory = newDirectory();
    writeFileSync(directory, '');
    expect(await refusalOf(new FileStorage({ directory }).open())).toMatchObject({
      kind: 'unavailable',
      message: expect.stringContaining('is not a directory'),
    });
  });

  test('a directory with the database of another program is refused', async () => {
    const directory = newDirectory();
    const db = engineOf(directory);
    await db.put(Buffer.from('key'), Buffer.from('value'));
    await db.close();
    expect(await refusalOf(new FileStorage({ directory }).open())).toMatchObject({
      kind: 'corrupt',
      message: expect.stringContaining('is not of hexmq'),
    });
  });

  test('a directory of format 2, with whole messages as wills, is read and raised to format 3', async () => {
    const directory = newDirectory();
    await (await opened(directory)).close();
    let db = engineOf(directory);
    await db.put(spaceKey(Space.format), Buffer.from(encodeFormat(2)));
    const dump =
      '01000000054278bcfe56800000060000000000000102' + '4278bcfe56800000' + '03612f62' + '0102ff' + '36a1f885';
    await db.put(namedKey(Space.will, 'a'), Buffer.from(dump, 'hex'));
    await db.close();
    const reader = new FileStorage({ directory });
    expect(await reader.openReadOnly()).toBe(true);
    await reader.close();
    const storage = await opened(directory);
    const [will] = (await factsOf(storage)).filter(({ kind }) => kind === 'will');
    expect(will).toMatchObject({ will: { clientId: 'a', delayS: 5, dueAtMs: 1_700_000_000_000 } });
    expect(Object.keys(will?.kind === 'will' ? will.will.message : {}).sort()).toEqual([
      'payload',
      'properties',
      'qos',
      'retain',
      'topic',
    ]);
    await storage.close();
    db = engineOf(directory);
    expect(decodeFormat((await db.get(spaceKey(Space.format))) ?? Buffer.of())).toBe(3);
    await db.close();
  });

  test.each([
    [4, 'was written by a newer hexmq (format 4, this one reads 2 to 3): use that version or a later one'],
    [
      1,
      'was written by hexmq before its first release (format 1, this one reads 2 to 3): export it with the hexmq that wrote it, and import it here',
    ],
  ])('a directory of format %i is refused with the version that wrote it', async (version, words) => {
    const directory = newDirectory();
    await (await opened(directory)).close();
    const db = engineOf(directory);
    await db.put(spaceKey(Space.format), Buffer.from(encodeFormat(version)));
    await db.close();
    const error = await refusalOf(new FileStorage({ directory }).open());
    expect(error.message).toContain(words);
  });

  test('a directory with a damaged manifest is reported as corrupt', async () => {
    const directory = newDirectory();
    const storage = await opened(directory);
    await storage.commit([append('a', 0, messageOf(1))]);
    await storage.close();
    const manifest = join(directory, readdirSync(directory).find((name) => name.startsWith('MANIFEST')) ?? '');
    writeFileSync(manifest, readFileSync(manifest).fill(0x55));
    expect(await refusalOf(new FileStorage({ directory }).open())).toMatchObject({
      kind: 'corrupt',
      message: expect.stringContaining('restore a backup'),
    });
  });
});

describe('options of file storage', () => {
  test('a directory is accepted as an option, and not created yet', () => {
    expect(createStorage({ directory: join(ROOM, 'not created') })).toBeInstanceOf(FileStorage);
    expect(readdirSync(ROOM)).not.toContain('not created');
  });

  test('an unknown option is an error that names it', () => {
    expect(() => createStorage({ directroy: './data' })).toThrow('directroy: unknown key, expected directory');
  });

  test.each([['text'], [5], [['a']], [true]])(
    'the options %j are refused because they are not an object',
    (options) => {
      expect(() => createStorage(options)).toThrow('is not valid, expected a mapping of options');
    },
  );

  test.each([[undefined], [null], [{}], [{ directory: null }]])(
    'the options %j are refused because they have no directory',
    (options) => {
      expect(() => createStorage(options)).toThrow('directory: missing, expected the path of a directory');
    },
  );

  test.each([[5], [''], [['a']], ['a\u0000b']])('the option directory: %j is refused', (directory) => {
    expect(() => createStorage({ directory })).toThrow(
      /^directory: .* is not valid, expected the path of a directory$/,
    );
  });
});

describe('a process with a file storage', () => {
  const program = new ChildProgram('file-storage-child');

  beforeAll(() => {
    program.build();
  });

  afterAll(() => {
    program.remove();
  });

  const start = (...args: string[]): ChildProcess =>
    spawn(process.execPath, [program.path, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });

  /** Reads the output of the child until `isEnough`, kills it, and reads the rest. @returns all its lines. */
  async function killedWhen(child: ChildProcess, isEnough: (line: string) => boolean): Promise<string[]> {
    const lines: string[] = [];
    if (child.stdout === null) throw new Error('the child has no output');
    for await (const line of createInterface({ input: child.stdout })) {
      lines.push(line);
      if (isEnough(line)) child.kill('SIGKILL');
    }
    return lines;
  }

  test('a process that is killed at any moment loses nothing acknowledged and leaves no partial batch', async () => {
    const directory = newDirectory();
    let committed = 0;
    for (const batches of [1, 7, 60, 200, 333]) {
      const upTo = committed + batches;
      const lines = await killedWhen(start(directory, String(committed)), (line) => Number(line) === upTo);
      const acknowledged = Number(lines.at(-1));
      const storage = await opened(directory);
      const a = await entriesOf(storage, 'a');
      const b = await entriesOf(storage, 'b');
      const [last] = await storage.readRetained([topic('last')]);
      const found = a.length / 2 - 1;
      // The batch that was under way may have made it.
      expect([acknowledged, acknowledged + 1]).toContain(found);
      expect(a.map(({ seq }) => seq)).toEqual(Array.from({ length: 2 * (found + 1) }, (_, i) => i));
      expect(b.map(({ seq }) => seq)).toEqual([found - 2, found - 1, found].filter((seq) => seq >= 0));
      expect(b.at(-1)?.message).toEqual(a.at(-1)?.message);
      expect(last?.id).toBe(3 * found + 2);
      await storage.close();
      committed = found + 1;
    }
  });

  test('a process keeps other processes out of its directory only while it lives', async () => {
    const directory = newDirectory();
    const child = start(directory, '0', 'hold');
    let refusal: StorageError | undefined;
    let isWaiting = false;
    await killedWhen(child, () => {
      if (!isWaiting) {
        isWaiting = true;
        void refusalOf(new FileStorage({ directory }).open()).then((error) => {
          refusal = error;
          child.kill('SIGKILL');
        });
      }
      return false;
    });
    expect(refusal).toMatchObject({
      kind: 'fenced',
      message: expect.stringContaining(`${directory} is in use by another hexmq`),
    });
    await (await opened(directory)).close();
  });
});
