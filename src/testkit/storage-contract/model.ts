// What a store should hold after a history of changes, as simply as possible: a map for each kind, queues sorted when
// they are read. Slow, and written without regard to any adapter, so that a mistake would have to be made twice to go
// unnoticed.
import type {
  Change,
  ClientId,
  Message,
  PageLimit,
  QueueId,
  RestoredFact,
  Seq,
  SessionRecord,
  StoredEntry,
  SubscriptionRecord,
  TopicName,
  WillRecord,
} from '../../ports/index.js';

export interface QueueBounds {
  readonly first: Seq;
  readonly next: Seq;
  readonly count: number;
  readonly bytes: number;
}

export interface RetainedHeader {
  readonly id: Message['id'];
  readonly bytes: number;
  readonly expiresAtMs: number | undefined;
}

/** What `load` yields, by kind. */
export interface LoadedState {
  readonly sessions: ReadonlyMap<ClientId, SessionRecord>;
  /** By client and filter. */
  readonly subscriptions: ReadonlyMap<string, SubscriptionRecord>;
  /** By client and Packet Identifier. */
  readonly inbound: ReadonlyMap<string, true>;
  readonly wills: ReadonlyMap<ClientId, WillRecord>;
  readonly queues: ReadonlyMap<QueueId, QueueBounds>;
  readonly retained: ReadonlyMap<TopicName, RetainedHeader>;
}

export const subscriptionKey = (clientId: ClientId, filter: string): string => JSON.stringify([clientId, filter]);
export const inboundKey = (clientId: ClientId, packetId: number): string => JSON.stringify([clientId, packetId]);

/** What a store holds after a sequence of batches, in memory. */
export class StorageModel {
  readonly sessions = new Map<ClientId, SessionRecord>();
  readonly subscriptions = new Map<string, SubscriptionRecord>();
  readonly inbound = new Map<string, { readonly clientId: ClientId; readonly packetId: number }>();
  readonly wills = new Map<ClientId, WillRecord>();
  readonly entries = new Map<QueueId, Map<Seq, StoredEntry>>();
  readonly retained = new Map<TopicName, Message>();
  /** The highest id of any message that was ever in the store, queued or retained. */
  highestMessageId = -1;
  /** The next seq of each queue. A running broker remembers it even of an empty queue, a restarted one does not. */
  readonly #nextSeqs = new Map<QueueId, number>();

  apply(batch: readonly Change[]): void {
    for (const change of batch) this.#apply(change);
  }

