// Answers queries: it reads what the other parts of the core hold, and makes views of it that stay as they are.
import type { Connection } from '../connect/connection.js';
import type { Connections } from '../connect/connections.js';
import type { Wills } from '../connect/wills.js';
import type { Context } from '../context.js';
import { Cursor } from '../cursor.js';
import type { Page } from '../cursor.js';
import { sessionQueue } from '../identifiers.js';
import type { Message } from '../messages/message.js';
import type { ClientId, QueueId, TopicFilter, TopicName } from '../identifiers.js';
import type { MessageDispatcher } from '../publish/message-dispatcher.js';
import type {
  Answers,
  ByClientId,
  ConnectionView,
  Counts,
  HeldBytes,
  Paged,
  Query,
  QueryKind,
  QueuedView,
  QueueView,
  RecipientView,
  RetainedView,
  SessionView,
  SharedGroupView,
  SharedQueueView,
  SubscriptionView,
  WillView,
} from '../queries.js';
import type { QueueEntry } from '../queues/queue-entry.js';
import type { Router } from '../routing/router.js';
import { SharedGroup } from '../routing/shared-group.js';
import type { Member } from '../routing/member.js';
import { packetIdOf } from '../session/sent-so-far.js';
import type { Session } from '../session/session.js';

export class QueryHandler {
  readonly #answers: { readonly [Kind in QueryKind]: (query: Query<Kind>) => Answers[Kind] } = {
    counts: () => this.#counts(),
    connections: (query) => pageOf(query, () => this.#connections(query)),
    sessions: (query) => pageOf(query, () => this.#sessions(query)),
    session: ({ clientId }) => this.#session(clientId),
    subscriptions: (query) => pageOf(query, () => this.#subscriptions(query.clientId)),
    recipients: (query) => pageOf(query, () => this.#recipients(query.topic)),
    queue: (query) => pageOf(query, () => this.#queue(query)),
    inbound: (query) => pageOf(query, () => this.#inbound(query.clientId)),
    will: ({ clientId }) => this.#will(clientId),
    queues: (query) => pageOf(query, () => this.#queues()),
    'shared-groups': (query) => pageOf(query, () => this.#sharedGroups()),
    'shared-queue': ({ sharedGroup }) => this.#sharedQueue(sharedGroup),
    retained: (query) => pageOf(query, () => this.#retained(query.topicFilter)),
  };

  constructor(
    readonly context: Context,
    readonly connections: Connections,
    readonly wills: Wills,
    readonly router: Router,
    readonly dispatcher: MessageDispatcher,
  ) {}

  answer<Kind extends QueryKind>(query: Query<Kind>): Answers[Kind] {
    // Queries come from programs without types too.
    if (!Object.hasOwn(this.#answers, query.kind)) {
      const kinds = Object.keys(this.#answers).join(', ');
      throw new TypeError(`kind: ${JSON.stringify(query.kind)} is not valid, expected one of ${kinds}`);
    }
    const answer: (query: Query<Kind>) => Answers[Kind] = this.#answers[query.kind];
    return answer(query);
  }

  #counts(): Counts {
    const { counters, memory, outboundInFlight, inboundInFlight, queued, wallAheadMs } = this.context;
    return {
      connections: this.connections.connectedCount,
      sessions: this.connections.sessions.size,
      subscriptions: this.router.subscriptionCount,
      sharedSubscriptions: this.router.sharedSubscriptionCount,
      retainedMessages: this.dispatcher.retained.size,
      retainedBytes: this.dispatcher.retained.payloadBytes,
      waitingBytes: memory.bytes,
      outboundInFlight,
      inboundInFlight,
      queued,
      held: this.#held(),
      wallAheadMs,
      deliveries: { ...counters, waiting: counters.waiting, dropped: { ...counters.dropped } },
    };
  }

  #held(): HeldBytes {
    const { storedQueues, bufferedBytes, heldBytes } = this.context;
    return {
      sessions: this.connections.sessionBytes,
      subscriptions: this.router.subscriptionBytes,
      retainedTopics: this.dispatcher.retained.bytes,
      storedQueues: storedQueues.bytes,
      queueBuffers: bufferedBytes,
      publisherPackets: heldBytes,
      publications: this.dispatcher.waitingBytes,
    };
  }

  *#connections({ clientIdPrefix = '' }: ByClientId): Generator<ConnectionView | undefined> {
    for (const connection of this.connections.all)
      yield (connection.clientId ?? '').startsWith(clientIdPrefix) ? this.#viewOf(connection) : undefined;
  }

  *#sessions({ clientIdPrefix = '' }: ByClientId): Generator<SessionView | undefined> {
    for (const session of this.connections.sessions.all)
      yield session.clientId.startsWith(clientIdPrefix) ? this.#viewOfSession(session) : undefined;
  }

  #sessionOf(clientId: string): Session | undefined {
    return this.connections.sessions.get(clientId as ClientId);
  }

  #session(clientId: string): SessionView | undefined {
    const session = this.#sessionOf(clientId);
    return session === undefined ? undefined : this.#viewOfSession(session);
  }

  *#subscriptions(clientId: string | undefined): Generator<SubscriptionView | undefined> {
    if (clientId !== undefined) {
      const session = this.#sessionOf(clientId);
      if (session !== undefined) yield* subscriptionsOf(session);
      return;
    }
    for (const session of this.connections.sessions.all) {
      yield undefined;
      yield* subscriptionsOf(session);
    }
  }

  *#queue(query: Query<'queue'>): Generator<QueuedView> {
    const owner =
      'clientId' in query ? this.#sessionOf(query.clientId)?.outboundIfAny : this.#groupOf(query.sharedGroup);
    if (owner === undefined) return;
    for (const entry of owner.inFlight) yield this.#viewOfEntry(entry, entry.released ? 'released' : 'sent');
    const { buffer } = owner.queue;
    // The buffer changes between two pages: the seq is the place in it that stays.
    for (let entry = buffer.from(0); entry !== undefined; entry = buffer.from(entry.seq + 1))
      yield this.#viewOfEntry(entry, entry.released ? 'released' : 'waiting');
  }

  #groupOf(name: string): SharedGroup | undefined {
    return name.startsWith(SHARE) ? this.router.groupOf(`g:${name.slice(SHARE.length)}` as QueueId) : undefined;
  }

  #sharedQueue(name: string): SharedQueueView | undefined {
    const group = this.#groupOf(name);
    if (group === undefined) return undefined;
    const { id, queue } = group;
    return { queue: id, stored: queue.stored, inFlightBelow: queue.firstUndelivered };
  }

