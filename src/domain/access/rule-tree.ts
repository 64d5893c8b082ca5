// Rules by their Topic Filters, as a tree of topic levels: which of them is the first that a topic or a filter meets. What a look costs follows the
// levels of what is asked about and the rules that meet it, not the number of rules. A rule is known here by its place in their order.
import type { TopicFilter, TopicName } from '../identifiers.js';

/** Behind every rule: none. */
export const NO_RULE = Number.POSITIVE_INFINITY;

class Level {
  children: Map<string, Level> | undefined = undefined;
  /** The child named `+`. */
  plus: Level | undefined = undefined;
  /** The first rule whose filter ends here. */
  here = NO_RULE;
  /** The first whose filter goes on with `#` and ends. */
  below = NO_RULE;
  /** The first of all in this part of the tree. */
  least = NO_RULE;
}

export class RuleTree {
  readonly #root = new Level();

  /** `at` is higher than that of any rule before it. */
  add(filter: TopicFilter, at: number): void {
    let level = this.#root;
    level.least = Math.min(level.least, at);
    for (const name of filter.split('/')) {
      if (name === '#') {
        level.below = Math.min(level.below, at);
        return;
      }
      if (name === '+') level = level.plus ??= new Level();
      else {
        const children = (level.children ??= new Map<string, Level>());
        let child = children.get(name);
        if (child === undefined) children.set(name, (child = new Level()));
        level = child;
      }
      level.least = Math.min(level.least, at);
    }
    level.here = Math.min(level.here, at);
  }

  /** The first whose filter matches the topic. */
  matching(topic: TopicName): number {
    return this.#around(topic.split('/'));
  }

  /** The first whose filter matches every topic that this one matches. */
  covering(filter: TopicFilter): number {
    // What says the same in other words, because no topic is empty: "#" has no parent level to match, nor has "/#".
    if (filter === '#') return this.#around(['+', '#']);
    return this.#around(filter === '/#' ? ['', '+', '#'] : filter.split('/'));
  }

  /** The first for whose filter there is a topic that both match. */
  overlapping(filter: TopicFilter): number {
    return overlappingBelow(this.#root, filter.split('/'), 0, NO_RULE);
  }

  #around(levels: readonly string[]): number {
    // [MQTT-4.7.2-1] a leading wildcard does not match a topic that begins with $
    if (levels[0]?.charCodeAt(0) !== DOLLAR) return aroundBelow(this.#root, levels, 0, NO_RULE);
    const child = this.#root.children?.get(levels[0]);
    return child === undefined ? NO_RULE : aroundBelow(child, levels, 1, NO_RULE);
  }
}

const DOLLAR = 0x24;

/** The levels are those of a topic, or of a filter: a wildcard in them is met by no less than itself. */
function aroundBelow(level: Level, levels: readonly string[], at: number, best: number): number {
  if (level.least >= best) return best;
  let first = Math.min(best, level.below); // "#" takes its parent level too, section 4.7.1.2
  const name = levels[at];
  if (name === undefined) return Math.min(first, level.here);
  if (name === '#') return first;
  if (level.plus !== undefined) first = aroundBelow(level.plus, levels, at + 1, first);
  const child = level.children?.get(name);
  return child === undefined ? first : aroundBelow(child, levels, at + 1, first);
}

function overlappingBelow(level: Level, levels: readonly string[], at: number, best: number): number {
  if (level.least >= best) return best;
  const name = levels[at];
  if (name === '#' && at > 0) return level.least;
  // [MQTT-4.7.2-1] at the root, wildcards and names that begin with $ have nothing in common
  if (at === 0 && name?.charCodeAt(0) === DOLLAR) {
    const child = level.children?.get(name);
    return child === undefined ? best : overlappingBelow(child, levels, 1, best);
  }
  let first = Math.min(best, level.below);
  if (name === undefined) return Math.min(first, level.here);
  const beneath = (child: Level): number =>
    name === '#' ? Math.min(first, child.least) : overlappingBelow(child, levels, at + 1, first);
  if (level.plus !== undefined) first = beneath(level.plus);
  if (name === '#' || name === '+') {
    for (const [childName, child] of level.children ?? [])
      if (at > 0 || childName.charCodeAt(0) !== DOLLAR) first = beneath(child);
    return first;
  }
  const child = level.children?.get(name);
  return child === undefined ? first : beneath(child);
}
