// What a run of batches comes to: which documents there are at its end, which are gone, and nothing of what lay between. Pure: the same batches give
// the same plan, and carrying out a plan twice, or half and then whole, or as part of a longer one, comes to the same.
//
// The order of carrying out is: what whole queues and clients lose, releases, single removals, and then what is put. Each of the first three touches
// only what was there before the run, so a name that is dropped and comes back in the same run is right in the end.
import type { ClientId, TopicName } from 'hexmq/ports';
import type { BatchMessage, StoredChange } from './batch-bytes.js';
import { entryId, inboundId, nameKey, subscriptionId } from './collections.js';
import type {
  EntryDocument,
  FoldedName,
  InboundDocument,
  MessageDocument,
  MessagePlace,
  RetainedDocument,
  SessionDocument,
  SubscriptionDocument,
  WillDocument,
} from './collections.js';

/** Of a payload, in one document. */
export const PART_BYTES_MAX = 8 * 1024 * 1024;

interface Documents {
  readonly sessions: SessionDocument;
  readonly subscriptions: SubscriptionDocument;
  readonly inbound: InboundDocument;
  readonly queues: EntryDocument;
  readonly messages: MessageDocument;
  readonly retained: RetainedDocument;
  readonly wills: WillDocument;
}

/** By `_id`; `undefined`: there is none. */
type Puts = { readonly [Name in FoldedName]: Map<string, Documents[Name] | undefined> };

export class FoldPlan {
  readonly puts: Puts = {
    sessions: new Map(),
    subscriptions: new Map(),
    inbound: new Map(),
    queues: new Map(),
    messages: new Map(),
    retained: new Map(),
    wills: new Map(),
  };
  /** Queues that lose all they had, and up to where others lose what they had. */
  readonly droppedQueues = new Set<string>();
  readonly trims = new Map<string, number>();
  /** Clients that lose their subscriptions and inbound ids. */
  readonly droppedClients = new Set<string>();
  /** Entries from before the run, with the journal document that released them. */
  readonly releases = new Map<string, number>();
  lastMessageId = -1;

  /** The entries of each queue that the run has put and not taken back. */
  readonly #entries = new Map<string, Map<number, EntryDocument>>();
  readonly #ofClient = new Map<string, { readonly subscriptions: Set<string>; readonly inbound: Set<string> }>();

