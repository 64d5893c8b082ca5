// The promises of MongoDB storage beyond the contract: a single writer even if requests arrive late, a crash between
// any two writes, batches in parts, a bounded journal, payloads stored once and removed with their last reference, and
// errors that help the operator.
import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import { BSON, MongoNetworkError } from 'mongodb';
import type {
  Change,
  Durability,
  Message,
  QueueId,
  RestoredFact,
  Seq,
  Storage,
  StoredEntry,
  TopicName,
} from 'hexmq/ports';
import { StorageError } from 'hexmq/ports';
import { MongoStorage, createStorage } from '../../adapters/storage/mongodb/index.js';
import { describeWithServer } from '../e2e/tools.js';
import { MongoDatabases } from './mongodb-databases.js';
import type { MongoDatabase } from './mongodb-databases.js';

const found = await MongoDatabases.find();
const onServer = (name: string, body: () => void): void => {
  describeWithServer(found, name, body);
};
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

const ALL = { maxEntries: 1_000_000, maxBytes: Number.MAX_SAFE_INTEGER };
const queue = (id: string): QueueId => `c:${id}` as QueueId;

const messageOf = (id: number, payload: Uint8Array = Buffer.from(`payload ${String(id)}`)): Message => ({
  id: id as Message['id'],
  topic: 't' as TopicName,
  payload,
  qos: 1,
  retain: false,
  properties: undefined,
  publisher: undefined,
  acceptedAtMs: 0,
  expiresAtMs: undefined,
});

const append = (id: string, seq: number, message: Message): Change => ({
  kind: 'queue.append',
  queue: queue(id),
  seq: seq as Seq,
  message,
  qos: 1,
  retain: false,
  identifiers: undefined,
});
const remove = (id: string, seq: number): Change => ({
  kind: 'queue.remove',
  queue: queue(id),
  seq: seq as Seq,
});
const trim = (id: string, through: number): Change => ({
  kind: 'queue.trim',
  queue: queue(id),
  through: through as Seq,
});
const release = (id: string, seq: number): Change => ({ kind: 'queue.release', queue: queue(id), seq: seq as Seq });

async function loaded(storage: Storage): Promise<RestoredFact[]> {
  const facts: RestoredFact[] = [];
  for await (const fact of storage.load()) facts.push(fact);
  return facts;
}

const page = (storage: Storage, id: string): Promise<readonly StoredEntry[]> =>
  storage.readQueue(queue(id), 0 as Seq, ALL);
const seqs = async (storage: Storage, id: string): Promise<number[]> => (await page(storage, id)).map(({ seq }) => seq);

async function opened(storage: MongoStorage): Promise<MongoStorage> {
  await storage.open();
  await loaded(storage);
  return storage;
}

async function refusal(promise: Promise<unknown>): Promise<StorageError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof StorageError)) throw new Error(`a StorageError was expected, not ${String(error)}`);
  return error;
}

const broken = (): Error => new MongoNetworkError('connection broken by the test');

