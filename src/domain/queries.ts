// The queries of the core: how an operator looks at a broker that runs. A query changes nothing and is answered at
// once, between two steps. An answer that grows with the number of clients comes in pages: `examine` bounds what is
// looked at, not what is found.
import type { ProtocolVersion, QoS } from '../protocol/packets.js';
import type { ConnectionState } from './connect/lifecycle.js';
import type { Cursor, Page } from './cursor.js';
import type { ClientId, ConnectionId, MessageId, QueueId, Seq, TopicFilter, TopicName } from './identifiers.js';
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
  /** The subscriptions of one client, none if it has no session; without one, those of all. */
  subscriptions: Paged<SubscriptionView> & { readonly clientId?: string | undefined };
  /** The subscriptions that a message on this topic would go to. */
  recipients: Paged<RecipientView> & { readonly topic: string };
  /**
   * What the memory of the broker has of the queue of one client or shared group: first what was sent and is not
   * acknowledged, then what waits. Of a stored session that is not connected, that is nothing: its queue is in storage.
   */
  queue: Paged<QueuedView> & ({ readonly clientId: string } | { readonly sharedGroup: string });
  /** The Packet Identifiers of one client's QoS 2 messages that wait for its PUBREL. */
  inbound: Paged<number> & { readonly clientId: string };
  /** The will that is held for a client, or waits for its delay; `undefined` if there is none. */
  will: { readonly clientId: string };
  /** The queues of sessions and shared groups in which something waits or is in flight. */
  queues: Paged<QueueView>;
  'shared-groups': Paged<SharedGroupView>;
  /** The queue of one group, `$share/<ShareName>/<filter>`; `undefined` if there is no such group. */
  'shared-queue': { readonly sharedGroup: string };
  /** The topics with a retained message that match a Topic Filter. */
  retained: Paged<RetainedView> & { readonly topicFilter: string };
}

/** By kind of query, its answer. */
export interface Answers {
  counts: Counts;
  connections: Page<ConnectionView>;
  sessions: Page<SessionView>;
  session: SessionView | undefined;
  subscriptions: Page<SubscriptionView>;
  recipients: Page<RecipientView>;
  queue: Page<QueuedView>;
  inbound: Page<number>;
  will: WillView | undefined;
  queues: Page<QueueView>;
  'shared-groups': Page<SharedGroupView>;
  'shared-queue': SharedQueueView | undefined;
  retained: Page<RetainedView>;
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
  /** Those among them that are shared. */
  readonly sharedSubscriptions: number;
  readonly retainedMessages: number;
  /** Of their payloads. */
  readonly retainedBytes: number;
  /** What is held in memory for clients that do not take it, of `maxWaitingBytes`. */
  readonly waitingBytes: number;
  /** QoS 1 and 2 messages that were sent and are not acknowledged. */
  readonly outboundInFlight: number;
  /** QoS 2 messages of clients that wait for their PUBREL. */
  readonly inboundInFlight: number;
  /** Entries of all queues, in flight and waiting. */
  readonly queued: number;
  /** What is held of each limit of memory that the core accounts for. */
  readonly held: HeldBytes;
  /** The wall clock less broker time, in which storage has all instants. */
  readonly wallAheadMs: number;
  /** Since the start. */
  readonly deliveries: DeliveryCounts;
}

/** What counts for the limits of memory, in bytes. */
export interface HeldBytes {
  readonly sessions: number;
  readonly subscriptions: number;
  readonly retainedTopics: number;
  /** Where the store is in memory. */
  readonly storedQueues: number;
  /** Buffers of stored queues. */
  readonly queueBuffers: number;
  /** Packets of publishers that wait for a queue. */
  readonly publisherPackets: number;
  /** Messages that wait behind a large publication. */
  readonly publications: number;
}

/** See `DeliveryCounters`. */
export interface DeliveryCounts {
  readonly accepted: number;
  readonly denied: number;
  readonly started: number;
  readonly restored: number;
  readonly delivered: number;
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
  /** The name of its queue in storage. */
  readonly queue: QueueId;
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
  /** Messages in the queue with a lower sequence number were sent, on this connection or an earlier one. */
  readonly sentBelow: number;
  /** Those with a lower sequence number are in flight; below it there is none while the client is away. */
  readonly inFlightBelow: number;
  /** Whether a will is held for the client, or waits for its delay. */
  readonly hasWill: boolean;
  /** `undefined` while the client has none that was accepted. */
  readonly connection: ConnectionView | undefined;
}

/** A subscription as it was when the query was answered. */
export interface SubscriptionView {
  readonly clientId: ClientId;
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

/** Where the queue of a shared group is. */
export interface SharedQueueView {
  readonly queue: QueueId;
  readonly stored: boolean;
  /** Messages with a lower sequence number were handed to members. */
  readonly inFlightBelow: number;
}

/** A message in a queue. */
export interface QueuedView {
  readonly seq: Seq;
  readonly packetId: number;
  readonly qos: QoS;
  /** `released`: the client has the QoS 2 message, and its PUBCOMP is missing. */
  readonly state: 'sent' | 'released' | 'waiting';
  /** `undefined` once the message is sent: memory has it no longer. */
  readonly message: QueuedMessageView | undefined;
}

/** What is shown of a message in a queue. Times are in milliseconds since 1970. */
export interface QueuedMessageView {
  readonly id: MessageId;
  readonly topic: TopicName;
  readonly payloadBytes: number;
  readonly retain: boolean;
  /** `undefined` if an operator published it. */
  readonly publisher: ClientId | undefined;
  readonly acceptedAtMs: number;
  readonly expiresAtMs: number | undefined;
}

/** A will. */
export interface WillView {
  readonly topic: TopicName;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly payloadBytes: number;
  readonly delayS: number;
  /** When its delay ends, in milliseconds since 1970; `undefined` while the client is connected. */
  readonly dueAtMs: number | undefined;
}

/** A queue that is not empty: of a client, or of a shared group. */
export interface QueueView {
  /** `undefined` for a shared group. */
  readonly clientId: ClientId | undefined;
  /** `$share/<ShareName>/<filter>`; `undefined` for a client. */
  readonly sharedGroup: string | undefined;
  readonly isConnected: boolean;
  readonly inFlight: number;
  readonly queued: number;
  readonly queuedBytes: number;
  /**
   * When the first of the waiting messages in memory was accepted, in milliseconds since 1970; `undefined` if there is
   * none: the queue of a stored session that is not connected is in storage.
   */
  readonly oldestAcceptedAtMs: number | undefined;
}

/** The group of a shared subscription. */
export interface SharedGroupView {
  readonly shareName: string;
  readonly topicFilter: TopicFilter;
  readonly members: number;
  readonly connectedMembers: number;
  readonly queued: number;
  readonly queuedBytes: number;
}

/** A topic with a retained message. */
export interface RetainedView {
  readonly topic: TopicName;
  readonly payloadBytes: number;
  /** In milliseconds since 1970. */
  readonly expiresAtMs: number | undefined;
}
