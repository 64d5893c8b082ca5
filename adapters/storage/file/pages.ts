// Pages of queues, and retained messages. Each call reads one moment of the store, whatever is committed meanwhile.
import type { Iterator } from 'classic-level';
import type { Message, PageLimit, QueueId, Seq, StoredEntry, TopicName } from 'hexmq/ports';
import type { Database } from './engine.js';
import { DamagedRecord } from './errors.js';
import {
  Space,
  entryKey,
  isEntryFence,
  isReleasedKey,
  namedKey,
  numberedKey,
  rangeUnder,
  seqOf,
  textRange,
} from './keys.js';
import type { Queues } from './queues.js';
import * as records from './records/index.js';
import type { EntryRecord, QueueRecord } from './records/index.js';

/** The store of the engine at one moment. */
export type EngineSnapshot = ReturnType<Database['snapshot']>;

/** Bounds of one read of the engine. */
const CHUNK_BYTES_MAX = 256 * 1024;
const CHUNK_ENTRIES_MAX = 1000;
/** Keys and records on top of the payloads of a page, so that a page of payloads of about 1 kB comes in one chunk. */
const PAGE_OVERHEAD = 1.1;
const EMPTY_PAYLOAD = new Uint8Array(0);

interface PageEntry {
  readonly seq: number;
  readonly record: EntryRecord;
  isReleased: boolean;
}

/** @param queues remembers the entries of the page: what was read is removed next. */
export async function readPage(
  db: Database,
  queues: Queues,
  queue: QueueId,
  from: Seq,
  limit: PageLimit,
): Promise<readonly StoredEntry[]> {
  const asOf = queues.commits;
  const snapshot = db.snapshot();
  try {
    return await readPageOf(db, snapshot, queue, from, limit, (number, seq, bytes, body, isReleased) => {
      queues.rememberRead(queue, number, asOf, seq, bytes, body, isReleased);
    });
  } finally {
    await snapshot.close();
  }
}

type OnRead = (number: number, seq: Seq, bytes: number, body: number, isReleased: boolean) => void;

/** @param onRead called with the number of the queue, and what is to be remembered of each entry. */
export async function readPageOf(
  db: Database,
  snapshot: EngineSnapshot,
  queue: QueueId,
  from: Seq,
  limit: PageLimit,
  onRead: OnRead = () => undefined,
): Promise<readonly StoredEntry[]> {
  const record = await db.get(namedKey(Space.queue, queue), { snapshot });
  if (record === undefined) return [];
  const header = records.decodeQueue(record);
  if (header.count === 0 || from >= header.tail) return [];
  const first = Math.max(from, header.head);
  const entries = await pageEntries(db, snapshot, header, first, limit);
  refuseGaps(queue, header, first, entries);
  const numbers: number[] = [];
  for (const {
    record: { body },
  } of entries)
    if (body > 0) numbers.push(body);
  const bodies = await bodiesOf(db, snapshot, numbers);
  return entries.map(({ seq, record: { qos, retain, identifiers, bytes, body, message }, isReleased }): StoredEntry => {
    onRead(header.number, seq as Seq, bytes, body, isReleased);
    const stored = message ?? bodies.get(body);
    if (stored === undefined) throw new DamagedRecord(`body ${String(body)} is missing`);
    return {
      seq: seq as Seq,
      message: isReleased ? { ...stored, payload: EMPTY_PAYLOAD } : stored,
      qos,
      retain,
      identifiers,
      released: isReleased,
    };
  });
}

/** Where the header says that the queue has no gaps, an entry that is missing from a page was lost. */
function refuseGaps(
  queue: QueueId,
  { head, tail, count }: QueueRecord,
  first: number,
  entries: readonly PageEntry[],
): void {
  if (tail - head !== count) return;
  if (entries.length === 0 || entries.some(({ seq }, i) => seq !== first + i))
    throw new DamagedRecord(`entries of the queue ${queue} are missing`);
}

