// Who gets a message: the subscriptions of all sessions, and for each topic the deliveries that follow from them. Overlapping subscriptions
// of one session make one delivery at the highest QoS granted [MQTT-3.3.5-1]. What a topic leads to is remembered until any subscription
// changes: checking that costs one comparison.
import type { QoS } from '../../protocol/packets.js';
import type { Context } from '../context.js';
import type { QueueId, TopicFilter, TopicName } from '../identifiers.js';
import type { Recipient } from '../session/recipient.js';
import type { Session } from '../session/session.js';
import { Subscription } from '../session/subscription.js';
import { SubscriptionTree } from '../topics/subscription-tree.js';
import { SharedGroup } from './shared-group.js';

/** One delivery that a message to the topic brings; a subscription that is alone for its session is its own target. */
export interface Target {
  readonly session: Recipient;
  readonly qos: QoS;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  readonly identifiers: readonly number[] | undefined;
}

export interface Route {
  readonly targets: readonly Target[];
  readonly groups: readonly SharedGroup[];
}

/** Topics whose route is remembered, and the deliveries of all of them together; when there are more, all are forgotten. */
const ROUTES_MAX = 10_000;
const ROUTED_MAX = 1_000_000;
/** In characters. Longer topics are rare, and ten thousand of them would be a lot of memory. */
const ROUTED_TOPIC_MAX = 256;

export class Router {
  readonly #tree = new SubscriptionTree<Subscription | SharedGroup>();
  readonly #groups = new Map<QueueId, SharedGroup>();
  readonly #routes = new Map<TopicName, Route>();
  #routed = 0;
  /** Of all sessions. */
  #subscriptionCount = 0;
  /** Of the tree that the remembered routes were made from. */
  #revision = 0;

  constructor(readonly context: Context) {}

  get subscriptionCount(): number {
    return this.#subscriptionCount;
  }

  /** The remembered route of a topic that was published to before, if it still holds. A topic that has one is a valid Topic Name. */
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
    const route = { targets: [...bySession.values()], groups };
    if (this.#routes.size >= ROUTES_MAX || this.#routed >= ROUTED_MAX) this.#forget();
    if (topic.length > ROUTED_TOPIC_MAX) return route;
    this.#routes.set(topic, route);
    this.#routed += route.targets.length;
    return route;
  }

  #forget(): void {
    this.#routes.clear();
    this.#routed = 0;
    this.#revision = this.#tree.revision;
  }

  /** The group that a shared subscription joins. */
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

  /** Puts a subscription into the session and here, in the place of one with the same filter [MQTT-3.8.4-3]. Whether it is new. */
  add(session: Session, subscription: Subscription): boolean {
    const old = session.putSubscription(subscription);
    if (subscription.group === undefined) {
      if (old !== undefined) this.#tree.remove(old.filter, old);
      this.#tree.add(subscription.filter, subscription);
    } else {
      if (subscription.group.isEmpty) this.#tree.add(subscription.filter, subscription.group);
      // The new one joins before the old one leaves: what waits with the group is not dropped in between.
      subscription.group.join(subscription);
      if (old !== undefined) subscription.group.leave(old);
    }
    if (old === undefined) this.#subscriptionCount++;
    return old === undefined;
  }

  /** Takes it out of its session and of here. Whether there was one. */
  remove(session: Session, topicFilter: TopicFilter): boolean {
    const subscription = session.takeSubscription(topicFilter);
    if (subscription === undefined) return false;
    this.#subscriptionCount--;
    const { group } = subscription;
    if (group === undefined) this.#tree.remove(subscription.filter, subscription);
    else {
      group.leave(subscription);
      if (group.isEmpty) {
        this.#tree.remove(subscription.filter, group);
        this.#groups.delete(group.id);
      }
    }
    return true;
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
