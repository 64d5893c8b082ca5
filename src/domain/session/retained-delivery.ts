// Delivery of retained messages to new subscriptions [MQTT-3.3.1-6]. The topics are searched in slices, the messages
// are read from storage one page at a time, and the next page is requested only when the previous one has left for the
// network, so a subscription to a million topics fills no buffer and holds up no other client. A message that was
// accepted after the subscription began is skipped: the subscriber has received it live, and an older one after it
// would reverse the order.
import type { Context } from '../context.js';
import type { TopicFilter, TopicName } from '../identifiers.js';
import type { ClientOutput } from './client-output.js';
import type { Session } from './session.js';
import type { Subscription } from '../routing/subscription.js';
import type { RetainedEntry } from '../topics/retained-entry.js';
import type { RetainedTree } from '../topics/retained-tree.js';
import type { RetainedWalk } from '../topics/retained-walk.js';
import { isInEarlierPart } from '../topics/filter-parts.js';
import type { FilterPart } from '../topics/filter-parts.js';
import { mayMatchOwnTopics } from '../topics/own-topic.js';
import { SubscriptionTree } from '../topics/subscription-tree.js';
import type { Task } from '../work-queue.js';
import { deliveryOptions } from '../messages/delivery-options.js';
import type { Message } from '../messages/message.js';

const PAGE_TOPICS = 100;
const PAGE_BYTES = 256 * 1024;
/** Finding out in which parts of a filter a client may receive takes as long as visiting so many topic levels. */
const RESTRICTED_LEVELS = 50;

interface Item {
  readonly entry: RetainedEntry;
  /** What memory has of it: a message of the broker itself. All others are read from storage. */
  readonly held: Message | undefined;
  readonly subscription: Subscription;
}

/** The search for what one subscription brings. */
interface Search {
  readonly subscription: Subscription;
  /** Messages with a higher id were accepted after the subscription began. */
  readonly lastId: number;
  /** The trees that are searched, for each filter one after the other. */
  readonly trees: readonly RetainedTree[];
  /** Filters that together match what the client may receive. */
  filters: readonly TopicFilter[] | undefined;
  /** Their numbers by filter, to find those that match a topic; `undefined` if there is only one. */
  index: SubscriptionTree<FilterPart> | undefined;
  /** So many searches, of one filter in one tree each, are or have been under way. */
  next: number;
  walk: RetainedWalk | undefined;
  found: number;
}

export interface RetainedSource {
  readonly retained: RetainedTree;
  /** What the broker says of itself. */
  readonly own: { readonly tree: RetainedTree; get(topic: TopicName): Message | undefined };
  readonly lastId: number;
}

export class RetainedDelivery implements Task {
  /** By Topic Filter: a subscription that is repeated begins again. */
  readonly #searches = new Map<TopicFilter, Search>();
  /** The page that is being collected. */
  #page: Item[] = [];
  #pageBytes = 0;
  /** The item that did not fit into the page: the first of the next one. */
  #overflow: Item | undefined;
  /** The page that is being read from storage. */
  #reading: readonly Item[] | undefined;
  #isWaiting = false;

  constructor(
    readonly output: ClientOutput,
    readonly session: Session,
    readonly source: RetainedSource,
    readonly context: Context,
  ) {
    output.continuation = this;
  }

  /** The messages that the subscription matches are sent after those due to earlier subscriptions; `start` follows. */
  add(subscription: Subscription): void {
    const { topicFilter } = subscription;
    const { lastId, retained, own } = this.source;
    this.#searches.delete(topicFilter);
    const trees = mayMatchOwnTopics(subscription.filter) ? [retained, own.tree] : [retained];
    const begun = { filters: undefined, index: undefined, next: 0, walk: undefined, found: 0 };
    this.#searches.set(topicFilter, { subscription, lastId, trees, ...begun });
  }

  /**
   * The subscription has ended. Its search would notice, but a client that acknowledges nothing could add more of them
   * than it may have subscriptions.
   */
  remove(topicFilter: TopicFilter): void {
    this.#searches.delete(topicFilter);
  }

  start(): void {
    this.#goOn();
  }

  /** The connection has taken the output. */
  writable(): void {
    this.#isWaiting = false;
    this.#goOn();
  }

