// The contents of a memory store, as maps. Each change is one small operation on one map, and none of them can fail,
// which is why a batch is applied all or not at all.
import type {
  Change,
  ClientId,
  Message,
  MessageDraft,
  PageLimit,
  Properties,
  QueueId,
  RestoredFact,
  Seq,
  SessionRecord,
  StoredEntry,
  SubscriptionRecord,
  TopicFilter,
  TopicName,
  WillRecord,
} from 'hexmq/ports';
import { KeepingMap } from './keeping-map.js';
import type { Kept } from './keeping-map.js';
import { StoredQueue } from './stored-queue.js';

/**
 * From this payload size on, the copy of a message is remembered and used again when the message comes again in a later
 * batch. Below it a second copy is cheaper: remembering in a WeakMap costs 0.7 µs a message, a copy of 64 bytes 0.06 µs
 * (Node 20). The deliveries of one message come side by side and share one copy at every size.
 */
const REMEMBERED_BYTES_MIN = 1024;

/** Of a change, without a payload: an entry of a queue and its places in tables. */
const CHANGE_BYTES = 256;

/**
 * A store that outlives the storages opened on it. Give it to several `MemoryStorage`s in turn and each finds what the
 * one before committed: a disk, for a test that restarts a broker within one process.
 */
export class MemoryStore {
  /** The holder of the lease: any object, one per opening. */
  writer: object | undefined;
  /** Whether the store was ever opened for writing. */
  exists = false;
  /** Counts batches. */
  version = 0;

