// The limits, with their defaults, grouped by what they limit and by the parts that read them.
import { PACKET_SIZE_MAX } from '../protocol/packet-size.js';

/** Packets and names: checked as they arrive, by the decoder, the handshake and the handlers. */
export interface PacketLimits {
  /**
   * Largest packet that a client may send, in bytes including the fixed header; the protocol's own maximum is
   * 268,435,460.
   */
  readonly maxPacketSize: number;
  /** In bytes of UTF-8, 1 to 65,535. */
  readonly maxClientIdLength: number;
  /** MQTT 3.1 allows 1 to 23 characters; like most brokers, hexmq does not enforce this by default. */
  readonly strict31ClientId: boolean;
  /** Whether the broker assigns an identifier to a client with an empty one and Clean Session 1 [MQTT-3.1.3-6]. */
  readonly assignClientId: boolean;
  /** Of Topic Names and Topic Filters, in bytes of UTF-8, 1 to 65,535. */
  readonly maxTopicLength: number;
  /** Bounds the depth of the subscription tree and so the cost of a match. */
  readonly maxTopicLevels: number;
  /** Memory for the properties of one PUBLISH or will of MQTT 5, in bytes. */
  readonly maxPropertyBytes: number;
  /** Topic Filters in one SUBSCRIBE or UNSUBSCRIBE; a client that sends more is disconnected. */
  readonly maxFiltersPerPacket: number;
}

/** Queues and windows, of one client each: `queues`, `session` and `connect/connection`. */
export interface QueueLimits {
  /** Messages waiting in one session's queue, not counting those in flight. */
  readonly maxQueueSize: number;
  /** Payload bytes in one session's stored queue. */
  readonly maxQueueBytes: number;
  /**
   * What all stored queues take together: payloads, topics and 400 bytes for each message. `undefined` means no limit:
   * the store is on a disk. The queue that takes most pays.
   */
  readonly maxStoredQueueBytes: number | undefined;
  /** Memory for the queue of a session that is not stored: 256 bytes for each message, its topic and its payload. */
  readonly maxTransientQueueBytes: number;
  readonly queueFullPolicy: 'discard' | 'discard-oldest' | 'refuse';
  /**
   * Unacknowledged QoS 1 and 2 messages to one client, 1 to 65,535: the most there can be. The window begins with
   * `initialInflight`, and opens while the client keeps up.
   */
  readonly maxInflight: number;
  /** The same at the beginning of a connection, 1 to 65,535; `maxInflight` if that is less. */
  readonly initialInflight: number;
  /** Unacknowledged QoS 1 and 2 messages from one MQTT 5 client, 1 to 65,535. */
  readonly receiveMaximum: number;
  /** Topic Aliases in each direction of one MQTT 5 client, 0 to 65,535. */
  readonly topicAliasMax: number;
  /**
   * Response Information for clients of MQTT 5 that request it: the topic below which a client receives responses, with
   * `%c` (its Client Identifier) or `%u` (its user name). `undefined`: none.
   */
  readonly responseTopic: string | undefined;
  /** Where clients of MQTT 5 find another server (section 4.11), `undefined` if there is none. */
  readonly serverReference: string | undefined;
  /** Which clients are sent there: those that are connected at a stop, or new ones as well, for a while or for good. */
  readonly serverRedirect: 'at-stop' | 'use-another-server' | 'server-moved';
  /** QoS 0 messages waiting for a connection that does not read. */
  readonly maxBufferedQos0Messages: number;
  /** Bytes of these messages. */
  readonly maxBufferedQos0Bytes: number;
  /**
   * In seconds: how long a client may leave a message unacknowledged before its connection is ended; up to one and a
   * half times that. `undefined` means no limit.
   */
  readonly ackDelayMax: number | undefined;
  /** How long a connection may read nothing at all before it is closed. */
  readonly drainTimeoutMs: number;
  /** How long a publisher waits for room in a full queue under `refuse` before it is disconnected. */
  readonly fullQueueTimeoutMs: number;
}

/** What is kept, and for how long: retained messages, sessions, messages and wills. */
export interface LifetimeLimits {
  readonly retainedMessages: boolean;
  readonly maxRetainedMessages: number;
  /** Bytes of memory for their topics; the payloads are in storage. */
  readonly maxRetainedTopicBytes: number;
  /** The same, for the payloads in storage. */
  readonly maxRetainedBytes: number;
  /** Retained messages that one SUBSCRIBE can bring, independent of `maxQueueSize`. */
  readonly retainedQueueSize: number;
  /** In seconds; applies to Clean Session 0 in 3.x. 4,294,967,295 means never. */
  readonly sessionExpiryMax: number;
  /** In seconds; `undefined` means no limit. */
  readonly messageExpiryMax: number | undefined;
  /** How long, after a restart, the will of a client that was connected waits for that client to return. */
  readonly willGraceAfterRestartMs: number;
}

