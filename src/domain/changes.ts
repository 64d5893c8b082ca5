// The facts that must become durable: the first of the core's two kinds of output. Each fact is absolute and
// idempotent, so that a batch whose outcome is unknown can be sent again. A store returns the same facts at start (see
// the storage port), so everything that can be written can be restored.
import type { QoS } from '../protocol/packets.js';
import type { DeliveryOptions } from './messages/delivery-options.js';
import type { Message, MessageDraft } from './messages/message.js';
import type { Ticket } from './durability.js';
import type { ClientId, QueueId, Seq, TopicFilter, TopicName } from './identifiers.js';

/** A session that outlives its connection (session expiry above 0; Clean Session 0 in 3.x). */
export interface SessionRecord {
  readonly clientId: ClientId;
  /** In seconds; 4,294,967,295 means never. */
  readonly expiryIntervalS: number;
  /**
   * When the connection ended, in broker time; `undefined` while the client is connected, and therefore in
   * the store after a crash.
   */
  readonly disconnectedAtMs: number | undefined;
  /** Entries of its queue below this seq were sent on a connection that has ended. `undefined` means none. */
  readonly sentBelow: Seq | undefined;
  /**
   * Entries below this seq, and not below `sentBelow`, may have been sent: a crash has hidden it. `undefined` means any
   * of them: while the client is connected, and in what a version of hexmq stored that did not record it.
   */
  readonly doubtBelow: Seq | undefined;
}

/** A subscription as it is stored. */
export interface SubscriptionRecord {
  readonly clientId: ClientId;
  /** As subscribed, with the prefix `$share/<name>/` if it is shared. */
  readonly topicFilter: TopicFilter;
  readonly qos: QoS;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  readonly retainHandling: 0 | 1 | 2;
  readonly identifier: number | undefined;
}

/** A will that is due when the connection ends or, with `dueAtMs`, when its delay has passed. */
export interface WillRecord {
  readonly clientId: ClientId;
  /** It becomes a message when it is published; its Message Expiry Interval counts from then. */
  readonly message: MessageDraft;
  readonly delayS: number;
  /**
   * In broker time; `undefined` while the client is connected, and therefore in the store after a crash.
   */
  readonly dueAtMs: number | undefined;
}

/** A message in a queue, with the data of this one delivery. */
export interface QueuedMessage {
  readonly message: Message;
  readonly qos: QoS;
  readonly retain: boolean;
  /** Subscription Identifiers of the matching subscriptions (MQTT 5). */
  readonly identifiers: readonly number[] | undefined;
}

/** A message enters a queue at `seq`, behind all entries of the queue. */
export interface QueueAppend extends QueuedMessage {
  readonly kind: 'queue.append';
  readonly queue: QueueId;
  readonly seq: Seq;
}

/** An entry, or every entry up to one, leaves its queue. */
export type QueueRemoval =
  | { readonly kind: 'queue.remove'; readonly queue: QueueId; readonly seq: Seq }
  /** Removes every entry up to and including `through`. */
  | { readonly kind: 'queue.trim'; readonly queue: QueueId; readonly through: Seq };

/**
 * Takes the session's subscriptions, its queue (named here, so that no adapter has to know how) and its inbound QoS 2
 * identifiers with it, but not its will.
 */
export interface SessionDrop {
  readonly kind: 'session.drop';
  readonly clientId: ClientId;
  readonly queue: QueueId;
}

/** A fact to store. It is absolute, so storing it twice has the same effect as storing it once. */
export type Change =
  | { readonly kind: 'session.put'; readonly session: SessionRecord }
  | SessionDrop
  | { readonly kind: 'subscription.put'; readonly subscription: SubscriptionRecord }
  | { readonly kind: 'subscription.drop'; readonly clientId: ClientId; readonly topicFilter: TopicFilter }
  | QueueAppend
  /** PUBREC has arrived: the payload is no longer needed, the entry stays until PUBCOMP [MQTT-4.3.3-1]. */
  | { readonly kind: 'queue.release'; readonly queue: QueueId; readonly seq: Seq }
  | QueueRemoval
  | { readonly kind: 'queue.drop'; readonly queue: QueueId }
  /** A QoS 2 Packet Identifier of a client's PUBLISH, from PUBLISH until PUBREL [MQTT-4.3.3-2]. */
  | { readonly kind: 'inbound.put'; readonly clientId: ClientId; readonly packetId: number }
  | { readonly kind: 'inbound.drop'; readonly clientId: ClientId; readonly packetId: number }
  | { readonly kind: 'retained.put'; readonly message: Message }
  | { readonly kind: 'retained.drop'; readonly topic: TopicName }
  | { readonly kind: 'will.put'; readonly will: WillRecord }
  | { readonly kind: 'will.drop'; readonly clientId: ClientId };

/** An append that was recorded. The collector of changes may keep more in it. */
export interface Append {
  readonly ticket: Ticket;
}

/** Where the core records its changes, in order. What one step records becomes durable as a whole or not at all. */
export interface Changes {
  record(change: Change): Ticket;
  append(queue: QueueId, seq: Seq, message: Message, options: DeliveryOptions): Append;
  /**
   * Removes what an append put into its queue.
   * @param append if this process appended the entry: an append that has not gone to storage yet is cancelled, and the
   * removal with it.
   */
  remove(change: QueueRemoval, append: Append | undefined): Ticket;
  /** Ends a session that nothing was ever put into: if its beginning has not gone to storage yet, that is cancelled. */
  retract(change: SessionDrop): Ticket;
  /**
   * From here to the matching `release`, changes of several steps become durable as a whole or not at all. Holds are
   * counted.
   */
  hold(): void;
  release(): void;
  /** What was recorded so far is flushed with the next commit, also where acknowledgements do not need it. */
  secure(): void;
  /** The ticket of the change that ended a session of this client and is not durable; `NOW` if there is none. */
  pendingSessionEnd(clientId: ClientId): Ticket;
}

/** The facts that a store returns at start: sessions first, then subscriptions, then the rest in any order. */
export type RestoredFact =
  | { readonly kind: 'session'; readonly session: SessionRecord }
  | { readonly kind: 'subscription'; readonly subscription: SubscriptionRecord }
  | { readonly kind: 'inbound'; readonly clientId: ClientId; readonly packetId: number }
  | { readonly kind: 'will'; readonly will: WillRecord }
  | {
      readonly kind: 'queue';
      readonly queue: QueueId;
      /** The seq of the lowest stored entry. */
      readonly first: Seq;
      /** One more than the seq of the highest stored entry. */
      readonly next: Seq;
      readonly count: number;
      /** Payload bytes; a released entry counts as 0. */
      readonly bytes: number;
    }
  | {
      readonly kind: 'retained';
      readonly topic: TopicName;
      readonly id: Message['id'];
      readonly bytes: number;
      /** In broker time. */
      readonly expiresAtMs: number | undefined;
    }
  /** The highest message id in the store. */
  | { readonly kind: 'last-message-id'; readonly id: Message['id'] };
