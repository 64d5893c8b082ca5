// What is moved from one store to another is there afterwards, all of it and nothing else; and what was begun and not
// ended is never taken for whole.
import { afterAll, afterEach, expect, test } from '@jest/globals';
import { exportText } from '../../../../src/application/transfer/export-format.js';
import { readFacts } from '../../../../src/application/transfer/fact-reader.js';
import { fillStore } from '../../../../src/application/transfer/fill.js';
import type { FillTarget, TransferProgress, TransferResult } from '../../../../src/application/transfer/fill.js';
import { importFacts } from '../../../../src/application/transfer/import-format.js';
import { linesOf } from '../../../../src/application/transfer/lines.js';
import { migrate } from '../../../../src/application/transfer/migrate.js';
import { markUnfinished } from '../../../../src/application/transfer/unfinished.js';
import { assembleBroker } from '../../../../src/testkit/assemble-broker.js';
import { DEFAULT_LIMITS } from '../../../../src/domain/limits.js';
import type { Change, Message, Storage } from '../../../../src/ports/index.js';
import { StorageError } from '../../../../src/ports/index.js';
import { SeededRandom } from '../../../../src/testkit/seeded-random.js';
import { appendOf, messageOf, payloadOf, put, queueOf } from '../../../../src/testkit/storage-contract/samples.js';
import { VirtualClock } from '../../../../src/testkit/virtual-clock.js';
import {
  BACKLOG,
  NAMES,
  PAIRS,
  contentOf,
  databases,
  describeStores,
  everyState,
  fill,
  hash,
  partsOf,
  reading,
  storeOf,
} from './stores.js';
import type { TestStore } from './stores.js';

const open: TestStore[] = [];

function newStore(name: string): TestStore {
  const store = storeOf(name);
  open.push(store);
  return store;
}

afterEach(async () => {
  for (const store of open.splice(0)) await store.dispose();
});
afterAll(() => databases?.dispose());

const to = (store: TestStore, replace = false) => ({ make: () => store.make(), replace });
const moved = (
  source: TestStore,
  target: FillTarget,
  progress?: (progress: TransferProgress) => void,
): Promise<TransferResult> => reading(source, (storage) => migrate(storage, target, partsOf(progress)));

/** A broker that only begins; it ends again at once. */
async function start(store: TestStore): Promise<void> {
  const service = assembleBroker({
    storage: await store.make(),
    listeners: [],
    authenticators: [],
    telemetry: [],
    clock: new VirtualClock(),
    random: new SeededRandom(1),
    limits: DEFAULT_LIMITS,
  });
  await service.start();
  await service.stop();
}

/** The same store, with storages whose calls can be changed. */
function watched(store: TestStore, change: (storage: Storage) => void): TestStore {
  return {
    ...store,
    make: async () => {
      const storage = await store.make();
      change(storage);
      return storage;
    },
  };
}

function onCommit(
  storage: Storage,
  commit: (batch: readonly Change[], forward: () => Promise<void>) => Promise<void>,
): void {
  const original = storage.commit.bind(storage);
  storage.commit = (batch, durability) => commit(batch, () => original(batch, durability));
}

for (const [from, target] of PAIRS)
  describeStores([from, target], `from ${from} to ${target}`, () => {
    test('a migration copies everything, including the highest message id', async () => {
      const source = newStore(from);
      const destination = newStore(target);
      await fill(source, everyState());
      const before = await contentOf(source);
      expect(before.length).toBeGreaterThan(BACKLOG);
      expect(before).toContain('[{"kind":"last-message-id","id":1000000},null]');

      const progress: TransferProgress[] = [];
      const result = await moved(source, to(destination), (each) => progress.push(each));

      expect(await contentOf(destination)).toEqual(before);
      expect(await contentOf(source)).toEqual(before);
      const facts = Object.values(result.counts).reduce((sum, count) => sum + count, 0);
      expect(facts).toBe(before.length - 1);
      expect(progress.at(-1)).toEqual({ phase: 'checking', done: facts, total: facts });
      await start(destination);
    });

    test('an import copies everything from an export, and a second export is the same', async () => {
      const source = newStore(from);
      const destination = newStore(target);
      await fill(source, everyState());
      const text = await exported(source);
      await fillStore(
        to(destination),
        { facts: importFacts(linesOf(inChunks(text)), hash), total: () => undefined },
        partsOf(),
      );
      expect(await contentOf(destination)).toEqual(await contentOf(source));
      expect((await exported(destination)).split('\n').sort()).toEqual(text.split('\n').sort());
    });
  });

const exported = (store: TestStore): Promise<string> =>
  reading(store, async (storage) => {
    let text = '';
    for await (const chunk of exportText(readFacts(storage), hash, 5)) text += chunk.text;
    return text;
  });

async function* inChunks(text: string, size = 1000): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let from = 0; from < bytes.length; from += size) yield bytes.subarray(from, from + size);
}

