// Reading a database whose journal has not been applied, or only a part of it: a read-only storage reads what was
// committed, and leaves no trace in the database.
import { afterAll, afterEach, expect, test } from '@jest/globals';
import * as fastCheck from 'fast-check';
import { MongoNetworkError } from 'mongodb';
import type {
  Change,
  Durability,
  Message,
  PageLimit,
  QueueId,
  RestoredFact,
  Seq,
  Storage,
  StorageTraits,
  StoredEntry,
  TopicName,
} from 'hexmq/ports';
import type { StorageUnderTest } from 'hexmq/testkit';
import type { MongoStorage } from '../../adapters/storage/mongodb/index.js';
import { describeWithServer } from '../e2e/tools.js';
import { runAgainstModel } from '../../src/testkit/storage-contract/model-run.js';
import { appendOf, messageOf, payloadOf, put, queueOf, trim } from '../../src/testkit/storage-contract/samples.js';
import { MongoDatabases } from './mongodb-databases.js';
import type { MongoDatabase } from './mongodb-databases.js';

const found = await MongoDatabases.find();
const open: MongoDatabase[] = [];

function newDatabase(): MongoDatabase {
  if (found === undefined) throw new Error('needs a MongoDB server');
  const database = found.create();
  open.push(database);
  return database;
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((database) => database.drop()));
});
afterAll(() => found?.dispose());

const broken = (): Error => new MongoNetworkError('connection broken by the test');

/** Commits as usual, applies the journal as far as the test allows, and reads through a read-only storage. */
class ReadFromOutside implements Storage {
  #reader: Promise<MongoStorage> | undefined;
  #isWriting = false;

  constructor(
    readonly writer: MongoStorage,
    readonly makeReader: () => MongoStorage,
    /** From when on folding may fail. */
    readonly opened: () => void,
  ) {}

  get traits(): StorageTraits {
    return this.writer.traits;
  }

  async open(): Promise<void> {
    await this.writer.open();
    this.#isWriting = true;
    this.opened();
  }

  openReadOnly(): Promise<boolean> {
    return this.writer.openReadOnly();
  }

  async *load(): AsyncIterable<RestoredFact> {
    yield* (await this.#outside()).load();
  }

  async commit(batch: readonly Change[], durability?: Durability): Promise<void> {
    await this.#goInside();
    await this.writer.commit(batch, durability);
  }

  async readQueue(queue: QueueId, from: Seq, limit: PageLimit): Promise<readonly StoredEntry[]> {
    return (await this.#outside()).readQueue(queue, from, limit);
  }

  async readRetained(topics: readonly TopicName[]): Promise<readonly Message[]> {
    return (await this.#outside()).readRetained(topics);
  }

  async close(): Promise<void> {
    await this.#goInside();
    this.#isWriting = false;
    await this.writer.close();
  }

  #outside(): Promise<MongoStorage> {
    if (!this.#isWriting) return Promise.resolve(this.writer);
    return (this.#reader ??= (async () => {
      const reader = this.makeReader();
      await reader.openReadOnly();
      return reader;
    })());
  }

  async #goInside(): Promise<void> {
    const reader = await this.#reader;
    this.#reader = undefined;
    await reader?.close();
  }
}

/**
 * @param written how many writes to the collections are carried out before one fails; then as many again, and so on.
 */
function underTest(written: number): StorageUnderTest {
  const database = newDatabase();
  let isFolding = true;
  let left = 0;
  let isAfter = false;
  database.watchWith((collection) => {
    if (collection === 'journal' || isFolding || left-- > 0) return undefined;
    left = written;
    // In turn before it is carried out, and when only the answer is missing.
    isAfter = !isAfter;
    if (isAfter) return broken();
    throw broken();
  });
  const make = (): Storage =>
    new ReadFromOutside(
      database.storage(),
      () => database.storage(),
      () => {
        isFolding = false;
        left = written;
      },
    );
  return {
    storage: make(),
    reopen: async () => {
      await database.crash();
      isFolding = true;
      return make();
    },
    dispose: () => database.drop(),
  };
}

describeWithServer(found, 'a random history, read from outside', () => {
  test.each([
    ['at the first write', 0],
    ['after the third write', 3],
    ['after the eighth write', 8],
  ])('a random history reads from outside as the model says while the checkpointer fails %s', (_name, written) =>
    runAgainstModel(fastCheck, { create: () => Promise.resolve(underTest(written)) }, { runs: 12, steps: 15 }),
  );
});

describeWithServer(found, 'opening a database read-only', () => {
  /** Everything in the database, and the names and indexes of what holds it. */
  async function everythingIn(database: MongoDatabase): Promise<unknown> {
    const collections = (await database.db.listCollections().toArray()).map(({ name }) => name).sort();
    return Promise.all(
      collections.map(async (name) => [
        name,
        await database.db.collection(name).indexes(),
        await database.db
          .collection(name)
          .find({}, { sort: { _id: 1 } })
          .toArray(),
      ]),
    );
  }

  test('opening a missing or foreign database read-only changes nothing in it', async () => {
    const database = newDatabase();
    expect(await database.storage().openReadOnly()).toBe(false);
    expect(await database.db.listCollections().toArray()).toEqual([]);
    await database.db.collection<{ _id: string }>('meta').insertOne({ _id: 'writer' });
    const before = await everythingIn(database);
    await expect(database.storage().openReadOnly()).rejects.toMatchObject({
      kind: 'corrupt',
      message: expect.stringContaining('not of hexmq') as unknown,
    });
    expect(await everythingIn(database)).toEqual(before);
  });

  test('opening a store read-only after its writer was killed changes nothing, and reads what was not applied yet', async () => {
    const database = newDatabase();
    let isFolding = true;
    database.watchWith((collection) => {
      if (collection !== 'journal' && !isFolding) throw broken();
      return undefined;
    });
    const writer = database.storage();
    await writer.open();
    isFolding = false;
    await writer.commit([
      put.session('a'),
      appendOf(queueOf('a'), 0, messageOf(1)),
      appendOf(queueOf('a'), 1, messageOf(2, { payload: payloadOf(100) })),
    ]);
    await writer.commit([trim(queueOf('a'), 0)]);
    await database.crash();

    const before = await everythingIn(database);
    const reader = database.storage();
    expect(await reader.openReadOnly()).toBe(true);
    const facts: RestoredFact[] = [];
    for await (const fact of reader.load()) facts.push(fact);
    expect(facts).toEqual([
      expect.objectContaining({ kind: 'session' }),
      { kind: 'queue', queue: 'c:a', first: 1, next: 2, count: 1, bytes: 100 },
      { kind: 'last-message-id', id: 2 },
    ]);
    expect(await everythingIn(database)).toEqual(before);

    // A broker starts, which is none of the reader's business; the reader's moment is over.
    isFolding = true;
    const next = database.storage();
    await next.open();
    await expect(reader.readQueue(queueOf('a'), 0 as Seq, { maxEntries: 1, maxBytes: 1 })).rejects.toMatchObject({
      kind: 'unavailable',
      message: expect.stringContaining('another hexmq uses it') as unknown,
    });
    const other = database.storage();
    expect(await other.openReadOnly()).toBe(true);
    await next.commit([put.session('b')]);
    await next.close();
  });
});
