// Who has the data directory of file storage: one process from opening to closing, also between two attempts after a
// failed write, and only as long as the directory is the one that was opened.
import { afterAll, describe, expect, test } from '@jest/globals';
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileStorage, engineOf } from '../../adapters/storage/file/index.js';
import { Counters } from '../../adapters/storage/file/counters.js';
import { append, entriesOf, factsOf, messageOf } from './changes.js';
import { engineWith, failing, levelError } from './failing-engine.js';

const ROOM = mkdtempSync(join(tmpdir(), 'hexmq-file-lock-'));
let directories = 0;
const newDirectory = (): string => join(ROOM, String(++directories));

afterAll(() => {
  rmSync(ROOM, { recursive: true, force: true });
});

async function opened(directory: string, makeEngine = engineOf, nowMs?: () => number): Promise<FileStorage> {
  const storage = new FileStorage({ directory }, makeEngine, nowMs);
  await storage.open();
  await factsOf(storage);
  return storage;
}

const refusalOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'done',
    (reason: unknown) => reason,
  );

/** A storage with one entry in the queue `a`, whose next write has failed. */
async function failedWriting(directory: string): Promise<FileStorage> {
  const { engine, left } = failing();
  const storage = await opened(directory, engine);
  await storage.commit([append('a', 0, messageOf(1))]);
  left.write = { times: 1, error: levelError('IO error: something broke') };
  expect(await refusalOf(storage.commit([append('a', 1, messageOf(2))]))).toMatchObject({ kind: 'unavailable' });
  return storage;
}

const idsOf = async (storage: FileStorage): Promise<number[]> =>
  (await entriesOf(storage, 'a')).map(({ message }) => message.id);

/** A storage whose first write has failed. What `meanwhile` does happens each time the engine is opened again. */
async function failed(directory: string, meanwhile: () => Promise<void>): Promise<FileStorage> {
  let isClosing = false;
  let hasFailed = false;
  const storage = await opened(
    directory,
    engineWith(async (call) => {
      if (call === 'write' && !hasFailed) {
        hasFailed = true;
        throw levelError('IO error: something broke');
      }
      if (call === 'close') isClosing = true;
      if (call === 'open' && isClosing) {
        isClosing = false;
        await meanwhile();
      }
    }),
  );
  expect(await refusalOf(storage.commit([append('a', 0, messageOf(1))]))).toMatchObject({ kind: 'unavailable' });
  return storage;
}

