// The index of retained messages: a tree of topic levels, so that a new subscription finds its topics without visiting
// the others. The messages themselves are in storage; an entry only knows which message is the current one.
import type { TopicFilter, TopicName } from '../identifiers.js';
import { RetainedLevel } from './retained-entry.js';
import type { RetainedEntry } from './retained-entry.js';
import { RetainedWalk } from './retained-walk.js';

export class RetainedTree {
  readonly #root = new RetainedLevel();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(topic: TopicName): RetainedEntry | undefined {
    let level: RetainedLevel | undefined = this.#root;
    for (const name of topic.split('/')) {
      level = level.children?.get(name);
      if (level === undefined) return undefined;
    }
    return level.entry;
  }

  /** @returns the entry that it replaces. */
  put(entry: RetainedEntry): RetainedEntry | undefined {
    let level = this.#root;
    for (const name of entry.topic.split('/')) {
      const children = (level.children ??= new Map<string, RetainedLevel>());
      let child = children.get(name);
      if (child === undefined) children.set(name, (child = new RetainedLevel()));
      level = child;
    }
    const replaced = level.entry;
    if (replaced === undefined) this.#size++;
    level.entry = entry;
    return replaced;
  }

  /** @returns the removed entry. */
  remove(topic: TopicName): RetainedEntry | undefined {
    return this.#removeBelow(this.#root, topic.split('/'), 0);
  }

  #removeBelow(level: RetainedLevel, levels: readonly string[], at: number): RetainedEntry | undefined {
    const name = levels[at];
    if (name === undefined) {
      const removed = level.entry;
      if (removed !== undefined) this.#size--;
      level.entry = undefined;
      return removed;
    }
    const child = level.children?.get(name);
    const removed = child === undefined ? undefined : this.#removeBelow(child, levels, at + 1);
    if (child === undefined || removed === undefined) return undefined;
    if (child.entry === undefined && child.children === undefined) {
      level.children?.delete(name);
      if (level.children?.size === 0) level.children = undefined;
    }
    return removed;
  }

  /** Begins a search for the entries that match the filter. */
  search(filter: TopicFilter): RetainedWalk {
    return new RetainedWalk(this.#root, filter);
  }
}
