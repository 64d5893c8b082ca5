// What is read back: the facts at start, pages of queues, retained messages. Each reads one moment of the store, whatever is committed meanwhile.
// Nothing here changes anything; what may be remembered of a page is told to the ledger.
import type { Iterator } from 'classic-level';
import type { ClientId, Message, PageLimit, QueueId, RestoredFact, Seq, StoredEntry, TopicName } from 'hexmq/ports';
import { DamagedRecord } from './errors.js';
import {
  Space,
  entryKey,
  filterOf,
  isEntryFence,
  isFence,
  isReleasedKey,
  nameOf,
  namedKey,
  numberOf,
  numberedKey,
  packetIdOf,
  rangeOf,
  rangeUnder,
  seqOf,
  textRange,
} from './keys.js';
import type { Database, Ledger } from './ledger.js';
import * as records from './records.js';
import type { EntryRecord, QueueRecord } from './records.js';

type Snapshot = ReturnType<Database['snapshot']>;

/** What an iterator fetches at once, at most. */
const CHUNK_BYTES_MAX = 256 * 1024;
const CHUNK_ENTRIES_MAX = 1000;
/** Of a page's bytes: what keys and records have besides payloads, so that a page of payloads of about 1 kB comes in one chunk. */
const PAGE_OVERHEAD = 1.1;
const EMPTY_PAYLOAD = new Uint8Array(0);

/**
 * In lots, as they are read: what a fact costs to hand on counts when there are millions.
 * @param dropped numbers whose records are still there and no longer count.
 */
export async function* facts(
  db: Database,
  dropped: ReadonlyMap<number, unknown>,
  lastMessageId: number,
): AsyncGenerator<readonly RestoredFact[]> {
  for await (const lot of lots(db, Space.client)) yield lot.flatMap(sessionFact);
  for await (const lot of lots(db, Space.subscription)) yield lot.flatMap((entry) => subscriptionFact(entry, dropped));
  for await (const lot of lots(db, Space.inbound)) yield lot.flatMap((entry) => inboundFact(entry, dropped));
  for await (const lot of lots(db, Space.will))
    yield lot.map(([key, record]) => ({ kind: 'will', will: records.decodeWill(record, nameOf(key)) }));
  for await (const lot of lots(db, Space.queue)) yield await queueFacts(db, lot);
  for await (const lot of lots(db, Space.retained)) yield lot.map(retainedFact);
  if (lastMessageId >= 0) yield [{ kind: 'last-message-id', id: lastMessageId as Message['id'] }];
}

type Entry = readonly [key: Buffer, record: Buffer];

/** Everything in a space; the next lot is read while the last one is looked at. */
async function* lots(db: Database, space: Space): AsyncGenerator<Entry[]> {
  const iterator = db.iterator({ ...rangeOf(space), highWaterMarkBytes: CHUNK_BYTES_MAX });
  try {
    let coming = iterator.nextv(CHUNK_ENTRIES_MAX);
    for (;;) {
      const lot = await coming;
      if (lot.length === 0) return;
      coming = iterator.nextv(CHUNK_ENTRIES_MAX);
      // If it fails, whoever awaits it is told; nobody does who stops before.
      coming.catch(() => undefined);
      yield lot;
    }
  } finally {
    await iterator.close();
  }
}

function sessionFact([key, record]: Entry): RestoredFact[] {
  const { session } = records.decodeClient(record);
  return session === undefined ? [] : [{ kind: 'session', session: { clientId: nameOf(key) as ClientId, ...session } }];
}

function subscriptionFact([key, record]: Entry, dropped: ReadonlyMap<number, unknown>): RestoredFact[] {
  if (isFence(key) || dropped.has(numberOf(key))) return [];
  return [{ kind: 'subscription', subscription: records.decodeSubscription(record, filterOf(key)) }];
}

