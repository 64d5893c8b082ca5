// Storage as a few plain maps, for tests of the core: it applies each change and returns the facts. It shares no code
// with any adapter.
import type { Change, RestoredFact, SessionRecord, SubscriptionRecord, WillRecord } from '../../src/domain/changes.js';
import type { Message } from '../../src/domain/messages/message.js';
import type { PageLimit } from '../../src/domain/effects.js';
import type { StoredEntry } from '../../src/domain/inputs.js';
import type { ClientId, MessageId, QueueId, Seq, TopicName } from '../../src/domain/identifiers.js';
import { sessionQueue } from '../../src/domain/identifiers.js';

const EMPTY = new Uint8Array(0);

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

  apply(change: Change): void {
    switch (change.kind) {
      case 'session.put':
        this.sessions.set(change.session.clientId, change.session);
        return;
      case 'session.drop': {
        this.sessions.delete(change.clientId);
        this.queues.delete(sessionQueue(change.clientId));
        this.inbound.delete(change.clientId);
        for (const [key, { clientId }] of this.subscriptions)
          if (clientId === change.clientId) this.subscriptions.delete(key);
        return;
      }
      case 'subscription.put':
        this.subscriptions.set(subscriptionKey(change.subscription), change.subscription);
        return;
      case 'subscription.drop':
        if (!this.subscriptions.delete(subscriptionKey(change)))
          this.oddities.push(`no subscription ${change.topicFilter}`);
        return;
      case 'queue.append': {
        const { seq, message, qos, retain, identifiers } = change;
        const queue = this.#queue(change.queue);
        if (queue.has(seq)) this.oddities.push(`${change.queue} #${seq} given twice`);
        queue.set(seq, { seq, message, qos, retain, identifiers, released: false });
        this.#lastId = Math.max(this.#lastId, message.id);
        return;
      }
      case 'queue.release': {
        const queue = this.#queue(change.queue);
        const entry = queue.get(change.seq);
        if (entry === undefined) this.oddities.push(`released ${change.queue} #${change.seq}, which is not there`);
        else queue.set(change.seq, { ...entry, message: { ...entry.message, payload: EMPTY }, released: true });
        return;
      }
      case 'queue.remove':
        if (!this.#queue(change.queue).delete(change.seq))
          this.oddities.push(`removed ${change.queue} #${change.seq}, which is not there`);
        return;
      case 'queue.trim': {
        const queue = this.#queue(change.queue);
        for (const seq of queue.keys()) if (seq <= change.through) queue.delete(seq);
        return;
      }
      case 'queue.drop':
        this.queues.delete(change.queue);
        return;
      case 'inbound.put': {
        const ids = this.inbound.get(change.clientId) ?? new Set<number>();
        this.inbound.set(change.clientId, ids.add(change.packetId));
        return;
      }
      case 'inbound.drop':
        this.inbound.get(change.clientId)?.delete(change.packetId);
        return;
      case 'retained.put':
        this.retained.set(change.message.topic, change.message);
        this.#lastId = Math.max(this.#lastId, change.message.id);
        return;
      case 'retained.drop':
        this.retained.delete(change.topic);
        return;
      case 'will.put':
        this.wills.set(change.will.clientId, change.will);
        this.#lastId = Math.max(this.#lastId, change.will.message.id);
        return;
      case 'will.drop':
        this.wills.delete(change.clientId);
        return;
    }
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
