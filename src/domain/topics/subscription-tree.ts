// The index of subscriptions: a tree of topic levels. The cost of a match depends on the topic's levels and on what
// matches [MQTT-3.3.2-3], not on the number of subscriptions. Levels are compared as they are, without normalisation
// [MQTT-4.7.3-4]. The tree holds objects of any type; what a subscription means is decided elsewhere.
import type { TopicFilter, TopicName } from '../identifiers.js';
import type { Members } from './subscription-level.js';
import { SubscriptionLevel, withMember, withoutMember } from './subscription-level.js';
import { SubscriptionWalk } from './subscription-walk.js';

export class SubscriptionTree<T extends object> {
  readonly #root = new SubscriptionLevel<T>();
  #revision = 0;

  /** Grows with every change; a result computed from the tree is valid while this is unchanged. */
  get revision(): number {
    return this.#revision;
  }

  /** Results computed so far are not valid any longer, although no subscription has changed. */
  invalidate(): void {
    this.#revision++;
  }

  add(filter: TopicFilter, member: T): void {
    this.#revision++;
    const levels = filter.split('/');
    const last = levels.length - 1;
    let level = this.#root;
    for (let i = 0; i <= last; i++) {
      const name = levels[i] as string;
      if (name === '#') {
        level.below = withMember(level.below, member);
        return;
      }
      if (name === '+') level = level.plus ??= new SubscriptionLevel<T>();
      else {
        const children = (level.children ??= new Map<string, SubscriptionLevel<T>>());
        let child = children.get(name);
        if (child === undefined) children.set(name, (child = new SubscriptionLevel<T>()));
        level = child;
      }
    }
    level.here = withMember(level.here, member);
  }

  remove(filter: TopicFilter, member: T): void {
    this.#revision++;
    this.#removeBelow(this.#root, filter.split('/'), 0, member);
  }

  /** Removes empty levels on the way back up, so that the tree shrinks with its subscriptions. */
  #removeBelow(level: SubscriptionLevel<T>, levels: readonly string[], at: number, member: T): void {
    const name = levels[at];
    if (name === undefined) level.here = withoutMember(level.here, member);
    else if (name === '#') level.below = withoutMember(level.below, member);
    else if (name === '+') {
      if (level.plus === undefined) return;
      this.#removeBelow(level.plus, levels, at + 1, member);
      if (level.plus.isEmpty()) level.plus = undefined;
    } else {
      const child = level.children?.get(name);
      if (child === undefined) return;
      this.#removeBelow(child, levels, at + 1, member);
      if (child.isEmpty()) {
        level.children?.delete(name);
        if (level.children?.size === 0) level.children = undefined;
      }
    }
  }

  /**
   * Calls `found` for each member once per matching filter, as long as that takes no more than about `budget` visits of
   * levels and members. The same history gives the same order.
   * @returns how much of the budget is left; if it is negative, not all members were found: see `walk`.
   */
  match(topic: TopicName, budget: number, found: (member: T) => void): number {
    const names = topic.split('/');
    // [MQTT-4.7.2-1] a leading wildcard does not match a topic that begins with $
    if (topic.charCodeAt(0) !== 0x24) return this.#matchBelow(this.#root, names, 0, budget, found);
    const child = this.#root.children?.get(names[0] as string);
    return child === undefined ? budget : this.#matchBelow(child, names, 1, budget, found);
  }

  #matchBelow(
    level: SubscriptionLevel<T>,
    names: readonly string[],
    depth: number,
    budget: number,
    found: (member: T) => void,
  ): number {
    let left = budget - 1;
    // "#" also matches its parent level, section 4.7.1.2
    if (level.below !== undefined) left = eachMember(level.below, left, found);
    if (left < 0) return left;
    if (depth === names.length) return level.here === undefined ? left : eachMember(level.here, left, found);
    if (level.plus !== undefined) left = this.#matchBelow(level.plus, names, depth + 1, left, found);
    const child = left < 0 ? undefined : level.children?.get(names[depth] as string);
    return child === undefined ? left : this.#matchBelow(child, names, depth + 1, left, found);
  }

  /** Begins the same search so that it can pause. */
  walk(topic: TopicName): SubscriptionWalk<T> {
    return new SubscriptionWalk(this.#root, topic);
  }
}

function eachMember<T extends object>(
  members: Exclude<Members<T>, undefined>,
  budget: number,
  found: (member: T) => void,
): number {
  if (!(members instanceof Set)) {
    found(members);
    return budget - 1;
  }
  if (members.size <= budget) for (const member of members) found(member);
  return budget - members.size;
}
