// What `hexmq inspect` shows of a store. Facts are yielded as they are read; only the overview of sessions is collected
// in memory, which takes as much as a broker remembers of them.
import type { SessionRecord, SubscriptionRecord, WillRecord } from '../../domain/changes.js';
import type { Message } from '../../domain/messages/message.js';
import type { StoredEntry } from '../../domain/inputs.js';
import { clientOf, groupQueue, sessionQueue } from '../../domain/identifiers.js';
import type { ClientId, QueueId, Seq, TopicFilter, TopicName } from '../../domain/identifiers.js';
import { filterMatches, parseTopicFilter } from '../../domain/topics/topic-filter.js';
import type { RestoredFact } from '../../domain/changes.js';
import type { Storage } from '../../ports/storage.js';
import { topicChunks } from './fact-reader.js';
import { TransferError } from './transfer-error.js';
import { isUnfinishedMark } from './unfinished.js';

const PAGE = { maxEntries: 500, maxBytes: 4 * 1024 * 1024 };
/** A stored topic was accepted once, whatever the limits are now. */
const NO_LIMITS = { maxTopicLength: 65_535, maxTopicLevels: 65_535 };

export interface Totals {
  sessions: number;
  /** Sessions without a disconnect time: their broker was killed while they were connected. */
  sessionsNotDisconnected: number;
  subscriptions: number;
  inboundPacketIds: number;
  wills: number;
  queues: number;
  queuedMessages: number;
  /** Of payloads, each counted as often as it is queued. */
  queuedBytes: number;
  retainedMessages: number;
  retainedBytes: number;
  lastMessageId: number | undefined;
  /** The store is the target of a migration or import that was interrupted. */
  unfinished: boolean;
}

export async function inspectTotals(storage: Storage): Promise<Totals> {
  const totals: Totals = {
    sessions: 0,
    sessionsNotDisconnected: 0,
    subscriptions: 0,
    inboundPacketIds: 0,
    wills: 0,
    queues: 0,
    queuedMessages: 0,
    queuedBytes: 0,
    retainedMessages: 0,
    retainedBytes: 0,
    lastMessageId: undefined,
    unfinished: false,
  };
  for await (const fact of storage.load()) count(fact, totals);
  return totals;
}

function count(fact: RestoredFact, totals: Totals): void {
  switch (fact.kind) {
    case 'session':
      totals.sessions++;
      if (fact.session.disconnectedAtMs === undefined) totals.sessionsNotDisconnected++;
      return;
    case 'subscription':
      totals.subscriptions++;
      return;
    case 'inbound':
      totals.inboundPacketIds++;
      return;
    case 'will':
      totals.wills++;
      return;
    case 'queue':
      if (isUnfinishedMark(fact)) {
        totals.unfinished = true;
        return;
      }
      totals.queues++;
      totals.queuedMessages += fact.count;
      totals.queuedBytes += fact.bytes;
      return;
    case 'retained':
      totals.retainedMessages++;
      totals.retainedBytes += fact.bytes;
      return;
    case 'last-message-id':
      totals.lastMessageId = fact.id;
      return;
  }
}

export interface SessionOverview extends SessionRecord {
  subscriptions: number;
  queuedMessages: number;
  queuedBytes: number;
  inboundPacketIds: number;
  hasWill: boolean;
}

/** In the order in which the store yields them. */
export async function inspectSessions(storage: Storage): Promise<Iterable<SessionOverview>> {
  const sessions = new Map<ClientId, SessionOverview>();
  for await (const fact of storage.load()) {
    if (fact.kind === 'session') {
      sessions.set(fact.session.clientId, {
        ...fact.session,
        subscriptions: 0,
        queuedMessages: 0,
        queuedBytes: 0,
        inboundPacketIds: 0,
        hasWill: false,
      });
      continue;
    }
    const clientId = clientIdOf(fact);
    const session = clientId === undefined ? undefined : sessions.get(clientId);
    if (session === undefined) continue;
    if (fact.kind === 'subscription') session.subscriptions++;
    else if (fact.kind === 'inbound') session.inboundPacketIds++;
    else if (fact.kind === 'will') session.hasWill = true;
    else if (fact.kind === 'queue') {
      session.queuedMessages = fact.count;
      session.queuedBytes = fact.bytes;
    }
  }
  return sessions.values();
}

