// What is kept in the database, as a person sees it in mongosh: the collections, their documents and indexes.
//
// - A name (a Client Identifier, a topic, a queue) is at most 131,080 bytes long and has any character. `_id` is the name itself where it is short, and a
//   digest of it where it is long, so that no index entry is larger than a server takes. The name as it is stands in a field of its own.
// - Every document bears the number of the journal document that it was last changed by, `n`. A write says what it knows: it replaces or removes what
//   is as old as itself or older, so that one that was sent long ago and arrives late does no harm.
// - `gone` marks what was removed while such a late write may still come (`folder.ts`): to every reader it is not there.
import { createHash } from 'node:crypto';
import type { Collection, Db, Document, IndexDescription } from 'mongodb';
import { LostRequests } from './lost-requests.js';
import type { Properties, QoS } from 'hexmq/ports';

export const FORMAT_VERSION = 1;

/** Bytes of a name that stands for itself. The indexed fields of one entry have to fit into 1024 bytes together on the smallest server. */
const PLAIN_NAME_MAX = 256;
const DIGEST = 'sha256:';

/** A name as it can be indexed. */
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

export interface MessageFields {
  readonly id: number;
  readonly topic: string;
  /** Missing where it stands in parts (`parts`), or is not needed again. */
  readonly payload?: Uint8Array;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly properties?: Properties;
  readonly publisher?: string;
  readonly acceptedAtMs: number;
  readonly expiresAtMs?: number;
}

export interface SessionDocument extends Versioned {
  readonly clientId: string;
  readonly expiryIntervalS: number;
  readonly disconnectedAtMs?: number;
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

/** Where a message is: here, or in `messages` under a key, because several have it or it is large. */
export interface MessagePlace {
  readonly message?: MessageFields;
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
  /** Of the payload; 0 when it is not needed again. */
  readonly bytes: number;
}

export interface RetainedDocument extends Versioned, MessagePlace {
  readonly topic: string;
  readonly messageId: number;
  readonly bytes: number;
  readonly expiresAtMs?: number;
}

export interface WillDocument extends Versioned, MessagePlace {
  readonly clientId: string;
  readonly delayS: number;
  readonly dueAtMs?: number;
}

/** A message that several have, or a further part of the payload of one (`part` above 0), which has nothing else. */
export interface MessageDocument extends Versioned {
  readonly part: number;
  readonly parts: number;
  readonly payload: Uint8Array;
  readonly message?: MessageFields;
}

export interface JournalDocument {
  readonly _id: number;
  readonly epoch: number;
  /** Of a batch: the number of its first part, the place of this one, and how many there are. */
  readonly first?: number;
  readonly part?: number;
  readonly parts?: number;
  readonly bytes?: Uint8Array;
  /** Not a batch: an opening. What an earlier writer still sends under this number finds it taken. */
  readonly claim?: true;
}

/** One document: whose the store is, and how far the journal has been folded into the collections. */
export interface WriterDocument {
  readonly _id: 'writer';
  readonly epoch: number;
  readonly checkpoint: number;
  /** Whether writes to the collections may be under way. */
  readonly folding: boolean;
  /** Until when a write that was given up on may still arrive; 0: none. */
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

export type FoldedName = Exclude<keyof Collections, 'meta' | 'journal'>;

export function collectionsOf(db: Db): Collections {
  const requests = new LostRequests(db.client);
  const collection = <Schema extends Document>(name: string): Collection<Schema> =>
    requests.guard(db.collection<Schema>(name));
  return {
    meta: collection('meta'),
    journal: collection('journal'),
    sessions: collection('sessions'),
    subscriptions: collection('subscriptions'),
    inbound: collection('inbound'),
    queues: collection('queues'),
    messages: collection('messages'),
    retained: collection('retained'),
    wills: collection('wills'),
  };
}

/** Besides `_id`. Each serves a read or a removal of more than one document. */
const INDEXES: Partial<Record<FoldedName, IndexDescription[]>> = {
  subscriptions: [{ key: { client: 1 }, name: 'client' }],
  inbound: [{ key: { client: 1 }, name: 'client' }],
  queues: [
    { key: { queue: 1, seq: 1 }, name: 'queue_seq' },
    { key: { shared: 1 }, name: 'shared', sparse: true },
  ],
  retained: [{ key: { shared: 1 }, name: 'shared', sparse: true }],
  wills: [{ key: { shared: 1 }, name: 'shared', sparse: true }],
};

export async function makeIndexes(collections: Collections): Promise<void> {
  for (const [name, indexes] of Object.entries(INDEXES)) await collections[name as FoldedName].createIndexes(indexes);
}
