// Rules indexed by Topic Filter in a tree of topic levels. It finds the first rule that a topic or a filter meets; the
// cost follows the levels of the topic and the rules it meets, not the number of rules. A rule is known here only by
// its index in the order of rules.
import type { TopicFilter, TopicName } from '../identifiers.js';

/** Greater than the index of every rule: no rule. */
export const NO_RULE = Number.POSITIVE_INFINITY;

class Level {
  children: Map<string, Level> | undefined = undefined;
  /** The child for `+`. */
  plus: Level | undefined = undefined;
  /** The first rule whose filter ends here, or `NO_RULE`. */
  exact = NO_RULE;
  /** The first rule whose filter ends with `#` below this level. */
  multiLevel = NO_RULE;
  /** The first rule in this subtree. */
  lowest = NO_RULE;
}

export class RuleTree {
  readonly #root = new Level();

  /** @param index higher than the index of every rule added before. */
  add(filter: TopicFilter, index: number): void {
    let level = this.#root;
    level.lowest = Math.min(level.lowest, index);
    for (const name of filter.split('/')) {
      if (name === '#') {
        level.multiLevel = Math.min(level.multiLevel, index);
        return;
      }
      if (name === '+') level = level.plus ??= new Level();
      else {
        const children = (level.children ??= new Map<string, Level>());
        let child = children.get(name);
        if (child === undefined) children.set(name, (child = new Level()));
        level = child;
      }
      level.lowest = Math.min(level.lowest, index);
    }
    level.exact = Math.min(level.exact, index);
  }

  /** The first rule whose filter matches the topic. */
  firstMatching(topic: TopicName): number {
    return this.#covering(topic.split('/'));
  }

  /** The first rule whose filter matches every topic that this filter matches. */
  firstCovering(filter: TopicFilter): number {
    // Equivalent forms, because a topic is never empty: "#" and "/#" have no parent level that they could match.
    if (filter === '#') return this.#covering(['+', '#']);
    return this.#covering(filter === '/#' ? ['', '+', '#'] : filter.split('/'));
  }

  /** The first rule whose filter has at least one matching topic in common with this filter. */
  firstOverlapping(filter: TopicFilter): number {
    return overlappingBelow(this.#root, filter.split('/'), 0, NO_RULE);
  }

  /**
   * Calls `found` with each rule whose filter has at least one matching topic in common with this filter, as long as it
   * returns true. Of several rules with one filter only the first is there.
   */
  eachOverlapping(filter: TopicFilter, found: (index: number) => boolean): void {
    visitOverlapping(this.#root, filter.split('/'), 0, found);
  }

  #covering(levels: readonly string[]): number {
    // [MQTT-4.7.2-1] a leading wildcard does not match a topic that begins with $.
    if (levels[0]?.charCodeAt(0) !== DOLLAR) return coveringBelow(this.#root, levels, 0, NO_RULE);
    const child = this.#root.children?.get(levels[0]);
    return child === undefined ? NO_RULE : coveringBelow(child, levels, 1, NO_RULE);
  }
}

const DOLLAR = 0x24;

/** `levels` are those of a topic or of a filter; a wildcard in them is covered only by the same or a wider wildcard. */
function coveringBelow(level: Level, levels: readonly string[], at: number, best: number): number {
  if (level.lowest >= best) return best;
  let first = Math.min(best, level.multiLevel); // "#" includes its parent level, section 4.7.1.2
  const name = levels[at];
  if (name === undefined) return Math.min(first, level.exact);
  if (name === '#') return first;
  if (level.plus !== undefined) first = coveringBelow(level.plus, levels, at + 1, first);
  const child = level.children?.get(name);
  return child === undefined ? first : coveringBelow(child, levels, at + 1, first);
}

function overlappingBelow(level: Level, levels: readonly string[], at: number, best: number): number {
  if (level.lowest >= best) return best;
  const name = levels[at];
  if (name === '#' && at > 0) return level.lowest;
  // [MQTT-4.7.2-1] at the root, wildcards and names that begin with $ have no topic in common.
  if (at === 0 && name?.charCodeAt(0) === DOLLAR) {
    const child = level.children?.get(name);
    return child === undefined ? best : overlappingBelow(child, levels, 1, best);
  }
  let first = Math.min(best, level.multiLevel);
  if (name === undefined) return Math.min(first, level.exact);
  const beneath = (child: Level): number =>
    name === '#' ? Math.min(first, child.lowest) : overlappingBelow(child, levels, at + 1, first);
  if (level.plus !== undefined) first = beneath(level.plus);
  if (name === '#' || name === '+') {
    for (const [childName, child] of level.children ?? [])
      if (at > 0 || childName.charCodeAt(0) !== DOLLAR) first = beneath(child);
    return first;
  }
  const child = level.children?.get(name);
  return child === undefined ? first : beneath(child);
}

/** @returns false if `found` wants no more. */
function visitOverlapping(
  level: Level,
  levels: readonly string[],
  at: number,
  found: (index: number) => boolean,
  isRoot = true,
): boolean {
  const name = levels[at];
  const isReserved = isRoot && name?.charCodeAt(0) === DOLLAR; // [MQTT-4.7.2-1]
  if (level.multiLevel !== NO_RULE && !isReserved && !found(level.multiLevel)) return false;
  const isEnd = name === undefined || name === '#';
  if (isEnd && level.exact !== NO_RULE && !found(level.exact)) return false;
  if (name === undefined) return true;
  const next = name === '#' ? at : at + 1;
  if (level.plus !== undefined && !isReserved && !visitOverlapping(level.plus, levels, next, found, false))
    return false;
  if (name !== '#' && name !== '+') {
    const child = level.children?.get(name);
    return child === undefined || visitOverlapping(child, levels, next, found, false);
  }
  for (const [childName, child] of level.children ?? []) {
    if (isRoot && childName.charCodeAt(0) === DOLLAR) continue;
    if (!visitOverlapping(child, levels, next, found, false)) return false;
  }
  return true;
}
