// What is moved from one store to another is there afterwards, all of it and nothing else; and what was begun and not ended is never taken for whole.
import { afterEach, describe, expect, test } from '@jest/globals';
import { MemoryStorage, MemoryStore } from '../../../../adapters/storage/memory/index.js';
import { exportText } from '../../../../src/application/transfer/export-format.js';
import { readFacts } from '../../../../src/application/transfer/fact-reader.js';
import { fillStore } from '../../../../src/application/transfer/fill.js';
import type { TransferProgress } from '../../../../src/application/transfer/fill.js';
import { importFacts } from '../../../../src/application/transfer/import-format.js';
import { linesOf } from '../../../../src/application/transfer/lines.js';
import { migrate } from '../../../../src/application/transfer/migrate.js';
import { BrokerService } from '../../../../src/application/service.js';
import { DEFAULT_LIMITS } from '../../../../src/domain/connect/limits.js';
import type { Change, Message, Storage } from '../../../../src/ports/index.js';
import { StorageError } from '../../../../src/ports/index.js';
import { SeededRandom } from '../../../../src/testkit/seeded-random.js';
import { appendOf, messageOf, payloadOf, put, queueOf } from '../../../../src/testkit/storage-samples.js';
import { VirtualClock } from '../../../../src/testkit/virtual-clock.js';
import { BACKLOG, NAMES, PAIRS, contentOf, everyState, fill, hash, partsOf, storeOf } from './stores.js';
import type { TestStore } from './stores.js';

const open: TestStore[] = [];

function newStore(name: string): TestStore {
  const store = storeOf(name);
  open.push(store);
  return store;
}

afterEach(() => {
  for (const store of open.splice(0)) store.dispose();
});

const to = (store: TestStore, replace = false) => ({ make: () => store.make(), replace });

