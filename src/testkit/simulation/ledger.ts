// What the disk keeps, as far as promises are about it: read by whoever checks that a promise was not made too early. Fed with each batch at the
// moment when a crash would no longer lose it.
import type { Change, ClientId, QueueId, QoS } from '../../ports/index.js';
import { tagOf } from './plan.js';

export interface LedgerEntry {
  readonly tag: string;
  released: boolean;
}

export class Ledger {
  /** Since when, by client: the moment at which the batch was handed over that has the session's first record. */
  readonly sessions = new Map<string, number>();
  /** Since when, by client: the moment at which the batch was handed over that has the first thing that came into the session. */
  readonly filled = new Map<string, number>();
  /** When its connection ended, by client; without those that have one. */
  readonly away = new Map<string, number>();
  /** Granted QoS by filter, by client. */
  readonly subscriptions = new Map<string, Map<string, QoS>>();
  /** Since when, by identifier, by client. */
  readonly inbound = new Map<string, Map<number, number>>();
  /** The tag of the will by client. */
  readonly wills = new Map<string, string>();
  readonly queues = new Map<QueueId, Map<number, LedgerEntry>>();
  /** Every queue that a message ever was in. */
  readonly queuedIn = new Map<string, Set<QueueId>>();
  /** How often a message was put into a queue, by both. */
  readonly appends = new Map<string, number>();
  readonly everRetained = new Set<string>();
  /** The tag of the retained message by topic. */
  readonly retained = new Map<string, string>();

  /** @param at the moment at which the batch was handed over. */
  apply(batch: readonly Change[], at: number): void {
    for (const change of batch) this.#apply(change, at);
  }

  /** Nothing is kept, as before the first batch. */
  clear(): void {
    for (const kept of [
      this.sessions,
      this.filled,
      this.away,
      this.subscriptions,
      this.inbound,
      this.wills,
      this.queues,
      this.queuedIn,
      this.appends,
      this.everRetained,
      this.retained,
    ])
      kept.clear();
  }

  get waiting(): number {
    let count = 0;
    for (const entries of this.queues.values()) count += entries.size;
    return count;
  }

  has(queue: QueueId, tag: string): boolean {
    for (const entry of this.queues.get(queue)?.values() ?? []) if (entry.tag === tag) return true;
    return false;
  }

  /** What is queued for a session comes by its subscriptions. */
  #fill(clientId: string, at: number): void {
    if (!this.filled.has(clientId)) this.filled.set(clientId, at);
  }

  #apply(change: Change, at: number): void {
    switch (change.kind) {
      case 'session.put': {
        const { clientId, disconnectedAtMs } = change.session;
        if (!this.sessions.has(clientId)) this.sessions.set(clientId, at);
        if (disconnectedAtMs === undefined) this.away.delete(clientId);
        else this.away.set(clientId, disconnectedAtMs);
        return;
      }
      case 'session.drop':
        this.sessions.delete(change.clientId);
        this.filled.delete(change.clientId);
        this.away.delete(change.clientId);
        this.subscriptions.delete(change.clientId);
        this.inbound.delete(change.clientId);
        this.queues.delete(change.queue);
        return;
      case 'subscription.put': {
        const { clientId, topicFilter, qos } = change.subscription;
        this.#fill(clientId, at);
        valueOf(this.subscriptions, clientId, () => new Map<string, QoS>()).set(topicFilter, qos);
        return;
      }
      case 'subscription.drop':
        this.subscriptions.get(change.clientId)?.delete(change.topicFilter);
        return;
      case 'queue.append': {
        const tag = tagOf(change.message.payload);
        const entries = valueOf(this.queues, change.queue, () => new Map<number, LedgerEntry>());
        const put = `${change.queue} ${tag}`;
        if (!entries.has(change.seq)) this.appends.set(put, (this.appends.get(put) ?? 0) + 1);
        entries.set(change.seq, { tag, released: false });
        valueOf(this.queuedIn, tag, () => new Set<QueueId>()).add(change.queue);
        return;
      }
      case 'queue.release': {
        const entry = this.queues.get(change.queue)?.get(change.seq);
        if (entry !== undefined) entry.released = true;
        return;
      }
      case 'queue.remove':
        this.queues.get(change.queue)?.delete(change.seq);
        return;
      case 'queue.trim': {
        const entries = this.queues.get(change.queue);
        for (const seq of entries?.keys() ?? []) if (seq <= change.through) entries?.delete(seq);
        return;
      }
      case 'queue.drop':
        this.queues.delete(change.queue);
        return;
      case 'inbound.put':
        this.#fill(change.clientId, at);
        valueOf(this.inbound, change.clientId, () => new Map<number, number>()).set(change.packetId, at);
        return;
      case 'inbound.drop':
        this.inbound.get(change.clientId)?.delete(change.packetId);
        return;
      case 'retained.put':
        this.everRetained.add(tagOf(change.message.payload));
        this.retained.set(change.message.topic, tagOf(change.message.payload));
        return;
      case 'retained.drop':
        this.retained.delete(change.topic);
        return;
      case 'will.put':
        this.wills.set(change.will.clientId, tagOf(change.will.message.payload));
        return;
      case 'will.drop':
        this.wills.delete(change.clientId);
        return;
    }
  }
}

export function valueOf<K extends string | ClientId | QueueId, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = make()));
  return value;
}

/** Those of a client that has a session. */
export const subscriptionsOf = ({ subscriptions }: Ledger, name: string): ReadonlyMap<string, QoS> =>
  subscriptions.get(name) ?? new Map<string, QoS>();