/** Connections: in the core their number and their timers, in the shell how they may arrive. */
export interface ConnectionLimits {
  /** -1 means no limit. */
  readonly maxConnections: number;
  /** Connections whose CONNECT has not been accepted. `undefined` means no limit, here and below. */
  readonly maxPendingConnections: number | undefined;
  /** Connections of one IPv4 address or one /64 IPv6 network. */
  readonly maxConnectionsPerAddress: number | undefined;
  /** New connections per second, in total and from one address or network. */
  readonly maxConnectRate: number | undefined;
  readonly maxConnectRatePerAddress: number | undefined;
  /** From the opening of a connection to its complete CONNECT. */
  readonly connectTimeoutMs: number;
  /** From one whole packet to the next, while that arrives; for a client with a keep-alive. */
  readonly packetTimeoutMs: number;
  readonly authTimeoutMs: number;
  /**
   * How long a CONNACK may wait for storage: longer than a database takes to elect a primary, shorter than most clients
   * wait.
   */
  readonly storageTimeoutMs: number;
  /** How long a broker that stops waits for clients to take their last bytes and to close their side. */
  readonly shutdownGraceMs: number;
  /**
   * In seconds, 1 to 65,535. Applies to MQTT 5 clients, and to any client that disables keep-alive where that is not
   * allowed.
   */
  readonly keepAliveMax: number;
  /** Whether a client may disable keep-alive. */
  readonly keepAliveUnlimited: boolean;
}

/**
 * Messages, and bytes of topic and payload, per second: of one client, then of all clients together. Only the shell
 * reads them. Clients over the rate are throttled by pausing reads, not disconnected. `undefined` means no limit.
 */
export interface PublishRateLimits {
  readonly maxPublishRate: number | undefined;
  readonly maxPublishByteRate: number | undefined;
  readonly maxTotalPublishRate: number | undefined;
  readonly maxTotalPublishByteRate: number | undefined;
}

/** Upper bounds on the memory of the whole broker. */
export interface TotalLimits {
  /** Sessions, including those of offline clients. */
  readonly maxSessions: number;
  /** Bytes of memory for all sessions, with their Client Identifiers, and for all wills. */
  readonly maxSessionBytes: number;
  readonly maxSubscriptionsPerClient: number;
  /** Bytes of memory for the subscriptions of one session, with their Topic Filters. */
  readonly maxSubscriptionBytesPerClient: number;
  /** Subscriptions of all sessions together. */
  readonly maxSubscriptions: number;
  /** Bytes of memory for them. */
  readonly maxSubscriptionBytes: number;
  /**
   * Bytes in memory for clients that do not take them, of all clients together: queues that are not stored, messages in
   * flight, output that peers do not read. The client that holds most pays.
   */
  readonly maxWaitingBytes: number;
  /**
   * Memory for partially received packets of all connections together, and for what has arrived of clients that are not
   * accepted yet. As much again for handshakes before MQTT.
   */
  readonly maxIncompleteBytes: number;
  /** Memory for what has arrived of all connections that are not read for the moment, and for CONNECTs in progress. */
  readonly maxUnreadBytes: number;
}

/** Features that can be switched off: what CONNACK announces to MQTT 5 clients, and the handlers enforce. */
export interface FeatureLimits {
  readonly maxQos: 0 | 1 | 2;
  readonly wildcardSubscriptions: boolean;
  readonly sharedSubscriptions: boolean;
  /** MQTT 5 only. */
  readonly subscriptionIdentifiers: boolean;
  /** Whether a payload that MQTT 5 clients announce as UTF-8 is refused if it is not. */
  readonly checkPayloadFormat: boolean;
  /** What follows a publish or a will that is not allowed: its connection ends, or the message alone is dropped. */
  readonly deniedPublish: 'disconnect' | 'ignore';
  /** What follows a subscription that is not allowed: a refusal, or a subscription that delivers what is allowed. */
  readonly deniedSubscription: 'refuse' | 'grant';
}

/** All of them: the keys of `limits:` in a configuration, in the order of its documentation. */
export interface Limits
  extends PacketLimits, QueueLimits, LifetimeLimits, ConnectionLimits, PublishRateLimits, TotalLimits, FeatureLimits {}

/**
 * V8 hashes a longer string by its length alone: many long names of one length would make every lookup a walk past all
 * of them (docs/decisions/0008).
 */
const NAME_BYTES_MAX = 16_383;

