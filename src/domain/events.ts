// Events: connections that were opened, refused or ended, subscriptions that were denied, messages that were dropped,
// each with its reason. They are for observers (event log, metrics, administration) and never affect behaviour.
import type { ProtocolVersion, QoS } from '../protocol/packets.js';
import type { ClientId, ConnectionId, QueueId, TopicFilter, TopicName } from './identifiers.js';
import type { DropReason, EndReason, MalformedCode, RefusalReason } from './reasons.js';

export type BrokerEvent =
  | {
      readonly kind: 'client-connected';
      readonly connection: ConnectionId;
      readonly clientId: ClientId;
      readonly protocolVersion: ProtocolVersion;
      readonly sessionPresent: boolean;
      readonly stored: boolean;
      readonly keepAliveS: number;
      readonly remoteAddress: string;
      readonly listener: string;
    }
  | {
      readonly kind: 'connection-refused';
      readonly connection: ConnectionId;
      readonly clientId: ClientId | undefined;
      readonly reason: RefusalReason;
      readonly detail: string | undefined;
      readonly remoteAddress: string;
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
    }
  | { readonly kind: 'publish-denied'; readonly clientId: ClientId; readonly topic: string; readonly detail: string }
  | {
      readonly kind: 'subscribe-denied';
      readonly clientId: ClientId;
      readonly topicFilter: string;
      readonly detail: string;
    }
  | {
      readonly kind: 'message-dropped';
      readonly reason: DropReason;
      /** `undefined` if the message was dropped from storage without being read. */
      readonly topic: TopicName | undefined;
      readonly qos: QoS | undefined;
      /** The client to which the message was to be delivered, or `undefined` if there was none. */
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
      readonly reason: 'clean' | 'expired' | 'disconnected' | 'not-announced' | 'administrative';
    };
