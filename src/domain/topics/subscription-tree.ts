// The index of subscriptions: a tree of topic levels. The cost of a match depends on the topic's levels and on what
// matches [MQTT-3.3.2-3], not on the number of subscriptions. Levels are compared as they are, without normalisation
// [MQTT-4.7.3-4]. The tree holds objects of any type; what a subscription means is decided elsewhere.
import type { TopicFilter, TopicName } from '../identifiers.js';
import { find, prune, reach } from './path-node.js';
import type { Trail } from './path-node.js';
import type { Members } from './subscription-node.js';
import { MISMATCH, SubscriptionNode, withMember, withoutMember } from './subscription-node.js';
import { SubscriptionWalk } from './subscription-walk.js';

export class SubscriptionTree<T extends object> {
  readonly #root = new SubscriptionNode<T>('');
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
    const end = endOfPath(filter);
    const node = reach(this.#root, filter, end);
    if (end < filter.length) node.below = withMember(node.below, member);
    else node.here = withMember(node.here, member);
  }

  remove(filter: TopicFilter, member: T): void {
    this.#revision++;
    const end = endOfPath(filter);
    const trail: Trail<SubscriptionNode<T>> = { parent: this.#root, name: '' };
    const node = find(this.#root, filter, end, trail);
    if (node === undefined) return;
    if (end < filter.length) node.below = withoutMember(node.below, member);
    else node.here = withoutMember(node.here, member);
    prune(this.#root, node, trail);
  }

  /**
   * Calls `found` for each member once per matching filter, as long as that takes no more than about `budget` visits of
   * nodes and members. The same history gives the same order.
   * @returns how much of the budget is left; if it is negative, not all members were found: see `walk`.
   */
  match(topic: TopicName, budget: number, found: (member: T) => void): number {
    const names = topic.split('/');
    // [MQTT-4.7.2-1] a leading wildcard does not match a topic that begins with $
    if (topic.charCodeAt(0) !== 0x24) return this.#matchBelow(this.#root, topic, names, 0, -1, budget, found);
    const name = names[0] as string;
    const child = this.#root.children?.get(name);
    return child === undefined ? budget : this.#matchBelow(child, topic, names, 1, name.length, budget, found);
  }

  /**
   * @param depth the number of names that lead to the node.
   * @param offset where the last of them ends in the topic.
   */
  #matchBelow(
    node: SubscriptionNode<T>,
    topic: string,
    names: readonly string[],
    depth: number,
    offset: number,
    budget: number,
    found: (member: T) => void,
  ): number {
    let left = budget - node.cost;
    const end = node.match(topic, offset);
    if (end === MISMATCH) return left;
    // "#" also matches its parent level, section 4.7.1.2
    if (node.below !== undefined) left = eachMember(node.below, left, found);
    if (left < 0) return left;
    if (end === topic.length) return node.here === undefined ? left : eachMember(node.here, left, found);
    const next = depth + node.levels;
    const name = names[next] as string;
    const nextEnd = end + 1 + name.length;
    if (node.plus !== undefined) left = this.#matchBelow(node.plus, topic, names, next + 1, nextEnd, left, found);
    const child = left < 0 ? undefined : node.children?.get(name);
    return child === undefined ? left : this.#matchBelow(child, topic, names, next + 1, nextEnd, left, found);
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

/** Where the levels before a final `#` end; -1 if there are none. */
function endOfPath(filter: TopicFilter): number {
  return filter.endsWith('#') ? filter.length - 2 : filter.length;
}