function clientIdOf(fact: RestoredFact): ClientId | undefined {
  switch (fact.kind) {
    case 'session':
      return fact.session.clientId;
    case 'subscription':
      return fact.subscription.clientId;
    case 'inbound':
      return fact.clientId;
    case 'will':
      return fact.will.clientId;
    case 'queue':
      return clientOf(fact.queue);
    case 'retained':
    case 'last-message-id':
      return undefined;
  }
}

export interface SessionDetails {
  readonly session: SessionRecord;
  readonly subscriptions: readonly SubscriptionRecord[];
  readonly inboundPacketIds: readonly number[];
  readonly will: WillRecord | undefined;
  readonly queue:
    | { readonly messages: number; readonly bytes: number; readonly firstSeq: number; readonly nextSeq: number }
    | undefined;
}

/** @throws TransferError if there is no such session. */
export async function inspectSession(storage: Storage, clientId: string): Promise<SessionDetails> {
  let session: SessionRecord | undefined;
  const subscriptions: SubscriptionRecord[] = [];
  const inboundPacketIds: number[] = [];
  let will: WillRecord | undefined;
  let queue: SessionDetails['queue'];
  for await (const fact of storage.load()) {
    if (clientIdOf(fact) !== clientId) continue;
    if (fact.kind === 'session') session = fact.session;
    else if (fact.kind === 'subscription') subscriptions.push(fact.subscription);
    else if (fact.kind === 'inbound') inboundPacketIds.push(fact.packetId);
    else if (fact.kind === 'will') will = fact.will;
    else if (fact.kind === 'queue')
      queue = { messages: fact.count, bytes: fact.bytes, firstSeq: fact.first, nextSeq: fact.next };
  }
  if (session === undefined)
    throw new TransferError(`there is no stored session of the client ${JSON.stringify(clientId)}`);
  return { session, subscriptions, inboundPacketIds, will, queue };
}

/** @param owner a client id, or `$share/<group>/<filter>` for the queue of a shared group. */
export async function* inspectQueue(storage: Storage, owner: string): AsyncGenerator<StoredEntry> {
  const queue = queueOf(owner);
  let isKnown = false;
  // A store does not know empty queues, but it knows their sessions.
  for await (const fact of storage.load())
    isKnown ||=
      (fact.kind === 'queue' && fact.queue === queue) || (fact.kind === 'session' && fact.session.clientId === owner);
  if (!isKnown) throw new TransferError(`there is no stored session and no queue of ${JSON.stringify(owner)}`);
  for (let from = 0 as Seq; ;) {
    const page = await storage.readQueue(queue, from, PAGE);
    const last = page.at(-1);
    if (last === undefined) return;
    yield* page;
    from = (last.seq + 1) as Seq;
  }
}

function queueOf(owner: string): QueueId {
  const parsed = owner.startsWith('$share/') ? parseTopicFilter(owner, NO_LIMITS) : undefined;
  if (typeof parsed !== 'object' || parsed.shareName === undefined) return sessionQueue(owner as ClientId);
  return groupQueue(parsed.shareName, parsed.filter);
}

/** @param filter `undefined` for all messages, including those of topics that begin with $. */
export async function* inspectRetained(storage: Storage, filter: string | undefined): AsyncGenerator<Message> {
  const wanted = filter === undefined ? undefined : readFilter(filter);
  const found: { readonly topic: TopicName; readonly bytes: number }[] = [];
  for await (const fact of storage.load()) {
    if (fact.kind === 'retained' && (wanted === undefined || filterMatches(wanted, fact.topic)))
      found.push({ topic: fact.topic, bytes: fact.bytes });
  }
  for (const chunk of topicChunks(found)) yield* await storage.readRetained(chunk);
}

function readFilter(text: string): TopicFilter {
  const parsed = parseTopicFilter(text, NO_LIMITS);
  if (typeof parsed === 'string') throw new TransferError(`${JSON.stringify(text)} is not a Topic Filter: ${parsed}`);
  return parsed.filter;
}
