// Delivery of retained messages to a new subscription [MQTT-3.3.1-6]. Their number is bounded, they are read from
// storage one page at a time, and the next page is requested only when the previous one has left for the network, so a
// subscription to a million topics fills no buffer. A message that was replaced after the subscription began is
// skipped: the subscriber has received the newer one live, and the older one after it would reverse the order.
import type { Context } from '../context.js';
import type { TopicFilter, TopicName } from '../identifiers.js';
import type { Attached, Session } from '../session/session.js';
import type { Subscription } from '../session/subscription.js';
import type { RetainedEntry, RetainedTree } from '../topics/retained-tree.js';
import { deliveryOptions } from './delivery-options.js';
import type { Message } from './message.js';

const PAGE_TOPICS = 100;
const PAGE_BYTES = 256 * 1024;

interface Item {
  readonly entry: RetainedEntry;
  readonly subscription: Subscription;
}

export class RetainedDelivery {
  readonly #items: Item[] = [];
  /** Index of the first item that has not been requested. */
  #next = 0;
  /** Whether the items before that are being read. */
  #isReading = false;
  #waiting = false;

  constructor(
    readonly connection: Attached,
    readonly session: Session,
    readonly tree: RetainedTree,
    readonly context: Context,
  ) {}

  /** Begins to send the messages that the subscription matches, after those still due to earlier subscriptions. */
  add(subscription: Subscription): void {
    const limit = Math.max(0, this.context.limits.retainedQueueSize - (this.#items.length - this.#next));
    // One more than the limit, to know whether it is exceeded.
    const entries = this.#match(subscription.filter, limit + 1);
    if (entries.length > limit) {
      entries.pop();
      this.context.effects.emit({
        kind: 'retained-limited',
        clientId: this.session.clientId,
        topicFilter: subscription.topicFilter,
        limit,
      });
    }
    for (const entry of entries) this.#items.push({ entry, subscription });
    this.#read();
  }

  /** Up to `limit` matching entries that the client may receive. */
  #match(filter: TopicFilter, limit: number): RetainedEntry[] {
    const { restrictions } = this.session;
    if (restrictions === undefined) return this.tree.match(filter, limit);
    const found = new Set<RetainedEntry>();
    const admits = ({ topic }: RetainedEntry): boolean => restrictions.receive(topic).isAllowed;
    for (const part of restrictions.receivable(filter)) {
      for (const entry of this.tree.match(part, limit, admits)) if (found.size < limit) found.add(entry);
      if (found.size >= limit) break;
    }
    return [...found];
  }

  /** The connection has taken the output. */
  writable(): void {
    this.#waiting = false;
    this.#read();
  }

  /** The client has acknowledged messages. */
  capacityAvailable(): void {
    this.#read();
  }

  page(messages: readonly Message[]): void {
    if (!this.#isReading) return;
    const byTopic = new Map<TopicName, Message>();
    for (const message of messages) byTopic.set(message.topic, message);
    const to = this.#next;
    for (let i = 0; i < to; i++) {
      const item = this.#items[i] as Item;
      const message = byTopic.get(item.entry.topic);
      if (message !== undefined && message.id === item.entry.id) this.#deliver(item, message);
    }
    // Only now: an acknowledgement during the loop must not request the next page in the middle of this one.
    this.#isReading = false;
    this.#items.splice(0, to);
    this.#next -= to;
    if (this.#items.length === 0) return;
    this.#waiting = true;
    this.context.effects.whenWritable(this.connection.id);
  }

  #deliver({ entry, subscription }: Item, message: Message): void {
    const { session } = this;
    const { identifiers } = subscription;
    // unsubscribed since [MQTT-3.10.4-2]
    if (session.subscriptions?.get(subscription.topicFilter) !== subscription) return;
    if (this.tree.get(entry.topic)?.id !== entry.id) return; // replaced since
    if (entry.expiresAtMs !== undefined && entry.expiresAtMs <= this.context.nowMs) return;
    const qos = message.qos < subscription.qos ? message.qos : subscription.qos;
    if (!session.admits(message, qos)) return;
    const options = deliveryOptions(qos, true, identifiers);
    if (qos === 0) this.connection.deliverAtMostOnce(message, options);
    else session.outbound.pushRetained(message, options);
  }

  #read(): void {
    if (this.#isReading || this.#waiting || this.#next === this.#items.length) return;
    // A session that is not stored keeps its queue in memory and gets the next page when it has finished the last one.
    // Storage has more room, but a client that subscribes repeatedly must not fill it.
    const enough = this.session.stored ? this.context.limits.retainedQueueSize : PAGE_TOPICS;
    if ((this.session.outboundIfAny?.count ?? 0) >= enough) return;
    const topics: TopicName[] = [];
    let bytes = 0;
    this.#isReading = true;
    while (this.#next < this.#items.length && topics.length < PAGE_TOPICS) {
      const { entry } = this.#items[this.#next] as Item;
      if (topics.length > 0 && bytes + entry.bytes > PAGE_BYTES) break;
      topics.push(entry.topic);
      bytes += entry.bytes;
      this.#next++;
    }
    const { changes, effects } = this.context;
    effects.readRetained(this.connection.id, topics, changes.last);
  }
}
