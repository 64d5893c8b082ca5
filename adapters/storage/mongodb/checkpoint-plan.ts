// What a run of batches amounts to: which documents there are at its end and which are gone, and nothing of what lay
// between. Pure: the same batches give the same plan, and carrying out a plan twice, or half and then whole, or as part
// of a longer one, has the same result.
//
// A plan is carried out in this order: what whole queues and clients lose, releases, single removals, and then what is
// put. Each of the first three touches only what was there before the run, so a name that is dropped and comes back in
// the same run is right in the end.
import type { StoredChange } from './batch-bytes.js';
import { entryId, inboundId, nameKey, queueOfEntry, subscriptionId } from './collections.js';
import type {
  DataCollection,
  EntryDocument,
  InboundDocument,
  MessageDocument,
  MessagePlace,
  RetainedDocument,
  SessionDocument,
  SubscriptionDocument,
  WillDocument,
} from './collections.js';
import { MessagePlacement } from './message-placement.js';

interface Documents {
  readonly sessions: SessionDocument;
  readonly subscriptions: SubscriptionDocument;
  readonly inbound: InboundDocument;
  readonly queues: EntryDocument;
  readonly messages: MessageDocument;
  readonly retained: RetainedDocument;
  readonly wills: WillDocument;
}

/** By `_id`; `undefined` where the document is gone. */
type Puts = { readonly [Name in DataCollection]: Map<string, Documents[Name] | undefined> };

type Stored<Kind extends StoredChange['kind']> = Extract<StoredChange, { readonly kind: Kind }>;

type PlanRules = {
  readonly [Kind in StoredChange['kind']]: (
    change: Stored<Kind>,
    plan: CheckpointPlan,
    placement: MessagePlacement,
  ) => void;
};

export class CheckpointPlan {
  readonly puts: Puts = {
    sessions: new Map(),
    subscriptions: new Map(),
    inbound: new Map(),
    queues: new Map(),
    messages: new Map(),
    retained: new Map(),
    wills: new Map(),
  };
  /** Queues that lose all entries of before the run. */
  readonly droppedQueues = new Set<string>();
  /** Queues that lose their entries of before the run, up to and including a seq. */
  readonly trims = new Map<string, number>();
  /** Clients that lose their subscriptions and inbound ids of before the run. */
  readonly droppedClients = new Set<string>();
  /** Entries of before the run, with the number of the journal document that released them. */
  readonly releases = new Map<string, number>();
  lastMessageId = -1;

  /** The entries of each queue that the run has put and not removed. */
  readonly #entries = new Map<string, Map<number, EntryDocument>>();
  /** What the run has put for each client. */
  readonly #ofClient = new Map<string, { readonly subscriptions: Set<string>; readonly inbound: Set<string> }>();

  /** What the run puts into a queue, ascending by seq. */
  entriesOf(queue: string): readonly EntryDocument[] {
    return [...(this.#entries.get(queue)?.values() ?? [])].sort((a, b) => a.seq - b.seq);
  }

  /** Adds the next batch of the run. @param n the number of its last journal document. */
  add(n: number, changes: readonly StoredChange[]): void {
    const placement = new MessagePlacement(n, (document) => this.puts.messages.set(document._id, document));
    for (const change of changes) {
      const apply = RULES[change.kind] as (
        change: StoredChange,
        plan: CheckpointPlan,
        placement: MessagePlacement,
      ) => void;
      apply(change, this, placement);
    }
  }

  noteMessageId(id: number): void {
    this.lastMessageId = Math.max(this.lastMessageId, id);
  }

  append(change: Stored<'queue.append'>, n: number, place: MessagePlace): void {
    const { queue: queueId, seq, qos, retain, identifiers } = change;
    const queue = nameKey(queueId);
    const _id = entryId(queue, seq);
    // The release was of the entry before this one: carried out a second time, after this one was put, it would release
    // this one.
    this.releases.delete(_id);
    this.#putEntry({
      _id,
      n,
      queue,
      queueId,
      seq,
      qos,
      retain,
      ...(identifiers === undefined ? {} : { identifiers }),
      released: false,
      bytes: change.message.payload.byteLength,
      ...place,
    });
  }

  release(queue: string, seq: number, n: number): void {
    const entry = this.#entries.get(queue)?.get(seq);
    if (entry === undefined) this.releases.set(entryId(queue, seq), n);
    else this.#putEntry(released(entry, n));
  }

  removeEntry(queue: string, seq: number): void {
    this.#entries.get(queue)?.delete(seq);
    this.puts.queues.set(entryId(queue, seq), undefined);
  }

  trim(queue: string, through: number): void {
    this.trims.set(queue, Math.max(through, this.trims.get(queue) ?? -1));
    this.#removeEntriesOfRun(queue, through);
  }

  dropQueue(queue: string): void {
    this.droppedQueues.add(queue);
    this.trims.delete(queue);
    this.#removeEntriesOfRun(queue, Number.MAX_SAFE_INTEGER);
  }

  putSubscription(document: SubscriptionDocument): void {
    this.#client(document.client).subscriptions.add(document._id);
    this.puts.subscriptions.set(document._id, document);
  }