onServer('two writers', () => {
  test('an insert that was under way while another writer took over does not count, however late it arrives', async () => {
    const database = newDatabase();
    let arrive: () => void = () => undefined;
    let isHeld: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (isHeld = resolve));
    let isArmed = false;
    database.watchWith(async (collection, operation) => {
      if (!isArmed || collection !== 'journal' || operation !== 'insertOne') return undefined;
      isArmed = false;
      isHeld();
      await new Promise<void>((resolve) => (arrive = resolve));
      return undefined;
    });
    const first = await opened(database.storage());
    await first.commit([append('a', 0, messageOf(1))]);
    isArmed = true;
    const late = refusal(first.commit([append('a', 1, messageOf(2))]));
    await held;
    const second = await opened(database.storage());
    // Enough that everything up to the takeover has been folded, and removed from the journal.
    for (let seq = 1; seq <= 5; seq++) await second.commit([append('a', seq, messageOf(10 + seq))]);
    expect(await seqs(second, 'a')).toEqual([0, 1, 2, 3, 4, 5]);
    arrive();
    expect((await late).kind).toBe('fenced');
    expect((await refusal(first.commit([append('a', 9, messageOf(9))]))).kind).toBe('fenced');
    await second.commit([append('a', 6, messageOf(16))]);
    expect((await page(second, 'a')).map(({ message }) => Number(message.id))).toEqual([1, 11, 12, 13, 14, 15, 16]);
  });

  test('a writer that lost the store writes nothing more to the collections once it has noticed', async () => {
    const database = newDatabase();
    const first = await opened(database.storage());
    await first.commit([append('a', 0, messageOf(1))]);
    expect(await seqs(first, 'a')).toEqual([0]);
    const second = await opened(database.storage());
    await second.commit([trim('a', 0)]);
    expect(await seqs(second, 'a')).toEqual([]);
    await refusal(first.commit([append('a', 1, messageOf(2))]));
    expect(await seqs(second, 'a')).toEqual([]);
  });

  test('of many storages that open at once only the last to claim the journal can write', async () => {
    const database = newDatabase();
    await (await opened(database.storage())).close();
    const storages = Array.from({ length: 5 }, () => database.storage());
    const openings = await Promise.allSettled(storages.map((storage) => opened(storage)));
    const commits: PromiseSettledResult<void>[] = [];
    for (const [i, opening] of openings.entries()) {
      if (opening.status === 'fulfilled')
        commits.push(...(await Promise.allSettled([opening.value.commit([append('a', i, messageOf(i))])])));
    }
    expect(commits.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  test('a late put of an earlier writer does not bring back what the later one has removed', async () => {
    const database = newDatabase();
    const writes: { collection: string }[] = [];
    let cut = false;
    database.watchWith((collection, operation) => {
      if (cut && collection === 'queues' && operation === 'insertMany') {
        writes.push({ collection });
        throw broken();
      }
      return undefined;
    });
    const first = await opened(database.storage());
    cut = true;
    await first.commit([append('a', 0, messageOf(1)), append('a', 1, messageOf(2))]);
    await refusal(page(first, 'a'));
    expect(writes.length).toBeGreaterThan(0);
    cut = false;
    await database.crash();
    const second = await opened(database.storage());
    const [document] = await database.db.collection<{ _id: string }>('queues').find({ seq: 0 }).toArray();
    await second.commit([remove('a', 0)]);
    expect(await seqs(second, 'a')).toEqual([1]);
    // The same document, as the first writer would have put it.
    if (document === undefined) throw new Error('the entry is not in the collection');
    await expect(database.db.collection<{ _id: string }>('queues').insertOne(document)).rejects.toMatchObject({
      code: 11_000,
    });
    expect(await seqs(second, 'a')).toEqual([1]);
  });
});

onServer('a crash between any two writes', () => {
  const SHARED = messageOf(1);
  const history: Change[][] = [
    [
      {
        kind: 'session.put',
        session: {
          clientId: 'a' as never,
          expiryIntervalS: 9,
          disconnectedAtMs: undefined,
          sentBelow: undefined,
          doubtBelow: undefined,
        },
      },
      { kind: 'inbound.put', clientId: 'a' as never, packetId: 7 },
      ...['a', 'b', 'c'].map((id) => append(id, 0, SHARED)),
      append('a', 1, messageOf(2)),
      append('a', 2, messageOf(3)),
      { kind: 'retained.put', message: messageOf(4) },
    ],
    [
      release('a', 1),
      trim('a', 0),
      remove('b', 0),
      append('b', 1, messageOf(5)),
      { kind: 'inbound.drop', clientId: 'a' as never, packetId: 7 },
    ],
    [
      { kind: 'queue.drop', queue: queue('c') },
      append('c', 0, messageOf(6)),
      trim('b', 1),
      { kind: 'retained.drop', topic: 't' as TopicName },
    ],
  ];

  const contentOf = async (storage: Storage): Promise<unknown> => ({
    facts: (await loaded(storage)).map((fact) => JSON.stringify(fact)).sort(),
    pages: await Promise.all(
      ['a', 'b', 'c'].map(async (id) =>
        (await page(storage, id)).map(({ seq, released, message }) => [
          seq,
          released,
          message.id,
          Buffer.from(message.payload).toString(),
        ]),
      ),
    ),
    retained: await storage.readRetained(['t' as TopicName]),
  });

  test('a crash of the checkpointer before or after any of its writes loses no commit', async () => {
    const whole = newDatabase();
    const reference = await opened(whole.storage());
    for (const batch of history) await reference.commit(batch);
    await reference.close();
    const expected = await contentOf(await opened(whole.storage()));

    let points = 0;
    for (let point = 0; ; point++) {
      const database = newDatabase();
      let folding = 0;
      let isDown = false;
      database.watchWith((collection, operation) => {
        // Commits get through: it is the folding that dies.
        if (collection === 'journal' && operation !== 'deleteMany') return undefined;
        if (isDown) throw broken();
        if (folding++ < point) return undefined;
        isDown = true;
        // Alternately before the write is done, and after.
        if (point % 2 === 0) throw broken();
        return broken();
      });
      const storage = database.storage();
      const isOpen = await opened(storage).then(
        () => true,
        () => false,
      );
      if (isOpen) for (const batch of history) await storage.commit(batch);
      if (isOpen) await page(storage, 'a').catch(() => undefined);
      const hasCrashed = isDown;
      await database.crash();
      database.watchWith(() => undefined);
      if (isOpen)
        expect({ point, content: await contentOf(await opened(database.storage())) }).toEqual({
          point,
          content: expected,
        });
      await database.drop();
      if (!hasCrashed) break;
      points++;
    }
    expect(points).toBeGreaterThan(10);
  }, 120_000);

  test('a crash between the parts of a batch leaves nothing of it, and does not prevent the next start', async () => {
    const database = newDatabase();
    const storage = await opened(database.storage({ partBytesMax: 1000 }));
    await storage.commit([append('a', 0, messageOf(1))]);
    let inserts = 0;
    database.watchWith((collection, operation) => {
      if (collection === 'journal' && operation === 'insertOne' && ++inserts > 3) throw broken();
      return undefined;
    });
    const large = [append('a', 1, messageOf(2, Buffer.alloc(10_000, 1))), append('a', 2, messageOf(3))];
    expect((await refusal(storage.commit(large))).kind).toBe('unavailable');
    await database.crash();
    database.watchWith(() => undefined);
    const next = await opened(database.storage({ partBytesMax: 1000 }));
    expect(await seqs(next, 'a')).toEqual([0]);
    await next.commit(large);
    expect(await seqs(next, 'a')).toEqual([0, 1, 2]);
    expect(await database.db.collection('journal').countDocuments({ claim: { $ne: true } })).toBe(0);
  });

  test('a batch in parts that failed half-way is finished by the next attempt', async () => {
    const database = newDatabase();
    let inserts = 0;
    let isArmed = false;
    database.watchWith((collection, operation) => {
      if (!isArmed || collection !== 'journal' || operation !== 'insertOne') return undefined;
      inserts++;
      // The third is done, and its answer lost.
      return inserts === 3 ? broken() : undefined;
    });
    const storage = await opened(database.storage({ partBytesMax: 1000 }));
    isArmed = true;
    const payload = Buffer.from(Array.from({ length: 10_000 }, (_, i) => i % 251));
    const large = [append('a', 0, messageOf(2, payload))];
    await refusal(storage.commit(large));
    expect(await seqs(storage, 'a')).toEqual([]);
    await storage.commit(large);
    const [entry] = await page(storage, 'a');
    expect(Buffer.from(entry?.message.payload ?? []).equals(payload)).toBe(true);
  });
});

onServer('the journal', () => {
  test('a batch whose answer was lost is committed once', async () => {
    const database = newDatabase();
    let lose = false;
    database.watchWith((collection, operation) => {
      if (!lose || collection !== 'journal' || operation !== 'insertOne') return undefined;
      lose = false;
      return broken();
    });
    const storage = await opened(database.storage());
    lose = true;
    const batch = [append('a', 0, messageOf(1))];
    expect((await refusal(storage.commit(batch))).kind).toBe('unavailable');
    const before = await database.db.collection<{ _id: number }>('journal').find().sort({ _id: -1 }).limit(1).next();
    await storage.commit(batch);
    await storage.commit([append('a', 1, messageOf(2))]);
    const after = await database.db.collection<{ _id: number }>('meta').findOne({});
    expect(after).not.toBeNull();
    expect(await seqs(storage, 'a')).toEqual([0, 1]);
    expect(before?._id).toBe(2);
    const writer = await database.db.collection<{ _id: string; checkpoint: number }>('meta').findOne({ _id: 'writer' });
    // A claim and two batches.
    expect(writer?.checkpoint).toBe(3);
  });

  test('a journal number is never assigned twice, however late a read settles a batch in doubt', async () => {
    const database = newDatabase();
    let lose = false;
    let learn = (): void => undefined;
    let asked: (() => void) | undefined;
    database.watchWith(async (collection, operation) => {
      if (collection !== 'journal') return undefined;
      if (lose && operation === 'insertOne') {
        lose = false;
        return broken();
      }
      // An update finds out whether this storage took a number; the first caller waits for the answer.
      if (asked !== undefined && operation === 'updateOne') {
        asked();
        asked = undefined;
        await new Promise<void>((resolve) => (learn = resolve));
      }
      return undefined;
    });
    const storage = await opened(database.storage());
    lose = true;
    expect((await refusal(storage.commit([append('a', 0, messageOf(1))]))).kind).toBe('unavailable');
    const hasAsked = new Promise<void>((resolve) => (asked = resolve));
    const reading = seqs(storage, 'a');
    await hasAsked;
    await storage.commit([append('a', 0, messageOf(1))]);
    await storage.commit([append('a', 1, messageOf(2))]);
    learn();
    await reading;
    await storage.commit([append('a', 2, messageOf(3))]);
    await database.crash();
    expect(await seqs(await opened(database.storage()), 'a')).toEqual([0, 1, 2]);
  });

  test('the journal is bounded: while the checkpointer fails, commits fail when it is full, and succeed afterwards', async () => {
    const database = newDatabase();
    let isDown = false;
    database.watchWith((collection) => {
      if (isDown && collection === 'queues') throw broken();
      return undefined;
    });
    const storage = await opened(database.storage({ waitingBatchesMax: 10 }));
    isDown = true;
    let taken = 0;
    const commit = (durability?: Durability) => storage.commit([append('a', taken, messageOf(taken))], durability);
    let failure: StorageError | undefined;
    while (taken < 50 && failure === undefined) {
      try {
        await commit();
        taken++;
      } catch (error) {
        failure = error as StorageError;
      }
    }
    expect(failure?.kind).toBe('unavailable');
    expect(taken).toBe(10);
    expect(await database.db.collection('journal').countDocuments({ claim: { $ne: true } })).toBe(10);
    isDown = false;
    await commit();
    expect(await seqs(storage, 'a')).toEqual(Array.from({ length: 11 }, (_, i) => i));
  });

  test('a long journal is applied at the next start', async () => {
    const database = newDatabase();
    let isDown = false;
    database.watchWith((collection) => {
      if (isDown && collection === 'queues') throw broken();
      return undefined;
    });
    const storage = await opened(database.storage());
    isDown = true;
    for (let seq = 0; seq < 300; seq++) await storage.commit([append('a', seq, messageOf(seq))]);
    await database.crash();
    isDown = false;
    const next = await opened(database.storage());
    expect(await seqs(next, 'a')).toEqual(Array.from({ length: 300 }, (_, i) => i));
    expect(await database.db.collection('journal').countDocuments({ claim: { $ne: true } })).toBe(0);
  });
});

onServer('messages', () => {
  test('a message in several queues is stored once, and removed with the last of them', async () => {
    const database = newDatabase();
    const storage = await opened(database.storage());
    const messages = database.db.collection('messages');
    const ids = ['a', 'b', 'c', 'd'];
    const message = messageOf(1);
    await storage.commit(ids.map((id) => append(id, 0, message)));
    await seqs(storage, 'a');
    expect(await messages.countDocuments()).toBe(1);
    await storage.commit([trim('a', 0), remove('b', 0), { kind: 'queue.drop', queue: queue('c') }]);
    expect(await seqs(storage, 'a')).toEqual([]);
    expect(Buffer.from((await page(storage, 'd'))[0]?.message.payload ?? []).toString()).toBe('payload 1');
    await storage.commit([trim('d', 0)]);
    await seqs(storage, 'd');
    // The round after the one that removed the entry looks again.
    await storage.commit([append('e', 0, messageOf(2))]);
    await seqs(storage, 'e');
    await storage.close();
    expect(await messages.countDocuments()).toBe(0);
  });

  test('a message larger than a document is read back completely', async () => {
    const database = newDatabase();
    const storage = await opened(database.storage());
    const payload = Buffer.alloc(20 * 1024 * 1024);
    for (let i = 0; i < payload.byteLength; i += 997) payload[i] = i % 256;
    await storage.commit([append('a', 0, messageOf(1, payload))]);
    const [entry] = await page(storage, 'a');
    expect(payload.equals(entry?.message.payload ?? new Uint8Array(0))).toBe(true);
  }, 60_000);
});

onServer('a connection that breaks', () => {
  // The error of Node when a request is written to a socket whose other end has just closed. The driver passes it on
  // unchanged.
  const ofTheSocket = (code: string): Error =>
    Object.assign(new Error('This socket has been ended by the other party'), { code });

  test.each(['EPIPE', 'ECONNRESET', 'ERR_STREAM_DESTROYED'])(
    'a broken connection that shows as %s is a failure of the server for commits and for the checkpointer',
    async (code) => {
      const database = newDatabase();
      let broken: string | undefined;
      database.watchWith((collection) => {
        if (collection === broken) throw ofTheSocket(code);
        return undefined;
      });
      const storage = await opened(database.storage());
      broken = 'journal';
      const { kind, message } = await refusal(storage.commit([append('a', 0, messageOf(1))]));
      expect(kind).toBe('unavailable');
      expect(message).toContain('cannot be reached');
      broken = 'queues';
      await storage.commit([append('a', 0, messageOf(1))]);
      expect((await refusal(page(storage, 'a'))).kind).toBe('unavailable');
      broken = undefined;
      expect(await seqs(storage, 'a')).toEqual([0]);
    },
  );
});

onServer('the first start on a database', () => {
  test.each(['sessions', 'meta', 'orders'])(
    'a database with the collection %s of another program is refused, and left as it is',
    async (name) => {
      const database = newDatabase();
      await database.db.collection<{ _id: string }>(name).insertOne({ _id: 'theirs' });
      const { kind, message } = await refusal(database.storage().open());
      expect(kind).toBe('corrupt');
      expect(message).toMatch(/^the database \S+ holds data that is not of hexmq: choose another one$/);
      expect((await database.db.listCollections().toArray()).map((one) => one.name)).toEqual([name]);
      expect(await database.db.collection(name).countDocuments()).toBe(1);
    },
  );

  test('a first start that was interrupted before its first document is repeated', async () => {
    const database = newDatabase();
    await database.db.createCollection('meta');
    await opened(database.storage());
  });

  test('a store of format 1, with whole messages as wills, is read and raised to format 2', async () => {
    const database = newDatabase();
    const first = await opened(database.storage());
    await first.close();
    const { payload, properties: _properties, publisher: _publisher, expiresAtMs: _expiry, ...fields } = messageOf(7);
    const message = { ...fields, payload };
    const will = { _id: 'old', n: 0, clientId: 'old', delayS: 5, dueAtMs: 9, message };
    await database.db.collection<{ _id: string }>('wills').insertOne(will);
    const meta = database.db.collection<{ _id: string; version: number }>('meta');
    await meta.updateOne({ _id: 'format' }, { $set: { version: 1 } });
    const again = await opened(database.storage());
    const facts: RestoredFact[] = [];
    for await (const fact of again.load()) facts.push(fact);
    const { topic, qos, retain, properties } = messageOf(7);
    const found = facts.flatMap((fact) => (fact.kind === 'will' ? [fact.will] : []));
    expect(found).toEqual([
      {
        clientId: 'old',
        delayS: 5,
        dueAtMs: 9,
        message: { topic, payload: expect.anything(), qos, retain, properties },
      },
    ]);
    expect(Buffer.from(found[0]?.message.payload ?? []).toString()).toBe('payload 7');
    await again.close();
    expect((await meta.findOne({ _id: 'format' }))?.version).toBe(2);
  });

  test('the journal of a store of format 1 is read, applied at a checkpoint, and read again', async () => {
    const database = newDatabase();
    await (await opened(database.storage())).close();
    // As format 1 wrote it: a will had a number and a time, and could share its message with another change.
    const payload = Buffer.from('gone');
    const properties = { contentType: 'text/plain', userProperties: [['unit', 'celsius']] };
    const fields = { id: 7, topic: 't', qos: 1, retain: true, acceptedAtMs: 5, properties, publisher: 'old' };
    const frames = [
      BSON.serialize({ kind: 'message', fields, bytes: payload.length }),
      payload,
      BSON.serialize({ kind: 'will.put', clientId: 'old', message: 0, delayS: 5, dueAtMs: 9 }),
      BSON.serialize({ kind: 'retained.put', message: 0 }),
    ];
    const journal = database.db.collection<{ _id: number; epoch: number }>('journal');
    const last = await journal.findOne({}, { sort: { _id: -1 } });
    if (last === null) throw new Error('the first opening has claimed nothing');
    const first = last._id + 1;
    const batch = { _id: first, epoch: last.epoch, first, part: 0, parts: 1, bytes: Buffer.concat(frames) };
    await journal.insertOne(batch);
    const meta = database.db.collection<{ _id: string; version: number }>('meta');
    await meta.updateOne({ _id: 'format' }, { $set: { version: 1 } });
    // At the second opening the journal is empty, and the collections have what was in it.
    for (const batches of [1, 0]) {
      expect(await journal.countDocuments({ bytes: { $exists: true } })).toBe(batches);
      const again = await opened(database.storage());
      const facts: RestoredFact[] = [];
      for await (const fact of again.load()) facts.push(fact);
      expect(facts.map(({ kind }) => kind)).toContain('retained');
      const [will] = facts.flatMap((fact) => (fact.kind === 'will' ? [fact.will] : []));
      expect(will).toMatchObject({
        clientId: 'old',
        delayS: 5,
        dueAtMs: 9,
        message: { topic: 't', qos: 1, retain: true },
      });
      expect(Object.keys(will?.message ?? {}).sort()).toEqual(['payload', 'properties', 'qos', 'retain', 'topic']);
      expect(Buffer.from(will?.message.payload ?? []).toString()).toBe('gone');
      expect(will?.message.properties?.contentType).toBe('text/plain');
      expect([...(will?.message.properties?.userProperties ?? [])]).toEqual([['unit', 'celsius']]);
      await again.close();
    }
    expect((await meta.findOne({ _id: 'format' }))?.version).toBe(2);
  });

  test('a store of a newer format is refused', async () => {
    const database = newDatabase();
    await database.db.collection<{ _id: string; version: number }>('meta').insertOne({ _id: 'format', version: 3 });
    const { kind, message } = await refusal(database.storage().open());
    expect(kind).toBe('corrupt');
    expect(message).toContain('format 3, this one reads 1 to 2');
  });
});

describe('an invalid configuration of MongoDB storage', () => {
  test('a server that cannot be reached is named without credentials', async () => {
    const storage = new MongoStorage({
      url: 'mongodb://someone:pass%40word@127.0.0.1:1/?serverSelectionTimeoutMS=50',
      database: 'x',
    });
    const { kind, message } = await refusal(storage.open());
    expect(kind).toBe('unavailable');
    expect(message).toMatch(/^MongoDB at 127\.0\.0\.1:1\/x cannot be reached/);
    expect(message).not.toContain('pass');
    expect(message).not.toContain('\n');
  });

  test('a wrong option is reported without repeating secrets', () => {
    expect(() => createStorage({ url: 'mongodb://h', database: 'd', directory: 'x' })).toThrow(
      'directory: unknown key, expected url, database',
    );
    expect(() => createStorage({ url: 'mongodb://h', database: 'a b' })).toThrow(
      'database: "a b" is not valid, expected the name of a database',
    );
    expect(() => createStorage({ url: 'http://user:secret@h', database: 'd' })).toThrow(
      /^url: not valid, expected a connection string that begins with/,
    );
    for (const url of [
      'http://user:secret@h',
      'mongodb://user:secret@',
      'mongodb://user:sec@ret@h/?x=y',
      'mongodb://user:secret@h:port',
    ]) {
      let message = '';
      try {
        createStorage({ url, database: 'd' });
      } catch (error) {
        message = (error as Error).message;
      }
      expect(message).toMatch(/^url: not /);
      expect(message).not.toMatch(/sec/);
    }
  });
});
