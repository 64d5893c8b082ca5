// Retained messages for a new in-process subscription, as `RetainedDelivery` has them for clients: topics are searched
// in slices, messages are read one page at a time, and the next page is read when the subscriber has taken the last
// one. A message that was accepted after the subscription began is skipped, because the subscriber has it already.
import type { Context } from '../context.js';
import type { TopicFilter } from '../identifiers.js';
import type { Message } from '../messages/message.js';
import type { RetainedSource } from '../session/retained-delivery.js';
import { isInEarlierPart } from '../topics/filter-parts.js';
import type { FilterPart } from '../topics/filter-parts.js';
import { mayMatchOwnTopics } from '../topics/own-topic.js';
import type { RetainedEntry } from '../topics/retained-entry.js';
import type { RetainedTree } from '../topics/retained-tree.js';
import type { RetainedWalk } from '../topics/retained-walk.js';
import { SubscriptionTree } from '../topics/subscription-tree.js';
import type { Task } from '../work-queue.js';
import type { InProcessSubscriber } from './in-process-subscriber.js';

const PAGE_TOPICS = 100;
const PAGE_BYTES = 256 * 1024;

interface Search {
  readonly filter: TopicFilter;
  /** The number of the filter among those of the subscription. */
  readonly part: number;
  readonly tree: RetainedTree;
}

interface Item {
  readonly entry: RetainedEntry;
  readonly tree: RetainedTree;
}

export class RetainedHandOver implements Task {
  /** Messages with a higher id were accepted after the subscription began. */
  readonly #lastId: number;
  /** In the order in which they are done, the last one first. */
  readonly #searches: Search[] = [];
  /** The filters by number, to find those that match a topic; `undefined` if there is only one. */
  readonly #index: SubscriptionTree<FilterPart> | undefined;
  #walk: RetainedWalk | undefined;
  #page: Item[] = [];
  #pageBytes = 0;
  #isBusy = false;

  constructor(
    readonly subscriber: InProcessSubscriber,
    readonly source: RetainedSource,
    readonly context: Context,
  ) {
    this.#lastId = source.lastId;
    const filters = subscriber.subscriptions.map(({ filter }) => filter);
    if (filters.length > 1) this.#index = new SubscriptionTree<FilterPart>();
    for (const [part, filter] of filters.entries()) {
      this.#index?.add(filter, { number: part });
      if (mayMatchOwnTopics(filter)) this.#searches.push({ filter, part, tree: source.own.tree });
      this.#searches.push({ filter, part, tree: source.retained });
    }
  }

  /** The subscriber has taken what it was given. */
  goOn(): void {
    if (this.#isBusy) return;
    this.#isBusy = true;
    if (!this.run()) this.context.work.add(this);
  }

  /** One slice of the search. */
  run(): boolean {
    let left = this.context.sliceSize;
    for (;;) {
      const search = this.#searches.at(-1);
      if (search === undefined || this.subscriber.isOver || this.#isPageFull) break;
      if (left <= 0) return false;
      this.#walk ??= search.tree.search(search.filter);
      left = this.#walk.visit(left, (entry) => this.#found(search, entry));
      if (!this.#walk.isDone) continue;
      this.#walk = undefined;
      this.#searches.pop();
    }
    this.#read();
    return true;
  }

  get #isPageFull(): boolean {
    return this.#page.length >= PAGE_TOPICS || this.#pageBytes >= PAGE_BYTES;
  }

  /** @returns false if the page is full. */
  #found({ part, tree }: Search, entry: RetainedEntry): boolean {
    if (entry.id > this.#lastId) return true;
    if (this.#index !== undefined && isInEarlierPart(this.#index, entry.topic, part)) return true;
    this.#page.push({ entry, tree });
    this.#pageBytes += entry.bytes;
    return !this.#isPageFull;
  }

  #read(): void {
    if (this.subscriber.isOver || this.#page.length === 0) return;
    const { effects, changes } = this.context;
    const stored = this.#page.filter(({ tree }) => tree === this.source.retained);
    if (stored.length === 0) this.page([]);
    else
      effects.readRetainedInProcess(
        this.subscriber.id,
        stored.map(({ entry }) => entry.topic),
        changes.last,
      );
  }

  page(messages: readonly Message[]): void {
    const items = this.#page;
    this.#page = [];
    this.#pageBytes = 0;
    this.#isBusy = false;
    const byTopic = new Map(messages.map((message) => [message.topic, message]));
    for (const { entry, tree } of items) {
      const message = tree === this.source.retained ? byTopic.get(entry.topic) : this.source.own.get(entry.topic);
      if (message?.id === entry.id && this.#isCurrent(entry, tree)) this.subscriber.handOver(message, true);
    }
    if (this.#searches.length > 0) this.context.effects.whenInProcessReady(this.subscriber.id);
  }

  /** Whether it was neither replaced nor removed since, and its time is not over. */
  #isCurrent({ topic, id, expiresAtMs }: RetainedEntry, tree: RetainedTree): boolean {
    return tree.get(topic)?.id === id && (expiresAtMs === undefined || expiresAtMs > this.context.nowMs);
  }
}
