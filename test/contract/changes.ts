// Changes and reads as tests of adapters write them, with what does not matter filled in.
import type {
  Change,
  Message,
  Properties,
  QueueId,
  RestoredFact,
  Seq,
  Storage,
  StoredEntry,
  TopicName,
} from 'hexmq/ports';

export const ALL = { maxEntries: 1_000_000, maxBytes: Number.MAX_SAFE_INTEGER };

export const queue = (clientId: string): QueueId => `c:${clientId}` as QueueId;
export const topic = (name: string): TopicName => name as TopicName;

export const messageOf = (
  id: number,
  payload: Uint8Array = Buffer.from(`payload ${String(id)}`),
  name = 't',
  properties?: Properties,
): Message => ({
  id: id as Message['id'],
  topic: topic(name),
  payload,
  qos: 1,
  retain: false,
  properties,
  publisher: undefined,
  acceptedAtMs: 0,
  expiresAtMs: undefined,
});

export const append = (clientId: string, seq: number, message: Message): Change =>
  appendTo(queue(clientId), seq, message);
export const appendTo = (id: QueueId, seq: number, message: Message): Change => ({
  kind: 'queue.append',
  queue: id,
  seq: seq as Seq,
  message,
  qos: 1,
  retain: false,
  identifiers: undefined,
});
export const trim = (clientId: string, through: number): Change => ({
  kind: 'queue.trim',
  queue: queue(clientId),
  through: through as Seq,
});
export const remove = (clientId: string, seq: number): Change => ({
  kind: 'queue.remove',
  queue: queue(clientId),
  seq: seq as Seq,
});

export async function factsOf(storage: Storage): Promise<RestoredFact[]> {
  const facts: RestoredFact[] = [];
  for await (const fact of storage.load()) facts.push(fact);
  return facts;
}

export const entriesOf = (storage: Storage, clientId: string): Promise<readonly StoredEntry[]> =>
  storage.readQueue(queue(clientId), 0 as Seq, ALL);
