// Handles SUBSCRIBE and UNSUBSCRIBE: refuses packets that are not allowed as a whole, and starts the work on the
// others.
import type { SubscribePacket, UnsubscribePacket } from '../../protocol/packets.js';
import type { Connection } from '../connect/connection.js';
import type { Connections } from '../connect/connections.js';
import type { Context } from '../context.js';
import type { MessageDispatcher } from '../publish/message-dispatcher.js';
import type { Router } from '../routing/router.js';
import type { Session } from '../session/session.js';
import type { Task } from '../work-queue.js';
import { SubscribeRules } from './subscribe-rules.js';
import { SubscribeTask, UnsubscribeTask } from './subscribe-task.js';

/** SUBACK and UNSUBACK take no more besides a code for each filter. */
const ANSWER_BYTES_MAX = 8;

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
    this.#start(new SubscribeTask(this.context, connection, session, packet, this.#rules));
  }

  unsubscribe(connection: Connection, session: Session, packet: UnsubscribePacket): void {
    if (this.#hasTooMany(connection, packet.topicFilters)) return;
    this.#start(new UnsubscribeTask(this.context, connection, session, packet, this.#rules));
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