async function pageEntries(
  db: Database,
  snapshot: EngineSnapshot,
  { number, tail }: QueueRecord,
  from: number,
  limit: PageLimit,
): Promise<PageEntry[]> {
  const iterator = db.iterator<string, Buffer>({
    ...textRange(entryKey(number, from), rangeUnder(Space.entry, number).lt),
    snapshot,
    highWaterMarkBytes: Math.min(CHUNK_BYTES_MAX, Math.ceil(limit.maxBytes * PAGE_OVERHEAD)),
  });
  try {
    return await takePage(iterator, { ...limit, maxEntries: Math.max(1, Math.min(limit.maxEntries, tail - from)) });
  } finally {
    await iterator.close();
  }
}

/**
 * No chunk asks for more than there is: the binding keeps what it read last, and room for what it was asked for, until
 * the iterator is garbage collected, and the collector does not know how much memory that is. Reading one entry more
 * makes the binding let go, unless it has met the end of the range before.
 */
async function takePage(
  iterator: Iterator<Database, string, Buffer>,
  { maxEntries, maxBytes }: PageLimit,
): Promise<PageEntry[]> {
  const entries: PageEntry[] = [];
  let bytes = 0;
  while (entries.length < maxEntries) {
    // Not many more than fit, if the rest is like what was read so far.
    const fitting = bytes === 0 ? Infinity : Math.max(1, Math.ceil(((maxBytes - bytes) * entries.length) / bytes));
    const chunk = await iterator.nextv(Math.min(CHUNK_ENTRIES_MAX, fitting, maxEntries - entries.length));
    if (chunk.length === 0) return entries;
    for (const [key, record] of chunk) {
      if (isEntryFence(key)) return entries;
      if (isReleasedKey(key)) {
        markReleased(entries, key);
        continue;
      }
      const entry: PageEntry = { seq: seqOf(key), record: records.decodeEntry(record), isReleased: false };
      bytes += entry.record.bytes;
      if (entries.length > 0 && bytes > maxBytes) {
        await iterator.nextv(1);
        return entries;
      }
      entries.push(entry);
    }
  }
  // The key behind the last entry says whether that entry was released.
  const [[key] = []] = await iterator.nextv(1);
  if (key !== undefined && isReleasedKey(key)) markReleased(entries, key);
  return entries;
}

/** The release of an entry follows the entry; any other belongs to an entry that is gone. */
function markReleased(entries: readonly PageEntry[], key: string): void {
  const last = entries[entries.length - 1];
  if (last?.seq === seqOf(key)) last.isReleased = true;
}

export async function readRetained(db: Database, topics: readonly TopicName[]): Promise<readonly Message[]> {
  const snapshot = db.snapshot();
  try {
    return await readRetainedOf(db, snapshot, topics);
  } finally {
    await snapshot.close();
  }
}

export async function readRetainedOf(
  db: Database,
  snapshot: EngineSnapshot,
  topics: readonly TopicName[],
): Promise<readonly Message[]> {
  const found = await db.getMany(
    topics.map((topic) => namedKey(Space.retained, topic)),
    { snapshot },
  );
  const numbers = found.flatMap((record) => (record === undefined ? [] : [records.decodeRetained(record).body]));
  const bodies = await bodiesOf(db, snapshot, numbers);
  return numbers.map((number) => {
    const message = bodies.get(number);
    if (message === undefined) throw new DamagedRecord(`body ${String(number)} is missing`);
    return message;
  });
}

async function bodiesOf(
  db: Database,
  snapshot: EngineSnapshot,
  numbers: readonly number[],
): Promise<ReadonlyMap<number, Message>> {
  const bodies = new Map<number, Message>();
  const list = [...new Set(numbers)];
  if (list.length === 0) return bodies;
  const found = await db.getMany(
    list.map((number) => numberedKey(Space.body, number)),
    { snapshot },
  );
  for (let i = 0; i < list.length; i++) {
    const record = found[i];
    if (record !== undefined) bodies.set(list[i] as number, records.decodeBody(record));
  }
  return bodies;
}
