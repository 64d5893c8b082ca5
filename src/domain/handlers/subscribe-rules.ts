// What SUBSCRIBE and UNSUBSCRIBE do for one Topic Filter: which are refused, what is granted, and the retained messages
// that a new subscription brings.
import type { QoS, SubscriptionRequest } from '../../protocol/packets.js';
import { ReasonCode } from '../../protocol/reason-codes.js';
import type { Connection } from '../connect/connection.js';
import type { Connections } from '../connect/connections.js';
import type { Context } from '../context.js';
import type { TopicFilter } from '../identifiers.js';
import { subscriptionBytes as bytesOf } from '../name-bytes.js';
import type { MessageDispatcher } from '../publish/message-dispatcher.js';
import type { Router } from '../routing/router.js';
import { Subscription } from '../routing/subscription.js';
import { RetainedDelivery } from '../session/retained-delivery.js';
import type { Session } from '../session/session.js';
import { mayMatchOwnTopics } from '../topics/own-topic.js';
import { hasWildcard, parseTopicFilter } from '../topics/topic-filter.js';
import type { ParsedFilter } from '../topics/topic-filter.js';

/** Why a filter is refused: for the client, and for people. */
export interface FilterRefusal {
  readonly reasonCode: number;
  readonly detail: string;
}

/** A subscription that was made. */
export interface Granted {
  readonly subscription: Subscription;
  /** False if it replaces one with the same filter. */
  readonly isNew: boolean;
}

/** What packets that are at work will add to all subscriptions. */
interface Planned {
  count: number;
  bytes: number;
}

/** New filters of one packet that are granted, and not subscribed yet. */
export class AddedFilters {
  /** With what they will count for in the limits of memory. */
  readonly #filters = new Map<string, number>();
  #bytes = 0;

  constructor(readonly planned: Planned) {}

  has(topicFilter: string): boolean {
    return this.#filters.has(topicFilter);
  }

  get size(): number {
    return this.#filters.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  add(topicFilter: TopicFilter, { shareName }: ParsedFilter): void {
    if (this.#filters.has(topicFilter)) return;
    const bytes = bytesOf(topicFilter, shareName !== undefined);
    this.#filters.set(topicFilter, bytes);
    this.#count(1, bytes);
  }

  /** It is subscribed now, or will not be. */
  remove(topicFilter: string): void {
    const bytes = this.#filters.get(topicFilter);
    if (bytes === undefined) return;
    this.#filters.delete(topicFilter);
    this.#count(-1, -bytes);
  }

  clear(): void {
    this.#count(-this.#filters.size, -this.#bytes);
    this.#filters.clear();
  }

  #count(count: number, bytes: number): void {
    this.#bytes += bytes;
    this.planned.count += count;
    this.planned.bytes += bytes;
  }
}

export class SubscribeRules {
  /** By packets that are at work at the same time, each in slices: together they must not be over the limits. */
  readonly planned: Planned = { count: 0, bytes: 0 };

  constructor(
    readonly context: Context,
    readonly connections: Connections,
    readonly router: Router,
    readonly dispatcher: MessageDispatcher,
  ) {}

  /**
   * [MQTT-4.7.1-2], [MQTT-4.7.1-3].
   * @returns `undefined` if the filter is malformed; the connection has then been ended.
   */
  parse(connection: Connection, topicFilter: string): ParsedFilter | undefined {
    const parsed = parseTopicFilter(topicFilter, this.context.limits);
    if (typeof parsed !== 'string') return parsed;
    this.connections.end(connection, 'topic-filter-invalid', { detail: parsed });
    return undefined;
  }

  /** Why the client may not subscribe to the filter. */
  refusal(connection: Connection, parsed: ParsedFilter): FilterRefusal | undefined {
    const { limits } = this.context;
    if (parsed.shareName !== undefined && !limits.sharedSubscriptions) {
      return {
        reasonCode: ReasonCode.sharedSubscriptionsNotSupported,
        detail: 'shared subscriptions are switched off',
      };
    }
    if (!limits.wildcardSubscriptions && hasWildcard(parsed.filter)) {
      return {
        reasonCode: ReasonCode.wildcardSubscriptionsNotSupported,
        detail: 'wildcard subscriptions are switched off',
      }; // [MQTT-3.8.3-2]
    }
    if (connection.access === undefined) return { reasonCode: ReasonCode.notAuthorized, detail: 'no permissions' };
    const { isAllowed, rule, reason } = connection.access.subscribe(parsed.filter);
    if (isAllowed) return undefined;
    // Delivery checks each message, unless it is subscribing alone that a rule denies.
    const isFilteredLater = rule === undefined || rule.actions.includes('receive');
    if (limits.deniedSubscription === 'grant' && isFilteredLater) return undefined;
    return { reasonCode: ReasonCode.notAuthorized, detail: reason };
  }

