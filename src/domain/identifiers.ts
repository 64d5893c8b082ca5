// The identifiers of the core as branded types: a Topic Filter in place of a Topic Name does not compile.

declare const brand: unique symbol;
type Branded<Base, Name extends string> = Base & { readonly [brand]: Name };

/** A Client Identifier: at most 65,535 bytes of UTF-8 without U+0000 [MQTT-3.1.3-4]. */
export type ClientId = Branded<string, 'ClientId'>;
/** A topic that messages are published to: no wildcards, at least one character [MQTT-4.7.3-1]. */
export type TopicName = Branded<string, 'TopicName'>;
/** The pattern of a subscription; may have wildcards [MQTT-4.7.1-2], [MQTT-4.7.1-3]. */
export type TopicFilter = Branded<string, 'TopicFilter'>;
/** A network connection, numbered by the shell; never reused while the broker runs. */
export type ConnectionId = Branded<number, 'ConnectionId'>;
/**
 * Names one outbound queue: that of a session or that of a shared group. Opaque to a storage adapter: any string of 1
 * to 131,080 UTF-8 bytes.
 */
export type QueueId = Branded<string, 'QueueId'>;
/**
 * The sequence number of a message in its queue: from 0, ascending while the broker runs and the queue is not dropped.
 * After a restart it continues after the highest stored one, or from 0 if there is none.
 */
export type Seq = Branded<number, 'Seq'>;
/** The number of an accepted message, ascending in the order of acceptance during the lifetime of the store. */
export type MessageId = Branded<number, 'MessageId'>;

export const sessionQueue = (clientId: ClientId): QueueId => `c:${clientId}` as QueueId;
export const groupQueue = (shareName: string, filter: TopicFilter): QueueId => `g:${shareName}/${filter}` as QueueId;
/** The client that owns the queue, or `undefined` for a shared group's queue. */
export const clientOf = (queue: QueueId): ClientId | undefined =>
  queue.startsWith('c:') ? (queue.slice(2) as ClientId) : undefined;