  /** What the run puts into a queue, in the order of the seqs. */
  entriesOf(queue: string): readonly EntryDocument[] {
    return [...(this.#entries.get(queue)?.values() ?? [])].sort((a, b) => a.seq - b.seq);
  }

  /** The next batch of the run. @param n the number of its last journal document. */
  add(n: number, changes: readonly StoredChange[]): void {
    const kept = new Set<BatchMessage>();
    for (const change of changes) this.#apply(n, change, kept);
  }

  #apply(n: number, change: StoredChange, kept: Set<BatchMessage>): void {
    switch (change.kind) {
      case 'queue.append': {
        const { queue: queueId, seq, qos, retain, identifiers } = change;
        const queue = nameKey(queueId);
        // What was released is what stood there before: carried out a second time, after this one was put, it would release this one.
        this.releases.delete(entryId(queue, seq));
        this.#putEntry({
          _id: entryId(queue, seq),
          n,
          queue,
          queueId,
          seq,
          qos,
          retain,
          ...(identifiers === undefined ? {} : { identifiers }),
          released: false,
          bytes: change.message.payload.byteLength,
          ...this.#place(n, change.message, kept),
        });
        return;
      }
      case 'queue.release': {
        const queue = nameKey(change.queue);
        const entry = this.#entries.get(queue)?.get(change.seq);
        if (entry === undefined) this.releases.set(entryId(queue, change.seq), n);
        else this.#putEntry(released(entry, n));
        return;
      }
      case 'queue.remove': {
        const queue = nameKey(change.queue);
        this.#entries.get(queue)?.delete(change.seq);
        this.puts.queues.set(entryId(queue, change.seq), undefined);
        return;
      }
      case 'queue.trim': {
        const queue = nameKey(change.queue);
        this.trims.set(queue, Math.max(change.through, this.trims.get(queue) ?? -1));
        this.#takeBack(queue, change.through);
        return;
      }
      case 'queue.drop':
        this.#dropQueue(nameKey(change.queue));
        return;
      case 'session.put': {
        const { clientId, expiryIntervalS, disconnectedAtMs } = change.session;
        const _id = nameKey(clientId);
        this.puts.sessions.set(_id, {
          _id,
          n,
          clientId,
          expiryIntervalS,
          ...(disconnectedAtMs === undefined ? {} : { disconnectedAtMs }),
        });
        return;
      }
      case 'session.drop':
        this.#dropClient(change.clientId);
        this.#dropQueue(nameKey(change.queue));
        return;
      case 'subscription.put': {
        const { clientId, topicFilter, qos, noLocal, retainAsPublished, retainHandling, identifier } =
          change.subscription;
        const _id = subscriptionId(clientId, topicFilter);
        const client = nameKey(clientId);
        this.#client(client).subscriptions.add(_id);
        this.puts.subscriptions.set(_id, {
          _id,
          n,
          client,
          clientId,
          topicFilter,
          qos,
          noLocal,
          retainAsPublished,
          retainHandling,
          ...(identifier === undefined ? {} : { identifier }),
        });
        return;
      }
      case 'subscription.drop':
        this.puts.subscriptions.set(subscriptionId(change.clientId, change.topicFilter), undefined);
        return;
      case 'inbound.put': {
        const { clientId, packetId } = change;
        const client = nameKey(clientId);
        const _id = inboundId(client, packetId);
        this.#client(client).inbound.add(_id);
        this.puts.inbound.set(_id, { _id, n, client, clientId, packetId });
        return;
      }
      case 'inbound.drop':
        this.puts.inbound.set(inboundId(nameKey(change.clientId), change.packetId), undefined);
        return;
      case 'retained.put': {
        const { message } = change;
        const topic = message.fields.topic as TopicName;
        const { id, expiresAtMs } = message.fields;
        const _id = nameKey(topic);
        this.puts.retained.set(_id, {
          _id,
          n,
          topic,
          messageId: id,
          bytes: message.payload.byteLength,
          ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
          ...this.#place(n, message, kept),
        });
        return;
      }
      case 'retained.drop':
        this.puts.retained.set(nameKey(change.topic), undefined);
        return;
      case 'will.put': {
        const { clientId, delayS, dueAtMs, message } = change;
        const _id = nameKey(clientId);
        this.puts.wills.set(_id, {
          _id,
          n,
          clientId,
          delayS,
          ...(dueAtMs === undefined ? {} : { dueAtMs }),
          ...this.#place(n, message, kept),
        });
        return;
      }
      case 'will.drop':
        this.puts.wills.set(nameKey(change.clientId), undefined);
        return;
    }
  }

  /** With the one who has it, or in `messages`, where it has a name that is never used again: the batch and its place in it. */
  #place(n: number, message: BatchMessage, kept: Set<BatchMessage>): MessagePlace {
    const { fields, payload } = message;
    this.lastMessageId = Math.max(this.lastMessageId, fields.id);
    if (message.uses === 1 && payload.byteLength <= PART_BYTES_MAX) return { message: { ...fields, payload } };
    const shared = sharedId(n, message.place);
    if (kept.has(message)) return { shared };
    kept.add(message);
    const parts = Math.max(1, Math.ceil(payload.byteLength / PART_BYTES_MAX));
    for (let part = 0; part < parts; part++) {
      const _id = partId(shared, part);
      const bytes = payload.subarray(part * PART_BYTES_MAX, (part + 1) * PART_BYTES_MAX);
      this.puts.messages.set(_id, { _id, n, part, parts, payload: bytes, ...(part === 0 ? { message: fields } : {}) });
    }
    return { shared };
  }

  #putEntry(entry: EntryDocument): void {
    const entries = this.#entries.get(entry.queue);
    if (entries === undefined) this.#entries.set(entry.queue, new Map([[entry.seq, entry]]));
    else entries.set(entry.seq, entry);
    this.puts.queues.set(entry._id, entry);
  }

  #dropQueue(queue: string): void {
    this.droppedQueues.add(queue);
    this.trims.delete(queue);
    this.#takeBack(queue, Number.MAX_SAFE_INTEGER);
  }

  #takeBack(queue: string, through: number): void {
    const entries = this.#entries.get(queue);
    if (entries === undefined) return;
    for (const [seq, { _id }] of entries) {
      if (seq > through) continue;
      entries.delete(seq);
      this.puts.queues.set(_id, undefined);
    }
    if (entries.size === 0) this.#entries.delete(queue);
  }

  #client(key: string): { readonly subscriptions: Set<string>; readonly inbound: Set<string> } {
    let own = this.#ofClient.get(key);
    if (own === undefined) this.#ofClient.set(key, (own = { subscriptions: new Set(), inbound: new Set() }));
    return own;
  }

  #dropClient(clientId: ClientId): void {
    const client = nameKey(clientId);
    this.puts.sessions.set(client, undefined);
    this.droppedClients.add(client);
    const own = this.#ofClient.get(client);
    if (own === undefined) return;
    for (const id of own.subscriptions) this.puts.subscriptions.set(id, undefined);
    for (const id of own.inbound) this.puts.inbound.set(id, undefined);
    this.#ofClient.delete(client);
  }
}

/** A released entry keeps what is known of its message, without the payload. One that shares its message goes on sharing it. */
function released(entry: EntryDocument, n: number): EntryDocument {
  const { message, ...others } = entry;
  if (message === undefined) return { ...others, n, released: true, bytes: 0 };
  const { payload: _, ...fields } = message;
  return { ...others, message: fields, n, released: true, bytes: 0 };
}

/** Ascending in the order of the journal, as text too: whoever goes through `messages` in order passes the old ones first. */
export const sharedId = (n: number, place: number): string => `${String(n).padStart(16, '0')}/${String(place)}`;
export const partId = (shared: string, part: number): string => (part === 0 ? shared : `${shared}/${String(part)}`);
