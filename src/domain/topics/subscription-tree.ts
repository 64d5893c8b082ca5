// The index of subscriptions: a tree of topic levels. The cost of a match depends on the topic's levels and on what
// matches, not on the number of subscriptions. The tree holds objects of any type; what a subscription means is decided
// elsewhere.
import type { TopicFilter, TopicName } from '../identifiers.js';

/** Most levels have no subscriber or one, so a set is created only for the second. */
type Members<T> = T | Set<T> | undefined;

class Level<T extends object> {
  children: Map<string, Level<T>> | undefined = undefined;
  /** The child named `+`. */
  plus: Level<T> | undefined = undefined;
  /** Subscribers of the filter that ends here. */
  here: Members<T> = undefined;
  /** Subscribers of the filter that ends with `#` below this level. */
  below: Members<T> = undefined;

  isEmpty(): boolean {
    return (
      this.here === undefined && this.below === undefined && this.plus === undefined && this.children === undefined
    );
  }
}

export class SubscriptionTree<T extends object> {
  readonly #root = new Level<T>();
  #revision = 0;

  /** Grows with every change; a result computed from the tree is valid while this is unchanged. */
  get revision(): number {
    return this.#revision;
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
      if (name === '+') level = level.plus ??= new Level<T>();
      else {
        const children = (level.children ??= new Map<string, Level<T>>());
        let child = children.get(name);
        if (child === undefined) children.set(name, (child = new Level<T>()));
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
  #removeBelow(level: Level<T>, levels: readonly string[], at: number, member: T): void {
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

  /** Calls `found` for each member once per matching filter. The same history gives the same order. */
  match(topic: TopicName, found: (member: T) => void): void {
    const levels = topic.split('/');
    // [MQTT-4.7.2-1] a leading wildcard does not match a topic that begins with $
    if (topic.charCodeAt(0) === 0x24) {
      const child = this.#root.children?.get(levels[0] as string);
      if (child !== undefined) this.#matchBelow(child, levels, 1, found);
    } else this.#matchBelow(this.#root, levels, 0, found);
  }

  /**
   * The members of all matching filters, each when it is asked for: the same as `match`, for a search that may pause.
   * Yields `undefined` for each level that is visited, so that every step counts.
   */
  *search(topic: TopicName): Generator<T | undefined> {
    const levels = topic.split('/');
    if (topic.charCodeAt(0) === 0x24) {
      const child = this.#root.children?.get(levels[0] as string); // [MQTT-4.7.2-1]
      if (child !== undefined) yield* this.#searchBelow(child, levels, 1);
    } else yield* this.#searchBelow(this.#root, levels, 0);
  }

  *#searchBelow(level: Level<T>, levels: readonly string[], at: number): Generator<T | undefined> {
    yield undefined;
    yield* membersOf(level.below);
    if (at === levels.length) {
      yield* membersOf(level.here);
      return;
    }
    if (level.plus !== undefined) yield* this.#searchBelow(level.plus, levels, at + 1);
    const child = level.children?.get(levels[at] as string);
    if (child !== undefined) yield* this.#searchBelow(child, levels, at + 1);
  }

  #matchBelow(level: Level<T>, levels: readonly string[], at: number, found: (member: T) => void): void {
    eachMember(level.below, found); // "#" also matches its parent level, section 4.7.1.2
    if (at === levels.length) {
      eachMember(level.here, found);
      return;
    }
    if (level.plus !== undefined) this.#matchBelow(level.plus, levels, at + 1, found);
    const child = level.children?.get(levels[at] as string);
    if (child !== undefined) this.#matchBelow(child, levels, at + 1, found);
  }
}

function withMember<T extends object>(members: Members<T>, member: T): Members<T> {
  if (members === undefined || members === member) return member;
  if (members instanceof Set) return members.add(member);
  return new Set([members, member]);
}

function withoutMember<T extends object>(members: Members<T>, member: T): Members<T> {
  if (members === member) return undefined;
  if (!(members instanceof Set)) return members;
  members.delete(member);
  if (members.size > 1) return members;
  const [last] = members;
  return last;
}

const membersOf = <T extends object>(members: Members<T>): Iterable<T> =>
  members === undefined ? [] : members instanceof Set ? members : [members];

function eachMember<T extends object>(members: Members<T>, found: (member: T) => void): void {
  if (members === undefined) return;
  if (members instanceof Set) for (const member of members) found(member);
  else found(members);
}