  *#inbound(clientId: string): Generator<number> {
    yield* this.#sessionOf(clientId)?.inbound ?? [];
  }

  #will(clientId: string): WillView | undefined {
    const record = this.wills.get(clientId as ClientId);
    if (record === undefined) return undefined;
    const { message, delayS, dueAtMs } = record;
    const { topic, qos, retain, payload } = message;
    return { topic, qos, retain, payloadBytes: payload.byteLength, delayS, dueAtMs: this.#wallMsIfAny(dueAtMs) };
  }

  *#queues(): Generator<QueueView | undefined> {
    for (const { clientId, isConnected, outboundIfAny } of this.connections.sessions.all) {
      if (outboundIfAny === undefined || outboundIfAny.count === 0) yield undefined;
      else
        yield {
          clientId,
          sharedGroup: undefined,
          isConnected,
          ...this.#queueOf(outboundIfAny, outboundIfAny.queue.buffer.peek()?.message),
        };
    }
    for (const group of this.router.groups) {
      const isConnected = group.connectedCount > 0;
      if (group.count === 0) yield undefined;
      else
        yield {
          clientId: undefined,
          sharedGroup: nameOf(group),
          isConnected,
          ...this.#queueOf(group, group.queue.buffer.peek()?.message),
        };
    }
  }

  #queueOf(
    sized: Sized,
    firstWaiting: Message | undefined,
  ): Omit<QueueView, 'clientId' | 'sharedGroup' | 'isConnected'> {
    return { ...sizeOf(sized), oldestAcceptedAtMs: this.#wallMsIfAny(firstWaiting?.acceptedAtMs) };
  }

  *#sharedGroups(): Generator<SharedGroupView> {
    for (const group of this.router.groups) {
      const { shareName, filter, members, connectedCount } = group;
      const { queued, queuedBytes } = sizeOf(group);
      yield {
        shareName,
        topicFilter: filter,
        members: members.length,
        connectedMembers: connectedCount,
        queued,
        queuedBytes,
      };
    }
  }

  *#retained(topicFilter: string): Generator<RetainedView | undefined> {
    const walk = this.dispatcher.retained.search(topicFilter as TopicFilter);
    while (!walk.isDone) {
      let view: RetainedView | undefined;
      // One node at a time, so that what is examined is what is visited.
      walk.visit(1, ({ topic, bytes, expiresAtMs }) => {
        view = { topic, payloadBytes: bytes, expiresAtMs: this.#wallMsIfAny(expiresAtMs) };
        return false;
      });
      yield view;
    }
  }

  *#recipients(name: string): Generator<RecipientView | undefined> {
    const topic = name as TopicName;
    for (const found of this.router.recipientsOf(topic)) {
      if (found instanceof SharedGroup) {
        const topicFilter = nameOf(found);
        for (const member of found.members)
          yield member.session.isOver ? undefined : recipientOf(member, topicFilter, true, topic);
      } else if (found === undefined || found.session.isOver) yield undefined;
      else yield recipientOf(found, found.topicFilter, false, topic);
    }
  }

  #viewOfSession(session: Session): SessionView {
    const { clientId, stored, expiryIntervalS, disconnectedAtMs, holder, outboundIfAny } = session;
    const inFlight = outboundIfAny?.inFlightCount ?? 0;
    const connection = holder === undefined ? undefined : this.connections.get(holder);
    return {
      clientId,
      queue: sessionQueue(clientId),
      stored,
      expiryIntervalS,
      disconnectedAtMs: this.#wallMsIfAny(disconnectedAtMs),
      subscriptions: session.subscriptions?.size ?? 0,
      outboundInFlight: inFlight,
      inboundInFlight: session.inboundCount,
      queued: (outboundIfAny?.count ?? 0) - inFlight,
      queuedBytes: outboundIfAny?.bytes ?? 0,
      sentBelow: outboundIfAny?.sentBelow ?? 0,
      inFlightBelow: outboundIfAny?.queue.firstUndelivered ?? 0,
      hasWill: this.wills.has(clientId),
      connection: connection === undefined ? undefined : this.#viewOf(connection),
    };
  }

  #viewOf(connection: Connection): ConnectionView {
    const { id, state, stateSinceMs, clientId, listener, peer, version, keepAliveMs, output } = connection;
    return {
      connection: id,
      state,
      stateSinceMs: this.#wallMs(stateSinceMs),
      clientId,
      listener,
      remoteAddress: peer.remoteAddress,
      protocolVersion: version,
      keepAliveS: keepAliveMs / 1000,
      isCongested: output.isCongested,
    };
  }

  #viewOfEntry({ seq, qos, message, options }: QueueEntry, state: QueuedView['state']): QueuedView {
    const view =
      message === undefined
        ? undefined
        : {
            id: message.id,
            topic: message.topic,
            payloadBytes: message.payload.byteLength,
            retain: options.retain,
            publisher: message.publisher,
            acceptedAtMs: this.#wallMs(message.acceptedAtMs),
            expiresAtMs: this.#wallMsIfAny(message.expiresAtMs),
          };
    return { seq, packetId: packetIdOf(seq), qos, state, message: view };
  }

  #wallMsIfAny(atMs: number | undefined): number | undefined {
    return atMs === undefined ? undefined : this.#wallMs(atMs);
  }

  /** What the wall clock would have said, had it been right then. */
  #wallMs(atMs: number): number {
    return atMs + this.context.wallAheadMs;
  }
}

