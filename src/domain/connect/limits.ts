// Every limit of the core in one place, with its default. The keys are those of the configuration's `limits:`.

export interface Limits {
  /** Largest packet a client may send, in bytes with its fixed header; 268,435,460 is the protocol's own. */
  readonly maxPacketSize: number;
  /** In bytes of UTF-8, 1 to 65,535. */
  readonly maxClientIdLength: number;
  /** MQTT 3.1 allows 1 to 23 characters; most brokers look away, and so do we unless told. */
  readonly strict31ClientId: boolean;
  /** Whether an empty Client Identifier with Clean Session 1 gets one from the broker [MQTT-3.1.3-6]. */
  readonly assignClientId: boolean;
  /** In bytes of UTF-8, 1 to 65,535; Topic Names and Topic Filters. */
  readonly maxTopicLength: number;
  /** Bounds the depth of the tree and so the cost of a match. */
  readonly maxTopicLevels: number;
  /** Messages that wait in one session's queue, not counting those in flight. */
  readonly maxQueueSize: number;
  /** Payload bytes in one session's stored queue. */
  readonly maxQueueBytes: number;
  /** Payload bytes in the queue of a session that is not stored: it has only memory to wait in. */
  readonly maxTransientQueueBytes: number;
  readonly queueFullPolicy: 'discard' | 'discard-oldest';
  /** Unacknowledged QoS 1 and 2 messages to one client, 1 to 65,535. */
  readonly maxInflight: number;
  /** Unacknowledged QoS 2 messages from one MQTT 5 client, 1 to 65,535. */
  readonly receiveMaximum: number;
  /** Topic Aliases of one MQTT 5 client, 0 to 65,535. */
  readonly topicAliasMax: number;
  readonly retainedMessages: boolean;
  readonly maxRetainedMessages: number;
  /** Retained messages one SUBSCRIBE can bring, apart from `maxQueueSize`. */
  readonly retainedQueueSize: number;
  /** In seconds; Clean Session 0 of 3.x gets this. 4,294,967,295 is never. */
  readonly sessionExpiryMax: number;
  /** In seconds; `undefined` is no limit. */
  readonly messageExpiryMax: number | undefined;
  /** In seconds, 1 to 65,535; of an MQTT 5 client, and of any that asks for none where that is not allowed. */
  readonly keepAliveMax: number;
  /** Whether a client may switch keep-alive off. */
  readonly keepAliveUnlimited: boolean;
  readonly maxQos: 0 | 1 | 2;
  readonly wildcardSubscriptions: boolean;
  readonly sharedSubscriptions: boolean;
  /** Of MQTT 5. */
  readonly subscriptionIdentifiers: boolean;
  /** From the opening of a connection to its whole CONNECT. */
  readonly connectTimeoutMs: number;
  readonly authTimeoutMs: number;
  /** How long a CONNACK may wait for storage. Longer than a database takes to elect another primary, shorter than most clients wait. */
  readonly storageTimeoutMs: number;
  /** -1 is no limit. */
  readonly maxConnections: number;
  /** Connections whose CONNECT has not been accepted; `undefined` is no limit, here and below. */
  readonly maxPendingConnections: number | undefined;
  /** Of one IPv4 address or one IPv6 network of 64 bits. */
  readonly maxConnectionsPerAddress: number | undefined;
  /** New connections a second, from everywhere and from one address or network. */
  readonly maxConnectRate: number | undefined;
  readonly maxConnectRatePerAddress: number | undefined;
  /** Messages, and bytes of topic and payload, a second: of one client, then of all together. Who is faster is read slower. */
  readonly maxPublishRate: number | undefined;
  readonly maxPublishByteRate: number | undefined;
  readonly maxTotalPublishRate: number | undefined;
  readonly maxTotalPublishByteRate: number | undefined;
  /** Bytes of packets that have not come as a whole, of all connections together. */
  readonly maxIncompleteBytes: number;
  /** Sessions, with those of clients that are away. */
  readonly maxSessions: number;
  readonly maxSubscriptionsPerClient: number;
  /** Of all sessions together. */
  readonly maxSubscriptions: number;
  /** QoS 0 messages that wait for a connection that does not read. */
  readonly maxBufferedQos0Messages: number;
  /** Their bytes. */
  readonly maxBufferedQos0Bytes: number;
  /** How long a connection may not read at all before it is closed. */
  readonly drainTimeoutMs: number;
  /** How long after a restart the will of a client that was connected waits for that client to return. */
  readonly willGraceAfterRestartMs: number;
}

/**
 * Longer than this, and V8 looks at no more than a string's length to hash it: many long names of one length would make every look-up a walk
 * past all of them (docs/decisions/0008).
 */
const NAME_BYTES_MAX = 16_383;

export const DEFAULT_LIMITS: Limits = {
  maxPacketSize: 268_435_460,
  maxClientIdLength: NAME_BYTES_MAX,
  strict31ClientId: false,
  assignClientId: true,
  maxTopicLength: NAME_BYTES_MAX,
  maxTopicLevels: 256,
  maxQueueSize: 100_000,
  maxQueueBytes: 1024 * 1024 * 1024,
  maxTransientQueueBytes: 16 * 1024 * 1024,
  queueFullPolicy: 'discard',
  maxInflight: 50,
  receiveMaximum: 1000,
  topicAliasMax: 10,
  retainedMessages: true,
  maxRetainedMessages: 1_000_000,
  retainedQueueSize: 100_000,
  sessionExpiryMax: 4_294_967_295,
  messageExpiryMax: undefined,
  keepAliveMax: 65_535,
  keepAliveUnlimited: true,
  maxQos: 2,
  wildcardSubscriptions: true,
  sharedSubscriptions: true,
  subscriptionIdentifiers: true,
  connectTimeoutMs: 10_000,
  authTimeoutMs: 30_000,
  storageTimeoutMs: 20_000,
  maxConnections: 100_000,
  maxPendingConnections: 20_000,
  maxConnectionsPerAddress: undefined,
  maxConnectRate: undefined,
  maxConnectRatePerAddress: undefined,
  maxPublishRate: undefined,
  maxPublishByteRate: undefined,
  maxTotalPublishRate: undefined,
  maxTotalPublishByteRate: undefined,
  maxIncompleteBytes: 512 * 1024 * 1024,
  maxSessions: 1_000_000,
  maxSubscriptionsPerClient: 10_000,
  maxSubscriptions: 10_000_000,
  maxBufferedQos0Messages: 1000,
  maxBufferedQos0Bytes: 16 * 1024 * 1024,
  drainTimeoutMs: 60_000,
  willGraceAfterRestartMs: 30_000,
};

/**
 * What a listener may have of its own. `maxConnections`, `maxPendingConnections` and the rates of connections count that listener's clients and
 * hold beside those of the whole broker; the others hold in their place.
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

/** By the name of the listener. */
export type PerListenerLimits = ReadonlyMap<string, ListenerLimits>;

/** Nobody unknown makes the broker buffer more than this: the packet size limit until CONNECT is accepted, in bytes. */
export const MAX_PACKET_SIZE_BEFORE_CONNECT = 100 * 1024;

/** The session expiry interval that means never (MQTT 5 section 3.1.2.11.2). */
export const NEVER_EXPIRES_S = 4_294_967_295;
