// What is refused, and what happens when connections break.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { StorageError } from 'hexmq/ports';
import type { Change, Message, QueueId, Seq, Storage } from 'hexmq/ports';
import { createStorage } from '../src/index.js';
import { Store, command } from './store.js';

const QUEUE = 'c:a' as QueueId;

function append(seq: number): Change {
  const payload = Buffer.from(String(seq));
  const message = { id: seq, topic: 't', payload, qos: 1, retain: false, acceptedAtMs: 1 } as unknown as Message;
  return {
    kind: 'queue.append',
    queue: QUEUE,
    seq: seq as Seq,
    message,
    qos: 1,
    retain: false,
    identifiers: undefined,
  };
}

async function refusalOf(call: Promise<unknown>): Promise<StorageError> {
  const error: unknown = await call.then(
    () => new Error('it was not refused'),
    (reason: unknown) => reason,
  );
  if (!(error instanceof StorageError)) throw error;
  return error;
}

async function seqsOf(storage: Storage): Promise<number[]> {
  return (await storage.readQueue(QUEUE, 0 as Seq, { maxEntries: 10_000, maxBytes: 1e9 })).map(({ seq }) => seq);
}

async function onStore(body: (store: Store, storage: Storage) => Promise<void>): Promise<void> {
  const store = new Store();
  const storage = await store.storage();
  try {
    await storage.open();
    await body(store, storage);
  } finally {
    await storage.close();
    await store.remove();
  }
}

void describe('options', () => {
  for (const [options, expected] of [
    [{}, 'url: missing'],
    [{ url: 'http://the-password@host' }, 'url: not valid'],
    [{ url: 'redis://host', prefix: 'a b' }, 'prefix: "a b" is not valid'],
    [{ url: 'redis://host', keys: 3 }, 'keys: unknown key'],
  ] as const)
    void test(`options are refused: ${expected}`, () => {
      assert.throws(
        () => createStorage(options),
        ({ message }: Error) => message.includes(expected) && !message.includes('the-password'),
      );
    });
});

void describe('faults', () => {
  void test('nothing is lost, doubled or out of order while connections break all the time', () =>
    onStore(async (store, storage) => {
      const cutting = setInterval(() => {
        store.proxy.cut();
      }, 25);
      const count = 200;
      let failures = 0;
      for (let seq = 0; seq < count;)
        try {
          await storage.commit([append(seq)]);
          seq++;
        } catch (error) {
          if (!(error instanceof StorageError) || error.kind !== 'unavailable') throw error;
          failures++;
        }
      clearInterval(cutting);
      assert.ok(failures > 0, 'no connection was lost during a commit');
      const reader = await store.storage();
      await reader.openReadOnly();
      assert.deepEqual(
        await seqsOf(reader),
        Array.from({ length: count }, (_, seq) => seq),
      );
      await reader.close();
    }));

  void test('a broker whose store was opened by another stores nothing more, also after its connection broke', () =>
    onStore(async (store, storage) => {
      await storage.commit([append(0)]);
      store.proxy.cut();
      const second = await store.storage();
      await second.open();
      await second.commit([append(1)]);
      assert.equal((await refusalOf(storage.commit([append(2)]))).kind, 'fenced');
      assert.deepEqual(await seqsOf(second), [0, 1]);
      await second.close();
    }));

  void test('a store of a later format is refused, and so is a server that does not flush', () =>
    onStore(async (store) => {
      await command('HSET', `${store.prefix}store`, 'format', '2');
      const later = await refusalOf((await store.storage()).open());
      assert.equal(later.kind, 'corrupt');
      assert.match(later.message, /has format 2, and this version reads 1/);
      await command('CONFIG', 'SET', 'appendfsync', 'everysec');
      try {
        const unsafe = await refusalOf((await store.storage()).open());
        assert.match(unsafe.message, /set appendonly yes and appendfsync always/);
      } finally {
        await command('CONFIG', 'SET', 'appendfsync', 'always');
      }
    }));
});
