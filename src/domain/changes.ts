// The facts that must become durable: the first of the core's two ways to speak to the world. Each fact is absolute and idempotent:
// applying it twice is applying it once, so that a batch whose outcome is unknown can be sent again. The facts are also what a store gives
// back at start (see the storage port), so what can be written can be restored.
import type { QoS } from '../protocol/packets.js';
import type { Message } from './delivery/message.js';
import type { ClientId, QueueId, Seq, TopicFilter, TopicName } from './identifiers.js';

/** A session that outlives its connection (session expiry above 0; Clean Session 0 in 3.x). */
export interface SessionRecord {
  readonly clientId: ClientId;
  /** In seconds; 4,294,967,295 is never. */
  readonly expiryIntervalS: number;
  /** When the connection ended; `undefined` while the client is connected, and so in the store after a crash. */
  readonly disconnectedAtMs: number | undefined;
}

export interface SubscriptionRecord {
  readonly clientId: ClientId;
  /** As subscribed, with `$share/<name>/` in front if it is shared. */
  readonly topicFilter: TopicFilter;
  readonly qos: QoS;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  readonly retainHandling: 0 | 1 | 2;
  readonly identifier: number | undefined;
}

/** A will that is due when the connection ends, or (`dueAtMs`) that waits for its delay to pass. */
export interface WillRecord {
  readonly clientId: ClientId;
  readonly message: Message;
  readonly delayS: number;
  /** `undefined` while the client is connected, and so in the store after a crash. */
  readonly dueAtMs: number | undefined;
}

/** A message in a queue, with what this one delivery needs to know. */
export interface QueuedMessage {
  readonly message: Message;
  readonly qos: QoS;
  readonly retain: boolean;
  /** Subscription Identifiers of the subscriptions that it matched (MQTT 5). */
  readonly identifiers: readonly number[] | undefined;
}

export interface QueueAppend extends QueuedMessage {
  readonly kind: 'queue.append';
  readonly queue: QueueId;
  readonly seq: Seq;
  /**
   * These two belong to whoever collects changes into batches: the number of the batch that carries this record and its place in it, -1 before
   * there is one. The core hands the record back with later facts and effects about the same entry and never reads them.
   */
  batch: number;
  place: number;
}

export type Change =
  | { readonly kind: 'session.put'; readonly session: SessionRecord }
  /** Takes its subscriptions, its queue (named here, so that no adapter has to know how) and its inbound QoS 2 ids with it; not its will. */
  | { readonly kind: 'session.drop'; readonly clientId: ClientId; readonly queue: QueueId }
  | { readonly kind: 'subscription.put'; readonly subscription: SubscriptionRecord }
  | { readonly kind: 'subscription.drop'; readonly clientId: ClientId; readonly topicFilter: TopicFilter }
  | QueueAppend
  /** PUBREC has come: the payload is not needed again, the entry stays until PUBCOMP [MQTT-4.3.3-1]. */
  | { readonly kind: 'queue.release'; readonly queue: QueueId; readonly seq: Seq }
  /** `append`: the record that put the entry there, if this run of the broker made it; lets a batch not yet sent forget both. */
  | {
      readonly kind: 'queue.remove';
      readonly queue: QueueId;
      readonly seq: Seq;
      readonly append: QueueAppend | undefined;
    }
  /** Removes every entry up to and including `through`. */
  | {
      readonly kind: 'queue.trim';
      readonly queue: QueueId;
      readonly through: Seq;
      readonly append: QueueAppend | undefined;
    }
  | { readonly kind: 'queue.drop'; readonly queue: QueueId }
  /** A QoS 2 Packet Identifier of a client's PUBLISH, from PUBLISH until PUBREL [MQTT-4.3.3-2]. */
  | { readonly kind: 'inbound.put'; readonly clientId: ClientId; readonly packetId: number }
  | { readonly kind: 'inbound.drop'; readonly clientId: ClientId; readonly packetId: number }
  | { readonly kind: 'retained.put'; readonly message: Message }
  | { readonly kind: 'retained.drop'; readonly topic: TopicName }
  | { readonly kind: 'will.put'; readonly will: WillRecord }
  | { readonly kind: 'will.drop'; readonly clientId: ClientId };

/** Where the core tells its changes, in order. What a step records is durable all together or not at all. */
export interface Changes {
  /** @returns a ticket for what was recorded so far: an effect that bears it waits until all of that is durable. */
  record(change: Change): number;
}

/** The facts a store gives back at start: sessions first, then subscriptions, then the rest in any order. */
export type RestoredFact =
  | { readonly kind: 'session'; readonly session: SessionRecord }
  | { readonly kind: 'subscription'; readonly subscription: SubscriptionRecord }
  | { readonly kind: 'inbound'; readonly clientId: ClientId; readonly packetId: number }
  | { readonly kind: 'will'; readonly will: WillRecord }
  | {
      readonly kind: 'queue';
      readonly queue: QueueId;
      /** The lowest stored entry. */
      readonly first: Seq;
      /** One more than the highest stored entry. */
      readonly next: Seq;
      readonly count: number;
      /** Of the payloads; a released entry counts for nothing. */
      readonly bytes: number;
    }
  | {
      readonly kind: 'retained';
      readonly topic: TopicName;
      readonly id: Message['id'];
      readonly bytes: number;
      readonly expiresAtMs: number | undefined;
    }
  /** The highest message id in the store. */
  | { readonly kind: 'last-message-id'; readonly id: Message['id'] };
