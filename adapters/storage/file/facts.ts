// The facts that a start loads, in the order that the port asks for. Without a snapshot, all of it is of one moment
// only as long as nothing is committed meanwhile, which the port promises.
import type { ClientId, Message, QueueId, RestoredFact, Seq, TopicName } from 'hexmq/ports';
import type { Database } from './engine.js';
import { DamagedRecord } from './errors.js';
import { Space, entryKey, filterOf, isFence, nameOf, numberOf, packetIdOf, rangeOf, seqOf, textRange } from './keys.js';
import type { EngineSnapshot } from './pages.js';
import * as records from './records/index.js';
import type { QueueRecord } from './records/index.js';

/** Bounds of one read of the engine. */
const CHUNK_BYTES_MAX = 256 * 1024;
const CHUNK_RECORDS_MAX = 1000;

interface At {
  readonly snapshot?: EngineSnapshot;
}

type StoredRecord = readonly [key: Buffer, record: Buffer];

/**
 * In chunks, as they are read: with millions of facts, the cost of handing on each one counts.
 * @param dropped numbers whose records are still there but no longer count.
 */
export async function* facts(
  db: Database,
  dropped: ReadonlyMap<number, unknown>,
  lastMessageId: number,
  snapshot?: EngineSnapshot,
): AsyncGenerator<readonly RestoredFact[]> {
  const at = snapshot === undefined ? {} : { snapshot };
  for await (const chunk of chunksOf(db, at, Space.client)) yield chunk.flatMap(sessionFact);
  for await (const chunk of chunksOf(db, at, Space.subscription))
    yield chunk.flatMap((each) => subscriptionFact(each, dropped));
  for await (const chunk of chunksOf(db, at, Space.inbound)) yield chunk.flatMap((each) => inboundFact(each, dropped));
  for await (const chunk of chunksOf(db, at, Space.will))
    yield chunk.map(([key, record]) => ({ kind: 'will', will: records.decodeWill(record, nameOf(key)) }));
  for await (const chunk of chunksOf(db, at, Space.queue)) yield await queueFacts(db, at, chunk);
  for await (const chunk of chunksOf(db, at, Space.retained)) yield chunk.map(retainedFact);
  if (lastMessageId >= 0) yield [{ kind: 'last-message-id', id: lastMessageId as Message['id'] }];
}

/** Everything in a space. The next chunk is read while the caller works on the last one. */
async function* chunksOf(db: Database, at: At, space: Space): AsyncGenerator<StoredRecord[]> {
  const iterator = db.iterator({ ...rangeOf(space), ...at, highWaterMarkBytes: CHUNK_BYTES_MAX });
  try {
    let next = iterator.nextv(CHUNK_RECORDS_MAX);
    for (;;) {
      const chunk = await next;
      if (chunk.length === 0) return;
      next = iterator.nextv(CHUNK_RECORDS_MAX);
      // A failure surfaces at the await above. A caller that stops early never awaits, and must not cause an unhandled
      // rejection.
      next.catch(() => undefined);
      yield chunk;
    }
  } finally {
    await iterator.close();
  }
}

function sessionFact([key, record]: StoredRecord): RestoredFact[] {
  const { session } = records.decodeClient(record);
  return session === undefined ? [] : [{ kind: 'session', session: { clientId: nameOf(key) as ClientId, ...session } }];
}

function subscriptionFact([key, record]: StoredRecord, dropped: ReadonlyMap<number, unknown>): RestoredFact[] {
  if (isFence(key) || dropped.has(numberOf(key))) return [];
  return [{ kind: 'subscription', subscription: records.decodeSubscription(record, filterOf(key)) }];
}

function inboundFact([key, record]: StoredRecord, dropped: ReadonlyMap<number, unknown>): RestoredFact[] {
  if (isFence(key) || dropped.has(numberOf(key))) return [];
  return [{ kind: 'inbound', clientId: records.decodeInbound(record) as ClientId, packetId: packetIdOf(key) }];
}

async function queueFacts(db: Database, at: At, chunk: readonly StoredRecord[]): Promise<RestoredFact[]> {
  const found: RestoredFact[] = [];
  for (const [key, record] of chunk) {
    const header = records.decodeQueue(record);
    if (header.count === 0) continue;
    const { first, next } =
      header.tail - header.head === header.count
        ? { first: header.head, next: header.tail }
        : await bounds(db, at, header);
    found.push({
      kind: 'queue',
      queue: nameOf(key) as QueueId,
      first: first as Seq,
      next: next as Seq,
      count: header.count,
      bytes: header.bytes,
    });
  }
  return found;
}

function retainedFact([key, record]: StoredRecord): RestoredFact {
  const { id, bytes, expiresAtMs } = records.decodeRetained(record);
  return { kind: 'retained', topic: nameOf(key) as TopicName, id: id as Message['id'], bytes, expiresAtMs };
}

/** Finds the first and the last entry of a queue with gaps, whose header has only bounds. */
async function bounds(
  db: Database,
  at: At,
  { number, head, tail }: QueueRecord,
): Promise<{ first: number; next: number }> {
  const range = { ...textRange(entryKey(number, head), entryKey(number, tail)), ...at };
  const [first] = await db.keys<string>({ ...range, limit: 1 }).all();
  const [last] = await db.keys<string>({ ...range, limit: 1, reverse: true }).all();
  if (first === undefined || last === undefined)
    throw new DamagedRecord(`queue ${String(number)} has a header and no entries`);
  return { first: seqOf(first), next: seqOf(last) + 1 };
}
