// Queues read side by side: each in its own order, what is the same message side by side, and never more in memory than
// was allowed.
import { describe, expect, test } from '@jest/globals';
import { MessagePool } from '../../../../src/application/transfer/message-pool.js';
import { QueueReader } from '../../../../src/application/transfer/queue-reader.js';
import type { QueueBounds } from '../../../../src/application/transfer/queue-reader.js';
import type { Message, PageLimit, QueueId, Seq, StoredEntry } from '../../../../src/ports/index.js';
import { messageOf, payloadOf, queueOf, seq } from '../../../../src/testkit/storage-contract/samples.js';

type Queues = ReadonlyMap<QueueId, readonly StoredEntry[]>;

/** Pages as a store returns them, each with new objects. */
function storeOf(queues: Queues, onPage: (bytes: number) => void = () => undefined) {
  return {
    readQueue: async (queue: QueueId, from: Seq, { maxEntries, maxBytes }: PageLimit) => {
      const page: StoredEntry[] = [];
      let bytes = 0;
      for (const entry of queues.get(queue) ?? []) {
        if (entry.seq < from) continue;
        bytes += entry.message.payload.byteLength;
        if (page.length > 0 && (page.length >= maxEntries || bytes > maxBytes)) break;
        page.push({ ...entry, message: { ...entry.message } });
      }
      onPage(page.reduce((sum, { message }) => sum + message.payload.byteLength, 0));
      return page;
    },
  };
}

const entryOf = (at: number, message: Message, released = false): StoredEntry => ({
  seq: seq(at),
  message,
  qos: 1,
  retain: false,
  identifiers: undefined,
  released,
});

const boundsOf = (queues: Queues): QueueBounds[] =>
  [...queues].map(([queue, entries]) => ({
    queue,
    first: entries[0]?.seq ?? seq(0),
    next: seq((entries.at(-1)?.seq ?? -1) + 1),
  }));

async function read(queues: Queues, windowQueues?: number, bytesMax?: number) {
  const reader = new QueueReader(storeOf(queues), windowQueues, bytesMax);
  const found: { queue: QueueId; entry: StoredEntry }[] = [];
  for await (const { queue, entry } of reader.entries(boundsOf(queues))) found.push({ queue, entry });
  return found;
}

/** The ids in the order in which they came, and each as often as others lay between. */
const runsOf = (found: readonly { readonly entry: StoredEntry }[]): number[] =>
  found.map(({ entry }) => entry.message.id).filter((id, i, all) => id !== all[i - 1]);

/** Many queues with gaps, in which the same messages wait, and some that only one has. */
function mixed(count: number, payload: number): Queues {
  const queues = new Map<QueueId, StoredEntry[]>();
  for (let i = 0; i < count; i++) {
    const entries: StoredEntry[] = [];
    for (let id = 0; id < 120; id++) {
      if ((id + i) % 5 === 0) continue;
      entries.push(entryOf(id * 2 + i, messageOf(id, { payload: payloadOf(payload, id) })));
    }
    // Older than what came before it: given back by a shared group, or a retained message.
    entries.push(entryOf(1000, messageOf(3, { payload: payloadOf(payload, 3) })));
    queues.set(queueOf(`q${i}`), entries);
  }
  return queues;
}

describe.each([
  ['all at once', undefined, undefined],
  ['one after the other', 1, undefined],
  ['three at a time', 3, undefined],
  ['with room for a few payloads', undefined, 5000],
  ['with room for less than one', undefined, 1],
])('%s', (_name, windowQueues, bytesMax) => {
  test('the reader yields every entry of every queue once, in order', async () => {
    const queues = mixed(12, 900);
    const found = await read(queues, windowQueues, bytesMax);
    for (const [queue, entries] of queues) {
      const ofQueue = found.filter((each) => each.queue === queue).map(({ entry }) => [entry.seq, entry.message.id]);
      expect(ofQueue).toEqual(entries.map(({ seq: at, message }) => [at, message.id]));
    }
    expect(found).toHaveLength([...queues.values()].flat().length);
  });

  test('a message is read once in each window as one object, and once more where it was returned to a queue', async () => {
    const found = await read(mixed(12, 900), windowQueues, bytesMax);
    const windows = Math.ceil(12 / (windowQueues ?? 12));
    for (let window = 0; window < windows; window++) {
      const queues = Array.from({ length: windowQueues ?? 12 }, (_, i) =>
        queueOf(`q${window * (windowQueues ?? 12) + i}`),
      );
      const ofWindow = found.filter(({ queue }) => queues.includes(queue));
      const runs = runsOf(ofWindow);
      const ids = new Set(runs);
      // In one queue the message that was given back stands in its place and at the end; in several, behind the last of
      // those that are at their end first.
      expect(runs.filter((id) => id !== 3)).toHaveLength(ids.size - 1);
      expect(runs.filter((id) => id === 3).length).toBeLessThanOrEqual(3);
      for (const id of ids) {
        if (id !== 3)
          expect(
            new Set(ofWindow.filter(({ entry }) => entry.message.id === id).map(({ entry }) => entry.message)).size,
          ).toBe(1);
      }
    }
  });
});