export const DEFAULT_LIMITS: Limits = {
  maxPacketSize: PACKET_SIZE_MAX,
  maxClientIdLength: NAME_BYTES_MAX,
  strict31ClientId: false,
  assignClientId: true,
  maxTopicLength: NAME_BYTES_MAX,
  maxTopicLevels: 256,
  maxPropertyBytes: 64 * 1024,
  maxFiltersPerPacket: 10_000,

  maxQueueSize: 100_000,
  maxQueueBytes: 1024 * 1024 * 1024,
  maxStoredQueueBytes: undefined,
  maxTransientQueueBytes: 16 * 1024 * 1024,
  queueFullPolicy: 'discard',
  maxInflight: 1000,
  initialInflight: 50,
  receiveMaximum: 1000,
  topicAliasMax: 10,
  responseTopic: undefined,
  serverReference: undefined,
  serverRedirect: 'at-stop',
  maxBufferedQos0Messages: 1000,
  maxBufferedQos0Bytes: 16 * 1024 * 1024,
  ackDelayMax: undefined,
  drainTimeoutMs: 60_000,
  fullQueueTimeoutMs: 30_000,

  retainedMessages: true,
  maxRetainedMessages: 1_000_000,
  maxRetainedTopicBytes: 1024 * 1024 * 1024,
  maxRetainedBytes: 16 * 1024 * 1024 * 1024,
  retainedQueueSize: 100_000,
  sessionExpiryMax: 4_294_967_295,
  messageExpiryMax: undefined,
  willGraceAfterRestartMs: 30_000,

  maxConnections: 100_000,
  maxPendingConnections: 20_000,
  maxConnectionsPerAddress: undefined,
  maxConnectRate: undefined,
  maxConnectRatePerAddress: undefined,
  connectTimeoutMs: 10_000,
  packetTimeoutMs: 3_600_000,
  authTimeoutMs: 30_000,
  storageTimeoutMs: 20_000,
  shutdownGraceMs: 1000,
  keepAliveMax: 65_535,
  keepAliveUnlimited: true,

  maxPublishRate: undefined,
  maxPublishByteRate: undefined,
  maxTotalPublishRate: undefined,
  maxTotalPublishByteRate: undefined,

  maxSessions: 1_000_000,
  maxSessionBytes: 1024 * 1024 * 1024,
  maxSubscriptionsPerClient: 10_000,
  maxSubscriptionBytesPerClient: 8 * 1024 * 1024,
  maxSubscriptions: 10_000_000,
  maxSubscriptionBytes: 1024 * 1024 * 1024,
  maxWaitingBytes: 256 * 1024 * 1024,
  maxIncompleteBytes: 512 * 1024 * 1024,
  maxUnreadBytes: 1024 * 1024 * 1024,

  maxQos: 2,
  wildcardSubscriptions: true,
  sharedSubscriptions: true,
  subscriptionIdentifiers: true,
  checkPayloadFormat: false,
  deniedPublish: 'disconnect',
  deniedSubscription: 'refuse',
};

/** Limits of memory whose default is less where the heap is small: see `defaultLimits` in `composition`. */
export const HEAP_LIMIT_KEYS = [
  'maxRetainedTopicBytes',
  'maxSessionBytes',
  'maxSubscriptionBytes',
] as const satisfies readonly (keyof Limits)[];

/**
 * The limits that a listener may set for itself. `maxConnections`, `maxPendingConnections` and the connection rates
 * count that listener's clients and apply in addition to the broker's; the others replace the broker's.
 */
export const LISTENER_LIMIT_KEYS = [
  'maxPacketSize',
  'maxInflight',
  'connectTimeoutMs',
  'authTimeoutMs',
  'maxConnections',
  'maxPendingConnections',
  'maxConnectionsPerAddress',
  'maxConnectRate',
  'maxConnectRatePerAddress',
  'maxPublishRate',
  'maxPublishByteRate',
] as const satisfies readonly (keyof Limits)[];

export type ListenerLimits = Partial<Pick<Limits, (typeof LISTENER_LIMIT_KEYS)[number]>>;

/** Limits by the name of the listener. */
export type PerListenerLimits = ReadonlyMap<string, ListenerLimits>;

/** Upper bound, in bytes, on the size of a packet from a client whose CONNECT has not been accepted. */
export const MAX_PACKET_SIZE_BEFORE_CONNECT = 100 * 1024;

/** Upper bound, in bytes, on the Authentication Data of one packet. A Kerberos ticket takes a few thousand. */
export const AUTH_DATA_MAX_BYTES = 16 * 1024;

/** Upper bound on the number of packets from the client in one exchange of enhanced authentication. */
export const AUTH_ROUNDS_MAX = 16;

/** The Session Expiry Interval that means never (MQTT 5 section 3.1.2.11.2). */
export const NEVER_EXPIRES_S = 4_294_967_295;