/** @param views called for the first page. */
const pageOf = <View>({ examine, cursor }: Paged<View>, views: () => Iterable<View | undefined>): Page<View> =>
  (cursor ?? new Cursor(views())).read(examine);

function* subscriptionsOf({ clientId, subscriptions }: Session): Generator<SubscriptionView> {
  for (const { topicFilter, qos, noLocal, retainAsPublished, identifiers } of subscriptions?.values() ?? [])
    yield { clientId, topicFilter, qos, noLocal, retainAsPublished, identifier: identifiers?.[0] };
}

const SHARE = '$share/';

const nameOf = ({ shareName, filter }: SharedGroup): TopicFilter => `$share/${shareName}/${filter}` as TopicFilter;

type Sized = Pick<SharedGroup, 'count' | 'inFlightCount' | 'bytes'>;

const sizeOf = ({ count, inFlightCount, bytes }: Sized): Pick<QueueView, 'inFlight' | 'queued' | 'queuedBytes'> => ({
  inFlight: inFlightCount,
  queued: count - inFlightCount,
  queuedBytes: bytes,
});

const recipientOf = (
  { session, qos }: Member,
  topicFilter: TopicFilter,
  isShared: boolean,
  topic: TopicName,
): RecipientView => ({
  clientId: session.clientId,
  topicFilter,
  qos,
  isShared,
  isConnected: session.isConnected,
  mayReceive: session.mayReceive(topic),
});
