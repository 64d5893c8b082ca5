// Reads all that a store holds. What `load` says of queues and retained messages is remembered by name until it has come to its end, as a broker that starts
// does, and read after it: a cursor that has to wait for a long queue would not be kept open by every backend.
import type { QueueId, TopicName } from '../../domain/identifiers.js';
import type { Storage } from '../../ports/storage.js';
import { MessagePool } from './message-pool.js';
import { QueueReader } from './queue-reader.js';
import type { StoredFact } from './stored-fact.js';
import { isUnfinishedMark, refuseUnfinished } from './unfinished.js';

const RETAINED_BYTES_MAX = 4 * 1024 * 1024;
const RETAINED_TOPICS_MAX = 500;

export interface FactReading {
  /** Read on although the store bears the mark of one that is being filled. */
  readonly unfinished?: boolean;
  /** How many facts it will have been at the end, as soon as that is known. */
  readonly onTotal?: (total: number) => void;
}

/** Of a storage that was opened and not loaded yet. */
export async function* readFacts(storage: Storage, { unfinished = false, onTotal }: FactReading = {}): AsyncGenerator<StoredFact> {
  const pool = new MessagePool();
  const queues: QueueId[] = [];
  const topics: { readonly topic: TopicName; readonly bytes: number }[] = [];
  let facts = 0;
  let entries = 0;
  for await (const fact of storage.load()) {
    if (!unfinished) refuseUnfinished(fact);
    switch (fact.kind) {
      case 'session':
      case 'subscription':
      case 'inbound':
        facts++;
        yield fact;
        break;
      case 'will':
        facts++;
        yield { kind: 'will', will: { ...fact.will, message: pool.theOne(fact.will.message) } };
        break;
      case 'queue':
        if (isUnfinishedMark(fact)) break;
        queues.push(fact.queue);
        entries += fact.count;
        break;
      case 'retained':
        topics.push({ topic: fact.topic, bytes: fact.bytes });
        break;
      case 'last-message-id':
        yield fact;
        break;
    }
  }
  onTotal?.(facts + entries + topics.length);
  yield* new QueueReader(storage, pool, queues).entries();
  for (const lot of lotsOf(topics)) {
    for (const message of await storage.readRetained(lot)) yield { kind: 'retained', message: pool.theOne(message) };
  }
}

/** So many topics at once that their payloads are not too much; one of any size. */
export function* lotsOf(topics: Iterable<{ readonly topic: TopicName; readonly bytes: number }>): Generator<TopicName[]> {
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