describe('the lock on a data directory', () => {
  test.each([
    ['a second broker', (storage: FileStorage) => storage.open()],
    ['a command that reads', (storage: FileStorage) => storage.openReadOnly()],
  ])('keeps %s out between two attempts of a failing commit, and the commit succeeds then', async (_, enter) => {
    const directory = newDirectory();
    const refusals: unknown[] = [];
    const storage = await failed(directory, async () => {
      refusals.push(await refusalOf(enter(new FileStorage({ directory }))));
    });
    await storage.commit([append('a', 0, messageOf(1))]);
    expect(refusals).toMatchObject([
      { kind: 'fenced', message: expect.stringContaining(`${directory} is in use by another hexmq`) },
    ]);
    expect(await idsOf(storage)).toEqual([1]);
    await storage.close();
    await (await opened(directory)).close();
  });

  test('is there although every attempt to open the engine again fails', async () => {
    const directory = newDirectory();
    const { engine, left } = failing();
    const storage = await opened(directory, engine);
    left.write = { times: 1, error: levelError('IO error: something broke') };
    left.open = { times: 1, error: levelError('IO error: no space left on device') };
    for (let attempt = 0; attempt < 2; attempt++) {
      expect(await refusalOf(storage.commit([append('a', 0, messageOf(1))]))).toMatchObject({ name: 'StorageError' });
      expect(await refusalOf(opened(directory))).toMatchObject({ kind: 'fenced' });
    }
    await storage.commit([append('a', 0, messageOf(1))]);
    await storage.close();
  });

  test('names the process and the machine that hold it, and whether they only read', async () => {
    const directory = newDirectory();
    const writer = await opened(directory);
    const holder = `held by process ${String(process.pid)} on ${hostname()}`;
    expect(await refusalOf(opened(directory))).toMatchObject({ message: expect.stringContaining(`(${holder})`) });
    await writer.close();
    const reader = new FileStorage({ directory });
    expect(await reader.openReadOnly()).toBe(true);
    expect(await refusalOf(opened(directory))).toMatchObject({
      message: expect.stringContaining(`(${holder}, which only reads it)`),
    });
    await reader.close();
    await (await opened(directory)).close();
  });

  test.each([
    '',
    'null',
    '[]',
    '{"pid":"1","host":"x"}',
    '{"pid":1,"host":7}',
    `{"pid":1,"host":"${'x'.repeat(300)}"}`,
  ])('is what decides: beside it may stand %j', async (text) => {
    const directory = newDirectory();
    const storage = await opened(directory);
    writeFileSync(join(directory, '.lock', 'holder'), text);
    expect(await refusalOf(opened(directory))).toMatchObject({
      kind: 'fenced',
      message: expect.stringMatching(/\(it is locked\)$/),
    });
    await storage.close();
    await (await opened(directory)).close();
  });

  test('shows nothing of the name of a machine that a terminal would act on', async () => {
    const directory = newDirectory();
    const storage = await opened(directory);
    writeFileSync(join(directory, '.lock', 'holder'), JSON.stringify({ pid: 1, host: 'x\u001b[2J' }));
    expect(await refusalOf(opened(directory))).toMatchObject({
      message: expect.stringContaining('(held by process 1 on x??2J)'),
    });
    await storage.close();
  });

  test('holds by whichever path the directory is reached', async () => {
    const directory = newDirectory();
    const storage = await opened(directory);
    const link = newDirectory();
    symlinkSync(directory, link);
    expect(await refusalOf(opened(link))).toMatchObject({ kind: 'fenced' });
    await storage.close();
  });

  test.each(['CURRENT', 'MANIFEST'])('can be taken although a crash has damaged its own file %s', async (name) => {
    const directory = newDirectory();
    await (await opened(directory)).close();
    const folder = join(directory, '.lock');
    const damaged = readdirSync(folder).find((each) => each.startsWith(name)) as string;
    writeFileSync(join(folder, damaged), '');
    const storage = await opened(directory);
    expect(await refusalOf(opened(directory))).toMatchObject({ kind: 'fenced' });
    await storage.close();
  });

  test('is given back by a start that fails', async () => {
    const directory = newDirectory();
    const { engine, left } = failing();
    left.get = { times: 1, error: levelError('IO error: something broke') };
    expect(await refusalOf(opened(directory, engine))).toMatchObject({ kind: 'unavailable' });
    await (await opened(directory)).close();
  });

  test('is not taken in a directory with foreign files', async () => {
    const directory = newDirectory();
    mkdirSync(directory);
    writeFileSync(join(directory, 'letter.txt'), 'dear');
    expect(await refusalOf(opened(directory))).toMatchObject({ kind: 'corrupt' });
    expect(readdirSync(directory)).toEqual(['letter.txt']);
  });
});

describe('a program that does not know the lock, and opens the store while the engine is opened again', () => {
  /** As an earlier version did: the lock of the engine, and the number of the opening. */
  async function otherIn(directory: string): Promise<void> {
    const db = engineOf(directory);
    const counters = new Counters(db);
    await counters.load();
    await counters.claim();
    await db.close();
  }

  test('fences the storage permanently, which does not keep the directory from the next one either', async () => {
    const directory = newDirectory();
    const storage = await failed(directory, () => otherIn(directory));
    for (let times = 0; times < 2; times++) {
      expect(await refusalOf(storage.commit([append('a', 0, messageOf(1))]))).toMatchObject({
        kind: 'fenced',
        message: expect.stringContaining('was opened by another hexmq'),
      });
      expect(await refusalOf(entriesOf(storage, 'a'))).toMatchObject({ kind: 'fenced' });
    }
    const next = await opened(directory);
    expect(await idsOf(next)).toEqual([]);
    await next.close();
    await storage.close();
  });
});

