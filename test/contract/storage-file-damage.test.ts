// File storage on a damaged directory: flipped, truncated or missing bytes in the log and in tables. Either everything
// acknowledged is there, or the store is refused as corrupt: nothing is lost silently, and nothing is read that was not
// written.
import { afterAll, describe, expect, test } from '@jest/globals';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Change, Message, QueueId, RestoredFact, Seq, StoredEntry, TopicName } from 'hexmq/ports';
import { StorageError } from 'hexmq/ports';
import { FileStorage, engineOf } from '../../adapters/storage/file/index.js';
import { Space, entryKey, namedKey } from '../../adapters/storage/file/keys.js';
import { appendTo as append, messageOf as message } from './changes.js';

const ROOM = mkdtempSync(join(tmpdir(), 'hexmq-file-damage-'));
let directories = 0;
const newDirectory = (): string => join(ROOM, String(++directories));

afterAll(() => {
  rmSync(ROOM, { recursive: true, force: true });
});

const QUEUES = ['c:a', 'c:b', 'c:c'] as QueueId[];
const TOPICS = ['t', 'u'] as TopicName[];

const messageOf = (id: number, bytes: number, topic = TOPICS[id % 2] as TopicName): Message =>
  message(
    id,
    Uint8Array.from({ length: bytes }, (_, i) => (i * 7919 + id * 104_729 + (i >> 3) * 31) & 0xff),
    topic,
  );

/** A batch with changes of every kind; the later ones share a payload. */
const batchOf = (k: number, bytes = 40): Change[] => {
  const shared = messageOf(2 * k, bytes);
  return [
    {
      kind: 'session.put',
      session: {
        clientId: `client ${String(k)}` as never,
        expiryIntervalS: k,
        disconnectedAtMs: undefined,
        sentBelow: undefined,
        doubtBelow: undefined,
      },
    },
    { kind: 'inbound.put', clientId: `client ${String(k)}` as never, packetId: k + 1 },
    ...QUEUES.map((queue) => append(queue, k, shared)),
    append(QUEUES[0] as QueueId, 1000 + k, messageOf(2 * k + 1, bytes)),
    { kind: 'retained.put', message: shared },
  ];
};

interface Contents {
  readonly facts: readonly RestoredFact[];
  readonly entries: readonly (readonly StoredEntry[])[];
  readonly retained: readonly Message[];
}

async function contentsOf(directory: string): Promise<Contents> {
  const storage = new FileStorage({ directory });
  try {
    await storage.open();
    const facts: RestoredFact[] = [];
    for await (const fact of storage.load()) facts.push(fact);
    const all = { maxEntries: 10_000, maxBytes: 1e9 };
    const entries = await Promise.all(QUEUES.map((queue) => storage.readQueue(queue, 0 as Seq, all)));
    return { facts, entries, retained: await storage.readRetained(TOPICS) };
  } finally {
    await storage.close();
  }
}

/** The outcome of reading a directory: the whole content, a refusal, or a violation. */
async function verdictOn(directory: string, whole: Contents): Promise<'whole' | 'refused'> {
  try {
    const contents = await contentsOf(directory);
    expect(contents).toEqual(whole);
    return 'whole';
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    expect(error).toMatchObject({
      kind: 'corrupt',
      message: expect.stringContaining(`the data in ${directory} is damaged: restore a backup`),
    });
    return 'refused';
  }
}

/**
 * A store whose last batches are in its log. @returns the directory, the log in it, and where in the log each batch
 * ends.
 */
async function storeWithLog(
  batches: readonly (readonly Change[])[],
): Promise<{ directory: string; log: string; ends: number[] }> {
  const directory = newDirectory();
  const storage = new FileStorage({ directory });
  await storage.open();
  for await (const _fact of storage.load());
  const log = join(directory, readdirSync(directory).find((name) => name.endsWith('.log')) as string);
  const ends: number[] = [];
  for (const batch of batches) {
    await storage.commit(batch);
    ends.push(readFileSync(log).length);
  }
  await storage.close();
  return { directory, log, ends };
}

/** A copy of a directory that can be broken. */
function copyOf(directory: string): string {
  const copy = newDirectory();
  cpSync(directory, copy, { recursive: true });
  return copy;
}

function flip(path: string, at: number, mask = 0x10): void {
  const bytes = readFileSync(path);
  bytes[at] = (bytes[at] as number) ^ mask;
  writeFileSync(path, bytes);
}

const inCopy = (copy: string, path: string): string => join(copy, path.split('/').at(-1) as string);
const spread = (from: number, to: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => Math.floor(from + ((to - from) * i) / count));

