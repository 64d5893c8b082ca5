// The content of the disk, as far as promises of the broker concern it. It gets each batch at the moment from which on
// a crash cannot lose it, and the invariants compare it with the promises of the broker at that time.
import { NEVER_EXPIRES_S } from '../../../domain/limits.js';
import type { Change, QueueId, WillRecord } from '../../../ports/index.js';
import { clockAheadIn, withoutMarks } from './clock-marks.js';
import { tagOf } from '../payload.js';
import type { Granted } from './subscription-interval.js';
import { valueOf } from './value-of.js';

export interface StoredEntry {
  readonly tag: string;
  released: boolean;
}

export class DiskContents {
  /** By client: the moment at which the batch with the session's first record was handed over. */
  readonly sessions = new Map<string, number>();
  /** When the client's connection ended, in milliseconds; without the clients that have a connection. */
  readonly disconnectedAtMs = new Map<string, number>();
  /** How long the session outlives its connection, in milliseconds, by client. */
  readonly expiryMs = new Map<string, number>();
  /** What was granted by Topic Filter, by client. */
  readonly subscriptions = new Map<string, Map<string, Granted>>();
  /** By client and Packet Identifier: the moment at which the batch with the inbound identifier was handed over. */
  readonly inbound = new Map<string, Map<number, number>>();
  /** The tag of the will, by client. */
  readonly wills = new Map<string, string>();
  /** When the client's will is due, whatever becomes of the broker; without those that are not due yet. */
  readonly willDueAtMs = new Map<string, number>();
  readonly queues = new Map<QueueId, Map<number, StoredEntry>>();
  /** Every queue that a message was ever in, by tag. */
  readonly everQueuedIn = new Map<string, Set<QueueId>>();
  /** How often a message was put into a queue; see `appendCount`. */
  readonly #appendCounts = new Map<string, number>();
  /** By tag: the moment at which the latest batch with the message as a retained one was handed over. */
  readonly retainedAt = new Map<string, number>();
  /** How far the date is ahead of the time of the broker. */
  clockAheadMs = 0;
  /** The tag of the retained message, by topic. */
  readonly retained = new Map<string, string>();

  /** @param at the moment at which the batch was handed over. */
  apply(batch: readonly Change[], at: number): void {
    this.clockAheadMs = clockAheadIn(batch) ?? this.clockAheadMs;
    for (const change of withoutMarks(batch)) this.#apply(change, at);
  }

  /** Returns to the state before the first batch. */
  clear(): void {
    this.clockAheadMs = 0;
    for (const contents of [
      this.sessions,
      this.disconnectedAtMs,
      this.expiryMs,
      this.subscriptions,
      this.inbound,
      this.wills,
      this.willDueAtMs,
      this.queues,
      this.everQueuedIn,
      this.#appendCounts,
      this.retainedAt,
      this.retained,
    ])
      contents.clear();
  }

  /** Entries in all queues. */
  get entryCount(): number {
    let count = 0;
    for (const entries of this.queues.values()) count += entries.size;
    return count;
  }

  has(queue: QueueId, tag: string): boolean {
    for (const entry of this.entriesOf(queue)) if (entry.tag === tag) return true;
    return false;
  }

  /** How often the message was put into the queue. */
  appendCount(queue: QueueId, tag: string): number {
    return this.#appendCounts.get(`${queue} ${tag}`) ?? 0;
  }

  /** Whether the message is, or was, in the queue. */
  everHad(queue: QueueId, tag: string): boolean {
    return this.everQueuedIn.get(tag)?.has(queue) === true;
  }

  /** The entries of a queue, in the order of their arrival. */
  entriesOf(queue: QueueId): Iterable<StoredEntry> {
    return this.queues.get(queue)?.values() ?? [];
  }

  /** What was granted by Topic Filter to a client that has a session. */
  subscriptionsOf(clientId: string): ReadonlyMap<string, Granted> {
    return this.subscriptions.get(clientId) ?? new Map<string, Granted>();
  }

  #dropSession(clientId: string): void {
    this.sessions.delete(clientId);
    this.disconnectedAtMs.delete(clientId);
    this.expiryMs.delete(clientId);
    this.subscriptions.delete(clientId);
    this.inbound.delete(clientId);
  }

  #apply(change: Change, at: number): void {
    switch (change.kind) {
      case 'session.put': {
        const { clientId, disconnectedAtMs, expiryIntervalS } = change.session;
        this.expiryMs.set(clientId, expiryIntervalS >= NEVER_EXPIRES_S ? Infinity : expiryIntervalS * 1000);
        if (!this.sessions.has(clientId)) this.sessions.set(clientId, at);
        if (disconnectedAtMs === undefined) this.disconnectedAtMs.delete(clientId);
        else this.disconnectedAtMs.set(clientId, disconnectedAtMs);
        return;
      }
      case 'session.drop':
        this.#dropSession(change.clientId);
        this.queues.delete(change.queue);
        return;
      case 'subscription.put': {
        const { clientId, topicFilter } = change.subscription;
        valueOf(this.subscriptions, clientId, () => new Map<string, Granted>()).set(topicFilter, change.subscription);
        return;
      }
      case 'subscription.drop':
        this.subscriptions.get(change.clientId)?.delete(change.topicFilter);
        return;
      case 'queue.append': {
        const tag = tagOf(change.message.payload);
        const entries = valueOf(this.queues, change.queue, () => new Map<number, StoredEntry>());
        if (!entries.has(change.seq))
          this.#appendCounts.set(`${change.queue} ${tag}`, this.appendCount(change.queue, tag) + 1);
        entries.set(change.seq, { tag, released: false });
        valueOf(this.everQueuedIn, tag, () => new Set<QueueId>()).add(change.queue);
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
        valueOf(this.inbound, change.clientId, () => new Map<number, number>()).set(change.packetId, at);
        return;
      case 'inbound.drop':
        this.inbound.get(change.clientId)?.delete(change.packetId);
        return;
      case 'retained.put':
        this.retainedAt.set(tagOf(change.message.payload), at);
        this.retained.set(change.message.topic, tagOf(change.message.payload));
        return;
      case 'retained.drop':
        this.retained.delete(change.topic);
        return;
      case 'will.put':
        this.#putWill(change.will);
        return;
      case 'will.drop':
        this.wills.delete(change.clientId);
        this.willDueAtMs.delete(change.clientId);
        return;
    }
  }

  #putWill({ clientId, message, dueAtMs }: WillRecord): void {
    this.wills.set(clientId, tagOf(message.payload));
    if (dueAtMs === undefined) this.willDueAtMs.delete(clientId);
    else this.willDueAtMs.set(clientId, dueAtMs);
  }
}
