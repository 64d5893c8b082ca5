// What is remembered, as maps: the contents of a memory store, apart from who may write to them and when. Each change is one small act on one
// map and none of them can fail, which is why a batch is applied all or not at all.
import type {
  Change,
  ClientId,
  Message,
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
import { StoredQueue } from './stored-queue.js';

/**
 * Copies of payloads from this size on are found again when their message comes again in a later batch. Below it a second copy is cheaper than
 * remembering the first: a WeakMap costs 0.7 µs a message, a copy of 64 bytes 0.06 (Node 20). The deliveries of one
 * message come side by side, and those share one copy at every size.
 */
const REMEMBERED_BYTES_MIN = 1024;

/**
 * A place that outlives the storages opened on it. Give one to several `MemoryStorage`s in turn and each finds what the one before committed: a
 * disk, as far as a test that restarts a broker within one process can tell.
 */
export class MemoryStore {
  /** Who holds the lease: any object, one per opening. */
  writer: object | undefined;
  /** Whether it was ever opened to be written. */
  isMade = false;
  /** Goes up with each batch. */
  version = 0;

  readonly #sessions = new Map<ClientId, SessionRecord>();
  readonly #subscriptions = new Map<ClientId, Map<TopicFilter, SubscriptionRecord>>();
  readonly #inbound = new Map<ClientId, Set<number>>();
  readonly #wills = new Map<ClientId, WillRecord>();
  /** An emptied queue stays, so that a queue that lives from hand to mouth is not made anew for each message; its session or group drops it. */
  readonly #queues = new Map<QueueId, StoredQueue>();
  readonly #retained = new Map<TopicName, Message>();
  #lastMessageId = -1;

  /** The copies made of messages with large payloads, each for as long as someone may bring the message again. */
  readonly #copies = new WeakMap<Message, Message>();
  /** The message of the change before, which is the message of this one wherever something fans out, and what was kept of it. */
  #previous: Message | undefined;
  #previousKept: Message | undefined;

  apply(batch: readonly Change[]): void {
    this.version++;
    for (let i = 0; i < batch.length; i++) this.#apply(batch[i] as Change);
    // Held on to any longer it would keep the chunk that it came in.
    this.#previous = this.#previousKept = undefined;
  }

  /** A page is complete when it is given: later changes replace entries, they do not touch them. */
  page(queue: QueueId, from: Seq, limit: PageLimit): readonly StoredEntry[] {
    return this.#queues.get(queue)?.page(from, limit) ?? [];
  }

  retained(topics: readonly TopicName[]): readonly Message[] {
    const messages: Message[] = [];
    for (const topic of topics) {
      const message = this.#retained.get(topic);
      if (message !== undefined) messages.push(message);
    }
    return messages;
  }

  *facts(): Generator<RestoredFact> {
    for (const session of this.#sessions.values()) yield { kind: 'session', session };
    for (const byFilter of this.#subscriptions.values()) {
      for (const subscription of byFilter.values()) yield { kind: 'subscription', subscription };
    }
    for (const [clientId, packetIds] of this.#inbound) {
      for (const packetId of packetIds) yield { kind: 'inbound', clientId, packetId };
    }
    for (const will of this.#wills.values()) yield { kind: 'will', will };
    for (const [queue, { first, next, count, bytes }] of this.#queues) {
      if (count > 0) yield { kind: 'queue', queue, first, next, count, bytes };
    }
    for (const [topic, { id, payload, expiresAtMs }] of this.#retained) {
      yield { kind: 'retained', topic, id, bytes: payload.byteLength, expiresAtMs };
    }
    // The highest that ever was, which also serves when that message is gone: a number is not given twice.
    if (this.#lastMessageId >= 0) yield { kind: 'last-message-id', id: this.#lastMessageId as Message['id'] };
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
        this.#queues.get(change.queue)?.trim(change.through);
        return;
      case 'queue.remove':
        this.#queues.get(change.queue)?.remove(change.seq);
        return;
      case 'queue.release':
        this.#queues.get(change.queue)?.release(change.seq);
        return;
      case 'queue.drop':
        this.#queues.delete(change.queue);
        return;
      case 'inbound.put':
        entryOf(this.#inbound, change.clientId, () => new Set<number>()).add(change.packetId);
        return;
      case 'inbound.drop':
        this.#inbound.get(change.clientId)?.delete(change.packetId);
        return;
      case 'retained.put':
        this.#retained.set(change.message.topic, this.#keep(change.message));
        return;
      case 'retained.drop':
        this.#retained.delete(change.topic);
        return;
      case 'session.put':
        this.#sessions.set(change.session.clientId, { ...change.session });
        return;
      case 'session.drop':
        this.#dropSession(change.clientId, change.queue);
        return;
      case 'subscription.put': {
        const { clientId, topicFilter } = change.subscription;
        const ofClient = entryOf(this.#subscriptions, clientId, () => new Map<TopicFilter, SubscriptionRecord>());
        ofClient.set(topicFilter, { ...change.subscription });
        return;
      }
      case 'subscription.drop':
        this.#subscriptions.get(change.clientId)?.delete(change.topicFilter);
        return;
      case 'will.put':
        this.#wills.set(change.will.clientId, { ...change.will, message: this.#keep(change.will.message) });
        return;
      case 'will.drop':
        this.#wills.delete(change.clientId);
        return;
    }
  }

  #dropSession(clientId: ClientId, queue: QueueId): void {
    this.#sessions.delete(clientId);
    this.#subscriptions.delete(clientId);
    this.#inbound.delete(clientId);
    this.#queues.delete(queue);
  }

  #queueFor(id: QueueId): StoredQueue {
    let queue = this.#queues.get(id);
    if (queue === undefined) this.#queues.set(id, (queue = new StoredQueue()));
    return queue;
  }

  /** The message as it may be kept: the same one, unless it hangs on a chunk larger than itself. */
  #keep(message: Message): Message {
    if (message === this.#previous) return this.#previousKept as Message;
    if (message.id > this.#lastMessageId) this.#lastMessageId = message.id;
    const kept =
      isPartOfMore(message.payload) || isPartOfMore(message.properties?.correlationData)
        ? this.#copy(message)
        : message;
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

function entryOf<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = make()));
  return value;
}

const isPartOfMore = (bytes: Uint8Array | undefined): boolean =>
  bytes !== undefined && (bytes.byteOffset > 0 || bytes.byteLength < bytes.buffer.byteLength);

function detached(message: Message): Message {
  const { id, topic, payload, qos, retain, properties, publisher, acceptedAtMs, expiresAtMs } = message;
  return {
    id,
    topic,
    payload: new Uint8Array(payload),
    qos,
    retain,
    properties: detachedProperties(properties),
    publisher,
    acceptedAtMs,
    expiresAtMs,
  };
}

const detachedProperties = (properties: Properties | undefined): Properties | undefined =>
  properties?.correlationData === undefined
    ? properties
    : { ...properties, correlationData: new Uint8Array(properties.correlationData) };
