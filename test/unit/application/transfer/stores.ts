// The stores that the tests move between: one line for each adapter. And what stands in the one that is moved: sessions
// in every state there is.
import { describe, expect } from '@jest/globals';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileStorage } from '../../../../adapters/storage/file/index.js';
import { MemoryStorage, MemoryStore } from '../../../../adapters/storage/memory/index.js';
import { readFacts } from '../../../../src/application/transfer/fact-reader.js';
import type { TransferParts, TransferProgress } from '../../../../src/application/transfer/fill.js';
import { plainFact, plainMessage } from '../../../../src/application/transfer/plain.js';
import { messageOf as messageIn } from '../../../../src/application/transfer/stored-fact.js';
import type { Change, Storage } from '../../../../src/ports/index.js';
import {
  AWKWARD_NAMES,
  EVERY_PROPERTY,
  appendOf,
  groupQueueOf,
  messageOf,
  payloadOf,
  put,
  queueOf,
  release,
  remove,
} from '../../../../src/testkit/storage-contract/samples.js';
import { VirtualClock } from '../../../../src/testkit/virtual-clock.js';
import { MongoDatabases } from '../../../contract/mongodb-databases.js';
import { describeWithServer } from '../../../e2e/tools.js';

export interface TestStore {
  /** A storage on the same store each time, unopened. */
  make(): Promise<Storage>;
  dispose(): void | Promise<void>;
}

/** `undefined`: there is no server to test on. */
export const databases = await MongoDatabases.find();

export const STORES: Readonly<Record<string, () => TestStore>> = {
  memory: () => {
    const store = new MemoryStore();
    return { make: () => Promise.resolve(new MemoryStorage({ store })), dispose: () => undefined };
  },
  file: () => {
    const directory = mkdtempSync(join(tmpdir(), 'hexmq-transfer-'));
    return {
      make: () => Promise.resolve(new FileStorage({ directory })),
      dispose: () => rmSync(directory, { recursive: true, force: true }),
    };
  },
  mongodb: () => {
    if (databases === undefined) throw new Error('needs a MongoDB server');
    const database = databases.create();
    return { make: () => Promise.resolve(database.storage()), dispose: () => database.drop() };
  },
};

/** Tests that need a server are skipped by name if there is none. */
export function describeStores(stores: readonly string[], name: string, body: () => void): void {
  if (stores.includes('mongodb')) describeWithServer(databases, name, body);
  else describe(name, body);
}

export const NAMES = Object.keys(STORES);
export const PAIRS = NAMES.flatMap((from) => NAMES.map((to): [string, string] => [from, to]));

export function storeOf(name: string): TestStore {
  const make = STORES[name];
  if (make === undefined) throw new Error(`no store ${name}`);
  return make();
}

export const hash = (text: string): string => createHash('sha256').update(text).digest('hex');

export function partsOf(progress: (progress: TransferProgress) => void = () => undefined): TransferParts {
  const clock = new VirtualClock();
  // Pauses before another attempt pass by themselves.
  return {
    clock: {
      nowMs: () => clock.nowMs(),
      wallMs: () => clock.wallMs(),
      at: (_atMs, callback) => (setImmediate(callback), { cancel: () => undefined }),
    },
    hash,
    progress,
  };
}

export async function fill(store: TestStore, changes: readonly Change[], inBatchesOf = 1000): Promise<void> {
  const storage = await store.make();
  await storage.open();
  for await (const _ of storage.load());
  for (let from = 0; from < changes.length; from += inBatchesOf)
    await storage.commit(changes.slice(from, from + inBatchesOf));
  await storage.close();
}

/** Opened to be read for as long as it is used. */
export async function reading<Result>(store: TestStore, use: (storage: Storage) => Promise<Result>): Promise<Result> {
  const storage = await store.make();
  expect(await storage.openReadOnly()).toBe(true);
  try {
    return await use(storage);
  } finally {
    await storage.close();
  }
}

/** Everything in a store, in an order of its own, as text that can be compared. */
export const contentOf = (store: TestStore): Promise<string[]> =>
  reading(store, async (storage) => {
    const facts: string[] = [];
    for await (const fact of readFacts(storage)) {
      const message = messageIn(fact);
      facts.push(JSON.stringify([plainFact(fact), message === undefined ? undefined : plainMessage(message)]));
    }
    return facts.sort();
  });

export const BACKLOG = 1500;

export function everyState(): Change[] {
  const shared = messageOf(1, { payload: payloadOf(5000), qos: 2, properties: EVERY_PROPERTY });
  const changes: Change[] = [
    // Connected when its broker was killed: no time of disconnection, its will not due, half-way through QoS 2 inbound.
    put.session('connected', { expiryIntervalS: 4_294_967_295 }),
    put.subscription('connected', 'a/#', {
      qos: 2,
      noLocal: true,
      retainAsPublished: true,
      retainHandling: 2,
      identifier: 268_435_455,
    }),
    put.inbound('connected', 1),
    put.inbound('connected', 65_535),
    put.will('connected', messageOf(2, { topic: 'will', retain: true, publisher: undefined })),
    // Gone, with a will that waits, and messages on their way: sent, released, and one taken out between them.
    put.session('gone', { expiryIntervalS: 10, disconnectedAtMs: 1_700_000_000_123 }),
    put.subscription('gone', '+', { qos: 0 }),
    put.will('gone', messageOf(3, { properties: EVERY_PROPERTY }), { delayS: 60, dueAtMs: 1_700_000_060_123 }),
    appendOf(queueOf('gone'), 65_600, shared, { qos: 2, retain: true, identifiers: [1, 268_435_455] }),
    appendOf(queueOf('gone'), 65_601, messageOf(4, { qos: 2, payload: payloadOf(2000) }), { qos: 2 }),
    appendOf(queueOf('gone'), 65_602, messageOf(5)),
    appendOf(queueOf('gone'), 65_603, messageOf(6, { payload: new Uint8Array(0), expiresAtMs: 1_700_000_099_000 })),
    release(queueOf('gone'), 65_601),
    remove(queueOf('gone'), 65_602),
    // A shared group with a message that no member could take.
    put.session('member', { disconnectedAtMs: 0 }),
    put.subscription('member', '$share/group/s/#'),
    appendOf(groupQueueOf('group', 's/#'), 3, shared),
    put.retained(shared),
    put.retained(messageOf(7, { topic: '$other', retain: true, expiresAtMs: 1_800_000_000_000 })),
    put.session('paged', { disconnectedAtMs: 1_700_000_000_000 }),
  ];
  // A backlog of many pages in which one message of four waits in another queue as well.
  for (let i = 0; i < BACKLOG; i++) {
    const message = messageOf(100 + i, { payload: payloadOf(i % 7 === 0 ? 3000 : 40, i) });
    changes.push(appendOf(queueOf('paged'), i, message, { qos: ((i % 2) + 1) as 1 | 2 }));
    if (i % 4 === 0) changes.push(appendOf(queueOf('member'), i, message));
  }
  AWKWARD_NAMES.forEach((name, i) => {
    changes.push(put.session(name, { expiryIntervalS: i }), put.subscription(name, name), put.inbound(name, i + 1));
    changes.push(
      appendOf(queueOf(name), i, messageOf(5000 + i, { topic: name })),
      put.retained(messageOf(5000 + i, { topic: name })),
    );
  });
  // The highest id there ever was, of a message that has gone.
  changes.push(appendOf(queueOf('gone'), 65_700, messageOf(1_000_000)), remove(queueOf('gone'), 65_700));
  return changes;
}