  readonly #tables = {
    sessions: new KeepingMap<ClientId, SessionRecord>(),
    subscriptions: new KeepingMap<ClientId, Map<TopicFilter, SubscriptionRecord>>(),
    inbound: new KeepingMap<ClientId, Set<number>>(),
    wills: new KeepingMap<ClientId, WillRecord>(),
    /**
     * An empty queue stays until its session or group drops it, so that a queue that holds one message at a time is not
     * made for each of them.
     */
    queues: new KeepingMap<QueueId, StoredQueue>(),
    retained: new KeepingMap<TopicName, Message>(),
  };
  #lastMessageId = -1;

  /** Copies of messages with large payloads, each kept as long as the message itself is reachable. */
  readonly #copies = new WeakMap<Message, Message>();
  /** The message of the change before, and what was kept of it: in a fan-out the next change has the same message. */
  #previous: Message | undefined;
  #previousKept: Message | undefined;

  /** Bytes of all that was added so far, roughly: what a kept moment can cost besides what the store was then. */
  #added = 0;
  /** While a moment is kept: how far that may go, and what is called then. */
  #addedMax = Infinity;
  #onTooMuch: () => void = () => undefined;

  apply(batch: readonly Change[]): void {
    this.version++;
    this.#added += batch.length * CHANGE_BYTES;
    for (let i = 0; i < batch.length; i++) this.#apply(batch[i] as Change);
    // Kept any longer, the message would keep the chunk of memory that it arrived in.
    this.#previous = this.#previousKept = undefined;
    if (this.#added > this.#addedMax) this.#onTooMuch();
  }

  /** A page does not change after it was returned: later changes replace entries and do not modify them. */
  page(queue: QueueId, from: Seq, limit: PageLimit): readonly StoredEntry[] {
    return pageOf(this.#tables, queue, from, limit);
  }

  retained(topics: readonly TopicName[]): readonly Message[] {
    return retainedOf(this.#tables, topics);
  }

  facts(): Generator<RestoredFact> {
    return factsOf(this.#tables, this.#lastMessageId);
  }

  /**
   * The store as it is now, whatever is applied afterwards. Another one can be kept when this one was let go of.
   * @param onTooMuch called when more than so many bytes have been added: it has to let go of the moment.
   */
  keep(addedBytesMax: number, onTooMuch: () => void): KeptMoment {
    this.#addedMax = this.#added + addedBytesMax;
    this.#onTooMuch = onTooMuch;
    const { sessions, subscriptions, inbound, wills, queues, retained } = this.#tables;
    return new KeptMoment(
      {
        sessions: sessions.keep(),
        subscriptions: subscriptions.keep(),
        inbound: inbound.keep(),
        wills: wills.keep(),
        queues: queues.keep(),
        retained: retained.keep(),
      },
      this.#lastMessageId,
    );
  }

  /** The kept moment is not read any more; `merge` has to follow until nothing is left. */
  letGo(): void {
    this.#addedMax = Infinity;
    for (const table of Object.values(this.#tables)) table.letGo();
  }

  /** Merges up to `max` of what has changed since the kept moment. @returns whether nothing is left. */
  merge(max: number): boolean {
    const { queues, ...others } = this.#tables;
    const isMerged = queues.merge(max, (queue) => {
      queue.ownAll();
    });
    // One table after the other, so that one call merges no more than it may.
    return isMerged && Object.values(others).every((table) => table.merge(max));
  }

  #apply(change: Change): void {
    switch (change.kind) {
      case 'queue.append': {
        const { seq, qos, retain, identifiers } = change;
        this.#queueFor(change.queue).put({
          seq,
          message: this.#keep(change.message),
          qos,
          retain,
          identifiers,
          released: false,
        });
        return;
      }
      case 'queue.trim':
        this.#ownQueue(change.queue)?.trim(change.through);
        return;
      case 'queue.remove':
        this.#ownQueue(change.queue)?.remove(change.seq);
        return;
      case 'queue.release':
        this.#ownQueue(change.queue)?.release(change.seq);
        return;
      case 'queue.drop':
        this.#tables.queues.delete(change.queue);
        return;
      case 'inbound.put':
        ownEntry(this.#tables.inbound, change.clientId, copyOfSet, () => new Set<number>()).add(change.packetId);
        return;
      case 'inbound.drop':
        this.#tables.inbound.own(change.clientId, copyOfSet)?.delete(change.packetId);
        return;
      case 'retained.put':
        this.#tables.retained.set(change.message.topic, this.#keep(change.message));
        return;
      case 'retained.drop':
        this.#tables.retained.delete(change.topic);
        return;
      case 'session.put':
        this.#tables.sessions.set(change.session.clientId, { ...change.session });
        return;
      case 'session.drop':
        this.#dropSession(change.clientId, change.queue);
        return;
      case 'subscription.put': {
        const { clientId, topicFilter } = change.subscription;
        const make = (): Map<TopicFilter, SubscriptionRecord> => new Map();
        const ofClient = ownEntry(this.#tables.subscriptions, clientId, copyOfMap, make);
        ofClient.set(topicFilter, { ...change.subscription });
        return;
      }
      case 'subscription.drop':
        this.#tables.subscriptions.own(change.clientId, copyOfMap)?.delete(change.topicFilter);
        return;
      case 'will.put':
        this.#tables.wills.set(change.will.clientId, { ...change.will, message: keptDraft(change.will.message) });
        return;
      case 'will.drop':
        this.#tables.wills.delete(change.clientId);
        return;
    }
  }

  #dropSession(clientId: ClientId, queue: QueueId): void {
    this.#tables.sessions.delete(clientId);
    this.#tables.subscriptions.delete(clientId);
    this.#tables.inbound.delete(clientId);
    this.#tables.queues.delete(queue);
  }

  #queueFor(id: QueueId): StoredQueue {
    let queue = this.#ownQueue(id);
    if (queue === undefined) this.#tables.queues.set(id, (queue = new StoredQueue()));
    return queue;
  }

  #ownQueue(id: QueueId): StoredQueue | undefined {
    return this.#tables.queues.own(id, copyOfQueue);
  }

  /** The message in a form that may be kept: itself, or a copy if it is a view of a larger chunk of memory. */
  #keep(message: Message): Message {
    if (message === this.#previous) return this.#previousKept as Message;
    if (message.id > this.#lastMessageId) this.#lastMessageId = message.id;
    this.#added += message.payload.byteLength;
    const kept = isView(message) ? this.#copy(message) : message;
    this.#previous = message;
    this.#previousKept = kept;
    return kept;
  }

  #copy(message: Message): Message {
    if (message.payload.byteLength < REMEMBERED_BYTES_MIN) return detached(message);
    let copy = this.#copies.get(message);
    if (copy === undefined) this.#copies.set(message, (copy = detached(message)));
    return copy;
  }
}

interface Tables {
  readonly sessions: Kept<ClientId, SessionRecord>;
  readonly subscriptions: Kept<ClientId, ReadonlyMap<TopicFilter, SubscriptionRecord>>;
  readonly inbound: Kept<ClientId, ReadonlySet<number>>;
  readonly wills: Kept<ClientId, WillRecord>;
  readonly queues: Kept<QueueId, StoredQueue>;
  readonly retained: Kept<TopicName, Message>;
}

/** The store at one moment. */
export class KeptMoment {
  constructor(
    readonly tables: Tables,
    readonly lastMessageId: number,
  ) {}

  facts(): Generator<RestoredFact> {
    return factsOf(this.tables, this.lastMessageId);
  }

  page(queue: QueueId, from: Seq, limit: PageLimit): readonly StoredEntry[] {
    return pageOf(this.tables, queue, from, limit);
  }

  retained(topics: readonly TopicName[]): readonly Message[] {
    return retainedOf(this.tables, topics);
  }
}

function* factsOf(tables: Tables, lastMessageId: number): Generator<RestoredFact> {
  for (const session of tables.sessions.values()) yield { kind: 'session', session };
  for (const byFilter of tables.subscriptions.values()) {
    for (const subscription of byFilter.values()) yield { kind: 'subscription', subscription };
  }
  for (const [clientId, packetIds] of tables.inbound) {
    for (const packetId of packetIds) yield { kind: 'inbound', clientId, packetId };
  }
  for (const will of tables.wills.values()) yield { kind: 'will', will };
  for (const [queue, { first, next, count, bytes }] of tables.queues) {
    if (count > 0) yield { kind: 'queue', queue, first, next, count, bytes };
  }
  for (const [topic, { id, payload, expiresAtMs }] of tables.retained) {
    yield { kind: 'retained', topic, id, bytes: payload.byteLength, expiresAtMs };
  }
  // The highest there ever was, even if that message is gone: an id is never assigned twice.
  if (lastMessageId >= 0) yield { kind: 'last-message-id', id: lastMessageId as Message['id'] };
}

const pageOf = (tables: Tables, queue: QueueId, from: Seq, limit: PageLimit): readonly StoredEntry[] =>
  tables.queues.get(queue)?.page(from, limit) ?? [];

function retainedOf(tables: Tables, topics: readonly TopicName[]): readonly Message[] {
  const messages: Message[] = [];
  for (const topic of topics) {
    const message = tables.retained.get(topic);
    if (message !== undefined) messages.push(message);
  }
  return messages;
}

const copyOfQueue = (queue: StoredQueue): StoredQueue => queue.copy();
const copyOfSet = <T>(set: Set<T>): Set<T> => new Set(set);
const copyOfMap = <K, V>(map: Map<K, V>): Map<K, V> => new Map(map);

function ownEntry<K, V extends object>(table: KeepingMap<K, V>, key: K, copy: (value: V) => V, make: () => V): V {
  let value = table.own(key, copy);
  if (value === undefined) table.set(key, (value = make()));
  return value;
}

const isPartOfMore = (bytes: Uint8Array | undefined): boolean =>
  bytes !== undefined && (bytes.byteOffset > 0 || bytes.byteLength < bytes.buffer.byteLength);

const hasPartOfMore = (properties: Properties | undefined): boolean =>
  properties !== undefined &&
  (isPartOfMore(properties.correlationData) || isPartOfMore(properties.userProperties?.bytes));

const isView = ({ payload, properties }: MessageDraft): boolean => isPartOfMore(payload) || hasPartOfMore(properties);

/** Of a will; nothing but the draft is kept. */
function keptDraft(draft: MessageDraft): MessageDraft {
  const { topic, payload, qos, retain, properties } = draft;
  return isView(draft) ? detachedDraft(draft) : { topic, payload, qos, retain, properties };
}

const detachedDraft = ({ topic, payload, qos, retain, properties }: MessageDraft): MessageDraft => ({
  topic,
  payload: new Uint8Array(payload),
  qos,
  retain,
  properties: detachedProperties(properties),
});

function detached(message: Message): Message {
  const { id, publisher, acceptedAtMs, expiresAtMs } = message;
  return { id, ...detachedDraft(message), publisher, acceptedAtMs, expiresAtMs };
}

const detachedProperties = (properties: Properties | undefined): Properties | undefined =>
  properties === undefined || !hasPartOfMore(properties)
    ? properties
    : {
        ...properties,
        ...(properties.correlationData && { correlationData: new Uint8Array(properties.correlationData) }),
        ...(properties.userProperties && { userProperties: properties.userProperties.detached() }),
      };
