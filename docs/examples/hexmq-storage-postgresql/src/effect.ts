// What a batch changes in the end. Changes apply in their order, and later ones undo earlier ones; here a batch is
// folded into what has to be deleted and what has to be there afterwards, so that a few statements store all of it,
// whatever it consists of.
import type {
  Change,
  MessageId,
  QueueAppend,
  QueueId,
  Message,
  SessionRecord,
  SubscriptionRecord,
  WillRecord,
} from 'hexmq/ports';

/** Changes that are folded before the event loop runs. */
const SLICE = 4096;

/** No seq is above this. */
export const EVERY_SEQ = Number.MAX_SAFE_INTEGER;

/** An entry of a queue that is there when the batch is stored, or that is gone, or that was there and is released. */
export type EntryEffect = { readonly append: QueueAppend; readonly released: boolean } | 'removed' | 'released';

export class QueueEffect {
  /** Entries up to this seq go, before any are put; -1 if none do. */
  through = -1;
  readonly entries = new Map<number, EntryEffect>();
  #isAscending = true;
  #last = -1;

  put(seq: number, effect: EntryEffect): void {
    if (seq < this.#last) this.#isAscending = false;
    this.#last = seq;
    this.entries.set(seq, effect);
  }

  trim(through: number): void {
    this.through = Math.max(this.through, through);
    for (const seq of this.entries.keys()) {
      if (seq <= through) this.entries.delete(seq);
      else if (this.#isAscending) return;
    }
    if (this.entries.size > 0) return;
    this.#isAscending = true;
    this.#last = -1;
  }

  release(seq: number): void {
    const known = this.entries.get(seq);
    if (known === undefined && seq > this.through) this.put(seq, 'released');
    else if (typeof known === 'object') this.put(seq, { append: known.append, released: true });
  }
}

/** By name: what is there afterwards, or `undefined` for what is gone. */
type Puts<Key, Value> = Map<Key, Value | undefined>;

export class Effect {
  /** Clients whose sessions are gone, with all that belongs to them, before anything is put. */
  readonly droppedClients = new Set<string>();
  readonly sessions = new Map<string, SessionRecord>();
  readonly subscriptions = new Map<string, Puts<string, SubscriptionRecord>>();
  readonly inbound = new Map<string, Puts<number, true>>();
  readonly wills: Puts<string, WillRecord> = new Map<string, WillRecord>();
  readonly retained: Puts<string, Message> = new Map<string, Message>();
  readonly queues = new Map<QueueId, QueueEffect>();
  /** Queues that are dropped; entries may have been put into them since. */
  readonly droppedQueues = new Set<QueueId>();
  lastMessageId = -1;

  static async of(batch: readonly Change[]): Promise<Effect> {
    const effect = new Effect();
    for (let from = 0; from < batch.length; from += SLICE) {
      if (from > 0) await new Promise((resolve) => setImmediate(resolve));
      for (const change of batch.slice(from, from + SLICE)) effect.#apply(change);
    }
    return effect;
  }

  /** How often each message is put into a queue. */
  uses(): Map<MessageId, number> {
    const uses = new Map<MessageId, number>();
    for (const { entries } of this.queues.values())
      for (const entry of entries.values())
        if (typeof entry === 'object') {
          const { id } = entry.append.message;
          uses.set(id, (uses.get(id) ?? 0) + 1);
        }
    return uses;
  }

  #apply(change: Change): void {
    switch (change.kind) {
      case 'queue.append':
        this.#note(change.message);
        this.#queue(change.queue).put(change.seq, { append: change, released: false });
        return;
      case 'queue.release':
        this.#queue(change.queue).release(change.seq);
        return;
      case 'queue.remove':
        this.#queue(change.queue).put(change.seq, 'removed');
        return;
      case 'queue.trim':
        this.#queue(change.queue).trim(change.through);
        return;
      case 'queue.drop':
        this.#dropQueue(change.queue);
        return;
      case 'session.put':
        this.sessions.set(change.session.clientId, change.session);
        return;
      case 'session.drop':
        this.droppedClients.add(change.clientId);
        this.sessions.delete(change.clientId);
        this.subscriptions.delete(change.clientId);
        this.inbound.delete(change.clientId);
        this.#dropQueue(change.queue);
        return;
      case 'subscription.put': {
        const { subscription } = change;
        valuesOf(this.subscriptions, subscription.clientId).set(subscription.topicFilter, subscription);
        return;
      }
      case 'subscription.drop':
        valuesOf(this.subscriptions, change.clientId).set(change.topicFilter, undefined);
        return;
      case 'inbound.put':
        valuesOf(this.inbound, change.clientId).set(change.packetId, true);
        return;
      case 'inbound.drop':
        valuesOf(this.inbound, change.clientId).set(change.packetId, undefined);
        return;
      case 'retained.put':
        this.#note(change.message);
        this.retained.set(change.message.topic, change.message);
        return;
      case 'retained.drop':
        this.retained.set(change.topic, undefined);
        return;
      case 'will.put':
        this.wills.set(change.will.clientId, change.will);
        return;
      case 'will.drop':
        this.wills.set(change.clientId, undefined);
        return;
    }
  }

  #queue(queue: QueueId): QueueEffect {
    let effect = this.queues.get(queue);
    if (effect === undefined) this.queues.set(queue, (effect = new QueueEffect()));
    return effect;
  }

  #dropQueue(queue: QueueId): void {
    this.droppedQueues.add(queue);
    this.#queue(queue).trim(EVERY_SEQ);
  }

  #note({ id }: Message): void {
    this.lastMessageId = Math.max(this.lastMessageId, id);
  }
}

function valuesOf<Key, Value>(table: Map<string, Puts<Key, Value>>, client: string): Puts<Key, Value> {
  let values = table.get(client);
  if (values === undefined) table.set(client, (values = new Map<Key, Value | undefined>()));
  return values;
}
