// A search for the retained messages that match a Topic Filter, which can pause: its cost is bounded in what it visits,
// not in what it finds. Topics may be added and removed while it is paused: those that stay are found once.
import type { TopicFilter } from '../identifiers.js';
import type { RetainedEntry, RetainedNode } from './retained-entry.js';

/** In characters: comparing so much of a label with a filter takes about as long as visiting a node. */
const COMPARED_PER_VISIT = 64;

/** A node whose children are still being visited. */
interface Frame {
  readonly children: Iterator<readonly [string, RetainedNode]>;
  /** The level of the filter that the children are compared with. */
  readonly at: number;
}

export class RetainedWalk {
  readonly #levels: readonly string[];
  readonly #root: RetainedNode;
  readonly #frames: Frame[] = [];
  #isDone = false;
  #hasBegun = false;

  constructor(root: RetainedNode, filter: TopicFilter) {
    this.#root = root;
    this.#levels = filter.split('/');
  }

  get isDone(): boolean {
    return this.#isDone;
  }

  /**
   * Visits up to about `budget` nodes and calls `found` for each match, in the order in which the topics were first
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
      const [name, child] = next.value;
      left -= 1 + Math.floor(child.label.length / COMPARED_PER_VISIT);
      // [MQTT-4.7.2-1] a leading wildcard does not match a topic that begins with $
      if (this.#frames.length === 1 && frame.at === 0 && name.charCodeAt(0) === 0x24) continue;
      const isOpen = this.#levels[frame.at] === '#';
      if (!this.#enter(child, isOpen ? frame.at : frame.at + 1, found)) return left;
    }
    this.#isDone = this.#frames.length === 0;
    return left;
  }

  /** @returns false if `found` wants no more for now. */
  #enter(from: RetainedNode, fromAt: number, found: (entry: RetainedEntry) => boolean): boolean {
    let node = from;
    for (let at = fromAt; ; at++) {
      at = this.#compare(node.label, at);
      if (at < 0) return true;
      const name = this.#levels[at];
      if (name === undefined) return node.entry === undefined || found(node.entry);
      if (name === '#' || name === '+') {
        if (node.children !== undefined) this.#frames.push({ children: node.children.entries(), at });
        // "#" also matches its parent level, section 4.7.1.2
        return name === '+' || node.entry === undefined || found(node.entry);
      }
      const child = node.children?.get(name);
      if (child === undefined) return true;
      node = child;
    }
  }

  /** @returns the level of the filter that follows those that match the label, or -1 if one does not. */
  #compare(label: string, from: number): number {
    let at = from;
    for (let i = 0; i < label.length; at++) {
      const name = this.#levels[at];
      if (name === undefined) return -1;
      if (name === '#') return at;
      const next = label.indexOf('/', i + 1);
      const end = next < 0 ? label.length : next;
      if (name !== '+' && (name.length !== end - i - 1 || !label.startsWith(name, i + 1))) return -1;
      i = end;
    }
    return at;
  }
}
