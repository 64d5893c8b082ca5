// Events: connections that were opened, refused or ended, subscriptions that were denied, messages that were dropped,
// each with its reason. They are for observers (event log, metrics, administration) and never affect behaviour.
import type { ProtocolVersion, QoS } from '../protocol/packets.js';
import type { Command, CommandOutcome } from './commands.js';
import type { ClientId, ConnectionId, MessageId, QueueId, TopicFilter, TopicName } from './identifiers.js';
import type { DropReason, EndReason, MalformedCode, RefusalReason } from './reasons.js';

/** Which kinds of events observers want: one bit each, so that an unwanted event costs one comparison. */
export type EventMask = number;

const EVENT_BIT: Readonly<Record<BrokerEvent['kind'], EventMask>> = {
  'client-connected': 1 << 0,
  'connection-refused': 1 << 1,
  'connection-ended': 1 << 2,
  'publish-denied': 1 << 3,
  'subscribe-denied': 1 << 4,
  'message-dropped': 1 << 5,
  'retained-limited': 1 << 6,
  'will-published': 1 << 7,
  'session-ended': 1 << 8,
  'operator-command': 1 << 9,
  'clock-corrected': 1 << 10,
  'client-reauthenticated': 1 << 11,
};

export const EVERY_EVENT: EventMask = Object.values(EVENT_BIT).reduce((mask, bit) => mask | bit, 0);

/** Kinds of events that do not come from the core count nothing: they are always made. */
export const maskOf = (kinds: Iterable<string>): EventMask =>
  [...kinds].reduce(
    (mask, kind) => mask | (Object.hasOwn(EVENT_BIT, kind) ? EVENT_BIT[kind as BrokerEvent['kind']] : 0),
    0,
  );

export const wants = (mask: EventMask, kind: BrokerEvent['kind']): boolean => (mask & EVENT_BIT[kind]) !== 0;

/** Takes events for the observers. */
export interface EventSink {
  /** Events that come with every message are made only if they are wanted; all others are always emitted. */
  readonly wanted: EventMask;
  emit(event: BrokerEvent): void;
}

/** An event of the core. Times are in milliseconds, durations with the suffix `S` in seconds. */
export type BrokerEvent =
  | {
      readonly kind: 'client-connected';
      readonly connection: ConnectionId;
      readonly clientId: ClientId;
      readonly protocolVersion: ProtocolVersion;
      readonly sessionPresent: boolean;
      readonly stored: boolean;
      /** The Keep Alive in force, in seconds; 0: the client may be silent without a limit. */
      readonly keepAliveS: number;
      readonly remoteAddress: string;
      readonly listener: string;
      readonly userName: string | undefined;
    }
  | {
      readonly kind: 'connection-refused';
      readonly connection: ConnectionId;
      readonly clientId: ClientId | undefined;
      readonly reason: RefusalReason;
      readonly detail: string | undefined;
      readonly remoteAddress: string;
      readonly listener: string;
      /** The first 128 characters of what the client gave, whether or not it is true. */
      readonly userName: string | undefined;
    }
  | {
      readonly kind: 'connection-ended';
      readonly connection: ConnectionId;
      /** `undefined` before CONNECT. */
      readonly clientId: ClientId | undefined;
      readonly reason: EndReason;
      readonly malformed: MalformedCode | undefined;
      readonly detail: string | undefined;
      readonly remoteAddress: string;
      readonly listener: string;
      readonly userName: string | undefined;
    }
  /** A connected client has authenticated again, as the same user. */
  | {
      readonly kind: 'client-reauthenticated';
      readonly connection: ConnectionId;
      readonly clientId: ClientId;
      /** The Authentication Method. */
      readonly method: string;
      readonly remoteAddress: string;
      readonly listener: string;
      readonly userName: string | undefined;
    }
  | {
      readonly kind: 'publish-denied';
      readonly clientId: ClientId;
      readonly userName: string | undefined;
      readonly topic: string;
      readonly detail: string;
    }
  | {
      readonly kind: 'subscribe-denied';
      readonly clientId: ClientId;
      readonly userName: string | undefined;
      readonly topicFilter: string;
      readonly detail: string;
    }
  | {
      readonly kind: 'message-dropped';
      readonly reason: DropReason;
      /** `undefined` if the message was dropped from storage without being read. */
      readonly messageId: MessageId | undefined;
      /** `undefined` if the message was dropped from storage without being read. */
      readonly topic: TopicName | undefined;
      readonly qos: QoS | undefined;
      /** The queue it was in or was for; `undefined` if there was none, as for a retained message. */
      readonly queue: QueueId | undefined;
      /** The rule that decided, if one did. */
      readonly detail?: string | undefined;
    }
  /** A subscription matched more retained messages than `retainedQueueSize` allows; it gets the first `limit`. */
  | {
      readonly kind: 'retained-limited';
      readonly clientId: ClientId;
      readonly topicFilter: TopicFilter;
      readonly limit: number;
    }
  | { readonly kind: 'will-published'; readonly clientId: ClientId; readonly topic: TopicName }
  | {
      readonly kind: 'session-ended';
      readonly clientId: ClientId;
      readonly reason: 'clean' | 'expired' | 'disconnected' | 'not-announced' | 'administrative' | 'memory-full';
    }
  /** An operator's command was carried out, or could not be. */
  | {
      readonly kind: 'operator-command';
      readonly actor: string;
      /** The last three do not concern the core. */
      readonly command: Command['kind'] | 'reload' | 'log-level' | 'trace';
      /** The Client Identifier, the topic or the level that it was about; empty if it is about everything. */
      readonly subject: string;
      readonly result: CommandOutcome['result'];
    }
  /** The wall clock has jumped, forwards or, if negative, back. Nothing that was to last for a time is affected. */
  | { readonly kind: 'clock-corrected'; readonly byMs: number };