test('an export has a payload once, however many queues the message is in', async () => {
  const source = newStore('file');
  const message = messageOf(1, { payload: Buffer.from('only once'), topic: 't' });
  await fill(
    source,
    ['a', 'b', 'c'].flatMap((id) => [put.session(id), appendOf(queueOf(id), 0, message)]),
  );
  expect((await exported(source)).match(new RegExp(Buffer.from('only once').toString('base64'), 'g'))).toHaveLength(1);
});

test('a message in many queues is the same object in all batches', async () => {
  // Read from files, where each page brings objects of its own; more than one batch, and more than one page of each
  // queue.
  const source = newStore('file');
  const changes: Change[] = [];
  const clients = Array.from({ length: 20 }, (_, i) => `client ${i}`);
  for (const id of clients) changes.push(put.session(id));
  for (let i = 0; i < 600; i++) {
    const message = messageOf(i, { payload: payloadOf(2000, i) });
    for (const id of clients) changes.push(appendOf(queueOf(id), i, message));
  }
  await fill(source, changes);
  const objects = new Map<number, Set<Message>>();
  let batches = 0;
  const target = watched(newStore('memory'), (storage) => {
    onCommit(storage, (batch, forward) => {
      batches++;
      for (const change of batch) {
        if (change.kind !== 'queue.append' || !change.queue.startsWith('c:')) continue;
        const known = objects.get(change.message.id) ?? new Set();
        objects.set(change.message.id, known.add(change.message));
      }
      return forward();
    });
  });
  await moved(source, to(target));
  expect(objects.size).toBe(600);
  expect(batches).toBeGreaterThan(3);
  expect([...objects.values()].filter((same) => same.size !== 1)).toEqual([]);
});

