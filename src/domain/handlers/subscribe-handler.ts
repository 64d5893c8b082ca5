// Handles SUBSCRIBE and UNSUBSCRIBE: refuses packets that are not allowed as a whole, and starts the work on the
// others.
import type { SubscribePacket, SubscriptionRequest, UnsubscribePacket } from '../../protocol/packets.js';
import type { Connection } from '../connect/connection.js';
import type { Connections } from '../connect/connections.js';
import type { Context } from '../context.js';
import { isDenial } from '../interception/verdict.js';
import type { Denial, VerdictOf } from '../interception/verdict.js';
import { intercept, isIntercepted } from '../interception/interception.js';
import type { MessageDispatcher } from '../publish/message-dispatcher.js';
import type { Router } from '../routing/router.js';
import type { Session } from '../session/session.js';
import type { Task } from '../work-queue.js';
import { SubscribeRules } from './subscribe-rules.js';
import { SubscribeTask, UnsubscribeTask } from './subscribe-task.js';

/** SUBACK and UNSUBACK take no more besides a code for each filter. */
const ANSWER_BYTES_MAX = 8;

/** What a Topic Filter takes besides its characters. */
const FILTER_BYTES = 128;

const bytesOf = (filters: readonly string[]): number =>
  filters.reduce((sum, { length }) => sum + FILTER_BYTES + 2 * length, 0);

/** What an interceptor makes of the entries of a packet: each as it is to be handled, or why it is denied. */
function entriesOf<T>(
  verdict:
    | { readonly decision: 'pass' }
    | { readonly decision: 'replace'; readonly with: readonly (T | Denial)[] }
    | ({ readonly decision: 'deny' } & Denial),
  entries: readonly T[],
): readonly (T | Denial)[] {
  if (verdict.decision === 'replace') return verdict.with;
  return verdict.decision === 'deny' ? entries.map(() => verdict) : entries;
}

/** By their index. */
const denialsIn = (entries: readonly (SubscriptionRequest | string | Denial)[]): ReadonlyMap<number, Denial> =>
  new Map(entries.flatMap((entry, index) => (isDenial(entry) ? [[index, entry] as const] : [])));

export class SubscribeHandler {
  readonly #rules: SubscribeRules;

  constructor(
    readonly context: Context,
    readonly connections: Connections,
    router: Router,
    dispatcher: MessageDispatcher,
  ) {
    this.#rules = new SubscribeRules(context, connections, router, dispatcher);
  }

  subscribe(connection: Connection, session: Session, packet: SubscribePacket): void {
    if (packet.properties?.subscriptionIdentifiers !== undefined && !this.context.limits.subscriptionIdentifiers) {
      this.connections.end(connection, 'subscription-identifiers-not-supported');
      return;
    }
    if (packet.subscriptions.some(({ noLocal, topicFilter }) => noLocal && topicFilter.startsWith('$share/'))) {
      const detail = 'No Local on a shared subscription'; // [MQTT5-3.8.3-4]
      this.connections.end(connection, 'protocol-violation', { detail });
      return;
    }
    if (this.#hasTooMany(connection, packet.subscriptions)) return;
    if (!isIntercepted(connection, 'subscribe')) {
      this.#start(new SubscribeTask(this.context, connection, session, packet, this.#rules));
      return;
    }
    const { subscriptions, properties } = packet;
    const judged = (verdict: VerdictOf<'subscribe'>): void => {
      const entries = entriesOf(verdict, subscriptions);
      // A denied one keeps its place, and is parsed and answered like the others.
      const requests = entries.map((entry, i) => (isDenial(entry) ? (subscriptions[i] as SubscriptionRequest) : entry));
      const task = new SubscribeTask(
        this.context,
        connection,
        session,
        { ...packet, subscriptions: requests },
        this.#rules,
      );
      task.denials = denialsIn(entries);
      this.#start(task);
    };
    const bytes = (): number => bytesOf(subscriptions.map(({ topicFilter }) => topicFilter));
    intercept(connection, 'subscribe', { subscriptions, properties }, bytes, judged);
  }

  unsubscribe(connection: Connection, session: Session, packet: UnsubscribePacket): void {
    if (this.#hasTooMany(connection, packet.topicFilters)) return;
    if (!isIntercepted(connection, 'unsubscribe')) {
      this.#start(new UnsubscribeTask(this.context, connection, session, packet, this.#rules));
      return;
    }
    const { topicFilters, properties } = packet;
    const judged = (verdict: VerdictOf<'unsubscribe'>): void => {
      const entries = entriesOf(verdict, topicFilters);
      const filters = entries.map((entry, i) => (isDenial(entry) ? (topicFilters[i] as string) : entry));
      const task = new UnsubscribeTask(
        this.context,
        connection,
        session,
        { ...packet, topicFilters: filters },
        this.#rules,
      );
      task.denials = denialsIn(entries);
      this.#start(task);
    };
    intercept(connection, 'unsubscribe', { topicFilters, properties }, () => bytesOf(topicFilters), judged);
  }

  #start(task: Task): void {
    if (!task.run()) this.context.work.add(task);
  }

  #hasTooMany(connection: Connection, filters: readonly unknown[]): boolean {
    const { maxFiltersPerPacket } = this.context.limits;
    if (filters.length <= maxFiltersPerPacket) {
      if (filters.length + ANSWER_BYTES_MAX <= connection.clientLimits.maximumPacketSize) return false;
      const detail = `the answer to ${filters.length} Topic Filters`; // [MQTT5-3.1.2-24]
      this.connections.end(connection, 'packet-too-large', { detail });
      return true;
    }
    const detail = `a packet with ${filters.length} Topic Filters, ${maxFiltersPerPacket} are the most`;
    this.connections.end(connection, 'too-many-filters', { detail });
    return true;
  }
}