  page(messages: readonly Message[]): void {
    const items = this.#reading;
    if (items === undefined) return;
    const byTopic = new Map<TopicName, Message>();
    for (const message of messages) byTopic.set(message.topic, message);
    for (const item of items) {
      const message = item.held ?? byTopic.get(item.entry.topic);
      if (message !== undefined && message.id === item.entry.id) this.#deliver(item, message);
    }
    // Only now: an acknowledgement during the loop must not request the next page in the middle of this one.
    this.#reading = undefined;
    if (this.#searches.size === 0 && this.#page.length === 0) return;
    this.#isWaiting = true;
    this.context.effects.whenWritable(this.output.id);
  }

  /** One slice of the search. */
  run(): boolean {
    if (this.session.output !== this.output || !this.#mayRead) return true;
    let left = this.context.sliceSize;
    for (const search of this.#searches.values()) {
      left = this.#search(search, left);
      if (this.#isPageFull || left <= 0) break;
    }
    if (!this.#isPageFull && this.#searches.size > 0) return false;
    if (this.#page.length > 0) this.#read();
    return true;
  }

  #goOn(): void {
    if (!this.run()) this.context.work.add(this);
  }

  /**
   * A session that is not stored keeps its queue in memory and gets the next page when it has finished the last one.
   * Storage has more room, but a client that subscribes repeatedly must not fill it.
   */
  get #mayRead(): boolean {
    if (this.#reading !== undefined || this.#isWaiting) return false;
    const enough = this.session.stored ? this.context.limits.retainedQueueSize : PAGE_TOPICS;
    return (this.session.outboundIfAny?.count ?? 0) < enough;
  }

  get #isPageFull(): boolean {
    return this.#page.length >= PAGE_TOPICS || this.#overflow !== undefined;
  }

  /** @returns how much of the budget is left. */
  #search(search: Search, budget: number): number {
    const { subscription } = search;
    let left = budget;
    if (search.filters === undefined) left -= this.#restrict(search);
    const { filters = [], trees } = search;
    while (left > 0 && !this.#isPageFull) {
      if (search.walk === undefined || search.walk.isDone) {
        const filter = filters[Math.floor(search.next / trees.length)];
        const tree = trees[search.next % trees.length];
        if (filter === undefined || tree === undefined || !this.#isCurrent(subscription)) {
          this.#searches.delete(subscription.topicFilter);
          return left;
        }
        search.next++;
        search.walk = tree.search(filter);
      }
      left = search.walk.visit(left, (entry) => this.#found(search, entry));
      if (this.#searches.get(subscription.topicFilter) !== search) return left;
    }
    return left;
  }

  /** Finds the parts in which the client may receive. @returns what that costs, in topic levels. */
  #restrict(search: Search): number {
    const { restrictions } = this.session;
    const { filter } = search.subscription;
    search.filters = restrictions === undefined ? [filter] : restrictions.receivable(filter);
    if (search.filters.length > 1) {
      const index = (search.index = new SubscriptionTree<FilterPart>());
      for (const [number, part] of search.filters.entries()) index.add(part, { number });
    }
    return restrictions === undefined ? 0 : RESTRICTED_LEVELS;
  }

  /** @returns false if the page is full, or the limit of the subscription is reached. */
  #found(search: Search, entry: RetainedEntry): boolean {
    const { restrictions } = this.session;
    const { subscription } = search;
    if (entry.id > search.lastId) return true;
    if (restrictions !== undefined && !restrictions.receive(entry.topic).isAllowed) return true;
    const part = Math.floor((search.next - 1) / search.trees.length);
    if (search.index !== undefined && isInEarlierPart(search.index, entry.topic, part)) return true;
    const limit = this.context.limits.retainedQueueSize;
    if (search.found >= limit) {
      this.#searches.delete(subscription.topicFilter);
      const { clientId } = this.session;
      const { topicFilter } = subscription;
      this.context.effects.emit({ kind: 'retained-limited', clientId, topicFilter, limit });
      return false;
    }
    search.found++;
    const held = search.trees.length > 1 ? this.source.own.get(entry.topic) : undefined;
    const item = { entry, held, subscription };
    if (this.#page.length > 0 && this.#pageBytes + entry.bytes > PAGE_BYTES) this.#overflow = item;
    else this.#add(item);
    return !this.#isPageFull;
  }

  #add(item: Item): void {
    this.#page.push(item);
    this.#pageBytes += item.entry.bytes;
  }

  #read(): void {
    const items = this.#page;
    this.#reading = items;
    this.#page = [];
    this.#pageBytes = 0;
    if (this.#overflow !== undefined) this.#add(this.#overflow);
    this.#overflow = undefined;
    const { changes, effects } = this.context;
    const topics = items.filter(({ held }) => held === undefined).map(({ entry }) => entry.topic);
    if (topics.length === 0) this.page([]);
    else effects.readRetained(this.output.id, topics, changes.last);
  }

  #isCurrent(subscription: Subscription): boolean {
    return this.session.subscriptions?.get(subscription.topicFilter) === subscription;
  }

  #deliver({ entry, held, subscription }: Item, message: Message): void {
    const { session, source } = this;
    const { identifiers } = subscription;
    if (!this.#isCurrent(subscription)) return; // unsubscribed since [MQTT-3.10.4-2]
    const tree = held === undefined ? source.retained : source.own.tree;
    if (tree.get(entry.topic)?.id !== entry.id) return; // replaced since
    if (entry.expiresAtMs !== undefined && entry.expiresAtMs <= this.context.nowMs) return;
    const qos = message.qos < subscription.qos ? message.qos : subscription.qos;
    if (!session.admits(message, qos)) return;
    const options = deliveryOptions(qos, true, identifiers);
    if (qos === 0) session.deliverAtMostOnce(message, options);
    else session.outbound.pushRetained(message, options);
  }
}