/** A broker that only begins; it ends again at once. */
async function start(store: TestStore): Promise<void> {
  const service = new BrokerService({
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

function onCommit(storage: Storage, commit: (batch: readonly Change[], forward: () => Promise<void>) => Promise<void>): void {
  const original = storage.commit.bind(storage);
  storage.commit = (batch, durability) => commit(batch, () => original(batch, durability));
}

describe.each(PAIRS)('from %s to %s', (from, target) => {
  test('everything arrives as it was, the highest message id too', async () => {
    const source = newStore(from);
    const destination = newStore(target);
    await fill(source, everyState());
    const before = await contentOf(source);
    expect(before.length).toBeGreaterThan(BACKLOG);
    expect(before).toContain('[{"kind":"last-message-id","id":1000000},null]');

    const progress: TransferProgress[] = [];
    const result = await migrate(await source.make(), to(destination), partsOf((each) => progress.push(each)));

    expect(await contentOf(destination)).toEqual(before);
    expect(await contentOf(source)).toEqual(before);
    const facts = Object.values(result.counts).reduce((sum, count) => sum + count, 0);
    expect(facts).toBe(before.length - 1);
    expect(progress.at(-1)).toEqual({ phase: 'checking', done: facts, total: facts });
    await start(destination);
  });

  test('by way of an export, everything arrives as well, and is exported alike again', async () => {
    const source = newStore(from);
    const destination = newStore(target);
    await fill(source, everyState());
    const text = await exported(source);
    await fillStore(to(destination), { facts: importFacts(linesOf(inChunks(text)), hash), total: () => undefined }, partsOf());
    expect(await contentOf(destination)).toEqual(await contentOf(source));
    expect((await exported(destination)).split('\n').sort()).toEqual(text.split('\n').sort());
  });
});

async function exported(store: TestStore): Promise<string> {
  const storage = await store.make();
  await storage.open();
  let text = '';
  for await (const chunk of exportText(readFacts(storage), hash, 5)) text += chunk.text;
  await storage.close();
  return text;
}

async function* inChunks(text: string, size = 1000): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let from = 0; from < bytes.length; from += size) yield bytes.subarray(from, from + size);
}

test('a payload is written once into an export, however many queues it waits in', async () => {
  const source = newStore('file');
  const message = messageOf(1, { payload: Buffer.from('only once'), topic: 't' });
  await fill(source, ['a', 'b', 'c'].flatMap((id) => [put.session(id), appendOf(queueOf(id), 0, message)]));
  expect((await exported(source)).match(new RegExp(Buffer.from('only once').toString('base64'), 'g'))).toHaveLength(1);
});

test('messages that wait in many queues come as the same object, whichever batches they come in', async () => {
  // Read from files, where each page brings objects of its own; more than one batch, and more than one page of each queue.
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
  await migrate(await source.make(), to(target), partsOf());
  expect(objects.size).toBe(600);
  expect(batches).toBeGreaterThan(3);
  expect([...objects.values()].filter((same) => same.size !== 1)).toEqual([]);
});

describe.each(NAMES)('a target in %s', (name) => {
  test('that is not empty is refused, untouched, unless it is to be replaced', async () => {
    const source = newStore('memory');
    await fill(source, [put.session('new'), put.retained(messageOf(1, { topic: 'new' }))]);
    const target = newStore(name);
    await fill(target, everyState());
    const before = await contentOf(target);
    await expect(migrate(await source.make(), to(target), partsOf())).rejects.toThrow(/^the target is not empty \(sessions: \d+, queues: \d+, retained messages: \d+, wills: 2\): .*--replace/);
    expect(await contentOf(target)).toEqual(before);

    await migrate(await source.make(), to(target, true), partsOf());
    const withoutLastId = (facts: string[]): string[] => facts.filter((fact) => !fact.includes('last-message-id'));
    expect(withoutLastId(await contentOf(target))).toEqual(withoutLastId(await contentOf(source)));
    // A number is not given twice, whatever became of the message.
    expect(await contentOf(target)).toContain('[{"kind":"last-message-id","id":1000000},null]');
  });

  test('that was left half-way starts no broker and is no source, and is made whole by the next attempt', async () => {
    const source = newStore('memory');
    await fill(source, everyState());
    const target = newStore(name);
    let commits = 0;
    const dying = watched(target, (storage) => {
      onCommit(storage, (_batch, forward) => (++commits > 2 ? Promise.reject(new Error('the process is killed')) : forward()));
    });
    await expect(migrate(await source.make(), to(dying), partsOf())).rejects.toThrow('the process is killed');
    expect((await contentOf(target, { unfinished: true })).length).toBeGreaterThan(10);

    await expect(start(target)).rejects.toThrow(/did not come to its end/);
    await expect(migrate(await target.make(), to(newStore('memory')), partsOf())).rejects.toThrow(/did not come to its end/);

    // Less than what the first attempt brought: what is left of that must not stay.
    const other = newStore('memory');
    await fill(other, [put.session('only')]);
    await migrate(await other.make(), to(target), partsOf());
    expect((await contentOf(target)).filter((fact) => !fact.includes('last-message-id'))).toEqual(await contentOf(other));
    await start(target);
  });

  test('that does not hold what it was given is not called done', async () => {
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
    await expect(migrate(await source.make(), to(losing), partsOf())).rejects.toThrow(/does not hold what was written \(entry: \d+ written, \d+ found; digest/);
    await expect(start(target)).rejects.toThrow(/did not come to its end/);
  });
});

test('a payload that changed on its way is found, although the counts agree', async () => {
  const source = newStore('memory');
  await fill(source, everyState());
  const target = watched(newStore('memory'), (storage) => {
    const original = storage.commit.bind(storage);
    storage.commit = (batch) =>
      original(batch.map((change) => (change.kind === 'retained.put' ? { ...change, message: { ...change.message, payload: Buffer.from('another') } } : change)));
  });
  await expect(migrate(await source.make(), to(target), partsOf())).rejects.toThrow(/as many facts, but not the same/);
});

test('a store that cannot be reached for a moment is asked again; one that is full is not', async () => {
  const source = newStore('memory');
  await fill(source, everyState());
  const target = newStore('memory');
  let commits = 0;
  const shaky = watched(target, (storage) => {
    onCommit(storage, async (_batch, forward) => {
      commits++;
      // Taken, or not; nobody knows.
      if (commits % 3 === 0) await forward();
      if (commits % 3 !== 1) throw new StorageError('unavailable', 'away');
      await forward();
    });
  });
  await migrate(await source.make(), to(shaky), partsOf());
  expect(await contentOf(target)).toEqual(await contentOf(source));

  const full = watched(newStore('memory'), (storage) => {
    onCommit(storage, () => Promise.reject(new StorageError('full', 'no space')));
  });
  await expect(migrate(await source.make(), to(full), partsOf())).rejects.toThrow('no space');
});

test('both leases are given back, however it ends', async () => {
  const states: string[] = [];
  const noting = (name: string, store: TestStore): TestStore =>
    watched(store, (storage) => {
      const { open: doOpen, close } = { open: storage.open.bind(storage), close: storage.close.bind(storage) };
      storage.open = () => (states.push(`${name} open`), doOpen());
      storage.close = () => (states.push(`${name} closed`), close());
    });
  const source = newStore('memory');
  await fill(source, [put.session('x')]);
  await migrate(await noting('source', source).make(), to(noting('target', newStore('memory'))), partsOf());
  expect(states).toEqual(['source open', 'target open', 'target closed', 'target open', 'target closed', 'source closed']);

  states.length = 0;
  const taken = new MemoryStorage({ store: new MemoryStore() });
  taken.open = () => Promise.reject(new StorageError('fenced', 'in use by another'));
  await expect(migrate(await noting('source', source).make(), { make: () => Promise.resolve(taken), replace: false }, partsOf())).rejects.toThrow('in use by another');
  expect(states).toEqual(['source open', 'source closed']);
});
