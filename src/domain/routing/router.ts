// The router: the subscriptions of all sessions, and for each topic the deliveries that result. A topic's route is
// cached until any subscription changes; checking that costs one comparison.
import type { Context } from '../context.js';
import type { QueueId, TopicFilter, TopicName } from '../identifiers.js';
import type { Route } from './route.js';
import { RouteSearch } from './route-search.js';
import type { Subscription } from './subscription.js';
import { SubscriptionTree } from '../topics/subscription-tree.js';
import { SharedGroup } from './shared-group.js';

/**
 * Bounds of the route cache: topics, and subscriptions and groups of all of them together. Beyond them the cache is
 * cleared.
 */
const ROUTES_MAX = 10_000;
const ROUTED_MAX = 1_000_000;
/** In characters. Longer topics are not cached: they are rare, and ten thousand of them would take much memory. */
const ROUTED_TOPIC_MAX = 256;
/** Visiting a level or a subscription costs a fraction of what delivering a message does. */
const VISITS_PER_RECIPIENT = 4;

export class Router {
  readonly #tree = new SubscriptionTree<Subscription | SharedGroup>();
  readonly #groups = new Map<QueueId, SharedGroup>();
  readonly #routes = new Map<TopicName, Route>();
  #routed = 0;
  /** The number of subscriptions of all sessions. */
  #subscriptionCount = 0;
  /** Those among them that are shared. */
  #sharedCount = 0;
  #subscriptionBytes = 0;
  /** The revision of the tree from which the cached routes were computed. */
  #revision = 0;

  constructor(readonly context: Context) {}

  /** Grows with every change of a subscription. */
  get revision(): number {
    return this.#tree.revision;
  }

  get subscriptionCount(): number {
    return this.#subscriptionCount;
  }

  get sharedSubscriptionCount(): number {
    return this.#sharedCount;
  }

  /** What they count for in the limits of memory. */
  get subscriptionBytes(): number {
    return this.#subscriptionBytes;
  }

  /** The cached route of a topic, if it is still valid. A topic with a cached route is a valid Topic Name. */
  known(topic: string): Route | undefined {
    if (this.#revision !== this.#tree.revision) this.#forget();
    return topic.length > ROUTED_TOPIC_MAX ? undefined : this.#routes.get(topic as TopicName);
  }

  /** @returns the route of the topic, or `undefined` if finding it takes more than one step: see `search`. */
  route(topic: TopicName): Route | undefined {
    const known = this.known(topic);
    if (known !== undefined) return known;
    const search = this.search(topic);
    return this.#keep(search, search.atOnce(this.#visitsPerStep));
  }

  /** Begins a search for the route of the topic; `goOn` does one slice of it. */
  search(topic: TopicName): RouteSearch {
    return new RouteSearch(topic, this.#tree);
  }

  /** @returns the route, once the search is complete. */
  goOn(search: RouteSearch): Route | undefined {
    return this.#keep(search, search.visit(this.#visitsPerStep));
  }

  get #visitsPerStep(): number {
    return this.context.sliceSize * VISITS_PER_RECIPIENT;
  }

  /** What a message to the topic would go to, one by one: see `SubscriptionWalk.members`. */
  recipientsOf(topic: TopicName): Iterable<Subscription | SharedGroup | undefined> {
    return this.#tree.walk(topic).members();
  }

  #keep({ topic, size }: RouteSearch, route: Route | undefined): Route | undefined {
    if (route === undefined || route.revision !== this.#tree.revision || topic.length > ROUTED_TOPIC_MAX) return route;
    if (this.#revision !== this.#tree.revision || this.#routes.size >= ROUTES_MAX || this.#routed >= ROUTED_MAX)
      this.#forget();
    this.#routes.set(topic, route);
    this.#routed += size;
    return route;
  }

  /** Subscriptions have become invalid without having been removed. */
  forgetRoutes(): void {
    this.#tree.invalidate();
  }

  #forget(): void {
    this.#routes.clear();
    this.#routed = 0;
    this.#revision = this.#tree.revision;
  }

  /** The group that a shared subscription joins; created if it does not exist. */
  group(shareName: string, filter: TopicFilter): SharedGroup {
    const fresh = new SharedGroup(shareName, filter, this.context);
    const group = this.#groups.get(fresh.id);
    if (group !== undefined) return group;
    this.#groups.set(fresh.id, fresh);
    return fresh;
  }

  get groups(): Iterable<SharedGroup> {
    return this.#groups.values();
  }

  groupOf(queue: QueueId): SharedGroup | undefined {
    return this.#groups.get(queue);
  }

  /** Adds a subscription, and removes the one of the same session that it replaces [MQTT-3.8.4-3]. */
  add(subscription: Subscription, replaced: Subscription | undefined): void {
    const { group } = subscription;
    if (group === undefined) {
      // The new one is added first: a search under way must find one of them.
      this.#tree.add(subscription.filter, subscription);
      if (replaced !== undefined) this.#tree.remove(replaced.filter, replaced);
      subscription.addedAt = replaced?.addedAt ?? this.#tree.revision;
    } else {
      if (group.isEmpty) {
        this.#tree.add(subscription.filter, group);
        group.addedAt = this.#tree.revision;
      }
      // The new one joins before the old one leaves, so that the group does not drop its waiting messages in between.
      group.join(subscription);
      if (replaced !== undefined) group.leave(replaced);
    }
    if (replaced !== undefined) return;
    this.#subscriptionCount++;
    if (group !== undefined) this.#sharedCount++;
    this.#subscriptionBytes += subscription.bytes;
  }

  /** Adds a subscription of no client: the limits count those of clients. */
  attach(subscription: Subscription): void {
    this.#tree.add(subscription.filter, subscription);
    subscription.addedAt = this.#tree.revision;
  }

  /** Removes one that was attached. */
  detach(subscription: Subscription): void {
    this.#tree.remove(subscription.filter, subscription);
  }

  remove(subscription: Subscription): void {
    this.#subscriptionCount--;
    this.#subscriptionBytes -= subscription.bytes;
    const { group } = subscription;
    if (group === undefined) {
      this.#tree.remove(subscription.filter, subscription);
      return;
    }
    this.#sharedCount--;
    group.leave(subscription);
    if (!group.isEmpty) return;
    this.#tree.remove(subscription.filter, group);
    this.#groups.delete(group.id);
  }
}