describe('a log of file storage', () => {
  const BATCHES = Array.from({ length: 8 }, (_, k) => batchOf(k));

  test('a log with a flipped bit in a batch before others is refused as corrupt, wherever the bit is', async () => {
    const { directory, log, ends } = await storeWithLog(BATCHES);
    const lastBegin = ends.at(-2) as number;
    for (const at of [
      ...spread(0, lastBegin, 60),
      lastBegin - 1,
      ...[0, 1, 2, 3, 4, 5, 6].map((i) => (ends[3] as number) + i),
    ]) {
      const copy = copyOf(directory);
      flip(inCopy(copy, log), at);
      await expect(contentsOf(copy)).rejects.toMatchObject({
        kind: 'corrupt',
        message: expect.stringContaining('a damaged batch in'),
      });
    }
  });

  test('a log without one of its batches is refused as corrupt', async () => {
    const { directory, log, ends } = await storeWithLog(BATCHES);
    const bytes = readFileSync(log);
    for (const k of [1, 4, 6]) {
      const copy = copyOf(directory);
      writeFileSync(inCopy(copy, log), Buffer.concat([bytes.subarray(0, ends[k - 1]), bytes.subarray(ends[k])]));
      await expect(contentsOf(copy)).rejects.toMatchObject({
        kind: 'corrupt',
        message: expect.stringContaining('a batch is missing'),
      });
    }
  });

  test('a log that a loss of power cut off in its last batch has all others and nothing of that one', async () => {
    const { directory, log, ends } = await storeWithLog(BATCHES);
    const [begin, end] = [ends.at(-2) as number, ends.at(-1) as number];
    const before = await contentsOf((await storeWithLog(BATCHES.slice(0, -1))).directory);
    for (const length of [begin, begin + 1, begin + 6, begin + 7, begin + 8, ...spread(begin, end, 12), end - 1]) {
      const copy = copyOf(directory);
      truncateSync(inCopy(copy, log), length);
      expect(await contentsOf(copy)).toEqual(before);
    }
    expect((await contentsOf(directory)).facts).not.toEqual(before.facts);
  });

  test('a log whose last batch reached the disk in parts has all others and nothing of that one', async () => {
    const large = [...BATCHES.slice(0, 3), batchOf(3, 60_000)];
    const { directory, log, ends } = await storeWithLog(large);
    const before = await contentsOf((await storeWithLog(large.slice(0, -1))).directory);
    const [begin, end] = [ends.at(-2) as number, ends.at(-1) as number];
    for (const [from, to] of [
      [begin, begin + 4096],
      [32_768, 65_536],
      [begin, end],
      [end - 5000, end],
    ] as const) {
      const copy = copyOf(directory);
      const bytes = readFileSync(log);
      writeFileSync(inCopy(copy, log), bytes.fill(0, from, to));
      expect(await contentsOf(copy)).toEqual(before);
    }
  });

  test('a log with a missing or zeroed block before another batch is refused', async () => {
    const { directory, log } = await storeWithLog([batchOf(0), batchOf(1, 50_000), batchOf(2, 50_000), batchOf(3)]);
    const bytes = readFileSync(log);
    const whole = await contentsOf(copyOf(directory));
    const blocks = Math.floor(bytes.length / 32_768);
    expect(blocks).toBeGreaterThan(5);
    for (let block = 0; block < blocks; block++) {
      const zero = copyOf(directory);
      writeFileSync(inCopy(zero, log), Buffer.from(bytes).fill(0, block * 32_768, (block + 1) * 32_768));
      expect(await verdictOn(zero, whole)).toBe('refused');
    }
    expect(await verdictOn(directory, whole)).toBe('whole');
  });
});

describe('a table of file storage', () => {
  /** Opening moves the content of the log into a table. */
  async function storeWithTable(): Promise<{ directory: string; table: string; whole: Contents }> {
    const { directory } = await storeWithLog(Array.from({ length: 30 }, (_, k) => batchOf(k, k % 3 === 0 ? 5000 : 60)));
    const whole = await contentsOf(directory);
    const table = join(directory, readdirSync(directory).find((name) => name.endsWith('.ldb')) as string);
    return { directory, table, whole };
  }

  test('a table with a flipped bit reads as it was written or is refused as corrupt, wherever the bit is', async () => {
    const { directory, table, whole } = await storeWithTable();
    const { length } = readFileSync(table);
    const verdicts = new Map<string, number>();
    for (const at of spread(0, length, 120)) {
      const copy = copyOf(directory);
      flip(inCopy(copy, table), at, 1 << (at % 8));
      const verdict = await verdictOn(copy, whole);
      verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1);
      rmSync(copy, { recursive: true });
    }
    // Some bits have no effect, such as those of checksums that are never verified. Most bits have one.
    expect(verdicts.get('refused')).toBeGreaterThan(60);
  });

  test('a truncated table is refused as corrupt', async () => {
    const { directory, table, whole } = await storeWithTable();
    for (const length of [0, 10, Math.floor(readFileSync(table).length / 2)]) {
      const copy = copyOf(directory);
      truncateSync(inCopy(copy, table), length);
      expect(await verdictOn(copy, whole)).toBe('refused');
    }
  });
});

