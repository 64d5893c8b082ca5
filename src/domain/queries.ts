// The queries of the core: how an operator looks at a broker that runs. A query changes nothing and is answered at
// once, between two steps. An answer that grows with the number of clients comes in pages: `examine` bounds what is
// looked at, not what is found.
import type { ProtocolVersion, QoS } from '../protocol/packets.js';
import type { ConnectionState } from './connect/lifecycle.js';
import type { Cursor, Page } from './cursor.js';
import type { ClientId, ConnectionId, TopicFilter } from './identifiers.js';
import type { DropReason } from './reasons.js';

/** The first page of an answer, or the next one. */
export interface Paged<View> {
  /** The most things that this page may look at; at least 1. A few thousand take about a millisecond. */
  readonly examine: number;
  /** From the page before; the other parameters are then those of the first page. */
  readonly cursor?: Cursor<View> | undefined;
}

/** Limits a query to some clients. */
export interface ByClientId {
  /** Only clients whose Client Identifier begins with this. Default: all. */
  readonly clientIdPrefix?: string | undefined;
}

/** By kind of query, its parameters. */
export interface QueryParameters {
  /** How much there is of everything. */
  counts: object;
  /** Network connections, in the order of their opening, those included that have not sent CONNECT. */
  connections: Paged<ConnectionView> & ByClientId;
  /** Sessions, with a connection or without, in the order of their beginning. */
  sessions: Paged<SessionView> & ByClientId;
  /** One client; `undefined` if it has no session. */
  session: { readonly clientId: string };
  /** The subscriptions of one client; none if it has no session. */
  subscriptions: Paged<SubscriptionView> & { readonly clientId: string };
  /** The subscriptions that a message on this topic would go to. */
  recipients: Paged<RecipientView> & { readonly topic: string };
}

/** By kind of query, its answer. */
export interface Answers {
  counts: Counts;
  connections: Page<ConnectionView>;
  sessions: Page<SessionView>;
  session: SessionView | undefined;
  subscriptions: Page<SubscriptionView>;
  recipients: Page<RecipientView>;
}

/** The name of a query. */
export type QueryKind = keyof QueryParameters;
/** A question with its parameters. */
export type Query<Kind extends QueryKind = QueryKind> = { readonly kind: Kind } & QueryParameters[Kind];

/** How much there is of everything, now; `deliveries` counts since the start. */
export interface Counts {
  /** Connections that were accepted and have not ended. */
  readonly connections: number;
  /** Sessions, with a connection or without. */
  readonly sessions: number;
  readonly subscriptions: number;
  readonly retainedMessages: number;
  /** Since the start. */
  readonly deliveries: DeliveryCounts;
}

/** See `DeliveryCounters`. */
export interface DeliveryCounts {
  readonly accepted: number;
  readonly denied: number;
  readonly started: number;
  readonly restored: number;
  readonly delivered: number;
  readonly expired: number;
  readonly transferred: number;
  readonly waiting: number;
  readonly dropped: Readonly<Record<DropReason, number>>;
}

/** A network connection as it was when the query was answered. */
export interface ConnectionView {
  readonly connection: ConnectionId;
  readonly state: ConnectionState;
  /** When that state was entered: for a client in `connected`, since when it is. In milliseconds since 1970. */
  readonly stateSinceMs: number;
  /** `undefined` until CONNECT is received. */
  readonly clientId: ClientId | undefined;
  readonly listener: string;
  readonly remoteAddress: string;
  /** 4 until CONNECT is accepted. */
  readonly protocolVersion: ProtocolVersion;
  /** 0 if the client may be silent without a limit. */
  readonly keepAliveS: number;
  /** Whether the client reads more slowly than the broker writes. */
  readonly isCongested: boolean;
}

/** A session as it was when the query was answered. */
export interface SessionView {
  readonly clientId: ClientId;
  /** Whether the session is stored: it was begun with Clean Session 0. */
  readonly stored: boolean;
  /** How long the session outlives its connection; 4,294,967,295 means without a limit. */
  readonly expiryIntervalS: number;
  /** When the connection ended, in milliseconds since 1970; `undefined` while there is one. */
  readonly disconnectedAtMs: number | undefined;
  readonly subscriptions: number;
  /** QoS 1 and 2 messages that were sent to the client and are not acknowledged. */
  readonly outboundInFlight: number;
  /** QoS 2 messages of the client that wait for its PUBREL. */
  readonly inboundInFlight: number;
  /** Messages that wait to be sent. */
  readonly queued: number;
  /** Payload bytes of the messages in flight to the client and waiting. */
  readonly queuedBytes: number;
  /** Whether a will is held for the client, or waits for its delay. */
  readonly hasWill: boolean;
  /** `undefined` while the client has none that was accepted. */
  readonly connection: ConnectionView | undefined;
}

/** A subscription as it was when the query was answered. */
export interface SubscriptionView {
  /** As subscribed, with `$share/<ShareName>/` if it is shared. */
  readonly topicFilter: TopicFilter;
  /** The granted QoS. */
  readonly qos: QoS;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  readonly identifier: number | undefined;
}

/** A subscription that matches a topic. A client with overlapping ones appears once for each. */
export interface RecipientView {
  readonly clientId: ClientId;
  readonly topicFilter: TopicFilter;
  readonly qos: QoS;
  /** Whether the subscription is shared: one of the members of its group gets the message. */
  readonly isShared: boolean;
  readonly isConnected: boolean;
  /** Whether the client's permissions let it receive the topic; true for one that is not connected. */
  readonly mayReceive: boolean;
}
