// Memory storage keeps the contract, in both its uses; and what it promises beyond it: copies and options.
import { describe, expect, test } from '@jest/globals';
import * as fastCheck from 'fast-check';
import type { Message, Seq, StoredEntry, TopicName } from 'hexmq/ports';
import { storageContract } from 'hexmq/testkit';
import type { StorageUnderTest } from 'hexmq/testkit';
import { MemoryStorage, MemoryStore, createStorage } from '../../adapters/storage/memory/index.js';
import { ALL, append, messageOf as message, queue } from './changes.js';

storageContract({
  name: 'memory, on a store that outlives the storage',
  describe,
  test,
  fastCheck,
  model: { runs: 200 },
  factory: {
    create: () => {
      const store = new MemoryStore();
      const another = () => Promise.resolve(new MemoryStorage({ store }));
      return Promise.resolve<StorageUnderTest>({
        storage: new MemoryStorage({ store }),
        reopen: another,
        second: another,
        dispose: () => Promise.resolve(),
      });
    },
  },
});

storageContract({
  name: 'memory, as configured',
  describe,
  test,
  fastCheck,
  factory: {
    create: () =>
      Promise.resolve<StorageUnderTest>({
        storage: createStorage({}),
        reopen: () => Promise.resolve(createStorage(undefined)),
        dispose: () => Promise.resolve(),
      }),
  },
});

const messageOf = (id: number, payload: Uint8Array, correlationData?: Uint8Array): Message =>
  message(id, payload, 't', correlationData === undefined ? undefined : { correlationData });

async function opened(): Promise<MemoryStorage> {
  const storage = new MemoryStorage();
  await storage.open();
  return storage;
}

async function only(storage: MemoryStorage, id: string): Promise<StoredEntry> {
  const page = await storage.readQueue(queue(id), 0 as Seq, ALL);
  expect(page).toHaveLength(1);
  return page[0] as StoredEntry;
}

describe('payloads in memory storage', () => {
  test('a payload that is part of a larger chunk is copied, once for all queues of a batch', async () => {
    const storage = await opened();
    const chunk = new Uint8Array(65_536).fill(7);
    const message = messageOf(1, chunk.subarray(100, 110), chunk.subarray(200, 204));
    await storage.commit([append('a', 0, message), { kind: 'retained.put', message }, append('b', 0, message)]);

    const a = await only(storage, 'a');
    const b = await only(storage, 'b');
    const [retained] = await storage.readRetained(['t' as TopicName]);
    expect(a.message.payload).toEqual(new Uint8Array(10).fill(7));
    expect(a.message.payload.buffer.byteLength).toBe(10);
    expect(a.message.properties?.correlationData?.buffer.byteLength).toBe(4);
    expect(b.message).toBe(a.message);
    expect(retained).toBe(a.message);
  });

  test('a large payload is copied once even when its message occurs again in a later batch', async () => {
    const storage = await opened();
    const message = messageOf(1, new Uint8Array(65_536).subarray(0, 10_000));
    await storage.commit([append('a', 0, message)]);
    await storage.commit([append('x', 0, messageOf(2, new Uint8Array(1)))]);
    await storage.commit([append('b', 0, message)]);
    expect((await only(storage, 'b')).message).toBe((await only(storage, 'a')).message);
  });

  test('a payload that has its buffer to itself is kept as it is', async () => {
    const storage = await opened();
    const message = messageOf(1, new Uint8Array(5000));
    await storage.commit([append('a', 0, message)]);
    expect((await only(storage, 'a')).message).toBe(message);
  });

  test('a message read from the store and stored again is not copied again', async () => {
    const storage = await opened();
    await storage.commit([append('a', 0, messageOf(1, new Uint8Array(100).subarray(0, 10)))]);
    const { message } = await only(storage, 'a');
    await storage.commit([append('b', 0, message)]);
    expect((await only(storage, 'b')).message).toBe(message);
  });

  test('the payload of a released entry is freed', async () => {
    const storage = await opened();
    await storage.commit([append('a', 0, messageOf(1, new Uint8Array(5000)))]);
    await storage.commit([{ kind: 'queue.release', queue: queue('a'), seq: 0 as Seq }]);
    const entry = await only(storage, 'a');
    expect(entry.released).toBe(true);
    expect(entry.message.payload.byteLength).toBe(0);
  });

  test('a storage with its own store keeps the content while it is closed', async () => {
    const storage = await opened();
    await storage.commit([append('a', 0, messageOf(1, new Uint8Array(3)))]);
    await storage.close();
    await storage.open();
    expect((await only(storage, 'a')).message.id).toBe(1);
  });
});

describe('options of memory storage', () => {
  test.each([[undefined], [null], [{}]])('the options %j are accepted', (options) => {
    expect(createStorage(options)).toBeInstanceOf(MemoryStorage);
  });

  test('an unknown option is an error that names it', () => {
    expect(() => createStorage({ directory: './data' })).toThrow('directory: unknown key, expected none');
  });

  test.each([['text'], [5], [['a']], [true]])(
    'the options %j are refused because they are not an object',
    (options) => {
      expect(() => createStorage(options)).toThrow('is not valid, expected a mapping of options');
    },
  );
});