  /** Why the limits do not allow one more subscription with this filter, those of packets at work counted. */
  overLimit(
    session: Session,
    topicFilter: TopicFilter,
    { shareName }: ParsedFilter,
    added: AddedFilters,
  ): FilterRefusal | undefined {
    // A replacement does not count [MQTT-3.8.4-3].
    if (session.hasSubscription(topicFilter) || added.has(topicFilter)) return undefined;
    const { limits } = this.context;
    const { subscriptionCount, subscriptionBytes } = this.router;
    const bytes = bytesOf(topicFilter, shareName !== undefined);
    const { planned } = this;
    const isFull = (detail: string): FilterRefusal => ({ reasonCode: ReasonCode.quotaExceeded, detail });
    if ((session.subscriptions?.size ?? 0) + added.size >= limits.maxSubscriptionsPerClient)
      return isFull(
        `the client has ${limits.maxSubscriptionsPerClient} subscriptions, which is as many as it may have`,
      );
    if (session.subscriptionBytes + added.bytes + bytes > limits.maxSubscriptionBytesPerClient)
      return isFull(
        `the client's subscriptions would take more than the ${limits.maxSubscriptionBytesPerClient} bytes of memory ` +
          'that they may take',
      );
    if (subscriptionCount + planned.count >= limits.maxSubscriptions)
      return isFull(`there are ${limits.maxSubscriptions} subscriptions, which is as many as the broker takes`);
    if (subscriptionBytes + planned.bytes + bytes > limits.maxSubscriptionBytes)
      return isFull(
        `all subscriptions would take more than the ${limits.maxSubscriptionBytes} bytes of memory that they may take`,
      );
    return undefined;
  }

  /**
   * Reports a refusal. MQTT 3.1 has no code for one, and granting a QoS would be false, so the connection ends.
   * @returns whether it ends the connection.
   */
  denied(connection: Connection, { clientId }: Session, topicFilter: string, detail: string): boolean {
    const { userName } = connection;
    this.context.effects.emit({ kind: 'subscribe-denied', clientId, topicFilter, detail, userName });
    if (connection.version !== 3) return false;
    this.connections.end(connection, 'not-authorized', { detail: `subscription to ${topicFilter}: ${detail}` });
    return true;
  }

  grantedQos({ qos }: SubscriptionRequest): QoS {
    return Math.min(qos, this.context.limits.maxQos) as QoS;
  }

  grant(
    session: Session,
    request: SubscriptionRequest,
    { shareName, filter }: ParsedFilter,
    identifier: number | undefined,
  ): Granted {
    const group = shareName === undefined ? undefined : this.router.group(shareName, filter);
    const qos = this.grantedQos(request);
    const subscription = new Subscription(
      session,
      request.topicFilter as TopicFilter,
      filter,
      group,
      qos,
      request.noLocal,
      request.retainAsPublished,
      request.retainHandling,
      identifier,
    );
    const isNew = this.connections.sessions.subscribe(session, subscription);
    if (session.stored)
      this.context.changes.record({ kind: 'subscription.put', subscription: subscription.toRecord() });
    return { subscription, isNew };
  }

  /** @returns whether there was a subscription. */
  remove({ retained }: Connection, session: Session, topicFilter: TopicFilter): boolean {
    retained?.remove(topicFilter);
    if (!this.connections.sessions.unsubscribe(session, topicFilter)) return false;
    if (session.stored)
      this.context.changes.record({ kind: 'subscription.drop', clientId: session.clientId, topicFilter });
    return true;
  }

  /**
   * Retained messages go to subscriptions that are not shared, new or repeated [MQTT-3.8.4-3]; MQTT 5 can request
   * otherwise.
   */
  sendRetained(connection: Connection, session: Session, granted: readonly Granted[]): void {
    if (!this.context.limits.retainedMessages) return;
    const hasRetained = this.dispatcher.retained.size > 0;
    for (const { subscription, isNew } of granted) {
      if (subscription.group !== undefined) continue;
      if (!hasRetained && !mayMatchOwnTopics(subscription.filter)) continue;
      if (subscription.retainHandling === 2 || (subscription.retainHandling === 1 && !isNew)) continue;
      connection.retained ??= new RetainedDelivery(connection.output, session, this.dispatcher, this.context);
      connection.retained.add(subscription);
    }
    connection.retained?.start();
  }
}