  putInbound(document: InboundDocument): void {
    this.#client(document.client).inbound.add(document._id);
    this.puts.inbound.set(document._id, document);
  }

  dropClient(client: string): void {
    this.puts.sessions.set(client, undefined);
    this.droppedClients.add(client);
    const ofRun = this.#ofClient.get(client);
    if (ofRun === undefined) return;
    for (const id of ofRun.subscriptions) this.puts.subscriptions.set(id, undefined);
    for (const id of ofRun.inbound) this.puts.inbound.set(id, undefined);
    this.#ofClient.delete(client);
  }

  /** The queues that differ from what the collections have. */
  changedQueues(): ReadonlySet<string> {
    const entries = [...this.puts.queues.keys(), ...this.releases.keys()];
    return new Set([...this.droppedQueues, ...this.trims.keys(), ...entries.map(queueOfEntry)]);
  }

  #putEntry(entry: EntryDocument): void {
    const entries = this.#entries.get(entry.queue);
    if (entries === undefined) this.#entries.set(entry.queue, new Map([[entry.seq, entry]]));
    else entries.set(entry.seq, entry);
    this.puts.queues.set(entry._id, entry);
  }

  #removeEntriesOfRun(queue: string, through: number): void {
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
    let ofRun = this.#ofClient.get(key);
    if (ofRun === undefined) this.#ofClient.set(key, (ofRun = { subscriptions: new Set(), inbound: new Set() }));
    return ofRun;
  }
}

/** What each kind of change does to a plan. */
const RULES: PlanRules = {
  'queue.append': (change, plan, placement) => {
    plan.noteMessageId(change.message.fields.id);
    plan.append(change, placement.n, placement.placeOf(change.message));
  },
  'queue.release': ({ queue, seq }, plan, { n }) => plan.release(nameKey(queue), seq, n),
  'queue.remove': ({ queue, seq }, plan) => plan.removeEntry(nameKey(queue), seq),
  'queue.trim': ({ queue, through }, plan) => plan.trim(nameKey(queue), through),
  'queue.drop': ({ queue }, plan) => plan.dropQueue(nameKey(queue)),
  'session.put': ({ session }, { puts }, { n }) => {
    const { clientId, expiryIntervalS, disconnectedAtMs, sentBelow, doubtBelow } = session;
    const _id = nameKey(clientId);
    puts.sessions.set(_id, {
      _id,
      n,
      clientId,
      expiryIntervalS,
      ...(disconnectedAtMs === undefined ? {} : { disconnectedAtMs }),
      ...(sentBelow === undefined ? {} : { sentBelow }),
      ...(doubtBelow === undefined ? {} : { doubtBelow }),
    });
  },
  'session.drop': ({ clientId, queue }, plan) => {
    plan.dropClient(nameKey(clientId));
    plan.dropQueue(nameKey(queue));
  },
  'subscription.put': ({ subscription }, plan, { n }) => {
    const { clientId, topicFilter, qos, noLocal, retainAsPublished, retainHandling, identifier } = subscription;
    plan.putSubscription({
      _id: subscriptionId(clientId, topicFilter),
      n,
      client: nameKey(clientId),
      clientId,
      topicFilter,
      qos,
      noLocal,
      retainAsPublished,
      retainHandling,
      ...(identifier === undefined ? {} : { identifier }),
    });
  },
  'subscription.drop': ({ clientId, topicFilter }, { puts }) => {
    puts.subscriptions.set(subscriptionId(clientId, topicFilter), undefined);
  },
  'inbound.put': ({ clientId, packetId }, plan, { n }) => {
    const client = nameKey(clientId);
    plan.putInbound({ _id: inboundId(client, packetId), n, client, clientId, packetId });
  },
  'inbound.drop': ({ clientId, packetId }, { puts }) => {
    puts.inbound.set(inboundId(nameKey(clientId), packetId), undefined);
  },
  'retained.put': ({ message }, plan, placement) => {
    const { id, topic, expiresAtMs } = message.fields;
    const _id = nameKey(topic);
    plan.noteMessageId(id);
    plan.puts.retained.set(_id, {
      _id,
      n: placement.n,
      topic,
      messageId: id,
      bytes: message.payload.byteLength,
      ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
      ...placement.placeOf(message),
    });
  },
  'retained.drop': ({ topic }, { puts }) => {
    puts.retained.set(nameKey(topic), undefined);
  },
  'will.put': ({ clientId, delayS, dueAtMs, message }, plan, placement) => {
    const _id = nameKey(clientId);
    const due = dueAtMs === undefined ? {} : { dueAtMs };
    plan.puts.wills.set(_id, { _id, n: placement.n, clientId, delayS, ...due, ...placement.placeOf(message) });
  },
  'will.drop': ({ clientId }, { puts }) => {
    puts.wills.set(nameKey(clientId), undefined);
  },
};

/** Keeps what is known of the message, without the payload. An entry that refers to a shared message still does. */
function released(entry: EntryDocument, n: number): EntryDocument {
  const { message, ...others } = entry;
  if (message === undefined) return { ...others, n, released: true, bytes: 0 };
  const { payload: _, ...fields } = message;
  return { ...others, message: fields, n, released: true, bytes: 0 };
}