for (const name of NAMES)
  describeStores([name], `a target in ${name}`, () => {
    test('a target that is not empty is refused and left unchanged, unless it is to be replaced', async () => {
      const source = newStore('memory');
      await fill(source, [put.session('new'), put.retained(messageOf(1, { topic: 'new' }))]);
      const target = newStore(name);
      await fill(target, everyState());
      const before = await contentOf(target);
      await expect(moved(source, to(target))).rejects.toThrow(
        /^the target is not empty \(sessions: \d+, queues: \d+, retained messages: \d+, wills: 2\): .*--replace/,
      );
      expect(await contentOf(target)).toEqual(before);

      await moved(source, to(target, true));
      const withoutLastId = (facts: string[]): string[] => facts.filter((fact) => !fact.includes('last-message-id'));
      expect(withoutLastId(await contentOf(target))).toEqual(withoutLastId(await contentOf(source)));
      // A number is not given twice, whatever became of the message.
      expect(await contentOf(target)).toContain('[{"kind":"last-message-id","id":1000000},null]');
    });

    test('an unfinished target starts no broker, is refused as a source, and is completed by the next attempt', async () => {
      const source = newStore('memory');
      await fill(source, everyState());
      const target = newStore(name);
      let commits = 0;
      const dying = watched(target, (storage) => {
        onCommit(storage, (_batch, forward) =>
          ++commits > 2 ? Promise.reject(new Error('the process is killed')) : forward(),
        );
      });
      await expect(moved(source, to(dying))).rejects.toThrow('the process is killed');
      expect((await contentOf(target)).length).toBeGreaterThan(10);

      await expect(start(target)).rejects.toThrow(/was interrupted/);
      await expect(moved(target, to(newStore('memory')))).rejects.toThrow(/was interrupted/);

      // Less than what the first attempt brought: what is left of that must not stay.
      const other = newStore('memory');
      await fill(other, [put.session('only')]);
      await moved(other, to(target));
      expect((await contentOf(target)).filter((fact) => !fact.includes('last-message-id'))).toEqual(
        await contentOf(other),
      );
      await start(target);
    });

    test('a target that does not hold what was written is not reported as done', async () => {
      const source = newStore('memory');
      await fill(source, everyState());
      const target = newStore(name);
      const losing = watched(target, (storage) => {
        const original = storage.commit.bind(storage);
        storage.commit = (batch) => {
          const kept = batch.filter((change) => change.kind !== 'queue.append' || change.message.id !== 777);
          return kept.length === 0 ? Promise.resolve() : original(kept);
        };
      });
      await expect(moved(source, to(losing))).rejects.toThrow(
        /does not hold what was written \(entry: \d+ written, \d+ found; digest/,
      );
      await expect(start(target)).rejects.toThrow(/was interrupted/);
    });
  });

test('a payload that changed during the copy is detected, although the counts agree', async () => {
  const source = newStore('memory');
  await fill(source, everyState());
  const target = watched(newStore('memory'), (storage) => {
    const original = storage.commit.bind(storage);
    storage.commit = (batch) =>
      original(
        batch.map((change) =>
          change.kind === 'retained.put'
            ? { ...change, message: { ...change.message, payload: Buffer.from('another') } }
            : change,
        ),
      );
  });
  await expect(moved(source, to(target))).rejects.toThrow(/as many facts, but not the same/);
});

test('a store that cannot be reached is retried; one that is full is not', async () => {
  const source = newStore('memory');
  await fill(source, everyState());
  const target = newStore('memory');
  let commits = 0;
  const shaky = watched(target, (storage) => {
    onCommit(storage, async (_batch, forward) => {
      commits++;
      // The batch may have been stored or not: the caller cannot know.
      if (commits % 3 === 0) await forward();
      if (commits % 3 !== 1) throw new StorageError('unavailable', 'away');
      await forward();
    });
  });
  await moved(source, to(shaky));
  expect(await contentOf(target)).toEqual(await contentOf(source));

  const full = watched(newStore('memory'), (storage) => {
    onCommit(storage, () => Promise.reject(new StorageError('full', 'no space')));
  });
  await expect(moved(source, to(full))).rejects.toThrow('no space');
});

test('the target is checked read-only before it is opened, and closed in every case', async () => {
  const states: string[] = [];
  const noting = (store: TestStore): TestStore =>
    watched(store, (storage) => {
      const {
        openReadOnly,
        open: doOpen,
        close,
      } = {
        openReadOnly: storage.openReadOnly.bind(storage),
        open: storage.open.bind(storage),
        close: storage.close.bind(storage),
      };
      storage.openReadOnly = () => (states.push('read-only'), openReadOnly());
      storage.open = () => (states.push('open'), doOpen());
      storage.close = () => (states.push('closed'), close());
    });
  const source = newStore('memory');
  await fill(source, [put.session('x')]);
  const target = noting(newStore('memory'));
  await moved(source, to(target));
  expect(states).toEqual(['read-only', 'closed', 'open', 'closed', 'open', 'closed']);

  states.length = 0;
  await expect(moved(source, to(target))).rejects.toThrow('the target is not empty');
  expect(states).toEqual(['read-only', 'closed']);

  states.length = 0;
  const failing = watched(target, (storage) => {
    onCommit(storage, () => Promise.reject(new StorageError('full', 'no space')));
  });
  await expect(moved(source, to(failing, true))).rejects.toThrow('no space');
  expect(states).toEqual(['open', 'closed']);
});

test('a broker keeps its store when the migration refuses it as a target', async () => {
  const source = newStore('memory');
  await fill(source, [put.session('x')]);
  const target = newStore('memory');
  const broker = await target.make();
  await broker.open();
  await broker.commit([put.session('of the broker')]);
  await expect(moved(source, to(target))).rejects.toThrow('the target is not empty');
  await broker.commit([put.session('another')]);
  await broker.close();
});

test('an unfinished source is refused before a target that is to be replaced loses anything', async () => {
  const half = newStore('memory');
  await fill(half, [put.session('half'), markUnfinished(messageOf(5).id)]);
  const target = newStore('memory');
  await fill(target, everyState());
  const before = await contentOf(target);
  await expect(moved(half, to(target, true))).rejects.toThrow(/was interrupted/);
  expect(await contentOf(target)).toEqual(before);
});

test.each(NAMES.filter((name) => name !== 'mongodb'))(
  'a source in %s that returns fewer facts than it counts is refused as corrupt',
  async (name) => {
    const source = newStore(name);
    await fill(source, [
      put.session('a'),
      appendOf(queueOf('a'), 0, messageOf(1)),
      appendOf(queueOf('a'), 1, messageOf(2)),
      put.retained(messageOf(3)),
    ]);
    const losing = watched(source, (storage) => {
      const readQueue = storage.readQueue.bind(storage);
      storage.readQueue = async (...asked) => (await readQueue(...asked)).slice(0, 1);
      storage.readRetained = () => Promise.resolve([]);
    });
    await expect(moved(losing, to(newStore('memory')))).rejects.toMatchObject({
      kind: 'corrupt',
      message: expect.stringContaining('1 retained messages and returns 0') as unknown,
    });
  },
);

test('all facts about one message are in one batch, however many queues it is in', async () => {
  const source = newStore('memory');
  const clients = Array.from({ length: 700 }, (_, i) => `client ${i}`);
  await fill(
    source,
    [0, 1, 2, 3, 4, 5, 6, 7].flatMap((id) =>
      clients.map((client) => appendOf(queueOf(client), id, messageOf(id, { payload: payloadOf(50, id) }))),
    ),
  );
  const batchesOf = new Map<number, Set<number>>();
  let batches = 0;
  const target = watched(newStore('memory'), (storage) => {
    onCommit(storage, (batch, forward) => {
      batches++;
      for (const change of batch) {
        if (change.kind !== 'queue.append' || !change.queue.startsWith('c:')) continue;
        batchesOf.set(change.message.id, (batchesOf.get(change.message.id) ?? new Set()).add(batches));
      }
      return forward();
    });
  });
  await moved(source, to(target));
  expect(batches).toBeGreaterThan(3);
  expect([...batchesOf.values()].map((each) => each.size)).toEqual([1, 1, 1, 1, 1, 1, 1, 1]);
});
