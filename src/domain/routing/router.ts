// The router: the subscriptions of all sessions, and for each topic the deliveries that result. Overlapping
// subscriptions of one session make one delivery at the highest granted QoS [MQTT-3.3.5-1]. A topic's route is cached
// until any subscription changes; checking that costs one comparison.
import type { QoS } from '../../protocol/packets.js';
import type { Context } from '../context.js';
import type { QueueId, TopicFilter, TopicName } from '../identifiers.js';
import type { Recipient } from './recipient.js';
import { Subscription } from './subscription.js';
import { SubscriptionTree } from '../topics/subscription-tree.js';
import { SharedGroup } from './shared-group.js';

/**
 * One delivery that results from a message to the topic. A session's only matching subscription serves as its own
 * target.
 */
export interface Target {
  readonly session: Recipient;
  readonly qos: QoS;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  readonly identifiers: readonly number[] | undefined;
}

export interface Route {
  /** The revision of the router's subscriptions from which it was computed. */
  readonly revision: number;
  readonly targets: readonly Target[];
  readonly groups: readonly SharedGroup[];
}

/** Bounds of the route cache: topics, and deliveries of all of them together. Beyond them the cache is cleared. */
const ROUTES_MAX = 10_000;
const ROUTED_MAX = 1_000_000;
/** In characters. Longer topics are not cached: they are rare, and ten thousand of them would take much memory. */
const ROUTED_TOPIC_MAX = 256;

export class Router {
  readonly #tree = new SubscriptionTree<Subscription | SharedGroup>();
  readonly #groups = new Map<QueueId, SharedGroup>();
  readonly #routes = new Map<TopicName, Route>();
  #routed = 0;
  /** The number of subscriptions of all sessions. */
  #subscriptionCount = 0;
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

  /** The cached route of a topic, if it is still valid. A topic with a cached route is a valid Topic Name. */
  known(topic: string): Route | undefined {
    if (this.#revision !== this.#tree.revision) this.#forget();
    return topic.length > ROUTED_TOPIC_MAX ? undefined : this.#routes.get(topic as TopicName);
  }

  route(topic: TopicName): Route {
    const known = this.known(topic);
    if (known !== undefined) return known;
    const bySession = new Map<Recipient, Target>();
    const groups: SharedGroup[] = [];
    this.#tree.match(topic, (found) => {
      if (found instanceof Subscription) {
        const other = bySession.get(found.session);
        bySession.set(found.session, other === undefined ? found : merged(other, found));
      } else groups.push(found);
    });
    const route = { targets: [...bySession.values()], groups, revision: this.#tree.revision };
    if (this.#routes.size >= ROUTES_MAX || this.#routed >= ROUTED_MAX) this.#forget();
    if (topic.length > ROUTED_TOPIC_MAX) return route;
    this.#routes.set(topic, route);
    this.#routed += route.targets.length;
    return route;
  }

  /** What a message on this topic would go to, found one by one: see `SubscriptionTree.search`. */
  search(topic: TopicName): Iterable<Subscription | SharedGroup | undefined> {
    return this.#tree.search(topic);
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

  groupOf(queue: QueueId): SharedGroup | undefined {
    return this.#groups.get(queue);
  }

  /** Adds a subscription, in the place of one of the same session with the same filter [MQTT-3.8.4-3]. */
  add(subscription: Subscription, replaced: Subscription | undefined): void {
    if (subscription.group === undefined) {
      if (replaced !== undefined) this.#tree.remove(replaced.filter, replaced);
      this.#tree.add(subscription.filter, subscription);
    } else {
      if (subscription.group.isEmpty) this.#tree.add(subscription.filter, subscription.group);
      // The new one joins before the old one leaves, so that the group does not drop its waiting messages in between.
      subscription.group.join(subscription);
      if (replaced !== undefined) subscription.group.leave(replaced);
    }
    if (replaced === undefined) this.#subscriptionCount++;
  }

  remove(subscription: Subscription): void {
    this.#subscriptionCount--;
    const { group } = subscription;
    if (group === undefined) {
      this.#tree.remove(subscription.filter, subscription);
      return;
    }
    group.leave(subscription);
    if (!group.isEmpty) return;
    this.#tree.remove(subscription.filter, group);
    this.#groups.delete(group.id);
  }
}

function merged(one: Target, other: Target): Target {
  return {
    session: one.session,
    qos: one.qos > other.qos ? one.qos : other.qos,
    noLocal: one.noLocal && other.noLocal,
    retainAsPublished: one.retainAsPublished || other.retainAsPublished,
    identifiers: one.identifiers === undefined ? other.identifiers : [...one.identifiers, ...(other.identifiers ?? [])],
  };
}
