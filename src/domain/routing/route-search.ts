// The search for the route of a topic. One that visits much takes several steps, and subscriptions may change in
// between. It finds those that exist when it begins and when it ends; one that begins meanwhile is not found, so that
// the subscriber gets a message that is being published as a retained message or not at all, but never twice.
import type { TopicName } from '../identifiers.js';
import type { SubscriptionTree } from '../topics/subscription-tree.js';
import type { SubscriptionWalk } from '../topics/subscription-walk.js';
import type { Recipient } from './recipient.js';
import { MergedTarget } from './route.js';
import type { Route } from './route.js';
import type { SharedGroup } from './shared-group.js';
import { Subscription } from './subscription.js';

export type RoutingTree = SubscriptionTree<Subscription | SharedGroup>;

export class RouteSearch {
  readonly #revision: number;
  readonly #targets = new Map<Recipient, Subscription | MergedTarget>();
  readonly #groups: SharedGroup[] = [];
  #walk: SubscriptionWalk<Subscription | SharedGroup> | undefined = undefined;
  /** The number of subscriptions and groups found. */
  size = 0;
  readonly #found = (found: Subscription | SharedGroup): void => {
    this.#add(found);
  };

  constructor(
    readonly topic: TopicName,
    readonly tree: RoutingTree,
  ) {
    this.#revision = tree.revision;
  }

  /** @returns the route, if no more than about `budget` levels and subscriptions have to be visited for it. */
  atOnce(budget: number): Route | undefined {
    return this.tree.match(this.topic, budget, this.#found) < 0 ? undefined : this.#route();
  }

  /** Visits up to `budget` levels and subscriptions. @returns the route, once the search is complete. */
  visit(budget: number): Route | undefined {
    const walk = (this.#walk ??= this.tree.walk(this.topic));
    walk.visit(budget, this.#found);
    return walk.isDone ? this.#route() : undefined;
  }

  #route(): Route {
    return { targets: [...this.#targets.values()], groups: this.#groups, revision: this.#revision };
  }

  #add(found: Subscription | SharedGroup): void {
    if (found.addedAt > this.#revision) return;
    this.size++;
    if (!(found instanceof Subscription)) {
      this.#groups.push(found);
      return;
    }
    if (found.session.isOver) return;
    const other = this.#targets.get(found.session);
    if (other === undefined) this.#targets.set(found.session, found);
    else if (other instanceof Subscription) this.#targets.set(found.session, new MergedTarget(other, found));
    else other.add(found);
  }
}
