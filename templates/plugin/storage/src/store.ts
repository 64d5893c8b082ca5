// What is stored, as maps. Each change is absolute, so that a batch may come twice.
import type {
  Change,
  ClientId,
  Message,
  MessageDraft,
  PageLimit,
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

export class Store {
  readonly #sessions = new Map<ClientId, SessionRecord>();
  readonly #subscriptions = new Map<ClientId, Map<TopicFilter, SubscriptionRecord>>();
  readonly #inbound = new Map<ClientId, Set<number>>();
  readonly #wills = new Map<ClientId, WillRecord>();
  readonly #queues = new Map<QueueId, Map<Seq, StoredEntry>>();
  readonly #retained = new Map<TopicName, Message>();
  #lastMessageId: Message['id'] | undefined;

  apply(batch: readonly Change[]): void {
    // One message for many queues is one object, and is kept once.
    const kept = new Map<Message, Message>();
    for (const change of batch) this.#apply(change, (message) => this.#keep(message, kept));
  }

  *facts(): Generator<RestoredFact> {
    for (const session of this.#sessions.values()) yield { kind: 'session', session };
    for (const ofClient of this.#subscriptions.values())
      for (const subscription of ofClient.values()) yield { kind: 'subscription', subscription };
    for (const [clientId, packetIds] of this.#inbound)
      for (const packetId of packetIds) yield { kind: 'inbound', clientId, packetId };
    for (const will of this.#wills.values()) yield { kind: 'will', will };
    for (const queue of this.#queues.keys()) {
      const entries = this.#entriesOf(queue);
      const [first, last] = [entries[0], entries.at(-1)];
      if (first === undefined || last === undefined) continue;
      const bytes = entries.reduce((sum, { released, message }) => sum + (released ? 0 : message.payload.length), 0);
      yield { kind: 'queue', queue, first: first.seq, next: (last.seq + 1) as Seq, count: entries.length, bytes };
    }
    for (const [topic, { id, payload, expiresAtMs }] of this.#retained)
      yield { kind: 'retained', topic, id, bytes: payload.length, expiresAtMs };
    // The highest there ever was, also if that message is gone.
    if (this.#lastMessageId !== undefined) yield { kind: 'last-message-id', id: this.#lastMessageId };
  }

  /** At least one entry, if there is one. */
  page(queue: QueueId, from: Seq, { maxEntries, maxBytes }: PageLimit): readonly StoredEntry[] {
    const page: StoredEntry[] = [];
    let bytes = 0;
    for (const entry of this.#entriesOf(queue)) {
      if (entry.seq < from) continue;
      bytes += entry.message.payload.length;
      if (page.length > 0 && (page.length >= maxEntries || bytes > maxBytes)) break;
      page.push(entry);
    }
    return page;
  }

  retainedOf(topics: readonly TopicName[]): readonly Message[] {
    return topics.flatMap((topic) => this.#retained.get(topic) ?? []);
  }

  /** In the order of seq: a repeated batch may put back one that was removed. */
  #entriesOf(queue: QueueId): StoredEntry[] {
    return [...(this.#queues.get(queue)?.values() ?? [])].sort((a, b) => a.seq - b.seq);
  }

  #apply(change: Change, keep: (message: Message) => Message): void {
    switch (change.kind) {
      case 'session.put':
        this.#sessions.set(change.session.clientId, change.session);
        return;
      case 'session.drop':
        this.#sessions.delete(change.clientId);
        this.#subscriptions.delete(change.clientId);
        this.#inbound.delete(change.clientId);
        this.#queues.delete(change.queue);
        return;
      case 'subscription.put': {
        const { subscription } = change;
        of(this.#subscriptions, subscription.clientId, () => new Map()).set(subscription.topicFilter, subscription);
        return;
      }
      case 'subscription.drop':
        this.#subscriptions.get(change.clientId)?.delete(change.topicFilter);
        return;
      case 'inbound.put':
        of(this.#inbound, change.clientId, () => new Set()).add(change.packetId);
        return;
      case 'inbound.drop':
        this.#inbound.get(change.clientId)?.delete(change.packetId);
        return;
      case 'will.put':
        this.#wills.set(change.will.clientId, { ...change.will, message: detached(change.will.message) });
        return;
      case 'will.drop':
        this.#wills.delete(change.clientId);
        return;
      case 'retained.put':
        this.#retained.set(change.message.topic, keep(change.message));
        return;
      case 'retained.drop':
        this.#retained.delete(change.topic);
        return;
      case 'queue.append': {
        const { queue, seq, qos, retain, identifiers } = change;
        const entry = { seq, message: keep(change.message), qos, retain, identifiers, released: false };
        of(this.#queues, queue, () => new Map()).set(seq, entry);
        return;
      }
      case 'queue.release': {
        const entry = this.#queues.get(change.queue)?.get(change.seq);
        if (entry !== undefined) this.#queues.get(change.queue)?.set(change.seq, { ...entry, released: true });
        return;
      }
      case 'queue.remove':
        this.#queues.get(change.queue)?.delete(change.seq);
        return;
      case 'queue.trim':
        for (const { seq } of this.#entriesOf(change.queue))
          if (seq <= change.through) this.#queues.get(change.queue)?.delete(seq);
        return;
      case 'queue.drop':
        this.#queues.delete(change.queue);
        return;
    }
  }

  #keep(message: Message, kept: Map<Message, Message>): Message {
    if (this.#lastMessageId === undefined || message.id > this.#lastMessageId) this.#lastMessageId = message.id;
    return of(kept, message, () => detached(message));
  }
}

/** A copy: payloads and properties are views of larger buffers, which they would keep in memory. */
function detached<M extends MessageDraft>(message: M): M {
  const { payload, properties } = message;
  if (properties === undefined) return { ...message, payload: payload.slice() };
  const { correlationData, userProperties } = properties;
  return {
    ...message,
    payload: payload.slice(),
    properties: {
      ...properties,
      ...(correlationData === undefined ? {} : { correlationData: correlationData.slice() }),
      ...(userProperties === undefined ? {} : { userProperties: userProperties.detached() }),
    },
  };
}

/** The value of this key, made if there is none. */
function of<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = make()));
  return value;
}
