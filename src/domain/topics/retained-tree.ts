// The index of retained messages: a tree of topic levels, so that a new subscription finds its topics without visiting
// the others. The messages themselves are in storage; an entry only knows which message is the current one.
import type { TopicFilter, TopicName } from '../identifiers.js';
import { retainedBytes } from '../name-bytes.js';
import { find, prune, reach } from './path-node.js';
import type { Trail } from './path-node.js';
import { RetainedNode } from './retained-entry.js';
import type { RetainedEntry } from './retained-entry.js';
import { RetainedWalk } from './retained-walk.js';

export class RetainedTree {
  readonly #root = new RetainedNode('');
  #size = 0;
  #bytes = 0;
  #payloadBytes = 0;

  get size(): number {
    return this.#size;
  }

  /** What the topics count for in the limits of memory. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Of the messages, wherever storage keeps them. */
  get payloadBytes(): number {
    return this.#payloadBytes;
  }

  get(topic: TopicName): RetainedEntry | undefined {
    return find(this.#root, topic, topic.length)?.entry;
  }

  /** @returns the entry that it replaces. */
  put(entry: RetainedEntry): RetainedEntry | undefined {
    const node = reach(this.#root, entry.topic, entry.topic.length);
    const replaced = node.entry;
    if (replaced === undefined) {
      this.#size++;
      this.#bytes += retainedBytes(entry.topic);
    }
    this.#payloadBytes += entry.bytes - (replaced?.bytes ?? 0);
    node.entry = entry;
    return replaced;
  }

  /** @returns the removed entry. */
  remove(topic: TopicName): RetainedEntry | undefined {
    const trail: Trail<RetainedNode> = { parent: this.#root, name: '' };
    const node = find(this.#root, topic, topic.length, trail);
    const removed = node?.entry;
    if (node === undefined || removed === undefined) return undefined;
    this.#size--;
    this.#bytes -= retainedBytes(topic);
    this.#payloadBytes -= removed.bytes;
    node.entry = undefined;
    prune(this.#root, node, trail);
    return removed;
  }

  /** Begins a search for the entries that match the filter. */
  search(filter: TopicFilter): RetainedWalk {
    return new RetainedWalk(this.#root, filter);
  }
}
