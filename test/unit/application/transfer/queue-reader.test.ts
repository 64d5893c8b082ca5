// Queues read side by side: each in its own order, what is the same message side by side, and never more in memory than was allowed.
import { describe, expect, test } from '@jest/globals';
import { MessagePool } from '../../../../src/application/transfer/message-pool.js';
import { QueueReader } from '../../../../src/application/transfer/queue-reader.js';
import type { Message, PageLimit, QueueId, Seq, StoredEntry } from '../../../../src/ports/index.js';
import { messageOf, payloadOf, queueOf, seq } from '../../../../src/testkit/storage-samples.js';

type Queues = ReadonlyMap<QueueId, readonly StoredEntry[]>;

/** Pages as a store gives them, each with objects of its own. */
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

const entryOf = (at: number, message: Message, released = false): StoredEntry => ({ seq: seq(at), message, qos: 1, retain: false, identifiers: undefined, released });

async function read(queues: Queues, lanesMax?: number, bytesMax?: number) {
  const reader = new QueueReader(storeOf(queues), new MessagePool(), [...queues.keys()], lanesMax, bytesMax);
  const found: { queue: QueueId; entry: StoredEntry }[] = [];
  for await (const { queue, entry } of reader.entries()) found.push({ queue, entry });
  return found;
}

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
  ['in three lanes', 3, undefined],
  ['with room for a few payloads', undefined, 5000],
  ['with room for less than one', undefined, 1],
])('%s', (_name, lanesMax, bytesMax) => {
  test('every entry of every queue comes once, in its order', async () => {
    const queues = mixed(12, 900);
    const found = await read(queues, lanesMax, bytesMax);
    for (const [queue, entries] of queues) {
      const ofQueue = found.filter((each) => each.queue === queue).map(({ entry }) => [entry.seq, entry.message.id]);
      expect(ofQueue).toEqual(entries.map(({ seq: at, message }) => [at, message.id]));
    }
    expect(found).toHaveLength([...queues.values()].flat().length);
  });
});

test('what is one message is one object, and side by side in all queues', async () => {
  const found = await read(mixed(12, 900));
  const runs = found.map(({ entry }) => entry.message.id).filter((id, i, all) => id !== all[i - 1]);
  // 120 messages, of which one waits a second time at the end: of some queues before the last, of the others behind it.
  expect(runs).toHaveLength(122);
  for (let id = 0; id < 120; id++) expect(new Set(found.filter(({ entry }) => entry.message.id === id).map(({ entry }) => entry.message)).size).toBe(1);
});

test('payloads in memory stay within what was allowed, and the largest message', async () => {
  const queues = mixed(50, 1000);
  const allowed = 40_000;
  let held = 0;
  let most = 0;
  const reader = new QueueReader(
    storeOf(queues, (bytes) => {
      held += bytes;
      most = Math.max(most, held);
    }),
    new MessagePool(0),
    [...queues.keys()],
    undefined,
    allowed,
  );
  // What was put back and read again is counted once too often, so this is more than there ever was.
  for await (const { entry } of reader.entries()) held -= entry.message.payload.byteLength;
  expect(most).toBeLessThan(2 * allowed);
});

test('a released entry has no payload any more, and its message is not taken for the whole one', async () => {
  const message = messageOf(1, { payload: payloadOf(100) });
  const queues = new Map([
    [queueOf('a'), [entryOf(0, message, true)]],
    [queueOf('b'), [entryOf(0, message)]],
  ]);
  const found = await read(queues);
  expect(found.map(({ entry }) => [entry.released, entry.message.payload.byteLength]).sort()).toEqual([
    [false, 100],
    [true, 0],
  ]);
});

describe('the pool', () => {
  test('does not believe an id', () => {
    const pool = new MessagePool();
    const one = pool.theOne(messageOf(1, { payload: payloadOf(10) }));
    expect(pool.theOne(messageOf(1, { payload: payloadOf(10) }))).toBe(one);
    const others: Partial<Message>[] = [{ payload: payloadOf(10, 1) }, { topic: 'other' as Message['topic'] }, { qos: 2 }, { retain: true }, { properties: { contentType: 'x' } }, { expiresAtMs: 1 }, { publisher: undefined }, { acceptedAtMs: 3 }];
    for (const other of others) {
      const message = { ...one, ...other };
      expect(pool.theOne(message)).toBe(message);
      expect(pool.theOne({ ...message })).toBe(message);
    }
  });

  test('forgets what was not used for long, and never holds more than it may', () => {
    const pool = new MessagePool(8 * 1512);
    const messages = Array.from({ length: 100 }, (_, id) => messageOf(id, { payload: payloadOf(1000, id) }));
    const isKnown = ({ ...copy }: Message): boolean => pool.theOne(copy) !== copy;
    const [favourite] = messages as [Message];
    for (const message of messages) {
      pool.theOne(message);
      expect(isKnown(favourite)).toBe(true);
    }
    // Looking puts those in again that are not known, so the newest are looked at first.
    const known = messages.slice(1).reverse().map(isKnown);
    const count = known.lastIndexOf(true) + 1;
    expect(count).toBeGreaterThan(0);
    expect(count).toBeLessThan(8);
  });
});
