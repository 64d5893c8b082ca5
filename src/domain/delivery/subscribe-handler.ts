// Handles SUBSCRIBE and UNSUBSCRIBE: what is granted, and the retained messages that a new subscription brings.
import { PacketType } from '../../protocol/packets.js';
import type { QoS, SubscribePacket, SubscriptionRequest, UnsubscribePacket } from '../../protocol/packets.js';
import { ReasonCode, SUBACK_FAILURE } from '../../protocol/reason-codes.js';
import { refuseSubscribe } from '../access/access.js';
import type { Connection } from '../connect/connection.js';
import type { Connections } from '../connect/connections.js';
import type { Context } from '../context.js';
import type { TopicFilter } from '../identifiers.js';
import type { Session } from '../session/session.js';
import { Subscription } from '../session/subscription.js';
import { hasWildcard, parseTopicFilter } from '../topics/topic-filter.js';
import type { ParsedFilter } from '../topics/topic-filter.js';
import type { MessageDispatcher } from './message-dispatcher.js';
import { RetainedDelivery } from './retained.js';
import type { Router } from './router.js';

export class SubscribeHandler {
  constructor(
    readonly context: Context,
    readonly connections: Connections,
    readonly router: Router,
    readonly publisher: MessageDispatcher,
  ) {}