function inboundFact([key, record]: Entry, dropped: ReadonlyMap<number, unknown>): RestoredFact[] {
  if (isFence(key) || dropped.has(numberOf(key))) return [];
  return [{ kind: 'inbound', clientId: records.decodeInbound(record) as ClientId, packetId: packetIdOf(key) }];
}

async function queueFacts(db: Database, lot: readonly Entry[]): Promise<RestoredFact[]> {
  const found: RestoredFact[] = [];
  for (const [key, record] of lot) {
    const header = records.decodeQueue(record);
    if (header.count === 0) continue;
    const { first, next } =
      header.tail - header.head === header.count ? { first: header.head, next: header.tail } : await bounds(db, header);
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

function retainedFact([key, record]: Entry): RestoredFact {
  const { id, bytes, expiresAtMs } = records.decodeRetained(record);
  return { kind: 'retained', topic: nameOf(key) as TopicName, id: id as Message['id'], bytes, expiresAtMs };
}

/** Of a queue without gaps the header says it all; in others the ends are looked for, from where it says that they are at the furthest. */
async function bounds(db: Database, { number, head, tail }: QueueRecord): Promise<{ first: number; next: number }> {
  const range = textRange(entryKey(number, head), entryKey(number, tail));
  const [first] = await db.keys<string>({ ...range, limit: 1 }).all();
  const [last] = await db.keys<string>({ ...range, limit: 1, reverse: true }).all();
  if (first === undefined || last === undefined)
    throw new DamagedRecord(`queue ${String(number)} has a header and no entries`);
  return { first: seqOf(first), next: seqOf(last) + 1 };
}

interface PageEntry {
  readonly seq: number;
  readonly record: EntryRecord;
  isReleased: boolean;
}

export async function page(
  db: Database,
  ledger: Ledger,
  queue: QueueId,
  from: Seq,
  limit: PageLimit,
): Promise<readonly StoredEntry[]> {
  const asOf = ledger.committed;
  const snapshot = db.snapshot();
  try {
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
    return entries.map(
      ({ seq, record: { qos, retain, identifiers, bytes, body, message }, isReleased }): StoredEntry => {
        ledger.learn(queue, header.number, asOf, seq as Seq, bytes, body, isReleased);
        const whole = message ?? bodies.get(body);
        if (whole === undefined) throw new DamagedRecord(`body ${String(body)} is missing`);
        return {
          seq: seq as Seq,
          message: isReleased ? { ...whole, payload: EMPTY_PAYLOAD } : whole,
          qos,
          retain,
          identifiers,
          released: isReleased,
        };
      },
    );
  } finally {
    await snapshot.close();
  }
}

/** Where the header leaves no room for gaps, what is missing from a page is lost. */
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
  snapshot: Snapshot,
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
 * No chunk asks for more than there is, because the binding holds what it read last, and room for what it was asked for, until the iterator is
 * collected, and the collector does not know how much that is. Reading one more makes it let go, unless it has met the end of the range before.
 */
async function takePage(
  iterator: Iterator<Database, string, Buffer>,
  { maxEntries, maxBytes }: PageLimit,
): Promise<PageEntry[]> {
  const entries: PageEntry[] = [];
  let bytes = 0;
  while (entries.length < maxEntries) {
    // Not many more than fit if they go on as they began.
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
  // What is behind the last says whether that was released.
  const [[key] = []] = await iterator.nextv(1);
  if (key !== undefined && isReleasedKey(key)) markReleased(entries, key);
  return entries;
}

/** The release of an entry follows it; another has lost its entry. */
function markReleased(entries: readonly PageEntry[], key: string): void {
  const last = entries[entries.length - 1];
  if (last?.seq === seqOf(key)) last.isReleased = true;
}

export async function retained(db: Database, topics: readonly TopicName[]): Promise<readonly Message[]> {
  const snapshot = db.snapshot();
  try {
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
  } finally {
    await snapshot.close();
  }
}

async function bodiesOf(
  db: Database,
  snapshot: Snapshot,
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
