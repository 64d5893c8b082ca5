// Answers queries: it reads what the other parts of the core hold, and makes views of it that stay as they are.
import type { Connection } from '../connect/connection.js';
import type { Connections } from '../connect/connections.js';
import type { Wills } from '../connect/wills.js';
import type { Context } from '../context.js';
import { Cursor } from '../cursor.js';
import type { ClientId, TopicFilter, TopicName } from '../identifiers.js';
import type { MessageDispatcher } from '../publish/message-dispatcher.js';
import type {
  Answers,
  ByClientId,
  ConnectionView,
  Counts,
  Query,
  QueryKind,
  RecipientView,
  SessionView,
  SubscriptionView,
} from '../queries.js';
import type { Router } from '../routing/router.js';
import { SharedGroup } from '../routing/shared-group.js';
import type { Member } from '../routing/member.js';
import type { Session } from '../session/session.js';

export class QueryHandler {
  readonly #answers: { readonly [Kind in QueryKind]: (query: Query<Kind>) => Answers[Kind] } = {
    counts: () => this.#counts(),
    connections: ({ examine, cursor, ...which }) => (cursor ?? new Cursor(this.#connections(which))).read(examine),
    sessions: ({ examine, cursor, ...which }) => (cursor ?? new Cursor(this.#sessions(which))).read(examine),
    session: ({ clientId }) => this.#session(clientId),
    subscriptions: ({ examine, cursor, clientId }) =>
      (cursor ?? new Cursor(this.#subscriptions(clientId))).read(examine),
    recipients: ({ examine, cursor, topic }) => (cursor ?? new Cursor(this.#recipients(topic))).read(examine),
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
    const { counters } = this.context;
    return {
      connections: this.connections.connectedCount,
      sessions: this.connections.sessions.size,
      subscriptions: this.router.subscriptionCount,
      retainedMessages: this.dispatcher.retained.size,
      deliveries: { ...counters, waiting: counters.waiting, dropped: { ...counters.dropped } },
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

  #session(clientId: string): SessionView | undefined {
    const session = this.connections.sessions.get(clientId as ClientId);
    return session === undefined ? undefined : this.#viewOfSession(session);
  }

  *#subscriptions(clientId: string): Generator<SubscriptionView> {
    const session = this.connections.sessions.get(clientId as ClientId);
    for (const { topicFilter, qos, noLocal, retainAsPublished, identifiers } of session?.subscriptions?.values() ?? [])
      yield { topicFilter, qos, noLocal, retainAsPublished, identifier: identifiers?.[0] };
  }

  *#recipients(name: string): Generator<RecipientView | undefined> {
    const topic = name as TopicName;
    for (const found of this.router.recipientsOf(topic)) {
      if (found instanceof SharedGroup) {
        const topicFilter = `$share/${found.shareName}/${found.filter}` as TopicFilter;
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
      stored,
      expiryIntervalS,
      disconnectedAtMs: disconnectedAtMs === undefined ? undefined : this.#wallMs(disconnectedAtMs),
      subscriptions: session.subscriptions?.size ?? 0,
      outboundInFlight: inFlight,
      inboundInFlight: session.inboundCount,
      queued: (outboundIfAny?.count ?? 0) - inFlight,
      queuedBytes: outboundIfAny?.bytes ?? 0,
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

  /** What the wall clock would have said, had it been right then. */
  #wallMs(atMs: number): number {
    return atMs + this.context.wallAheadMs;
  }
}

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
