// A search for the subscribers that match a topic, which can pause: its cost is bounded in what it visits, not in what
// it finds. Subscriptions may be added and removed while it is paused: those that stay are found once.
import type { TopicName } from '../identifiers.js';
import { MISMATCH } from './subscription-node.js';
import type { Members, SubscriptionNode } from './subscription-node.js';

export class SubscriptionWalk<T extends object> {
  readonly #names: readonly string[];
  /** Nodes to be visited, the next one last, how many names of the topic lead to each, and where these end. */
  readonly #nodes: SubscriptionNode<T>[] = [];
  readonly #depths: number[] = [];
  readonly #offsets: number[] = [];
  /** Members of visited nodes that have to be visited, from `#nextMember` on; `undefined` if there are none. */
  #members: T[] | undefined = undefined;
  #nextMember = 0;

  constructor(
    root: SubscriptionNode<T>,
    readonly topic: TopicName,
  ) {
    this.#names = topic.split('/');
    const [name = ''] = this.#names;
    // [MQTT-4.7.2-1] a leading wildcard does not match a topic that begins with $
    if (topic.charCodeAt(0) === 0x24) this.#push(root.children?.get(name), 1, name.length);
    else this.#push(root, 0, -1);
  }

  get isDone(): boolean {
    return this.#nodes.length === 0 && this.#members === undefined;
  }

  /**
   * Visits up to about `budget` nodes and members, and calls `found` for each member once per matching filter. The same
   * history gives the same order.
   */
  visit(budget: number, found: (member: T) => void): void {
    let left = this.#members === undefined ? budget : this.#visitRest(this.#members, budget, found);
    while (left > 0) {
      const node = this.#nodes.pop();
      if (node === undefined) return;
      const depth = (this.#depths.pop() as number) + node.levels;
      const end = node.match(this.topic, this.#offsets.pop() as number);
      left -= node.cost;
      if (end === MISMATCH) continue;
      // "#" also matches its parent level, section 4.7.1.2
      if (node.below !== undefined) left = this.#visitMembers(node.below, left, found);
      if (end === this.topic.length) {
        if (node.here !== undefined) left = this.#visitMembers(node.here, left, found);
        continue;
      }
      const name = this.#names[depth] as string;
      const nextEnd = end + 1 + name.length;
      this.#push(node.children?.get(name), depth + 1, nextEnd);
      this.#push(node.plus, depth + 1, nextEnd);
    }
  }

  /** The members one by one, and `undefined` for each visit that finds none, so that every step counts. */
  *members(): Generator<T | undefined> {
    let members: T[] = [];
    while (!this.isDone) {
      this.visit(1, (member) => members.push(member));
      yield* members.length > 0 ? members : [undefined];
      members = [];
    }
  }

  #push(node: SubscriptionNode<T> | undefined, depth: number, offset: number): void {
    if (node === undefined) return;
    this.#nodes.push(node);
    this.#depths.push(depth);
    this.#offsets.push(offset);
  }

  /** @returns how much of the budget is left. */
  #visitMembers(members: Exclude<Members<T>, undefined>, budget: number, found: (member: T) => void): number {
    let left = budget;
    if (!(members instanceof Set)) {
      found(members);
      return left - 1;
    }
    for (const member of members) {
      if (left > 0) found(member);
      // A copy: the set itself may change until the search goes on.
      else (this.#members ??= []).push(member);
      left--;
    }
    return left;
  }

  #visitRest(members: readonly T[], budget: number, found: (member: T) => void): number {
    const end = Math.min(members.length, this.#nextMember + budget);
    const left = budget - (end - this.#nextMember);
    for (let i = this.#nextMember; i < end; i++) found(members[i] as T);
    this.#nextMember = end;
    if (end < members.length) return 0;
    this.#members = undefined;
    this.#nextMember = 0;
    return left;
  }
}
