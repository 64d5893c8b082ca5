// What a batch of changes writes and removes, and what has to be known for that. The rules of the store are here:
//
// - A payload is stored once. A message that goes to one queue stands in its entry; one that goes to several, is retained, or is large, stands in a
//   body with a number of its own, and entries and the retained table refer to it. How many do is a record beside the body (none: one), written
//   in the batch that changes it; with the last of them the body goes. The count can be a count, although batches may come twice, because it
//   changes only when an entry really appears or disappears, and whether an entry is there is always known: from `known`, or by looking.
//   (A key for each reference would need no look, and a second write and a second removal for every entry.) Bodies are numbered by this adapter,
//   not by message id: that two messages are the same is taken from their being the same object, never believed of a number.
// - A queue has a header: its number, bounds, count and bytes, rewritten with each batch that touches it. Opening a store reads headers, not
//   entries. The bounds let a read start behind the keys that are gone, which the engine would otherwise have to step over.
// - Dropping a queue or a client removes its header and notes its number as dropped, whatever its size; `sweep` takes away what stands under
//   the number, a little at a time, between commits.
// - Memory does not grow with the store: headers, counts and the sizes of entries are remembered only for what was lately touched, and
//   looked up when they are needed again.
//
// Opening, the lease and what an error means are in `file-storage.ts`; pages and facts in `reading.ts`.
import type { ChainedBatch, ClassicLevel } from 'classic-level';
import type { Change, ClientId, Message, QueueAppend, QueueId, Seq, TopicName } from 'hexmq/ports';
import {
  Space,
  entryKey,
  fenceKey,
  inboundKey,
  isReleasedKey,
  namedKey,
  numberOf,
  numberedKey,
  rangeOf,
  releasedKey,
  seqOf,
  spaceKey,
  subscriptionKey,
  textRange,
} from './keys.js';
import { Recent } from './recent.js';
import * as records from './records.js';
import type { ClientRecord, DroppedOwner, RetainedRecord } from './records.js';

export type Database = ClassicLevel<Buffer, Buffer>;
export type Writes = ChainedBatch<Database, Buffer, Buffer>;

/** From this size on a message gets a body even if nothing else refers to it yet: what looks at an entry then reads no payload. */
const BODY_BYTES_MIN = 4096;
/** A queue with more entries than this is dropped by its number. */
const DROPPED_AT_ONCE_MAX = 32;
/** Entries whose size is remembered: in one queue, and in all of them in one generation. */
const KNOWN_IN_QUEUE_MAX = 16_384;
const KNOWN_MAX = 100_000;
const CLIENTS_MAX = 50_000;
const TOPICS_MAX = 100_000;
const BODIES_MAX = 20_000;
/** Steps to the next entry after one is removed; a bound that falls short is corrected by the next removal. */
const BOUND_STEPS_MAX = 1024;
/** More unknown entries than this are read in one pass instead of key by key. */
const POINT_READS_MAX = 64;
/** Keys that are asked for at once, and changes that are applied at once: between two lots whoever else waits for the event loop has a turn. */
const LOT = 1024;
const SWEEP_RECORDS = 500;
const SWEEP_BYTES = 256 * 1024;

const NOTHING = Buffer.alloc(0);
const NO_COUNTERS: records.Counters = { lastMessageId: -1, nextNumber: 1, nextBody: 1, opening: 0 };

/** Of an entry that is there: the bytes of its payload, or more if there is more to say. */
type Known = number | { readonly bytes: number; readonly body: number; readonly isReleased: boolean };

interface QueueSlot {
  readonly id: QueueId;
  /** 0: there is none. */
  number: number;
  head: number;
  tail: number;
  count: number;
  bytes: number;
  /** The last commit that removed or replaced an entry, or the one after which this was fetched: older reads say nothing about it. */
  changedIn: number;
  /** All entries or some. What is missing here may be in the store while this has fewer than `count`. */
  known: Map<number, Known>;
}

interface ClientSlot {
  readonly id: ClientId;
  /** 0: there is none. */
  number: number;
  session: ClientRecord['session'];
}

interface RetainedSlot {
  readonly topic: TopicName;
  /** 0: there is none. */
  body: number;
}

