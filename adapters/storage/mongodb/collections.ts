// What is stored in the database, as a person sees it in mongosh: the collections, their documents and indexes.
//
// - A name (a Client Identifier, a topic, a queue) is at most 131,080 bytes long and may have any character. `_id` is
//   the name itself if it is short, and a digest of it if it is long, so that no index entry is larger than a server
//   accepts. The full name stands in a field of its own.
// - Every document has the number of the journal document that changed it last, `n`. A write replaces or removes only
//   what is as old as itself or older, so that a write that was sent long ago and arrives late does no harm.
// - `gone` marks what was removed while such a late write may still arrive (`checkpointer.ts`): to every reader the
//   document is not there.
import { createHash } from 'node:crypto';
import type { Collection, Db, Document, IndexDescription } from 'mongodb';
import { LostRequests } from './lost-requests.js';
import type { QoS } from 'hexmq/ports';
import type { PropertyFields } from './property-fields.js';

/** Version 1 had whole messages in wills, with ids and times that were never used; they are passed over. */
export const FORMAT_VERSION = 2;

/**
 * The longest name, in bytes, that is its own `_id`: all indexed fields of a document must fit into 1024 bytes on the
 * smallest server.
 */
const PLAIN_NAME_MAX = 256;
const DIGEST = 'sha256:';

/** The form of a name that can be indexed. */
export function nameKey(name: string): string {
  if (name.length <= PLAIN_NAME_MAX && Buffer.byteLength(name) <= PLAIN_NAME_MAX && !name.startsWith(DIGEST))
    return name;
  return DIGEST + createHash('sha256').update(name).digest('hex');
}

export const subscriptionId = (clientId: string, filter: string): string => nameKey(JSON.stringify([clientId, filter]));
export const inboundId = (clientKey: string, packetId: number): string => `${String(packetId)} ${clientKey}`;
export const entryId = (queueKey: string, seq: number): string => `${String(seq)} ${queueKey}`;
export const queueOfEntry = (id: string): string => id.slice(id.indexOf(' ') + 1);

interface Versioned {
  readonly _id: string;
  readonly n: number;
  readonly gone?: true;
}

/** Of a will. */
export interface DraftFields {
  readonly topic: string;
  /** Missing if it is stored in parts, or is not needed again. */
  readonly payload?: Uint8Array;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly properties?: PropertyFields;
}

export interface MessageFields extends DraftFields {
  readonly id: number;
  readonly publisher?: string;
  readonly acceptedAtMs: number;
  readonly expiresAtMs?: number;
}

export interface SessionDocument extends Versioned {
  readonly clientId: string;
  readonly expiryIntervalS: number;
  readonly disconnectedAtMs?: number;
  readonly sentBelow?: number;
  readonly doubtBelow?: number;
}

export interface SubscriptionDocument extends Versioned {
  readonly client: string;
  readonly clientId: string;
  readonly topicFilter: string;
  readonly qos: QoS;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  readonly retainHandling: 0 | 1 | 2;
  readonly identifier?: number;
}

export interface InboundDocument extends Versioned {
  readonly client: string;
  readonly clientId: string;
  readonly packetId: number;
}

/**
 * Where a message is: in the document itself, or in `messages` under an id, because several documents refer to it or
 * because it is large.
 */
export interface MessagePlace<Fields extends DraftFields = MessageFields> {
  readonly message?: Fields;
  readonly shared?: string;
}

export interface EntryDocument extends Versioned, MessagePlace {
  readonly queue: string;
  readonly queueId: string;
  readonly seq: number;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly identifiers?: readonly number[];
  readonly released: boolean;
  /** Of the payload; 0 if it is not needed again. */
  readonly bytes: number;
}

export interface RetainedDocument extends Versioned, MessagePlace {
  readonly topic: string;
  readonly messageId: number;
  readonly bytes: number;
  readonly expiresAtMs?: number;
}

export interface WillDocument extends Versioned, MessagePlace<DraftFields> {
  readonly clientId: string;
  readonly delayS: number;
  readonly dueAtMs?: number;
}

/**
 * A message that several documents refer to, or a further part of its payload (`part` above 0), which has nothing else.
 */
export interface MessageDocument extends Versioned {
  readonly part: number;
  readonly parts: number;
  readonly payload: Uint8Array;
  readonly message?: DraftFields;
}

export interface JournalDocument {
  readonly _id: number;
  readonly epoch: number;
  /** Of a batch: the number of its first part, the position of this part, and how many parts there are. */
  readonly first?: number;
  readonly part?: number;
  readonly parts?: number;
  readonly bytes?: Uint8Array;
  /** Not a batch but an opening: what an earlier writer still sends under this number finds the number taken. */
  readonly claim?: true;
}

/** One document: which opening owns the store, and how much of the journal has been applied to the collections. */
export interface WriterDocument {
  readonly _id: 'writer';
  readonly epoch: number;
  readonly checkpoint: number;
  /** Whether a round of the checkpointer may be under way. */
  readonly folding: boolean;
  /** Until when a write that was given up on may still arrive; 0 if there is none. */
  readonly doubtUntilMs: number;
  readonly lastMessageId: number;
}

export interface FormatDocument {
  readonly _id: 'format';
  readonly version: number;
}

export interface Collections {
  readonly meta: Collection<WriterDocument | FormatDocument>;
  readonly journal: Collection<JournalDocument>;
  readonly sessions: Collection<SessionDocument>;
  readonly subscriptions: Collection<SubscriptionDocument>;
  readonly inbound: Collection<InboundDocument>;
  readonly queues: Collection<EntryDocument>;
  readonly messages: Collection<MessageDocument>;
  readonly retained: Collection<RetainedDocument>;
  readonly wills: Collection<WillDocument>;
}

/** The collections that the journal is applied to. */
export type DataCollection = Exclude<keyof Collections, 'meta' | 'journal'>;

/** @param prefix of the names of data collections: empty for the store itself. */
export function collectionsOf(db: Db, prefix = ''): Collections {
  const requests = new LostRequests(db.client);
  const collection = <Schema extends Document>(name: string): Collection<Schema> =>
    requests.guard(db.collection<Schema>(name));
  return {
    meta: collection('meta'),
    journal: collection('journal'),
    sessions: collection(`${prefix}sessions`),
    subscriptions: collection(`${prefix}subscriptions`),
    inbound: collection(`${prefix}inbound`),
    queues: collection(`${prefix}queues`),
    messages: collection(`${prefix}messages`),
    retained: collection(`${prefix}retained`),
    wills: collection(`${prefix}wills`),
  };
}

/** Besides the index on `_id`. Each serves a read or a removal of several documents. */
const INDEXES: Partial<Record<DataCollection, IndexDescription[]>> = {
  subscriptions: [{ key: { client: 1 }, name: 'client' }],
  inbound: [{ key: { client: 1 }, name: 'client' }],
  queues: [
    { key: { queue: 1, seq: 1 }, name: 'queue_seq' },
    { key: { shared: 1 }, name: 'shared', sparse: true },
  ],
  retained: [{ key: { shared: 1 }, name: 'shared', sparse: true }],
  wills: [{ key: { shared: 1 }, name: 'shared', sparse: true }],
};

export async function createIndexes(collections: Collections): Promise<void> {
  for (const [name, indexes] of Object.entries(INDEXES))
    await collections[name as DataCollection].createIndexes(indexes);
}
