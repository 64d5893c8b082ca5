// A search for the subscribers that match a topic, which can pause: its cost is bounded in what it visits, not in what
// it finds. Subscriptions may be added and removed while it is paused: those that stay are found once.
import type { TopicName } from '../identifiers.js';
import type { Members, SubscriptionLevel } from './subscription-level.js';

export class SubscriptionWalk<T extends object> {
  readonly #names: readonly string[];
  /** Levels that have to be visited, the next one last, and how many names of the topic lead to each. */
  readonly #levels: SubscriptionLevel<T>[] = [];
  readonly #depths: number[] = [];
  /** Members of visited levels that have to be visited, from `#nextMember` on; `undefined` if there are none. */
  #members: T[] | undefined = undefined;
  #nextMember = 0;

  constructor(root: SubscriptionLevel<T>, topic: TopicName) {
    this.#names = topic.split('/');
    // [MQTT-4.7.2-1] a leading wildcard does not match a topic that begins with $
    if (topic.charCodeAt(0) === 0x24) this.#push(root.children?.get(this.#names[0] as string), 1);
    else this.#push(root, 0);
  }

  get isDone(): boolean {
    return this.#levels.length === 0 && this.#members === undefined;
  }

  /**
   * Visits up to `budget` levels and members, and calls `found` for each member once per matching filter. The same
   * history gives the same order.
   */
  visit(budget: number, found: (member: T) => void): void {
    const names = this.#names;
    let left = this.#members === undefined ? budget : this.#visitRest(this.#members, budget, found);
    while (left > 0) {
      const level = this.#levels.pop();
      if (level === undefined) return;
      const depth = this.#depths.pop() as number;
      left--;
      // "#" also matches its parent level, section 4.7.1.2
      if (level.below !== undefined) left = this.#visitMembers(level.below, left, found);
      if (depth === names.length) {
        if (level.here !== undefined) left = this.#visitMembers(level.here, left, found);
        continue;
      }
      this.#push(level.children?.get(names[depth] as string), depth + 1);
      this.#push(level.plus, depth + 1);
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

  #push(level: SubscriptionLevel<T> | undefined, depth: number): void {
    if (level === undefined) return;
    this.#levels.push(level);
    this.#depths.push(depth);
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
