// Handles SUBSCRIBE and UNSUBSCRIBE: what is granted, and the retained messages that a new subscription brings.
import type { QoS, SubscribePacket, SubscriptionRequest, UnsubscribePacket } from '../../protocol/packets.js';
import { ReasonCode } from '../../protocol/reason-codes.js';
import { refuseSubscribe } from '../access/access.js';
import type { Connection } from '../connect/connection.js';
import type { Connections } from '../connect/connections.js';
import type { Context } from '../context.js';
import type { TopicFilter } from '../identifiers.js';
import type { Session } from '../session/session.js';
import { Subscription } from '../routing/subscription.js';
import { hasWildcard, parseTopicFilter } from '../topics/topic-filter.js';
import type { ParsedFilter } from '../topics/topic-filter.js';
import type { Task } from '../work-queue.js';
import type { MessageDispatcher } from '../publish/message-dispatcher.js';
import { RetainedDelivery } from '../session/retained-delivery.js';
import type { Router } from '../routing/router.js';
import { SubscribeTask, UnsubscribeTask } from './subscribe-task.js';
import type { FilterRefusal, SubscribeRules } from './subscribe-task.js';

export class SubscribeHandler implements SubscribeRules {
  constructor(
    readonly context: Context,
    readonly connections: Connections,
    readonly router: Router,
    readonly dispatcher: MessageDispatcher,
  ) {}

  subscribe(connection: Connection, session: Session, packet: SubscribePacket): void {
    if (packet.properties?.subscriptionIdentifiers !== undefined && !this.context.limits.subscriptionIdentifiers) {
      this.connections.end(connection, 'subscription-identifiers-not-supported');
      return;
    }
    if (this.#hasTooMany(connection, packet.subscriptions)) return;
    this.#start(new SubscribeTask(this.context, connection, session, packet, this));
  }

  unsubscribe(connection: Connection, session: Session, packet: UnsubscribePacket): void {
    if (this.#hasTooMany(connection, packet.topicFilters)) return;
    this.#start(new UnsubscribeTask(this.context, connection, session, packet, this));
  }

  #start(task: Task): void {
    if (!task.run()) this.context.work.add(task);
  }

  #hasTooMany(connection: Connection, filters: readonly unknown[]): boolean {
    const { maxFiltersPerPacket } = this.context.limits;
    if (filters.length <= maxFiltersPerPacket) return false;
    const detail = `a packet with ${filters.length} Topic Filters, ${maxFiltersPerPacket} are the most`;
    this.connections.end(connection, 'too-many-filters', { detail });
    return true;
  }

  /** [MQTT-4.7.1-2], [MQTT-4.7.1-3]. */
  parse(connection: Connection, topicFilter: string): ParsedFilter | undefined {
    const parsed = parseTopicFilter(topicFilter, this.context.limits);
    if (typeof parsed !== 'string') return parsed;
    this.connections.end(connection, 'topic-filter-invalid', { detail: parsed });
    return undefined;
  }

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
    const detail =
      connection.access === undefined ? 'no permissions' : refuseSubscribe(connection.access, parsed.filter);
    return detail === undefined ? undefined : { reasonCode: ReasonCode.notAuthorized, detail };
  }

  overLimit(session: Session, topicFilter: TopicFilter, added: ReadonlySet<string>): FilterRefusal | undefined {
    // A replacement does not count [MQTT-3.8.4-3].
    if (session.hasSubscription(topicFilter) || added.has(topicFilter)) return undefined;
    const { maxSubscriptionsPerClient, maxSubscriptions } = this.context.limits;
    const reasonCode = ReasonCode.quotaExceeded;
    if ((session.subscriptions?.size ?? 0) + added.size >= maxSubscriptionsPerClient)
      return {
        reasonCode,
        detail: `the client has ${maxSubscriptionsPerClient} subscriptions, which is as many as it may have`,
      };
    if (this.router.subscriptionCount + added.size >= maxSubscriptions)
      return {
        reasonCode,
        detail: `there are ${maxSubscriptions} subscriptions, which is as many as the broker takes`,
      };
    return undefined;
  }

  /** MQTT 3.1 has no code for a refusal, and granting a QoS would be false, so the connection ends. */
  denied(connection: Connection, { clientId }: Session, topicFilter: string, detail: string): boolean {
    this.context.effects.emit({ kind: 'subscribe-denied', clientId, topicFilter, detail });
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
  ) {
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

  remove(session: Session, topicFilter: TopicFilter): boolean {
    if (!this.connections.sessions.unsubscribe(session, topicFilter)) return false;
    if (session.stored)
      this.context.changes.record({ kind: 'subscription.drop', clientId: session.clientId, topicFilter });
    return true;
  }

  /**
   * Retained messages go to subscriptions that are not shared, new or repeated [MQTT-3.8.4-3]; MQTT 5 can request
   * otherwise.
   */
  sendRetained(
    connection: Connection,
    session: Session,
    granted: readonly { readonly subscription: Subscription; readonly isNew: boolean }[],
  ): void {
    if (!this.context.limits.retainedMessages || this.dispatcher.retained.size === 0) return;
    for (const { subscription, isNew } of granted) {
      if (subscription.group !== undefined) continue;
      if (subscription.retainHandling === 2 || (subscription.retainHandling === 1 && !isNew)) continue;
      connection.retained ??= new RetainedDelivery(connection, session, this.dispatcher, this.context);
      connection.retained.add(subscription);
    }
    connection.retained?.start();
  }
}
