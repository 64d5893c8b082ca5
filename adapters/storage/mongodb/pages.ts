// Pages of queues, and retained messages. The caller makes sure that the documents are those of everything that was
// committed.
import type { Message, PageLimit, QueueId, Seq, StoredEntry, TopicName } from 'hexmq/ports';
import { nameKey } from './collections.js';
import type { EntryDocument } from './collections.js';
import type { Documents } from './documents.js';
import { EMPTY_PAYLOAD, messageOf, sharedMessages } from './messages.js';

export async function readPage(
  documents: Documents,
  queue: QueueId,
  from: Seq,
  limit: PageLimit,
): Promise<readonly StoredEntry[]> {
  const { maxEntries, maxBytes } = limit;
  const entries: EntryDocument[] = [];
  let bytes = 0;
  const count = Math.max(1, maxEntries);
  for await (const entry of documents.entries(nameKey(queue), from, count)) {
    bytes += entry.bytes;
    if (entries.length > 0 && (entries.length >= count || bytes > maxBytes)) break;
    entries.push(entry);
  }
  const shared = await sharedMessages(documents, entries);
  return entries.map((entry): StoredEntry => {
    const { seq, qos, retain, identifiers, released } = entry;
    const message = messageOf(entry, shared);
    return {
      seq: seq as Seq,
      message: released ? { ...message, payload: EMPTY_PAYLOAD } : message,
      qos,
      retain,
      identifiers,
      released,
    };
  });
}

export async function readRetained(documents: Documents, topics: readonly TopicName[]): Promise<readonly Message[]> {
  const keys = topics.map(nameKey);
  const found = await documents.retained(keys);
  const shared = await sharedMessages(documents, [...found.values()]);
  return keys.flatMap((key) => {
    const document = found.get(key);
    return document === undefined ? [] : [messageOf(document, shared)];
  });
}