  copy(): StorageModel {
    const copy = new StorageModel();
    for (const [key, value] of this.sessions) copy.sessions.set(key, value);
    for (const [key, value] of this.subscriptions) copy.subscriptions.set(key, value);
    for (const [key, value] of this.inbound) copy.inbound.set(key, value);
    for (const [key, value] of this.wills) copy.wills.set(key, value);
    for (const [key, value] of this.entries) copy.entries.set(key, new Map(value));
    for (const [key, value] of this.retained) copy.retained.set(key, value);
    for (const [key, value] of this.#nextSeqs) copy.#nextSeqs.set(key, value);
    copy.highestMessageId = this.highestMessageId;
    return copy;
  }

  /** The broker has restarted, and knows only what the store has of a queue. */
  restarted(): void {
    for (const queue of this.#nextSeqs.keys()) if (this.queue(queue).length === 0) this.#nextSeqs.delete(queue);
  }

  /** The seq that the core would give to the next message of a queue. */
  nextSeq(queue: QueueId): Seq {
    return (this.#nextSeqs.get(queue) ?? 0) as Seq;
  }

  /** All entries, ascending. */
  queue(queue: QueueId): StoredEntry[] {
    return [...(this.entries.get(queue)?.values() ?? [])].sort((a, b) => a.seq - b.seq);
  }

  page(queue: QueueId, from: Seq, { maxEntries, maxBytes }: PageLimit): StoredEntry[] {
    const page: StoredEntry[] = [];
    let bytes = 0;
    for (const entry of this.queue(queue).filter(({ seq }) => seq >= from)) {
      bytes += entry.message.payload.byteLength;
      const fits = page.length < maxEntries && bytes <= maxBytes;
      if (!fits && page.length > 0) break;
      page.push(entry);
    }
    return page;
  }

  /** What `load` should yield, apart from the last message id. */
  loaded(): LoadedState {
    const queues = new Map<QueueId, QueueBounds>();
    for (const queue of this.entries.keys()) {
      const entries = this.queue(queue);
      const first = entries[0];
      const last = entries.at(-1);
      if (first === undefined || last === undefined) continue;
      let bytes = 0;
      // The payload of a released entry is not needed again, so it does not count, whether or not it is kept.
      for (const entry of entries) if (!entry.released) bytes += entry.message.payload.byteLength;
      queues.set(queue, { first: first.seq, next: (last.seq + 1) as Seq, count: entries.length, bytes });
    }
    const retained = new Map<TopicName, RetainedHeader>();
    for (const [topic, { id, payload, expiresAtMs }] of this.retained)
      retained.set(topic, { id, bytes: payload.byteLength, expiresAtMs });
    const inbound = new Map<string, true>();
    for (const key of this.inbound.keys()) inbound.set(key, true);
    return { sessions: this.sessions, subscriptions: this.subscriptions, inbound, wills: this.wills, queues, retained };
  }

  /** The lowest value that the last message id may have, or -1 if there need not be one. */
  highestStoredMessageId(): number {
    let highest = -1;
    for (const entries of this.entries.values())
      for (const { message } of entries.values()) highest = Math.max(highest, message.id);
    for (const { id } of this.retained.values()) highest = Math.max(highest, id);
    return highest;
  }

  #apply(change: Change): void {
    switch (change.kind) {
      case 'session.put':
        this.sessions.set(change.session.clientId, change.session);
        return;
      case 'session.drop':
        this.sessions.delete(change.clientId);
        for (const [key, { clientId }] of this.subscriptions)
          if (clientId === change.clientId) this.subscriptions.delete(key);
        for (const [key, { clientId }] of this.inbound) if (clientId === change.clientId) this.inbound.delete(key);
        this.#dropQueue(change.queue);
        return;
      case 'subscription.put':
        this.subscriptions.set(
          subscriptionKey(change.subscription.clientId, change.subscription.topicFilter),
          change.subscription,
        );
        return;
      case 'subscription.drop':
        this.subscriptions.delete(subscriptionKey(change.clientId, change.topicFilter));
        return;
      case 'queue.append': {
        const { queue, seq, message, qos, retain, identifiers } = change;
        this.#noteMessageId(message);
        let entries = this.entries.get(queue);
        if (entries === undefined) this.entries.set(queue, (entries = new Map<Seq, StoredEntry>()));
        entries.set(seq, { seq, message, qos, retain, identifiers, released: false });
        this.#nextSeqs.set(queue, Math.max(this.nextSeq(queue), seq + 1));
        return;
      }
      case 'queue.release': {
        const entry = this.entries.get(change.queue)?.get(change.seq);
        if (entry !== undefined) this.entries.get(change.queue)?.set(change.seq, { ...entry, released: true });
        return;
      }
      case 'queue.remove':
        this.entries.get(change.queue)?.delete(change.seq);
        return;
      case 'queue.trim':
        for (const { seq } of this.queue(change.queue))
          if (seq <= change.through) this.entries.get(change.queue)?.delete(seq);
        return;
      case 'queue.drop':
        this.#dropQueue(change.queue);
        return;
      case 'inbound.put':
        this.inbound.set(inboundKey(change.clientId, change.packetId), {
          clientId: change.clientId,
          packetId: change.packetId,
        });
        return;
      case 'inbound.drop':
        this.inbound.delete(inboundKey(change.clientId, change.packetId));
        return;
      case 'retained.put':
        this.#noteMessageId(change.message);
        this.retained.set(change.message.topic, change.message);
        return;
      case 'retained.drop':
        this.retained.delete(change.topic);
        return;
      case 'will.put':
        this.wills.set(change.will.clientId, change.will);
        return;
      case 'will.drop':
        this.wills.delete(change.clientId);
        return;
    }
  }

  #dropQueue(queue: QueueId): void {
    this.entries.delete(queue);
    this.#nextSeqs.delete(queue);
  }

  #noteMessageId(message: Message): void {
    this.highestMessageId = Math.max(this.highestMessageId, message.id);
  }
}

/** Groups the facts that `load` yields by kind, and reports repeated facts. */
export function collectLoaded(facts: readonly RestoredFact[]): {
  state: LoadedState;
  lastMessageId: number | undefined;
  problems: string[];
} {
  const state = {
    sessions: new Map<ClientId, SessionRecord>(),
    subscriptions: new Map<string, SubscriptionRecord>(),
    inbound: new Map<string, true>(),
    wills: new Map<ClientId, WillRecord>(),
    queues: new Map<QueueId, QueueBounds>(),
    retained: new Map<TopicName, RetainedHeader>(),
  };
  const problems: string[] = [];
  let lastMessageId: number | undefined;
  const put = <K, V>(map: Map<K, V>, kind: string, key: K, value: V): void => {
    if (map.has(key)) problems.push(`load yields the ${kind} ${JSON.stringify(key).slice(0, 80)} twice`);
    map.set(key, value);
  };
  for (const fact of facts) {
    switch (fact.kind) {
      case 'session':
        put(state.sessions, 'session', fact.session.clientId, fact.session);
        break;
      case 'subscription':
        put(
          state.subscriptions,
          'subscription',
          subscriptionKey(fact.subscription.clientId, fact.subscription.topicFilter),
          fact.subscription,
        );
        break;
      case 'inbound':
        put(state.inbound, 'inbound id', inboundKey(fact.clientId, fact.packetId), true);
        break;
      case 'will':
        put(state.wills, 'will', fact.will.clientId, fact.will);
        break;
      case 'queue': {
        const { queue, first, next, count, bytes } = fact;
        put(state.queues, 'queue', queue, { first, next, count, bytes });
        break;
      }
      case 'retained': {
        const { topic, id, bytes, expiresAtMs } = fact;
        put(state.retained, 'retained message', topic, { id, bytes, expiresAtMs });
        break;
      }
      case 'last-message-id':
        if (lastMessageId !== undefined) problems.push('load yields the last message id twice');
        lastMessageId = fact.id;
        break;
    }
  }
  return { state, lastMessageId, problems };
}
