// Storage as a few plain maps, for tests of the core: it applies each change and returns the facts. It shares no code
// with any adapter.
import type { Change, RestoredFact, SessionRecord, SubscriptionRecord, WillRecord } from '../../src/domain/changes.js';
import type { Message } from '../../src/domain/messages/message.js';
import type { PageLimit } from '../../src/domain/effects.js';
import type { StoredEntry } from '../../src/domain/inputs.js';
import type { ClientId, MessageId, QueueId, Seq, TopicName } from '../../src/domain/identifiers.js';
import { sessionQueue } from '../../src/domain/identifiers.js';

const EMPTY = new Uint8Array(0);

type ChangeHandlers = {
  readonly [Kind in Change['kind']]: (change: Extract<Change, { readonly kind: Kind }>) => void;
};

export class ModelStore {
  readonly sessions = new Map<ClientId, SessionRecord>();
  readonly subscriptions = new Map<string, SubscriptionRecord>();
  readonly queues = new Map<QueueId, Map<Seq, StoredEntry>>();
  readonly inbound = new Map<ClientId, Set<number>>();
  readonly retained = new Map<TopicName, Message>();
  readonly wills = new Map<ClientId, WillRecord>();
  #lastId = 0;

  /** Facts that make no sense: an entry appended twice, something removed that is not there. */
  readonly oddities: string[] = [];

  readonly #handlers: ChangeHandlers = {
    'session.put': ({ session }) => {
      this.sessions.set(session.clientId, session);
    },
    'session.drop': ({ clientId }) => {
      this.sessions.delete(clientId);
      this.queues.delete(sessionQueue(clientId));
      this.inbound.delete(clientId);
      for (const [key, subscription] of this.subscriptions)
        if (subscription.clientId === clientId) this.subscriptions.delete(key);
    },
    'subscription.put': ({ subscription }) => {
      this.subscriptions.set(subscriptionKey(subscription), subscription);
    },
    'subscription.drop': (change) => {
      if (!this.subscriptions.delete(subscriptionKey(change)))
        this.oddities.push(`no subscription ${change.topicFilter}`);
    },
    'queue.append': ({ queue: id, seq, message, qos, retain, identifiers }) => {
      const queue = this.#queue(id);
      if (queue.has(seq)) this.oddities.push(`${id} #${seq} given twice`);
      queue.set(seq, { seq, message, qos, retain, identifiers, released: false });
      this.#note(message);
    },
    'queue.release': ({ queue: id, seq }) => {
      const queue = this.#queue(id);
      const entry = queue.get(seq);
      if (entry === undefined) this.oddities.push(`released ${id} #${seq}, which is not there`);
      else queue.set(seq, { ...entry, message: { ...entry.message, payload: EMPTY }, released: true });
    },
    'queue.remove': ({ queue, seq }) => {
      if (!this.#queue(queue).delete(seq)) this.oddities.push(`removed ${queue} #${seq}, which is not there`);
    },
    'queue.trim': ({ queue: id, through }) => {
      const queue = this.#queue(id);
      for (const seq of queue.keys()) if (seq <= through) queue.delete(seq);
    },
    'queue.drop': ({ queue }) => {
      this.queues.delete(queue);
    },
    'inbound.put': ({ clientId, packetId }) => {
      const ids = this.inbound.get(clientId) ?? new Set<number>();
      this.inbound.set(clientId, ids.add(packetId));
    },
    'inbound.drop': ({ clientId, packetId }) => {
      this.inbound.get(clientId)?.delete(packetId);
    },
    'retained.put': ({ message }) => {
      this.retained.set(message.topic, message);
      this.#note(message);
    },
    'retained.drop': ({ topic }) => {
      this.retained.delete(topic);
    },
    'will.put': ({ will }) => {
      this.wills.set(will.clientId, will);
    },
    'will.drop': ({ clientId }) => {
      this.wills.delete(clientId);
    },
  };

  apply(change: Change): void {
    (this.#handlers[change.kind] as (change: Change) => void)(change);
  }

  readQueue(queue: QueueId, from: Seq, { maxEntries, maxBytes }: PageLimit): StoredEntry[] {
    const page: StoredEntry[] = [];
    let bytes = 0;
    for (const entry of this.entries(queue)) {
      if (entry.seq < from) continue;
      bytes += entry.message.payload.byteLength;
      if (page.length > 0 && (page.length >= maxEntries || bytes > maxBytes)) break;
      page.push(entry);
    }
    return page;
  }

  readRetained(topics: readonly TopicName[]): Message[] {
    return topics.map((topic) => this.retained.get(topic)).filter((message) => message !== undefined);
  }

  /** Ascending. */
  entries(queue: QueueId): StoredEntry[] {
    return [...(this.queues.get(queue)?.values() ?? [])].sort((one, other) => one.seq - other.seq);
  }

  *load(): Generator<RestoredFact> {
    for (const session of this.sessions.values()) yield { kind: 'session', session };
    for (const subscription of this.subscriptions.values()) yield { kind: 'subscription', subscription };
    for (const [clientId, ids] of this.inbound)
      for (const packetId of ids) yield { kind: 'inbound', clientId, packetId };
    for (const will of this.wills.values()) yield { kind: 'will', will };
    for (const queue of this.queues.keys()) {
      const entries = this.entries(queue);
      const [first] = entries;
      const last = entries.at(-1);
      if (first === undefined || last === undefined) continue;
      const bytes = entries.reduce((sum, { message }) => sum + message.payload.byteLength, 0);
      yield { kind: 'queue', queue, first: first.seq, next: (last.seq + 1) as Seq, count: entries.length, bytes };
    }
    for (const { topic, id, payload, expiresAtMs } of this.retained.values()) {
      yield { kind: 'retained', topic, id, bytes: payload.byteLength, expiresAtMs };
    }
    if (this.#lastId > 0) yield { kind: 'last-message-id', id: this.#lastId as MessageId };
  }

  #note({ id }: Message): void {
    this.#lastId = Math.max(this.#lastId, id);
  }

  #queue(id: QueueId): Map<Seq, StoredEntry> {
    let queue = this.queues.get(id);
    if (queue === undefined) this.queues.set(id, (queue = new Map<Seq, StoredEntry>()));
    return queue;
  }
}

const subscriptionKey = ({
  clientId,
  topicFilter,
}: {
  readonly clientId: ClientId;
  readonly topicFilter: string;
}): string => JSON.stringify([clientId, topicFilter]);
