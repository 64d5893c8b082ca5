// Filters that are searched one after the other, where a topic that several of them match is to be found once.
import type { TopicName } from '../identifiers.js';
import type { SubscriptionTree } from './subscription-tree.js';

/** One of the filters, by its place among them. */
export interface FilterPart {
  readonly number: number;
}

/** Whether a filter before the present one matches the topic. */
export function isInEarlierPart(index: SubscriptionTree<FilterPart>, topic: TopicName, present: number): boolean {
  let isInOne = false;
  index.match(topic, Infinity, ({ number }) => {
    isInOne ||= number < present;
  });
  return isInOne;
}
