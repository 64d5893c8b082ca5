// The index of retained messages: a tree of topic levels, so that a new subscription finds its topics without visiting
// the others. The messages themselves are in storage; an entry only knows which message is the current one.
import { Deadline } from '../deadlines.js';
import type { TimerKind } from '../deadlines.js';
import type { MessageId, TopicFilter, TopicName } from '../identifiers.js';

export class RetainedEntry {
  /** Set by the owner of the message's expiry; `undefined` if the message does not expire. */
  readonly expiry: Deadline<RetainedEntry> | undefined;

  constructor(
    readonly topic: TopicName,
    readonly id: MessageId,
    /** Of the payload. */
    readonly bytes: number,
    readonly expiresAtMs: number | undefined,
    expiryTimer: TimerKind<RetainedEntry>,
  ) {
    this.expiry = expiresAtMs === undefined ? undefined : new Deadline<RetainedEntry>(expiryTimer, this);
  }
}

class Level {
  children: Map<string, Level> | undefined = undefined;
  entry: RetainedEntry | undefined = undefined;
}

export class RetainedTree {
  readonly #root = new Level();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(topic: TopicName): RetainedEntry | undefined {
    let level: Level | undefined = this.#root;
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
      const children = (level.children ??= new Map<string, Level>());
      let child = children.get(name);
      if (child === undefined) children.set(name, (child = new Level()));
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

  #removeBelow(level: Level, levels: readonly string[], at: number): RetainedEntry | undefined {
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

  /**
   * Up to `limit` entries that match the filter and that `admits` accepts, in the order in which their topics were
   * first retained, level by level.
   */
  match(filter: TopicFilter, limit: number, admits: (entry: RetainedEntry) => boolean = () => true): RetainedEntry[] {
    const found: RetainedEntry[] = [];
    const levels = filter.split('/');
    this.#matchBelow(this.#root, levels, 0, limit, found, admits);
    return found;
  }

  #matchBelow(
    level: Level,
    levels: readonly string[],
    at: number,
    limit: number,
    found: RetainedEntry[],
    admits: (entry: RetainedEntry) => boolean,
  ): void {
    if (found.length >= limit) return;
    const name = levels[at];
    if (name === undefined) {
      if (level.entry !== undefined && admits(level.entry)) found.push(level.entry);
      return;
    }
    if (name === '#' || name === '+') {
      // "#" also matches its parent level, section 4.7.1.2
      if (name === '#' && level.entry !== undefined && admits(level.entry)) found.push(level.entry);
      if (level.children === undefined) return;
      for (const [childName, child] of level.children) {
        // [MQTT-4.7.2-1] a leading wildcard does not match a topic that begins with $
        if (level === this.#root && childName.charCodeAt(0) === 0x24) continue;
        this.#matchBelow(child, levels, name === '#' ? at : at + 1, limit, found, admits);
        if (found.length >= limit) return;
      }
      return;
    }
    const child = level.children?.get(name);
    if (child !== undefined) this.#matchBelow(child, levels, at + 1, limit, found, admits);
  }
}