describe('a missing file of file storage', () => {
  test.each([/^CURRENT$/, /^MANIFEST/, /\.log$/, /\.ldb$/])(
    'a store without its file %s is reported as corrupt, and its other files stay as they are',
    async (name) => {
      const { directory } = await storeWithLog([batchOf(0), batchOf(1)]);
      await contentsOf(directory);
      const [missing] = readdirSync(directory).filter((each) => name.test(each));
      rmSync(join(directory, missing as string));
      const left = new Map(
        readdirSync(directory)
          .filter((each) => /\.(ldb|log)$/.test(each))
          .map((each) => [each, readFileSync(join(directory, each))]),
      );
      await expect(contentsOf(directory)).rejects.toMatchObject({
        kind: 'corrupt',
        message: expect.stringContaining('missing'),
      });
      for (const [each, bytes] of left) expect(readFileSync(join(directory, each)).equals(bytes)).toBe(true);
    },
  );

  test('a first start that was interrupted before anything was stored may lack files', async () => {
    const directory = newDirectory();
    await engineOf(directory).close();
    await (async () => {
      const storage = new FileStorage({ directory });
      await storage.open();
      await storage.close();
    })();
    const fresh = newDirectory();
    cpSync(directory, fresh, { recursive: true });
    for (const name of readdirSync(fresh))
      if (!name.startsWith('MANIFEST')) rmSync(join(fresh, name), { recursive: true });
    const storage = new FileStorage({ directory: fresh });
    await storage.open();
    await storage.close();
  });
});

describe('a first opening that a loss of power has interrupted', () => {
  /** LevelDB does not sync the first manifest, which is valid until there is another. It syncs names before. */
  function cutOff(log = ''): string {
    const directory = newDirectory();
    mkdirSync(directory);
    const files = {
      CURRENT: 'MANIFEST-000001\n',
      '000001.dbtmp': 'MANIFEST-000001\n',
      LOCK: '',
      LOG: '',
      'MANIFEST-000001': '',
      'MANIFEST-000002': '',
      '000003.log': log,
    };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
    return directory;
  }

  test('a first opening that was interrupted is repeated', async () => {
    const directory = cutOff();
    const storage = new FileStorage({ directory });
    await storage.open();
    await storage.commit(batchOf(0));
    await storage.close();
    expect(await contentsOf(directory)).toEqual(await contentsOf((await storeWithLog([batchOf(0)])).directory));
  });

  test('a first opening that was interrupted reads as no store', async () => {
    expect(await new FileStorage({ directory: cutOff() }).openReadOnly()).toBe(false);
  });

  test('a directory with data in its log is refused as damaged, and not taken for a first opening', async () => {
    const directory = cutOff('x');
    await expect(contentsOf(directory)).rejects.toMatchObject({ kind: 'corrupt' });
    expect(readFileSync(join(directory, '000003.log'), 'latin1')).toBe('x');
  });
});

describe('damaged records of file storage', () => {
  async function storeWith(key: Buffer, value: Buffer | undefined): Promise<FileStorage> {
    const { directory } = await storeWithLog([batchOf(0), batchOf(1), batchOf(2)]);
    const db = engineOf(directory);
    await db.open();
    if (value === undefined) await db.del(key);
    else await db.put(key, value);
    await db.close();
    const storage = new FileStorage({ directory });
    await storage.open();
    return storage;
  }

  test('a start that reads a damaged record is refused', async () => {
    const storage = await storeWith(namedKey(Space.client, 'client 1'), Buffer.from('nonsense'));
    const load = async (): Promise<void> => {
      for await (const _fact of storage.load());
    };
    await expect(load()).rejects.toMatchObject({ kind: 'corrupt', message: expect.stringContaining('checksum') });
    await storage.close();
  });

  test.each([
    ['with invalid bytes', Buffer.from('nonsense')],
    ['without bytes', Buffer.alloc(0)],
  ])('an entry %s is reported as corrupt by a read and by a batch that needs it', async (_, value) => {
    const queue = QUEUES[1] as QueueId;
    // The number of the queue is the second one assigned after the client's.
    const storage = await storeWith(entryKey(3, 1), value);
    await expect(storage.readQueue(queue, 0 as Seq, { maxEntries: 10, maxBytes: 1e6 })).rejects.toMatchObject({
      kind: 'corrupt',
    });
    await expect(storage.commit([{ kind: 'queue.remove', queue, seq: 1 as Seq }])).rejects.toMatchObject({
      kind: 'corrupt',
    });
    await storage.close();
  });

  test('an entry that is missing between others is reported as corrupt', async () => {
    const storage = await storeWith(entryKey(3, 1), undefined);
    const page = storage.readQueue(QUEUES[1] as QueueId, 0 as Seq, { maxEntries: 10, maxBytes: 1e6 });
    await expect(page).rejects.toMatchObject({ kind: 'corrupt', message: expect.stringContaining('are missing') });
    await storage.close();
  });
});
