// The identifiers of the core, branded: a Topic Filter where a Topic Name belongs does not compile. Nothing is decided here.

declare const brand: unique symbol;
type Branded<Base, Name extends string> = Base & { readonly [brand]: Name };

export type ClientId = Branded<string, 'ClientId'>;
/** A topic that a message was published to: no wildcards, at least one character [MQTT-4.7.3-1]. */
export type TopicName = Branded<string, 'TopicName'>;
/** What a subscription asks for, wildcards allowed [MQTT-4.7.1-2], [MQTT-4.7.1-3]. */
export type TopicFilter = Branded<string, 'TopicFilter'>;
/** A network connection, numbered by the shell; never used twice in a run. */
export type ConnectionId = Branded<number, 'ConnectionId'>;
/**
 * Names one outbound queue: that of a session or that of a shared group. Opaque to a storage adapter: any string of 1 to 131,080 UTF-8
 * bytes.
 */
export type QueueId = Branded<string, 'QueueId'>;
/**
 * The place of a message in its queue: 0 and up, ascending as long as the broker runs and the queue is not dropped. After a restart it goes on
 * behind the highest one that is stored, from 0 if none is.
 */
export type Seq = Branded<number, 'Seq'>;
/** Numbers accepted messages in the order of acceptance, for as long as the store lives. */
export type MessageId = Branded<number, 'MessageId'>;

export const sessionQueue = (clientId: ClientId): QueueId => `c:${clientId}` as QueueId;
export const groupQueue = (shareName: string, filter: TopicFilter): QueueId => `g:${shareName}/${filter}` as QueueId;
/** Whose queue it is; `undefined`: a shared group's. */
export const clientOf = (queue: QueueId): ClientId | undefined =>
  queue.startsWith('c:') ? (queue.slice(2) as ClientId) : undefined;
