// Dispatches accepted messages: a message is retained if its RETAIN flag is set, and goes to every matching
// subscription [MQTT-4.5.0-1].
import type { Properties, QoS } from '../../protocol/packets.js';
import type { RestoredFact } from '../changes.js';
import type { Context } from '../context.js';
import type { Deadlines, TimerKind } from '../deadlines.js';
import type { ClientId, MessageId, TopicName } from '../identifiers.js';
import { RetainedEntry, RetainedTree } from '../topics/retained-tree.js';
import { deliveryOptions } from './delivery-options.js';
import type { Message } from './message.js';
import type { Route, Router } from './router.js';

export class MessageDispatcher {
  readonly retained = new RetainedTree();
  readonly #expiryTimer: TimerKind<RetainedEntry> = {
    name: 'retained message expiry',
    expired: ({ topic }) => {
      this.retained.remove(topic);
      this.context.changes.record({ kind: 'retained.drop', topic });
    },
  };
  #lastId = 0;

  constructor(
    readonly context: Context,
    readonly router: Router,
    readonly deadlines: Deadlines,
  ) {}

  /** Message ids continue after the highest one found in the store. */
  restoreLastId(id: number): void {
    this.#lastId = Math.max(this.#lastId, id);
  }

  restoreRetained({ topic, id, bytes, expiresAtMs }: Extract<RestoredFact, { kind: 'retained' }>): void {
    this.restoreLastId(id);
    this.#keep(topic, id, bytes, expiresAtMs);
  }

  accept(
    topic: TopicName,
    payload: Uint8Array,
    qos: QoS,
    retain: boolean,
    properties: Properties | undefined,
    publisher: ClientId | undefined,
  ): Message {
    const { limits, nowMs } = this.context;
    let expiryS = properties?.messageExpiryInterval;
    if (limits.messageExpiryMax !== undefined)
      expiryS = Math.min(expiryS ?? limits.messageExpiryMax, limits.messageExpiryMax);
    return {
      id: ++this.#lastId as MessageId,
      topic,
      payload,
      qos,
      retain,
      properties,
      publisher,
      acceptedAtMs: nowMs,
      expiresAtMs: expiryS === undefined ? undefined : nowMs + expiryS * 1000,
    };
  }

  /**
   * @param route the topic's route, if the caller has just looked it up.
   * @returns whether any subscription matches.
   */
  publish(message: Message, route: Route = this.router.route(message.topic)): boolean {
    const { counters } = this.context;
    counters.accepted++;
    if (message.retain) this.#retain(message);
    const { targets, groups } = route;
    for (let i = 0; i < targets.length; i++) {
      const target = targets[i] as Route['targets'][number];
      if (target.noLocal && target.session.clientId === message.publisher) continue;
      const qos = message.qos < target.qos ? message.qos : target.qos; // [MQTT-3.8.4-6]
      // [MQTT-3.3.1-9]: RETAIN is 0 for existing subscriptions, unless they asked for it as published.
      const options = deliveryOptions(qos, target.retainAsPublished && message.retain, target.identifiers);
      target.session.deliver(message, options);
    }
    for (const group of groups) group.publish(message);
    if (targets.length > 0 || groups.length > 0) return true;
    counters.dropped['no-subscriber']++;
    counters.started++;
    return false;
  }

  #retain(message: Message): void {
    const { changes, limits, counters, effects } = this.context;
    const { topic } = message;
    if (message.payload.byteLength === 0) {
      // [MQTT-3.3.1-10], [MQTT-3.3.1-11]
      const removed = this.retained.remove(topic);
      if (removed?.expiry !== undefined) this.deadlines.clear(removed.expiry);
      // Even if there is none now, the removal of the last one may not be durable yet, and the acknowledgement has to
      // wait for it.
      if (removed !== undefined || message.qos > 0) changes.record({ kind: 'retained.drop', topic });
      return;
    }
    if (this.retained.size >= limits.maxRetainedMessages && this.retained.get(topic) === undefined) {
      counters.started++;
      counters.dropped['retained-full']++;
      effects.emit({ kind: 'message-dropped', reason: 'retained-full', topic, qos: message.qos, queue: undefined });
      return;
    }
    // [MQTT-3.3.1-5]; at QoS 0 as well, as recommended by [MQTT-3.3.1-7]
    this.#keep(topic, message.id, message.payload.byteLength, message.expiresAtMs);
    changes.record({ kind: 'retained.put', message });
  }

  #keep(topic: TopicName, id: MessageId, bytes: number, expiresAtMs: number | undefined): void {
    const entry = new RetainedEntry(topic, id, bytes, expiresAtMs, this.#expiryTimer);
    const replaced = this.retained.put(entry);
    if (replaced?.expiry !== undefined) this.deadlines.clear(replaced.expiry);
    if (entry.expiry !== undefined && expiresAtMs !== undefined) this.deadlines.set(entry.expiry, expiresAtMs);
  }
}
