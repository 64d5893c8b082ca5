// What is read back: the facts at start, pages of queues, retained messages. Nothing here changes anything; that everything committed is in the
// collections when this is called is the affair of `mongo-storage.ts`.
import type { ClientId, Message, PageLimit, QueueId, RestoredFact, Seq, StoredEntry, SubscriptionRecord, TopicName } from 'hexmq/ports';
import { nameKey } from './collections.js';
import type { Collections, EntryDocument, MessageFields, MessagePlace } from './collections.js';
import { DamagedDocument } from './errors.js';
import { partId } from './fold-plan.js';

const PRESENT = { gone: { $ne: true } } as const;
const EMPTY_PAYLOAD = new Uint8Array(0);
/** Entries that are fetched at once. */
const ENTRIES = 200;

export async function* facts({ sessions, subscriptions, inbound, wills, queues, retained, messages }: Collections, lastMessageId: number): AsyncGenerator<RestoredFact> {
  for await (const { clientId, expiryIntervalS, disconnectedAtMs } of sessions.find(PRESENT)) {
    yield { kind: 'session', session: { clientId: clientId as ClientId, expiryIntervalS, disconnectedAtMs } };
  }
  for await (const { clientId, topicFilter, qos, noLocal, retainAsPublished, retainHandling, identifier } of subscriptions.find(PRESENT)) {
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
  for await (const { clientId, packetId } of inbound.find(PRESENT)) yield { kind: 'inbound', clientId: clientId as ClientId, packetId };
  for await (const will of wills.find(PRESENT)) {
    const shared = await sharedMessages(messages, [will]);
    yield { kind: 'will', will: { clientId: will.clientId as ClientId, message: messageOf(will, shared), delayS: will.delayS, dueAtMs: will.dueAtMs } };
  }
  for await (const { queueId, first, last, count, bytes } of queues.aggregate<QueueSummary>(SUMMARY, { allowDiskUse: true })) {
    yield { kind: 'queue', queue: queueId as QueueId, first: first as Seq, next: (last + 1) as Seq, count, bytes };
  }
  for await (const { topic, messageId, bytes, expiresAtMs } of retained.find(PRESENT, { projection: { 'message.payload': 0 } })) {
    yield { kind: 'retained', topic: topic as TopicName, id: messageId as Message['id'], bytes, expiresAtMs };
  }
  if (lastMessageId >= 0) yield { kind: 'last-message-id', id: lastMessageId as Message['id'] };
}

interface QueueSummary {
  readonly queueId: string;
  readonly first: number;
  readonly last: number;
  readonly count: number;
  readonly bytes: number;
}

/** Of each queue that has entries. */
const SUMMARY = [
  { $match: PRESENT },
  {
    $group: {
      _id: '$queue',
      queueId: { $first: '$queueId' },
      first: { $min: '$seq' },
      last: { $max: '$seq' },
      count: { $sum: 1 },
      bytes: { $sum: '$bytes' },
    },
  },
];

export async function page({ queues, messages }: Collections, queue: QueueId, from: Seq, limit: PageLimit): Promise<readonly StoredEntry[]> {
  const { maxEntries, maxBytes } = limit;
  const entries: EntryDocument[] = [];
  let bytes = 0;
  const count = Math.max(1, maxEntries);
  const filter = { queue: nameKey(queue), seq: { $gte: from }, ...PRESENT };
  for await (const entry of queues.find(filter, { sort: { seq: 1 }, limit: count, batchSize: Math.min(count, ENTRIES) })) {
    bytes += entry.bytes;
    if (entries.length > 0 && bytes > maxBytes) break;
    entries.push(entry);
  }
  const shared = await sharedMessages(messages, entries);
  return entries.map((entry): StoredEntry => {
    const { seq, qos, retain, identifiers, released } = entry;
    const message = messageOf(entry, shared);
    return { seq: seq as Seq, message: released ? { ...message, payload: EMPTY_PAYLOAD } : message, qos, retain, identifiers, released };
  });
}

export async function retainedMessages({ retained, messages }: Collections, topics: readonly TopicName[]): Promise<readonly Message[]> {
  const keys = topics.map(nameKey);
  const found = await retained.find({ _id: { $in: keys }, ...PRESENT }).toArray();
  const byKey = new Map(found.map((document) => [document._id, document]));
  const shared = await sharedMessages(messages, found);
  return keys.flatMap((key) => {
    const document = byKey.get(key);
    return document === undefined ? [] : [messageOf(document, shared)];
  });
}

/** Those of `messages` that they have, whole. */
async function sharedMessages(messages: Collections['messages'], places: readonly MessagePlace[]): Promise<ReadonlyMap<string, Message>> {
  const whole = new Map<string, Message>();
  const ids = new Set<string>();
  for (const { shared } of places) if (shared !== undefined) ids.add(shared);
  if (ids.size === 0) return whole;
  for await (const { _id, message, payload, parts } of messages.find({ _id: { $in: [...ids] } })) {
    if (message === undefined) throw new DamagedDocument(`the message ${_id} has no header`);
    const pieces = [payload];
    for (let part = 1; part < parts; part++) {
      const further = await messages.findOne({ _id: partId(_id, part) });
      if (further === null) throw new DamagedDocument(`part ${String(part)} of the message ${_id} is missing`);
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

function messageFrom({ id, topic, qos, retain, properties, publisher, acceptedAtMs, expiresAtMs }: MessageFields, payload: Uint8Array): Message {
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
