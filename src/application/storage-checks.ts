// Cheap checks of what a storage adapter answers. An adapter that breaks the port's contract would otherwise harm
// without a word: messages out of order, never delivered, or lost at the next start.
import type { PageLimit } from '../domain/effects.js';
import type { StoredEntry } from '../domain/inputs.js';
import type { RestoredFact } from '../domain/changes.js';
import type { QueueId, Seq, TopicName } from '../domain/identifiers.js';
import type { Message } from '../domain/messages/message.js';
import type { Storage, StorageTraits } from '../ports/storage.js';

/** The storage adapter broke the contract of its port: no further attempt would help, and nothing may be promised. */
export class StorageFault extends Error {
  override readonly name = 'StorageFault';

  constructor(what: string) {
    super(`the storage adapter broke its contract: ${what}; the contract suite in hexmq/testkit finds such faults`);
  }
}

/** @throws StorageFault that names the trait and what was expected. */
export function requireTraits(storage: Storage): void {
  const traits = (storage as { traits?: unknown }).traits;
  if (typeof traits !== 'object' || traits === null) throw new StorageFault('it has no traits');
  const { durable, fencing, preferredBatchChanges } = traits as Partial<Record<keyof StorageTraits, unknown>>;
  for (const [name, value] of Object.entries({ durable, fencing }))
    if (typeof value !== 'boolean') throw new StorageFault(`traits.${name} is ${typeof value}, expected true or false`);
  if (!Number.isSafeInteger(preferredBatchChanges) || (preferredBatchChanges as number) < 1)
    throw new StorageFault(
      `traits.preferredBatchChanges is ${String(preferredBatchChanges)}, expected a whole number of at least 1`,
    );
}

const RANKS: Partial<Record<RestoredFact['kind'], number>> = { session: 0, subscription: 1 };
const REST = 2;

/** What `load` yields, as long as it is in the order that a start depends on. */
export async function* loadedFrom(storage: Pick<Storage, 'load'>): AsyncGenerator<RestoredFact> {
  let rank = 0;
  const queues = new Set<QueueId>();
  for await (const fact of storage.load()) {
    const next = RANKS[fact.kind] ?? REST;
    if (next < rank)
      throw new StorageFault(`load gave a ${fact.kind} too late, expected sessions, then subscriptions, then the rest`);
    rank = next;
    if (fact.kind === 'queue') {
      requireBounds(fact);
      if (queues.has(fact.queue)) throw new StorageFault(`load gave the queue ${JSON.stringify(fact.queue)} twice`);
      queues.add(fact.queue);
    }
    yield fact;
  }
}

/** A session or a retained message that came twice is one in memory. */
export function requireOnce(kind: string, loaded: number, restored: number): void {
  if (loaded !== restored)
    throw new StorageFault(`load gave ${String(loaded)} ${kind}s, ${String(loaded - restored)} of them twice`);
}

function requireBounds({ queue, first, next, count, bytes }: Extract<RestoredFact, { kind: 'queue' }>): void {
  if ([first, next, count, bytes].every(Number.isSafeInteger) && count >= 1 && count <= next - first && bytes >= 0)
    return;
  throw new StorageFault(
    `load gave the queue ${JSON.stringify(queue)} impossible bounds: ${JSON.stringify({ first, next, count, bytes })}`,
  );
}

/** @returns the page, if it is one that was asked for. */
export function requirePage(
  queue: QueueId,
  from: Seq,
  { maxEntries, maxBytes }: PageLimit,
  page: readonly StoredEntry[],
): readonly StoredEntry[] {
  const fault = (what: string): StorageFault =>
    new StorageFault(`a page of the queue ${JSON.stringify(queue)} ${what}`);
  const given: unknown = page;
  if (!Array.isArray(given)) throw fault('is no array');
  if (page.length > Math.max(1, maxEntries))
    throw fault(`has ${String(page.length)} entries, expected at most ${String(maxEntries)}`);
  let expected: number = from;
  let bytes = 0;
  for (const { seq, message, released } of page) {
    if (!Number.isSafeInteger(seq) || seq < expected)
      throw fault(`has the entry ${String(seq)} where ${String(expected)} or later was expected`);
    expected = seq + 1;
    if (!released) bytes += message.payload.byteLength;
  }
  if (page.length > 1 && bytes > maxBytes)
    throw fault(`has ${String(bytes)} bytes, expected at most ${String(maxBytes)}`);
  return page;
}

/** @returns the messages, if they are of the topics that were asked for. */
export function requireRetained(topics: readonly TopicName[], messages: readonly Message[]): readonly Message[] {
  const given: unknown = messages;
  if (!Array.isArray(given)) throw new StorageFault('readRetained gave no array');
  let next = 0;
  for (const { topic } of messages) {
    const at = topics.indexOf(topic, next);
    if (at < 0) throw new StorageFault(`readRetained gave the topic ${JSON.stringify(topic)} out of order or unasked`);
    next = at + 1;
  }
  return messages;
}

export const missingEntries = (queue: QueueId, from: Seq): StorageFault =>
  new StorageFault(
    `the page of the queue ${JSON.stringify(queue)} from entry ${String(from)} is empty, although entries are there`,
  );
