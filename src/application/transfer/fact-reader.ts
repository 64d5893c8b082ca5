// Reads everything that a store holds. The names of queues and retained topics that `load` yields are remembered until
// `load` has ended, as a broker that starts does it, and read afterwards: not every backend would keep the cursor of
// `load` open while a long queue is read.
import type { RestoredFact } from '../../domain/changes.js';
import type { TopicName } from '../../domain/identifiers.js';
import { loadedFrom } from '../storage-checks.js';
import { StorageError } from '../../ports/storage.js';
import type { StorageReader } from '../../ports/storage.js';
import { QueueReader } from './queue-reader.js';
import type { QueueBounds } from './queue-reader.js';
import type { StoredFact } from './stored-fact.js';
import { isUnfinishedMark } from './unfinished.js';

const RETAINED_BYTES_MAX = 4 * 1024 * 1024;
const RETAINED_TOPICS_MAX = 500;

/** What `load` yields only in summary, to be read afterwards. */
interface Summaries {
  readonly queues: QueueBounds[];
  readonly topics: RetainedTopic[];
  entries: number;
}

interface RetainedTopic {
  readonly topic: TopicName;
  readonly bytes: number;
}

/**
 * Yields the facts of a storage that was opened and not loaded yet, without the mark of an unfinished transfer.
 * @param onTotal gets the total number of facts as soon as it is known.
 */
export async function* readFacts(
  storage: StorageReader,
  onTotal: (total: number) => void = () => undefined,
): AsyncGenerator<StoredFact> {
  const summaries: Summaries = { queues: [], topics: [], entries: 0 };
  let facts = 0;
  for await (const restored of loadedFrom(storage)) {
    const fact = asFact(restored, summaries);
    if (fact === undefined) continue;
    if (fact.kind !== 'last-message-id') facts++;
    yield fact;
  }
  onTotal(facts + summaries.entries + summaries.topics.length);
  yield* complete(new QueueReader(storage).entries(summaries.queues), summaries.entries, 'queued messages');
  yield* complete(retainedOf(storage, summaries.topics), summaries.topics.length, 'retained messages');
}

/** @returns `undefined` for a summary, which is added to `summaries`. */
function asFact(fact: RestoredFact, summaries: Summaries): StoredFact | undefined {
  switch (fact.kind) {
    case 'session':
    case 'subscription':
    case 'inbound':
    case 'will':
    case 'last-message-id':
      return fact;
    case 'queue':
      if (isUnfinishedMark(fact)) return undefined;
      summaries.queues.push({ queue: fact.queue, first: fact.first, next: fact.next });
      summaries.entries += fact.count;
      return undefined;
    case 'retained':
      summaries.topics.push({ topic: fact.topic, bytes: fact.bytes });
      return undefined;
  }
}

async function* retainedOf(storage: StorageReader, topics: readonly RetainedTopic[]): AsyncGenerator<StoredFact> {
  for (const chunk of topicChunks(topics)) {
    for (const message of await storage.readRetained(chunk)) yield { kind: 'retained', message };
  }
}

/** @throws StorageError `corrupt` if the store counts more or fewer facts than it returns. */
async function* complete(facts: AsyncIterable<StoredFact>, expected: number, what: string): AsyncGenerator<StoredFact> {
  let found = 0;
  for await (const fact of facts) {
    found++;
    yield fact;
  }
  if (found !== expected)
    throw new StorageError('corrupt', `the storage counts ${expected} ${what} and returns ${found}`);
}

/** Cuts topics into chunks that can be read at once; a message larger than a chunk is one of its own. */
export function* topicChunks(topics: Iterable<RetainedTopic>): Generator<TopicName[]> {
  let chunk: TopicName[] = [];
  let chunkBytes = 0;
  for (const { topic, bytes } of topics) {
    if (chunk.length > 0 && (chunk.length >= RETAINED_TOPICS_MAX || chunkBytes + bytes > RETAINED_BYTES_MAX)) {
      yield chunk;
      chunk = [];
      chunkBytes = 0;
    }
    chunk.push(topic);
    chunkBytes += bytes;
  }
  if (chunk.length > 0) yield chunk;
}
