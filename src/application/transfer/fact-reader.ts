// Reads all that a store holds. What `load` says of queues and retained messages is remembered by name until it has come to its end, as a broker that starts
// does, and read after it: a cursor that has to wait for a long queue would not be kept open by every backend.
import type { RestoredFact } from '../../domain/changes.js';
import type { TopicName } from '../../domain/identifiers.js';
import { StorageError } from '../../ports/storage.js';
import type { Storage } from '../../ports/storage.js';
import { QueueReader } from './queue-reader.js';
import type { QueueBounds } from './queue-reader.js';
import type { StoredFact } from './stored-fact.js';
import { isUnfinishedMark } from './unfinished.js';

const RETAINED_BYTES_MAX = 4 * 1024 * 1024;
const RETAINED_TOPICS_MAX = 500;

/** What `load` gives only the outlines of. */
interface Outlines {
  readonly queues: QueueBounds[];
  readonly topics: RetainedTopic[];
  entries: number;
}

interface RetainedTopic {
  readonly topic: TopicName;
  readonly bytes: number;
}

/**
 * Of a storage that was opened and not loaded yet; without the mark of an unfinished one.
 * @param onTotal how many facts it will have been at the end, as soon as that is known.
 */
export async function* readFacts(
  storage: Storage,
  onTotal: (total: number) => void = () => undefined,
): AsyncGenerator<StoredFact> {
  const outlines: Outlines = { queues: [], topics: [], entries: 0 };
  let facts = 0;
  for await (const restored of storage.load()) {
    const fact = asFact(restored, outlines);
    if (fact === undefined) continue;
    if (fact.kind !== 'last-message-id') facts++;
    yield fact;
  }
  onTotal(facts + outlines.entries + outlines.topics.length);
  yield* all(new QueueReader(storage).entries(outlines.queues), outlines.entries, 'queued messages');
  yield* all(retainedOf(storage, outlines.topics), outlines.topics.length, 'retained messages');
}

/** `undefined`: it is no more than the outline of others, and noted. */
function asFact(fact: RestoredFact, outlines: Outlines): StoredFact | undefined {
  switch (fact.kind) {
    case 'session':
    case 'subscription':
    case 'inbound':
    case 'will':
    case 'last-message-id':
      return fact;
    case 'queue':
      if (isUnfinishedMark(fact)) return undefined;
      outlines.queues.push({ queue: fact.queue, first: fact.first, next: fact.next });
      outlines.entries += fact.count;
      return undefined;
    case 'retained':
      outlines.topics.push({ topic: fact.topic, bytes: fact.bytes });
      return undefined;
  }
}

async function* retainedOf(storage: Storage, topics: readonly RetainedTopic[]): AsyncGenerator<StoredFact> {
  for (const lot of lotsOf(topics)) {
    for (const message of await storage.readRetained(lot)) yield { kind: 'retained', message };
  }
}

/** What a store counts and does not give is not passed over. */
async function* all(facts: AsyncIterable<StoredFact>, expected: number, what: string): AsyncGenerator<StoredFact> {
  let found = 0;
  for await (const fact of facts) {
    found++;
    yield fact;
  }
  if (found !== expected)
    throw new StorageError('corrupt', `the storage says that it holds ${expected} ${what}, and gives ${found}`);
}

/** So many topics at once that their payloads are not too much; one of any size. */
export function* lotsOf(topics: Iterable<RetainedTopic>): Generator<TopicName[]> {
  let lot: TopicName[] = [];
  let lotBytes = 0;
  for (const { topic, bytes } of topics) {
    if (lot.length > 0 && (lot.length >= RETAINED_TOPICS_MAX || lotBytes + bytes > RETAINED_BYTES_MAX)) {
      yield lot;
      lot = [];
      lotBytes = 0;
    }
    lot.push(topic);
    lotBytes += bytes;
  }
  if (lot.length > 0) yield lot;
}