test('payloads in memory stay within the limit and one read, and a shared payload counts once', async () => {
  const queues = mixed(50, 1000);
  const allowed = 40_000;
  const pages: Message[][] = [];
  const reader = new QueueReader(
    {
      readQueue: async (...asked: [QueueId, Seq, PageLimit]) => {
        const page = await storeOf(queues).readQueue(...asked);
        pages.push(page.map(({ message }) => message));
        return page;
      },
    },
    undefined,
    allowed,
  );
  for await (const _ of reader.entries(boundsOf(queues)))
    expect(reader.heldBytes).toBeLessThanOrEqual(allowed + 16 * 1000);
  expect(reader.heldBytes).toBe(0);
  // Each page is of one entry here, and hardly one of them was read twice in vain.
  expect(pages.length).toBeLessThan(2 * [...queues.values()].flat().length);
});

test('a message in a thousand queues is in memory once, whatever its size', async () => {
  const message = messageOf(1, { payload: payloadOf(100_000) });
  const queues = new Map(Array.from({ length: 1000 }, (_, i) => [queueOf(`q${i}`), [entryOf(0, message)]]));
  const reader = new QueueReader(storeOf(queues));
  const objects = new Set<Message>();
  for await (const { entry } of reader.entries(boundsOf(queues))) {
    objects.add(entry.message);
    expect(reader.heldBytes).toBe(100_000);
  }
  expect(objects.size).toBe(1);
});

test('a released entry has no payload, and comes after the entries that share one', async () => {
  const message = messageOf(1, { payload: payloadOf(100) });
  const queues = new Map(['a', 'b', 'c', 'd'].map((name, i) => [queueOf(name), [entryOf(0, message, i % 2 === 0)]]));
  const found = await read(queues);
  expect(found.map(({ queue, entry }) => [queue, entry.released, entry.message.payload.byteLength])).toEqual([
    ['c:b', false, 100],
    ['c:d', false, 100],
    ['c:a', true, 0],
    ['c:c', true, 0],
  ]);
});

test('a queue with fewer entries than its bounds promise ends with its last entry', async () => {
  const queues = new Map([[queueOf('a'), [entryOf(0, messageOf(1))]]]);
  const found: unknown[] = [];
  for await (const fact of new QueueReader(storeOf(queues)).entries([
    { queue: queueOf('a'), first: seq(0), next: seq(9) },
  ]))
    found.push(fact);
  expect(found).toHaveLength(1);
});

describe('message pool', () => {
  test('messages with the same id are merged only if they are equal', () => {
    const pool = new MessagePool();
    const one = pool.acquire(messageOf(1, { payload: payloadOf(10) }));
    expect(pool.acquire(messageOf(1, { payload: payloadOf(10) }))).toBe(one);
    const others: Partial<Message>[] = [
      { payload: payloadOf(10, 1) },
      { topic: 'other' as Message['topic'] },
      { qos: 2 },
      { retain: true },
      { properties: { contentType: 'x' } },
      { expiresAtMs: 1 },
      { publisher: undefined },
      { acceptedAtMs: 3 },
    ];
    for (const other of others) {
      const message = { ...one, ...other };
      expect(pool.acquire(message)).toBe(message);
      expect(pool.acquire({ ...message })).toBe(message);
    }
    expect(pool.bytes).toBe(10 * (1 + others.length));
  });

  test('a message stays in the pool until it was released as often as acquired', () => {
    const pool = new MessagePool();
    const message = pool.acquire(messageOf(1, { payload: payloadOf(10) }));
    pool.acquire({ ...message });
    pool.release(message);
    expect(pool.acquire({ ...message })).toBe(message);
    pool.release(message);
    pool.release(message);
    expect(pool.bytes).toBe(0);
    const again = { ...message };
    expect(pool.acquire(again)).toBe(again);
    pool.release(message);
    expect(pool.bytes).toBe(10);
  });
});
