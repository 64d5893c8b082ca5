// A search for the retained messages that match a Topic Filter, which can pause: its cost is bounded in what it visits,
// not in what it finds. Topics may be added and removed while it is paused: those that stay are found once.
import type { TopicFilter } from '../identifiers.js';
import type { RetainedEntry, RetainedLevel } from './retained-entry.js';

/** A level whose children are still being visited. */
interface Frame {
  readonly children: Iterator<readonly [string, RetainedLevel]>;
  /** The level of the filter that the children are compared with. */
  readonly at: number;
}

export class RetainedWalk {
  readonly #levels: readonly string[];
  readonly #root: RetainedLevel;
  readonly #frames: Frame[] = [];
  #isDone = false;
  #hasBegun = false;

  constructor(root: RetainedLevel, filter: TopicFilter) {
    this.#root = root;
    this.#levels = filter.split('/');
  }

  get isDone(): boolean {
    return this.#isDone;
  }

  /**
   * Visits up to `budget` topic levels and calls `found` for each match, in the order in which the topics were first
   * retained, level by level, until it returns false.
   * @returns how much of the budget is left.
   */
  visit(budget: number, found: (entry: RetainedEntry) => boolean): number {
    let left = budget;
    if (!this.#hasBegun) {
      this.#hasBegun = true;
      left -= this.#levels.length;
      if (!this.#enter(this.#root, 0, found)) return left;
    }
    for (let frame = this.#frames.at(-1); frame !== undefined && left > 0; frame = this.#frames.at(-1)) {
      const next = frame.children.next();
      if (next.done === true) {
        this.#frames.pop();
        continue;
      }
      left--;
      const [name, child] = next.value;
      // [MQTT-4.7.2-1] a leading wildcard does not match a topic that begins with $
      if (this.#frames.length === 1 && frame.at === 0 && name.charCodeAt(0) === 0x24) continue;
      const isOpen = this.#levels[frame.at] === '#';
      if (!this.#enter(child, isOpen ? frame.at : frame.at + 1, found)) return left;
    }
    this.#isDone = this.#frames.length === 0;
    return left;
  }

  /** @returns false if `found` wants no more for now. */
  #enter(from: RetainedLevel, fromAt: number, found: (entry: RetainedEntry) => boolean): boolean {
    let level = from;
    for (let at = fromAt; ; at++) {
      const name = this.#levels[at];
      if (name === undefined) return level.entry === undefined || found(level.entry);
      if (name === '#' || name === '+') {
        if (level.children !== undefined) this.#frames.push({ children: level.children.entries(), at });
        // "#" also matches its parent level, section 4.7.1.2
        return name === '+' || level.entry === undefined || found(level.entry);
      }
      const child = level.children?.get(name);
      if (child === undefined) return true;
      level = child;
    }
  }
}