describe('a data directory that is no longer the one that was opened', () => {
  /** A clock on which a second has passed whenever it is read. */
  function secondsApart(): () => number {
    let nowMs = 0;
    return () => (nowMs += 1000);
  }

  const CHANGES: readonly (readonly [what: string, change: (directory: string) => void, says: string])[] = [
    ['is removed', (directory) => rmSync(directory, { recursive: true }), 'was removed or renamed while'],
    ['is renamed', (directory) => renameSync(directory, `${directory}.old`), 'was removed or renamed while'],
    [
      'is exchanged for an empty one',
      (directory) => {
        renameSync(directory, `${directory}.old`);
        mkdirSync(directory);
      },
      'was exchanged for another one while',
    ],
    ['loses the file LOCK', (directory) => rmSync(join(directory, 'LOCK')), 'the file LOCK of'],
    [
      'gets another file LOCK',
      (directory) => {
        rmSync(join(directory, 'LOCK'));
        writeFileSync(join(directory, 'LOCK'), '');
      },
      'the file LOCK of',
    ],
    [
      'loses the folder of the lock',
      (directory) => rmSync(join(directory, '.lock'), { recursive: true }),
      'the file .lock/LOCK of',
    ],
    [
      'loses everything in it',
      (directory) => {
        for (const name of readdirSync(directory)) rmSync(join(directory, name), { recursive: true });
      },
      'the file LOCK of',
    ],
  ];

  describe.each(CHANGES)('because it %s', (_, change, says) => {
    test('gets no acknowledgement for the next batch, and fences the storage permanently', async () => {
      const directory = newDirectory();
      const storage = await opened(directory, engineOf, secondsApart());
      await storage.commit([append('a', 0, messageOf(1))]);
      change(directory);
      for (let times = 0; times < 2; times++) {
        const refusal = await refusalOf(storage.commit([append('a', 1, messageOf(2))]));
        expect(refusal).toMatchObject({ kind: 'fenced', message: expect.stringContaining(says) });
        expect((refusal as Error).message).toContain(directory);
      }
      expect(await refusalOf(entriesOf(storage, 'a'))).toMatchObject({ kind: 'fenced' });
      await storage.close();
    });

    test('gets no new store in its place after a failed write', async () => {
      const directory = newDirectory();
      const storage = await failedWriting(directory);
      const before = (): string[] => {
        try {
          return readdirSync(directory);
        } catch {
          return [];
        }
      };
      change(directory);
      const names = before();
      expect(await refusalOf(storage.commit([append('a', 1, messageOf(2))]))).toMatchObject({ kind: 'fenced' });
      expect(before()).toEqual(names);
      await storage.close();
    });
  });

  test('is looked at with a commit when a second has passed since it was looked at', async () => {
    const directory = newDirectory();
    let nowMs = 5000;
    const storage = await opened(directory, engineOf, () => nowMs);
    await storage.commit([append('a', 0, messageOf(1))]);
    rmSync(join(directory, 'LOCK'));
    nowMs = 5999;
    await storage.commit([append('a', 1, messageOf(2))]);
    nowMs = 6000;
    expect(await refusalOf(storage.commit([append('a', 2, messageOf(3))]))).toMatchObject({ kind: 'fenced' });
    await storage.close();
  });

  test('a store whose file CURRENT is gone is not replaced by an empty one after a failed write', async () => {
    const directory = newDirectory();
    const storage = await failedWriting(directory);
    rmSync(join(directory, 'CURRENT'));
    expect(await refusalOf(storage.commit([append('a', 1, messageOf(2))]))).toMatchObject({ kind: 'corrupt' });
    expect(readdirSync(directory)).not.toContain('CURRENT');
    await storage.close();
  });
});
