// What is read back: the facts at start, pages of queues, retained messages. Nothing here changes anything; that the documents
// are those of everything that was committed is the affair of `mongo-storage.ts`.
import type {
  ClientId,
  Message,
  PageLimit,
  QueueId,
  RestoredFact,
  Seq,
  StoredEntry,
  SubscriptionRecord,
  TopicName,
} from 'hexmq/ports';
import { nameKey } from './collections.js';
import type { EntryDocument, MessageFields, MessagePlace } from './collections.js';
import type { Documents } from './documents.js';
import { DamagedDocument } from './errors.js';
import { partId } from './fold-plan.js';

const EMPTY_PAYLOAD = new Uint8Array(0);

export async function* facts(documents: Documents, lastMessageId: number): AsyncGenerator<RestoredFact> {
  for await (const { clientId, expiryIntervalS, disconnectedAtMs } of documents.all('sessions')) {
    yield { kind: 'session', session: { clientId: clientId as ClientId, expiryIntervalS, disconnectedAtMs } };
  }
  for await (const {
    clientId,
    topicFilter,
    qos,
    noLocal,
    retainAsPublished,
    retainHandling,
    identifier,
  } of documents.all('subscriptions')) {
    yield {
      kind: 'subscription',
      subscription: {
        clientId: clientId as ClientId,
        topicFilter: topicFilter as SubscriptionRecord['topicFilter'],
        qos,
        noLocal,
        retainAsPublished,
        retainHandling,
        identifier,
      },
    };
  }
  for await (const { clientId, packetId } of documents.all('inbound'))
    yield { kind: 'inbound', clientId: clientId as ClientId, packetId };
  for await (const will of documents.all('wills')) {
    const shared = await sharedMessages(documents, [will]);
    yield {
      kind: 'will',
      will: {
        clientId: will.clientId as ClientId,
        message: messageOf(will, shared),
        delayS: will.delayS,
        dueAtMs: will.dueAtMs,
      },
    };
  }
  for await (const { queueId, first, last, count, bytes } of documents.summaries()) {
    yield { kind: 'queue', queue: queueId as QueueId, first: first as Seq, next: (last + 1) as Seq, count, bytes };
  }
  for await (const { topic, messageId, bytes, expiresAtMs } of documents.all('retained', { 'message.payload': 0 })) {
    yield { kind: 'retained', topic: topic as TopicName, id: messageId as Message['id'], bytes, expiresAtMs };
  }
  if (lastMessageId >= 0) yield { kind: 'last-message-id', id: lastMessageId as Message['id'] };
}

export async function page(
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

export async function retainedMessages(
  documents: Documents,
  topics: readonly TopicName[],
): Promise<readonly Message[]> {
  const keys = topics.map(nameKey);
  const found = await documents.retained(keys);
  const shared = await sharedMessages(documents, [...found.values()]);
  return keys.flatMap((key) => {
    const document = found.get(key);
    return document === undefined ? [] : [messageOf(document, shared)];
  });
}

/** Those of `messages` that they have, whole. */
async function sharedMessages(
  documents: Documents,
  places: readonly MessagePlace[],
): Promise<ReadonlyMap<string, Message>> {
  const whole = new Map<string, Message>();
  const ids = new Set<string>();
  for (const { shared } of places) if (shared !== undefined) ids.add(shared);
  if (ids.size === 0) return whole;
  for await (const { _id, message, payload, parts } of documents.messages([...ids])) {
    if (message === undefined) throw new DamagedDocument(`the message ${_id} has no header`);
    const pieces = [payload];
    for (let part = 1; part < parts; part++) {
      const further = await documents.message(partId(_id, part));
      if (further === undefined) throw new DamagedDocument(`part ${String(part)} of the message ${_id} is missing`);
      pieces.push(further.payload);
    }
    whole.set(_id, messageFrom(message, pieces.length === 1 ? payload : Buffer.concat(pieces)));
  }
  return whole;
}

function messageOf({ message, shared }: MessagePlace, sharedOnes: ReadonlyMap<string, Message>): Message {
  if (message !== undefined) return messageFrom(message, message.payload ?? EMPTY_PAYLOAD);
  const found = shared === undefined ? undefined : sharedOnes.get(shared);
  if (found === undefined) throw new DamagedDocument(`the message ${shared ?? ''} is missing`);
  return found;
}

function messageFrom(
  { id, topic, qos, retain, properties, publisher, acceptedAtMs, expiresAtMs }: MessageFields,
  payload: Uint8Array,
): Message {
  return {
    id: id as Message['id'],
    topic: topic as TopicName,
    payload,
    qos,
    retain,
    properties,
    publisher: publisher as ClientId | undefined,
    acceptedAtMs,
    expiresAtMs,
  };
}