  subscribe(connection: Connection, session: Session, packet: SubscribePacket): void {
    if (packet.properties?.subscriptionIdentifiers !== undefined && !this.context.limits.subscriptionIdentifiers) {
      this.connections.end(connection, 'subscription-identifiers-not-supported');
      return;
    }
    const parsed = this.#parseAll(
      connection,
      packet.subscriptions.map(({ topicFilter }) => topicFilter),
    );
    if (parsed === undefined) return;
    // All filters are checked before any takes effect, so that one that ends the connection leaves nothing behind.
    const room = this.#room(session, packet.subscriptions);
    const refusals = parsed.map((filter, i) => this.#refusal(connection, filter) ?? room(i));
    for (const [i, refusal] of refusals.entries()) {
      if (refusal === undefined) continue;
      const { topicFilter } = packet.subscriptions[i] as SubscriptionRequest;
      this.context.effects.emit({
        kind: 'subscribe-denied',
        clientId: session.clientId,
        topicFilter,
        detail: refusal.detail,
      });
      if (connection.version !== 3) continue;
      // MQTT 3.1 has no code for a refusal, and granting a QoS would be false, so the connection ends.
      this.connections.end(connection, 'not-authorized', {
        detail: `subscription to ${topicFilter}: ${refusal.detail}`,
      });
      return;
    }
    const granted: { subscription: Subscription; isNew: boolean }[] = [];
    // One code per filter, in order [MQTT-3.8.4-5], [MQTT-3.9.3-1]
    const reasonCodes = packet.subscriptions.map((request, i) => {
      const refusal = refusals[i];
      if (refusal !== undefined) return connection.version === 5 ? refusal.reasonCode : SUBACK_FAILURE;
      const grant = this.#grant(
        session,
        request,
        parsed[i] as ParsedFilter,
        packet.properties?.subscriptionIdentifiers?.[0],
      );
      granted.push(grant);
      return grant.subscription.qos;
    });
    // [MQTT-3.8.4-1], [MQTT-3.8.4-2], [MQTT-3.8.4-4]
    const { packetId } = packet;
    const { changes, effects } = this.context;
    const suback = { type: PacketType.suback, packetId, reasonCodes, properties: undefined } as const;
    effects.send(connection.id, suback, connection.promise(changes.step));
    for (const { subscription, isNew } of granted) this.#sendRetained(connection, session, subscription, isNew);
  }

  unsubscribe(connection: Connection, session: Session, packet: UnsubscribePacket): void {
    if (this.#parseAll(connection, packet.topicFilters) === undefined) return;
    const reasonCodes = packet.topicFilters.map((text) => {
      const topicFilter = text as TopicFilter;
      // compared literally [MQTT-3.10.4-1]
      if (!this.router.remove(session, topicFilter)) return ReasonCode.noSubscriptionExisted;
      if (session.stored)
        this.context.changes.record({ kind: 'subscription.drop', clientId: session.clientId, topicFilter });
      return ReasonCode.success;
    });
    // [MQTT-3.10.4-4], even if nothing was removed [MQTT-3.10.4-5]
    const { packetId } = packet;
    const { changes, effects } = this.context;
    const unsuback = { type: PacketType.unsuback, packetId, reasonCodes, properties: undefined } as const;
    effects.send(connection.id, unsuback, connection.promise(changes.step));
  }

  /**
   * Parses all filters of a packet. If one is malformed, ends the connection before any of them takes effect
   * [MQTT-4.7.1-2], [MQTT-4.7.1-3].
   */
  #parseAll(connection: Connection, topicFilters: readonly string[]): ParsedFilter[] | undefined {
    const all: ParsedFilter[] = [];
    for (const text of topicFilters) {
      const parsed = parseTopicFilter(text, this.context.limits);
      if (typeof parsed === 'string') {
        this.connections.end(connection, 'topic-filter-invalid', { detail: parsed });
        return undefined;
      }
      all.push(parsed);
    }
    return all;
  }

  #refusal(connection: Connection, parsed: ParsedFilter): { reasonCode: number; detail: string } | undefined {
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

  /** Whether the limits allow this subscription, counting those before it in the packet. */
  #room(
    session: Session,
    requests: readonly SubscriptionRequest[],
  ): (place: number) => { reasonCode: number; detail: string } | undefined {
    const { maxSubscriptionsPerClient, maxSubscriptions } = this.context.limits;
    const ofClient = Math.max(0, maxSubscriptionsPerClient - (session.subscriptions?.size ?? 0));
    const left = Math.min(ofClient, Math.max(0, maxSubscriptions - this.router.subscriptionCount));
    if (left >= requests.length) return () => undefined;
    const detail =
      left === ofClient
        ? `the client has ${maxSubscriptionsPerClient} subscriptions, which is as many as it may have`
        : `there are ${maxSubscriptions} subscriptions, which is as many as the broker takes`;
    const fresh = new Set<string>();
    return (place) => {
      const { topicFilter } = requests[place] as SubscriptionRequest;
      // A replacement does not count [MQTT-3.8.4-3].
      if (session.subscriptions?.has(topicFilter as TopicFilter) === true || fresh.has(topicFilter)) return undefined;
      if (fresh.size >= left) return { reasonCode: ReasonCode.quotaExceeded, detail };
      fresh.add(topicFilter);
      return undefined;
    };
  }

  #grant(
    session: Session,
    request: SubscriptionRequest,
    { shareName, filter }: ParsedFilter,
    identifier: number | undefined,
  ) {
    const group = shareName === undefined ? undefined : this.router.group(shareName, filter);
    const qos = Math.min(request.qos, this.context.limits.maxQos) as QoS;
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
    const isNew = this.router.add(session, subscription);
    if (session.stored)
      this.context.changes.record({ kind: 'subscription.put', subscription: subscription.toRecord() });
    return { subscription, isNew };
  }

  /**
   * Retained messages go to subscriptions that are not shared, new or repeated [MQTT-3.8.4-3]; MQTT 5 can request
   * otherwise.
   */
  #sendRetained(connection: Connection, session: Session, subscription: Subscription, isNew: boolean): void {
    if (subscription.group !== undefined || !this.context.limits.retainedMessages) return;
    if (subscription.retainHandling === 2 || (subscription.retainHandling === 1 && !isNew)) return;
    if (this.publisher.retained.size === 0) return;
    connection.retained ??= new RetainedDelivery(connection, session, this.publisher.retained, this.context);
    connection.retained.add(subscription);
  }
}
