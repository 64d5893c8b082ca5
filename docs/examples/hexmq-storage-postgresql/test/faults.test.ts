// What goes wrong between a broker and its server: lost connections, a second broker, a store of another version.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { StorageError } from 'hexmq/ports';
import type { Change, Message, QueueId, Seq, Storage } from 'hexmq/ports';
import { Store, query } from './store.js';

const QUEUE = 'c:a' as QueueId;
const ALL = { maxEntries: 10_000, maxBytes: 100_000_000 };

const append = (seq: number, payload = Buffer.from(String(seq)), queue = QUEUE): Change => {
  const message = { id: seq, topic: 't', payload, qos: 1, retain: false, acceptedAtMs: 1 } as unknown as Message;
  return { kind: 'queue.append', queue, seq: seq as Seq, message, qos: 1, retain: false, identifiers: undefined };
};

async function refusalOf(call: Promise<unknown>): Promise<StorageError> {
  const error: unknown = await call.then(
    () => new Error('it was not refused'),
    (reason: unknown) => reason,
  );
  if (!(error instanceof StorageError)) throw error;
  return error;
}

/** As the broker does: the same batch, until it is taken. @returns how often it was not. */
async function commit(storage: Storage, batch: readonly Change[]): Promise<number> {
  for (let failures = 0; ; failures++)
    try {
      await storage.commit(batch);
      return failures;
    } catch (error) {
      if (!(error instanceof StorageError) || error.kind !== 'unavailable') throw error;
    }
}

async function seqsOf(storage: Storage): Promise<number[]> {
  return (await storage.readQueue(QUEUE, 0 as Seq, ALL)).map(({ seq }) => seq);
}

void describe('faults', () => {
  let store: Store;
  let storage: Storage;

  beforeEach(async () => {
    store = new Store();
    storage = await store.storage();
    await storage.open();
  });

  afterEach(async () => {
    await storage.close();
    await store.remove();
  });

  void test('nothing is lost, doubled or out of order while the server ends connections all the time', async () => {
    let isOver = false;
    const terminate = async (): Promise<void> => {
      while (!isOver) {
        await new Promise((resolve) => setTimeout(resolve, 40));
        store.proxy.cut();
        await query(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'hexmq%'
           AND query LIKE '%' || $1 || '%'`,
          [store.schema],
        );
      }
    };
    const terminating = terminate();
    let failures = 0;
    const count = 150;
    for (let seq = 0; seq < count; seq++) failures += await commit(storage, [append(seq)]);
    isOver = true;
    await terminating;
    assert.ok(failures > 0, 'no connection was lost during a commit');
    await storage.close();
    storage = await store.storage();
    await storage.open();
    assert.deepEqual(
      await seqsOf(storage),
      Array.from({ length: count }, (_, seq) => seq),
    );
  });

  void test('a broker that has lost its connection, and the store to another, stores nothing more', async () => {
    await storage.commit([append(0)]);
    store.proxy.cut();
    const second = await store.storage();
    await second.open();
    await second.commit([append(1)]);
    const refusal = await refusalOf(storage.commit([append(2)]));
    assert.equal(refusal.kind, 'fenced');
    assert.match(refusal.message, /was opened by another hexmq/);
    assert.equal((await refusalOf(seqsOf(storage))).kind, 'fenced');
    assert.deepEqual(await seqsOf(second), [0, 1]);
    await second.close();
    assert.equal((await refusalOf(storage.commit([append(2)]))).kind, 'fenced');
  });

  void test('a broker that has lost its connection goes on when no other has opened the store', async () => {
    await storage.commit([append(0)]);
    store.proxy.cut();
    await commit(storage, [append(1)]);
    assert.deepEqual(await seqsOf(storage), [0, 1]);
  });

  void test('a store of a later format is refused, and so is a schema of another program', async () => {
    await storage.close();
    await query(`UPDATE ${store.schema}.store SET format = 2`);
    const later = await refusalOf((await store.storage()).open());
    assert.equal(later.kind, 'corrupt');
    assert.match(later.message, /has format 2, and this version reads 1: use the version/);
    assert.equal((await refusalOf((await store.storage()).openReadOnly())).kind, 'corrupt');
    await query(
      `DROP SCHEMA ${store.schema} CASCADE; CREATE SCHEMA ${store.schema};
      CREATE TABLE ${store.schema}.invoices (id int)`.replaceAll('\n', ' '),
    );
    const foreign = await refusalOf((await store.storage()).open());
    assert.match(foreign.message, /has tables of another program: choose another one with the option schema/);
    assert.equal(foreign.kind, 'corrupt');
  });

  void test('a message of many queues is kept once, and goes with its last entry', async () => {
    const payload = Buffer.alloc(5000, 1);
    const queues = ['c:a', 'c:b', 'c:c'] as QueueId[];
    const batch = queues.map((queue) => append(0, payload, queue));
    const [message] = batch.map((change) => (change as { message: Message }).message);
    const shared = batch.map((change) => ({ ...change, message }) as Change);
    await storage.commit(shared);
    await storage.commit(shared);
    const count = async (): Promise<unknown> => (await query(`SELECT id, uses FROM ${store.schema}.messages`))[0];
    assert.deepEqual(await count(), { id: '0', uses: '3' });
    await storage.commit(queues.slice(1).map((queue) => ({ kind: 'queue.drop', queue })));
    assert.deepEqual(await count(), { id: '0', uses: '1' });
    await storage.commit([{ kind: 'queue.trim', queue: QUEUE, through: 0 as Seq }]);
    assert.equal(await count(), undefined);
  });

  void test('a payload that is read in slices comes back', async () => {
    const payload = Buffer.alloc(34 * 1024 * 1024, 'any text');
    await storage.commit([append(0, payload)]);
    const [entry] = await storage.readQueue(QUEUE, 0 as Seq, ALL);
    assert.ok(payload.equals(entry?.message.payload ?? Buffer.alloc(0)));
  });

  void test('long names are stored once, and go with what they name', async () => {
    const clientId = 'x'.repeat(60_000);
    const subscription = { clientId, topicFilter: 'a', qos: 0, noLocal: false, retainAsPublished: false };
    const put = {
      kind: 'subscription.put',
      subscription: { ...subscription, retainHandling: 0, identifier: undefined },
    };
    await storage.commit([put, { ...put, subscription: { ...put.subscription, topicFilter: 'b' } }] as never);
    const count = async (): Promise<unknown> =>
      (await query(`SELECT count(*) FROM ${store.schema}.names`))[0]?.['count'];
    assert.equal(await count(), '1');
    await storage.commit([{ kind: 'session.drop', clientId, queue: `c:${clientId}` }] as never);
    assert.equal(await count(), '0');
  });
});
