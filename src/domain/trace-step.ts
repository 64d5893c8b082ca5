// The steps of a message that a trace shows, as the core hands them out.
import type { PacketType, QoS } from '../protocol/packets.js';
import type { Ticket } from './durability.js';
import type { ClientId, ConnectionId, MessageId, Seq, TopicFilter } from './identifiers.js';
import type { DropReason, EndReason } from './reasons.js';

/** The answers of one side to a message of the other. */
export type TracedAnswer = typeof PacketType.puback | typeof PacketType.pubrec | typeof PacketType.pubcomp;

/** What is traced. */
export type TraceSubject = { readonly topicFilter: TopicFilter } | { readonly clientId: ClientId };

/** What has happened to a message. */
export type TraceStepName =
  /** A PUBLISH has come from a client. */
  | 'received'
  /** It is not published, for a reason. */
  | 'refused'
  /** A QoS 2 message came again: it is acknowledged again and not published again. */
  | 'repeated'
  /** The message has its number, and is on its way to subscriptions. */
  | 'accepted'
  | 'retained'
  | 'retained-removed'
  /** A subscription, or a shared group, gets it. */
  | 'matched'
  /** A subscription with No Local of the client that published it does not. */
  | 'excluded'
  /** It is in a queue: `seq` is its place. */
  | 'queued'
  | 'sent'
  /** The client that it was sent to has answered. */
  | 'acknowledged'
  /** One delivery of it is over, or it had none. */
  | 'dropped'
  /** All subscriptions have been looked at. */
  | 'routed'
  /** The publisher gets its answer. */
  | 'answered';

/** One step of a message; what is not known is left out. */
export interface TraceStep {
  readonly step: TraceStepName;
  readonly messageId?: MessageId | undefined;
  readonly topic?: string | undefined;
  /** The client that published the message. */
  readonly publisher?: ClientId | undefined;
  readonly origin?: 'client' | 'will' | 'broker' | 'operator' | 'node' | undefined;
  /** The client that the step is about. */
  readonly clientId?: ClientId | undefined;
  /** The shared group that the step is about. */
  readonly sharedGroup?: string | undefined;
  readonly connection?: ConnectionId | undefined;
  readonly topicFilters?: readonly string[] | undefined;
  readonly packet?: TracedAnswer | undefined;
  readonly packetId?: number | undefined;
  readonly reasonCode?: number | undefined;
  readonly qos?: QoS | undefined;
  readonly retain?: boolean | undefined;
  readonly dup?: boolean | undefined;
  readonly payloadBytes?: number | undefined;
  readonly seq?: Seq | undefined;
  readonly reason?: DropReason | EndReason | undefined;
  readonly detail?: string | undefined;
  /** How many subscriptions matched, and how many have the message or will get it. */
  readonly matched?: number | undefined;
  readonly accepted?: number | undefined;
  /** What the step waits for, or has recorded. */
  readonly after?: Ticket | undefined;
}