interface Body {
  readonly number: number;
  count: number;
  /** As the store has it; 0: not at all. */
  stored: number;
  /** Nothing may refer to it through this object any more: it is gone, or its count has been forgotten. */
  isForgotten: boolean;
}

export class Ledger {
  readonly #db: Database;
  readonly #queues = new Recent<QueueId, QueueSlot>(KNOWN_MAX, ({ known }) => 1 + known.size);
  readonly #clients = new Recent<ClientId, ClientSlot>(CLIENTS_MAX);
  readonly #retained = new Recent<TopicName, RetainedSlot>(TOPICS_MAX);
  readonly #bodies = new Recent<number, Body>(
    BODIES_MAX,
    () => 1,
    (body) => {
      body.isForgotten = true;
    },
  );
  #bodyOf = new WeakMap<Message, Body>();
  #lastMessageId = -1;
  #nextNumber = 1;
  #nextBody = 1;
  /** Of this storage, and the last there was. */
  #opening = 0;
  #lastOpening = 0;
  #committed = 0;
  /** Numbers of dropped queues and clients, of which something may be left. */
  readonly #dropped = new Map<number, DroppedOwner>();
  #sweptTo: { readonly number: number; readonly key: Buffer } | undefined;

  // Of the batch that is under way.
  #references = new Map<Message, number>();
  #touchedQueues = new Set<QueueSlot>();
  #touchedClients = new Set<ClientSlot>();
  #touchedBodies = new Set<Body>();
  #countersTouched = false;

  constructor(db: Database) {
    this.#db = db;
  }

  get committed(): number {
    return this.#committed;
  }

  get dropped(): ReadonlyMap<number, unknown> {
    return this.#dropped;
  }

  get lastMessageId(): number {
    return this.#lastMessageId;
  }

  /** Whether nobody else has opened the store since `claim`. */
  get isOurs(): boolean {
    return this.#opening === this.#lastOpening;
  }

  /** Forgets everything and begins with what the store says. */
  async begin(): Promise<void> {
    for (const recent of [this.#queues, this.#clients, this.#retained, this.#bodies]) recent.clear();
    this.#bodyOf = new WeakMap();
    // What was read before is as good as read before another commit: the one that failed may be in the store.
    this.#committed++;
    this.#dropped.clear();
    this.#sweptTo = undefined;
    this.#endBatch();
    const counters = await this.#db.get(spaceKey(Space.counters));
    const { lastMessageId, nextNumber, nextBody, opening } =
      counters === undefined ? NO_COUNTERS : records.decodeCounters(counters);
    this.#lastMessageId = lastMessageId;
    this.#nextNumber = nextNumber;
    this.#nextBody = nextBody;
    this.#lastOpening = opening;
    for await (const [key, record] of this.#db.iterator(rangeOf(Space.dropped)))
      this.#dropped.set(numberOf(key), records.decodeDropped(record));
  }

  /** After `begin`, once: from now on the store is ours, until another has opened it. */
  async claim(): Promise<void> {
    this.#opening = this.#lastOpening + 1;
    await this.#db.put(spaceKey(Space.counters), Buffer.from(this.#encodedCounters()), { sync: true });
    this.#lastOpening = this.#opening;
  }

  /** Fetches what `apply` has to know: usually nothing, because it was touched lately. */
  async prepare(batch: readonly Change[]): Promise<void> {
    this.#endBatch();
    this.#countReferences(batch);
    await this.#fetchSlots(batch);
    await this.#fetchEntries(batch);
    await this.#fetchBodies(batch);
  }

  async apply(batch: readonly Change[], writes: Writes): Promise<void> {
    for (let from = 0; from < batch.length; from += LOT) {
      if (from > 0) await othersTurn();
      const end = Math.min(batch.length, from + LOT);
      for (let i = from; i < end; i++) {
        const change = batch[i] as Change;
        if (change.kind === 'queue.trim') await this.#trimLots(this.#queue(change.queue), change.through, writes);
        this.#apply(change, writes);
      }
    }
    await this.#finish(writes);
  }

  /** The batch is in the store. */
  settled(): void {
    this.#committed++;
    for (const slot of this.#touchedQueues) if (slot.known.size > KNOWN_IN_QUEUE_MAX) forgetHalf(slot.known);
    this.#endBatch();
    for (const recent of [this.#queues, this.#clients, this.#retained, this.#bodies]) recent.tidy();
  }

  /**
   * An entry has been read: its removal will not have to. What was read last is removed first, so more is remembered of it than of what was appended,
   * until the next commit. `asOf`: what had been committed when it was read.
   */
  learn(
    queue: QueueId,
    number: number,
    asOf: number,
    seq: Seq,
    bytes: number,
    body: number,
    isReleased: boolean,
  ): void {
    const slot = this.#queues.get(queue);
    if (
      slot === undefined ||
      slot.number !== number ||
      slot.changedIn > asOf ||
      slot.known.has(seq) ||
      slot.known.size >= 2 * KNOWN_IN_QUEUE_MAX
    )
      return;
    this.#know(slot, seq, bytes, body, isReleased);
  }

  /**
   * Takes away some of what stands under a dropped number. Synced, although it could be done again: of two batches that were not, a loss of power
   * can leave the later one alone.
   */
  async sweep(): Promise<void> {
    const [next] = this.#dropped;
    if (next === undefined) return;
    const [number, owner] = next;
    const spaces = owner === 'client' ? ([Space.subscription, Space.inbound] as const) : ([Space.entry] as const);
    this.#endBatch();
    const found = await this.#underDropped(number, spaces);
    const bodies = new Set<number>();
    const entries = found
      .filter(([key]) => key[0] === Space.entry && !isReleasedKey(key))
      .map(([, value]) => records.entryWeight(value).body);
    for (const body of entries) if (body > 0) bodies.add(body);
    await this.#fetchBodiesOf(bodies);
    const writes = this.#db.batch();
    for (const [key] of found) writes.del(key);
    for (const body of entries) if (body > 0) this.#dereference(body);
    const isLast = found.length < SWEEP_RECORDS;
    if (isLast) {
      for (const space of spaces) writes.del(fenceKey(space, number));
      writes.del(numberedKey(Space.dropped, number));
    }
    await this.#finish(writes);
    await writes.write({ sync: true });
    this.#endBatch();
    const last = found.at(-1);
    this.#sweptTo = last === undefined || isLast ? undefined : { number, key: last[0] };
    if (isLast) this.#dropped.delete(number);
  }

  /** From where the sweep before came to; each range is read to its fence and no further. */
  async #underDropped(number: number, spaces: readonly Space[]): Promise<[Buffer, Buffer][]> {
    const found: [Buffer, Buffer][] = [];
    const sweptTo = this.#sweptTo?.number === number ? this.#sweptTo.key : undefined;
    for (const space of spaces) {
      if (sweptTo !== undefined && (sweptTo[0] as number) > space) continue;
      const range =
        sweptTo?.[0] === space
          ? { gt: sweptTo, lt: fenceKey(space, number) }
          : { gte: numberedKey(space, number), lt: fenceKey(space, number) };
      found.push(
        ...(await this.#db
          .iterator({ ...range, limit: SWEEP_RECORDS - found.length, highWaterMarkBytes: SWEEP_BYTES })
          .all()),
      );
      if (found.length >= SWEEP_RECORDS) break;
    }
    return found;
  }

  // ---- fetching

  #countReferences(batch: readonly Change[]): void {
    for (let i = 0; i < batch.length; i++) {
      const change = batch[i] as Change;
      if (change.kind !== 'queue.append' && change.kind !== 'retained.put') continue;
      this.#references.set(change.message, (this.#references.get(change.message) ?? 0) + 1);
    }
  }

  async #fetchSlots(batch: readonly Change[]): Promise<void> {
    const queues = new Set<QueueId>();
    const clients = new Set<ClientId>();
    const topics = new Set<TopicName>();
    for (const change of batch) {
      switch (change.kind) {
        case 'queue.append':
        case 'queue.release':
        case 'queue.remove':
        case 'queue.trim':
        case 'queue.drop':
          if (this.#queues.get(change.queue) === undefined) queues.add(change.queue);
          break;
        case 'session.drop':
          if (this.#queues.get(change.queue) === undefined) queues.add(change.queue);
          if (this.#clients.get(change.clientId) === undefined) clients.add(change.clientId);
          break;
        case 'session.put':
          if (this.#clients.get(change.session.clientId) === undefined) clients.add(change.session.clientId);
          break;
        case 'subscription.put':
          if (this.#clients.get(change.subscription.clientId) === undefined) clients.add(change.subscription.clientId);
          break;
        case 'subscription.drop':
        case 'inbound.put':
        case 'inbound.drop':
          if (this.#clients.get(change.clientId) === undefined) clients.add(change.clientId);
          break;
        case 'retained.put':
          if (this.#retained.get(change.message.topic) === undefined) topics.add(change.message.topic);
          break;
        case 'retained.drop':
          if (this.#retained.get(change.topic) === undefined) topics.add(change.topic);
          break;
        case 'will.put':
        case 'will.drop':
          break;
      }
    }
    if (queues.size > 0) {
      await this.#fetchNamed(Space.queue, queues, (id, record) => {
        const found =
          record === undefined ? { number: 0, head: 0, tail: 0, count: 0, bytes: 0 } : records.decodeQueue(record);
        this.#queues.set(id, { id, ...found, changedIn: this.#committed, known: new Map() });
      });
    }
    if (clients.size > 0) {
      await this.#fetchNamed(Space.client, clients, (id, record) => {
        this.#clients.set(id, {
          id,
          ...(record === undefined ? { number: 0, session: undefined } : records.decodeClient(record)),
        });
      });
    }
    if (topics.size > 0) {
      await this.#fetchNamed(Space.retained, topics, (topic, record) => {
        this.#retained.set(topic, { topic, body: record === undefined ? 0 : records.decodeRetained(record).body });
      });
    }
  }

  async #fetchNamed<Name extends string>(
    space: Space,
    names: ReadonlySet<Name>,
    found: (name: Name, record: Buffer | undefined) => void,
  ): Promise<void> {
    const list = [...names];
    for (let from = 0; from < list.length; from += LOT) {
      const lot = list.slice(from, from + LOT);
      const values = await this.#db.getMany(lot.map((name) => namedKey(space, name)));
      for (let i = 0; i < lot.length; i++) found(lot[i] as Name, values[i]);
    }
  }

  async #fetchEntries(batch: readonly Change[]): Promise<void> {
    const wanted: { readonly slot: QueueSlot; readonly seq: number }[] = [];
    const ranges: { readonly slot: QueueSlot; readonly from: number; readonly through: number }[] = [];
    for (const change of batch) {
      if (
        change.kind !== 'queue.append' &&
        change.kind !== 'queue.release' &&
        change.kind !== 'queue.remove' &&
        change.kind !== 'queue.trim'
      )
        continue;
      const slot = this.#queue(change.queue);
      if (slot.known.size >= slot.count) continue;
      if (change.kind !== 'queue.trim') {
        const { seq } = change;
        if (seq >= slot.head && seq < slot.tail && !slot.known.has(seq)) wanted.push({ slot, seq });
        continue;
      }
      const through = Math.min(change.through, slot.tail - 1);
      const unknown = unknownThrough(slot, through);
      const [from] = unknown;
      if (unknown.length <= POINT_READS_MAX) for (const seq of unknown) wanted.push({ slot, seq });
      else if (from !== undefined) ranges.push({ slot, from, through });
    }
    for (let from = 0; from < wanted.length; from += LOT) await this.#fetchPoints(wanted.slice(from, from + LOT));
    for (const { slot, from, through } of ranges) await this.#fetchRange(slot, from, through);
  }

  async #fetchPoints(wanted: readonly { readonly slot: QueueSlot; readonly seq: number }[]): Promise<void> {
    const values = await this.#db.getMany(
      wanted.flatMap(({ slot, seq }) => [entryKey(slot.number, seq), releasedKey(slot.number, seq)]),
    );
    for (let i = 0; i < wanted.length; i++) {
      const { slot, seq } = wanted[i] as { slot: QueueSlot; seq: number };
      const record = values[2 * i];
      if (record === undefined) continue;
      const { bytes, body } = records.entryWeight(record);
      this.#know(slot, seq, bytes, body, values[2 * i + 1] !== undefined);
    }
  }

  async #fetchRange(slot: QueueSlot, from: number, through: number): Promise<void> {
    const range = textRange(entryKey(slot.number, from), entryKey(slot.number, through + 1));
    for await (const [key, record] of this.#db.iterator<string, Buffer>(range)) {
      const seq = seqOf(key);
      if (isReleasedKey(key)) {
        const known = slot.known.get(seq);
        // What was known before may be newer than it was, never older: the store has not changed since.
        if (known !== undefined && !isReleased(known)) this.#know(slot, seq, bytesOf(known), bodyOf(known), true);
      } else if (!slot.known.has(seq)) {
        const { bytes, body } = records.entryWeight(record);
        this.#know(slot, seq, bytes, body, false);
      }
    }
  }

  /** The counts of the bodies that may lose a reference. */
  async #fetchBodies(batch: readonly Change[]): Promise<void> {
    const bodies = new Set<number>();
    const want = (known: Known | undefined): void => {
      if (known !== undefined && typeof known !== 'number' && known.body > 0) bodies.add(known.body);
    };
    for (const change of batch) {
      switch (change.kind) {
        case 'queue.append':
        case 'queue.remove':
          want(this.#queue(change.queue).known.get(change.seq));
          break;
        case 'queue.trim': {
          const slot = this.#queue(change.queue);
          for (const seq of knownThrough(slot, change.through)) want(slot.known.get(seq));
          break;
        }
        case 'queue.drop':
        case 'session.drop': {
          const { known } = this.#queue(change.queue);
          if (known.size <= DROPPED_AT_ONCE_MAX) for (const each of known.values()) want(each);
          break;
        }
        case 'retained.put':
        case 'retained.drop': {
          const body =
            this.#retained.get(change.kind === 'retained.put' ? change.message.topic : change.topic)?.body ?? 0;
          if (body > 0) bodies.add(body);
          break;
        }
        case 'queue.release':
        case 'session.put':
        case 'subscription.put':
        case 'subscription.drop':
        case 'inbound.put':
        case 'inbound.drop':
        case 'will.put':
        case 'will.drop':
          break;
      }
    }
    await this.#fetchBodiesOf(bodies);
  }

  async #fetchBodiesOf(bodies: ReadonlySet<number>): Promise<void> {
    if (bodies.size === 0) return;
    const missing = [...bodies].filter((number) => this.#bodies.get(number) === undefined);
    if (missing.length === 0) return;
    const counts = await this.#db.getMany(missing.map((number) => numberedKey(Space.references, number)));
    for (let i = 0; i < missing.length; i++) {
      const record = counts[i];
      const count = record === undefined ? 1 : records.decodeReferences(record);
      const number = missing[i] as number;
      this.#bodies.set(number, { number, count, stored: count, isForgotten: false });
    }
  }

  // ---- applying

  #apply(change: Change, writes: Writes): void {
    switch (change.kind) {
      case 'queue.append':
        this.#append(change, writes);
        return;
      case 'queue.trim':
        this.#trim(this.#queue(change.queue), change.through, writes);
        return;
      case 'queue.remove':
        this.#remove(this.#queue(change.queue), change.seq, writes);
        return;
      case 'queue.release':
        this.#release(this.#queue(change.queue), change.seq, writes);
        return;
      case 'queue.drop':
        this.#dropQueue(this.#queue(change.queue), writes);
        return;
      case 'inbound.put':
        writes.put(
          inboundKey(this.#clientFor(change.clientId, writes).number, change.packetId),
          records.encodeInbound(change.clientId),
        );
        return;
      case 'inbound.drop': {
        const { number } = this.#client(change.clientId);
        if (number > 0) writes.del(inboundKey(number, change.packetId));
        return;
      }
      case 'retained.put':
        this.#retain(change.message, writes);
        return;
      case 'retained.drop': {
        const slot = this.#retainedSlot(change.topic);
        if (slot.body === 0) return;
        writes.del(namedKey(Space.retained, change.topic));
        this.#dereference(slot.body);
        slot.body = 0;
        return;
      }
      case 'session.put': {
        const { clientId, expiryIntervalS, disconnectedAtMs } = change.session;
        this.#clientFor(clientId, writes).session = { expiryIntervalS, disconnectedAtMs };
        this.#touchedClients.add(this.#client(clientId));
        return;
      }
      case 'session.drop':
        this.#dropClient(this.#client(change.clientId), writes);
        this.#dropQueue(this.#queue(change.queue), writes);
        return;
      case 'subscription.put': {
        const { clientId, topicFilter } = change.subscription;
        writes.put(
          subscriptionKey(this.#clientFor(clientId, writes).number, topicFilter),
          records.encodeSubscription(change.subscription),
        );
        return;
      }
      case 'subscription.drop': {
        const { number } = this.#client(change.clientId);
        if (number > 0) writes.del(subscriptionKey(number, change.topicFilter));
        return;
      }
      case 'will.put':
        this.#saw(change.will.message);
        writes.put(namedKey(Space.will, change.will.clientId), records.encodeWill(change.will));
        return;
      case 'will.drop':
        writes.del(namedKey(Space.will, change.clientId));
        return;
    }
  }

  #append(change: QueueAppend, writes: Writes): void {
    const { seq, message } = change;
    const slot = this.#queue(change.queue);
    if (slot.number === 0) {
      slot.number = this.#newNumber();
      slot.head = slot.tail = seq;
      writes.put(fenceKey(Space.entry, slot.number), NOTHING);
    }
    this.#saw(message);
    // Referred to before the entry in its place lets go: it may be the same body.
    const body = this.#bodyFor(message, (this.#references.get(message) ?? 0) > 1, writes);
    const present = seq < slot.tail ? slot.known.get(seq) : undefined;
    if (present !== undefined) this.#takeOut(slot, seq, present, writes);
    writes.put(entryKey(slot.number, seq), records.encodeEntry(change, body));
    if (slot.count === 0) {
      slot.head = seq;
      slot.tail = seq + 1;
    } else if (seq >= slot.tail) {
      slot.tail = seq + 1;
    } else if (seq < slot.head) {
      slot.head = seq;
    }
    slot.count++;
    slot.bytes += message.payload.byteLength;
    this.#know(slot, seq, message.payload.byteLength, body, false);
    this.#touchedQueues.add(slot);
  }

  /** All of a long trim but the last lot; where there are more gaps than entries, a lot of seqs would be no lot of work. */
  async #trimLots(slot: QueueSlot, through: number, writes: Writes): Promise<void> {
    while (slot.head + LOT <= Math.min(through, slot.tail - 1) && slot.known.size * 2 > slot.tail - slot.head) {
      this.#trim(slot, slot.head + LOT - 1, writes);
      await othersTurn();
    }
  }

  #trim(slot: QueueSlot, through: number, writes: Writes): void {
    if (slot.count === 0 || through < slot.head) return;
    for (const seq of knownThrough(slot, through)) this.#takeOut(slot, seq, slot.known.get(seq) as Known, writes);
    slot.head = Math.min(through + 1, slot.tail);
    tightenBounds(slot);
    this.#touchedQueues.add(slot);
  }

  #remove(slot: QueueSlot, seq: number, writes: Writes): void {
    const known = slot.known.get(seq);
    if (known === undefined) return;
    this.#takeOut(slot, seq, known, writes);
    if (seq === slot.head) slot.head++;
    if (seq === slot.tail - 1) slot.tail--;
    tightenBounds(slot);
    this.#touchedQueues.add(slot);
  }

  #release(slot: QueueSlot, seq: number, writes: Writes): void {
    const known = slot.known.get(seq);
    if (known === undefined || isReleased(known)) return;
    writes.put(releasedKey(slot.number, seq), NOTHING);
    slot.bytes -= bytesOf(known);
    slot.changedIn = this.#committed + 1;
    slot.known.set(seq, { bytes: bytesOf(known), body: bodyOf(known), isReleased: true });
    this.#touchedQueues.add(slot);
  }

  #takeOut(slot: QueueSlot, seq: number, known: Known, writes: Writes): void {
    writes.del(entryKey(slot.number, seq));
    slot.known.delete(seq);
    slot.count--;
    slot.changedIn = this.#committed + 1;
    if (typeof known === 'number') {
      slot.bytes -= known;
      return;
    }
    if (known.isReleased) writes.del(releasedKey(slot.number, seq));
    else slot.bytes -= known.bytes;
    if (known.body > 0) this.#dereference(known.body);
  }

  #dropQueue(slot: QueueSlot, writes: Writes): void {
    if (slot.number === 0) return;
    if (this.#canDropAtOnce(slot)) {
      for (const [seq, known] of [...slot.known]) this.#takeOut(slot, seq, known, writes);
      writes.del(fenceKey(Space.entry, slot.number));
    } else {
      this.#dropNumber(slot.number, 'queue', writes);
    }
    writes.del(namedKey(Space.queue, slot.id));
    slot.number = slot.head = slot.tail = slot.count = slot.bytes = 0;
    slot.changedIn = this.#committed + 1;
    slot.known = new Map();
    this.#touchedQueues.delete(slot);
  }

  #canDropAtOnce({ known, count }: QueueSlot): boolean {
    if (known.size < count || count > DROPPED_AT_ONCE_MAX) return false;
    for (const each of known.values())
      if (bodyOf(each) > 0 && this.#bodies.get(bodyOf(each)) === undefined) return false;
    return true;
  }

  #dropClient(slot: ClientSlot, writes: Writes): void {
    if (slot.number === 0) return;
    this.#dropNumber(slot.number, 'client', writes);
    writes.del(namedKey(Space.client, slot.id));
    slot.number = 0;
    slot.session = undefined;
    this.#touchedClients.delete(slot);
  }

  #dropNumber(number: number, owner: DroppedOwner, writes: Writes): void {
    writes.put(numberedKey(Space.dropped, number), records.encodeDropped(owner));
    this.#dropped.set(number, owner);
  }

  #retain(message: Message, writes: Writes): void {
    const { id, topic, payload, expiresAtMs } = message;
    const slot = this.#retainedSlot(topic);
    this.#saw(message);
    const body = this.#bodyFor(message, true, writes);
    if (slot.body > 0) this.#dereference(slot.body);
    slot.body = body;
    const record: RetainedRecord = { body, id, bytes: payload.byteLength, expiresAtMs };
    writes.put(namedKey(Space.retained, topic), records.encodeRetained(record));
  }

  /** Refers to the message once more. @returns the number of its body; 0: it has none and needs none. */
  #bodyFor(message: Message, isShared: boolean, writes: Writes): number {
    let body = this.#bodyOf.get(message);
    if (body === undefined || body.isForgotten) {
      if (!isShared && message.payload.byteLength < BODY_BYTES_MIN) return 0;
      body = { number: this.#nextBody++, count: 0, stored: 0, isForgotten: false };
      this.#countersTouched = true;
      this.#bodies.set(body.number, body);
      this.#bodyOf.set(message, body);
      writes.put(numberedKey(Space.body, body.number), records.encodeBody(message));
    }
    body.count++;
    this.#touchedBodies.add(body);
    return body.number;
  }

  #dereference(number: number): void {
    const body = this.#bodies.get(number);
    if (body === undefined) throw new Error(`the count of references to body ${String(number)} was not fetched`);
    body.count--;
    if (body.count === 0) body.isForgotten = true;
    this.#touchedBodies.add(body);
  }

  /** What changes once for a batch, however often it was touched. */
  async #finish(writes: Writes): Promise<void> {
    let written = 0;
    for (const slot of this.#touchedQueues) {
      if (++written % LOT === 0) await othersTurn();
      writes.put(namedKey(Space.queue, slot.id), records.encodeQueue(slot));
    }
    for (const slot of this.#touchedClients) writes.put(namedKey(Space.client, slot.id), records.encodeClient(slot));
    for (const body of this.#touchedBodies) this.#finishBody(body, writes);
    if (this.#countersTouched) writes.put(spaceKey(Space.counters), this.#encodedCounters());
  }

  #encodedCounters(): Buffer {
    return records.encodeCounters({
      lastMessageId: this.#lastMessageId,
      nextNumber: this.#nextNumber,
      nextBody: this.#nextBody,
      opening: this.#opening,
    });
  }

  #finishBody(body: Body, writes: Writes): void {
    const { number, count, stored } = body;
    if (count === 0) {
      writes.del(numberedKey(Space.body, number));
      if (stored > 1) writes.del(numberedKey(Space.references, number));
      this.#bodies.delete(number);
      return;
    }
    if (count === stored) return;
    if (count > 1) writes.put(numberedKey(Space.references, number), records.encodeReferences(count));
    else if (stored > 1) writes.del(numberedKey(Space.references, number));
    body.stored = count;
  }

  #endBatch(): void {
    // New ones instead of cleared ones: V8 chains what a Map or Set was before `clear` to what it is after, with everything that was in it, and
    // once a link of the chain is old, only a full collection takes what hangs on it, each payload of each batch.
    this.#references = new Map();
    this.#touchedQueues = new Set();
    this.#touchedClients = new Set();
    this.#touchedBodies = new Set();
    this.#countersTouched = false;
  }

  #know(slot: QueueSlot, seq: number, bytes: number, body: number, isReleasedEntry: boolean): void {
    slot.known.set(seq, body === 0 && !isReleasedEntry ? bytes : { bytes, body, isReleased: isReleasedEntry });
    this.#queues.grown(1);
  }

  #saw({ id }: Message): void {
    if (id <= this.#lastMessageId) return;
    this.#lastMessageId = id;
    this.#countersTouched = true;
  }

  #newNumber(): number {
    this.#countersTouched = true;
    return this.#nextNumber++;
  }

  #queue(id: QueueId): QueueSlot {
    return fetched(this.#queues.get(id));
  }

  #client(id: ClientId): ClientSlot {
    return fetched(this.#clients.get(id));
  }

  #clientFor(id: ClientId, writes: Writes): ClientSlot {
    const slot = this.#client(id);
    if (slot.number === 0) {
      slot.number = this.#newNumber();
      for (const space of [Space.subscription, Space.inbound] as const)
        writes.put(fenceKey(space, slot.number), NOTHING);
      this.#touchedClients.add(slot);
    }
    return slot;
  }

  #retainedSlot(topic: TopicName): RetainedSlot {
    return fetched(this.#retained.get(topic));
  }
}

const othersTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function fetched<Slot>(slot: Slot | undefined): Slot {
  if (slot === undefined) throw new Error('a record was not fetched before it was needed');
  return slot;
}

const bytesOf = (known: Known): number => (typeof known === 'number' ? known : known.bytes);
const bodyOf = (known: Known): number => (typeof known === 'number' ? 0 : known.body);
const isReleased = (known: Known): boolean => typeof known !== 'number' && known.isReleased;

/** The known entries up to and including `through`. */
function knownThrough({ known, head, tail }: QueueSlot, through: number): number[] {
  const last = Math.min(through, tail - 1);
  if (last - head >= known.size) return [...known.keys()].filter((seq) => seq <= last);
  const seqs: number[] = [];
  for (let seq = head; seq <= last; seq++) if (known.has(seq)) seqs.push(seq);
  return seqs;
}

/** The entries up to and including `through` that may be there and are not known: all, or the first of more than can be read one by one. */
function unknownThrough({ known, head }: QueueSlot, through: number): number[] {
  const seqs: number[] = [];
  for (let seq = head; seq <= through && seqs.length <= POINT_READS_MAX; seq++) if (!known.has(seq)) seqs.push(seq);
  return seqs;
}

/** Moves the bounds over what is certainly gone. */
function tightenBounds(slot: QueueSlot): void {
  if (slot.count === 0) {
    slot.head = slot.tail;
    return;
  }
  if (slot.known.size < slot.count) return;
  for (let steps = 0; steps < BOUND_STEPS_MAX && !slot.known.has(slot.head); steps++) slot.head++;
  for (let steps = 0; steps < BOUND_STEPS_MAX && !slot.known.has(slot.tail - 1); steps++) slot.tail--;
}

function forgetHalf(known: Map<number, Known>): void {
  let left = known.size / 2;
  for (const seq of known.keys()) {
    if (left-- <= 0) return;
    known.delete(seq);
  }
}
