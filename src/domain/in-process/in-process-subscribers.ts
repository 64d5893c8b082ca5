// The subscriptions of the program that embeds the broker, and of plugins: how they begin, what retained messages they
// get, and how they end. They count in no limit of clients, and no rule limits them.
import type { Context } from '../context.js';
import type { TopicFilter } from '../identifiers.js';
import type { InProcessInput } from '../inputs.js';
import type { Router } from '../routing/router.js';
import type { RetainedSource } from '../session/retained-delivery.js';
import { parseTopicFilter } from '../topics/topic-filter.js';
import { InProcessSubscriber } from './in-process-subscriber.js';
import { RetainedHandOver } from './retained-hand-over.js';

interface Entry {
  readonly subscriber: InProcessSubscriber;
  /** `undefined` if it did not ask for retained messages. */
  readonly retained: RetainedHandOver | undefined;
}

export class InProcessSubscribers {
  readonly #entries = new Map<number, Entry>();

  constructor(
    readonly context: Context,
    readonly router: Router,
    readonly source: RetainedSource,
  ) {}

  handle(input: InProcessInput): void {
    switch (input.kind) {
      case 'in-process-opened':
        this.#open(input);
        return;
      case 'in-process-ready':
        this.#entries.get(input.subscriber)?.retained?.goOn();
        return;
      case 'in-process-page':
        this.#entries.get(input.subscriber)?.retained?.page(input.messages);
        return;
      case 'in-process-closed':
        this.#close(input.subscriber);
        return;
    }
  }

  #open({ subscriber: id, name, topicFilters, wantsRetained }: Extract<InProcessInput, { name: string }>): void {
    const { effects } = this.context;
    const problem = this.#problemOf(topicFilters);
    if (problem !== undefined) {
      effects.answerInProcess(id, problem);
      return;
    }
    const subscriber = new InProcessSubscriber(id, name, new Set(topicFilters as TopicFilter[]), this.context);
    for (const subscription of subscriber.subscriptions) this.router.attach(subscription);
    const retained = wantsRetained ? new RetainedHandOver(subscriber, this.source, this.context) : undefined;
    this.#entries.set(id, { subscriber, retained });
    effects.answerInProcess(id, undefined);
    retained?.goOn();
  }

  #problemOf(topicFilters: readonly string[]): string | undefined {
    for (const topicFilter of topicFilters) {
      const problem = this.#filterProblem(topicFilter);
      if (problem !== undefined) return `${JSON.stringify(topicFilter.slice(0, 100))}: ${problem}`;
    }
    return undefined;
  }

  #filterProblem(topicFilter: string): string | undefined {
    // A client's filter was checked by the decoder [MQTT-1.5.3-1], [MQTT-1.5.3-2].
    if (topicFilter.includes('\0') || /[\ud800-\udfff]/u.test(topicFilter))
      return 'a Topic Filter has no U+0000 and no unpaired surrogates';
    const parsed = parseTopicFilter(topicFilter, this.context.limits);
    if (typeof parsed === 'string') return parsed;
    // A member of a group that loses messages would lose those that another member would have acknowledged.
    return parsed.shareName === undefined ? undefined : 'an in-process subscription cannot be shared';
  }

  #close(id: number): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    this.#entries.delete(id);
    entry.subscriber.isOver = true;
    for (const subscription of entry.subscriber.subscriptions) this.router.detach(subscription);
  }
}
