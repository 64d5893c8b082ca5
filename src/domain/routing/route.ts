// The route of a topic: the deliveries and the shared groups that a message to it leads to.
import type { QoS } from '../../protocol/packets.js';
import type { TopicFilter } from '../identifiers.js';
import type { Recipient } from './recipient.js';
import type { SharedGroup } from './shared-group.js';
import type { Subscription } from './subscription.js';

/**
 * One delivery that results from a message to the topic. A session's only matching subscription serves as its own
 * target.
 */
export interface Target {
  readonly session: Recipient;
  readonly qos: QoS;
  /** Whether one of its subscriptions is No Local: what the session's own client publishes goes to `ofOthers`. */
  readonly noLocal: boolean;
  /** The same without those subscriptions; `undefined` if there is none left. */
  readonly ofOthers: Target | undefined;
  readonly retainAsPublished: boolean;
  readonly identifiers: readonly number[] | undefined;
  /** The Topic Filters of the subscriptions that it results from. */
  readonly topicFilters: readonly TopicFilter[];
  /** How many subscriptions it results from. */
  readonly size: number;
  /** Whether the session still has one of these subscriptions. */
  readonly isCurrent: boolean;
}

export interface Route {
  /** The revision of the router's subscriptions for which it is valid. */
  readonly revision: number;
  readonly targets: readonly Target[];
  readonly groups: readonly SharedGroup[];
}

/**
 * Overlapping subscriptions of one session make one delivery at the highest granted QoS [MQTT-3.3.5-1],
 * [MQTT5-3.3.4-2], with the identifiers of all [MQTT5-3.3.4-4].
 */
export class MergedTarget implements Target {
  readonly session: Recipient;
  qos: QoS;
  noLocal: boolean;
  retainAsPublished: boolean;
  identifiers: number[] | undefined;
  readonly #subscriptions: Subscription[];
  #ofOthers: MergedTarget | undefined;

  constructor(one: Subscription, other?: Subscription) {
    this.session = one.session;
    this.qos = one.qos;
    this.noLocal = one.noLocal;
    this.retainAsPublished = one.retainAsPublished;
    this.identifiers = one.identifiers === undefined ? undefined : [...one.identifiers];
    this.#subscriptions = [one];
    if (other !== undefined) this.add(other);
  }

  get size(): number {
    return this.#subscriptions.length;
  }

  get topicFilters(): readonly TopicFilter[] {
    return this.#subscriptions.map(({ topicFilter }) => topicFilter);
  }

  get isCurrent(): boolean {
    return this.#subscriptions.some(({ isCurrent }) => isCurrent);
  }

  get ofOthers(): Target | undefined {
    if (!this.noLocal) return this;
    if (this.#ofOthers !== undefined) return this.#ofOthers;
    for (const subscription of this.#subscriptions) {
      if (subscription.noLocal) continue;
      if (this.#ofOthers === undefined) this.#ofOthers = new MergedTarget(subscription);
      else this.#ofOthers.add(subscription);
    }
    return this.#ofOthers;
  }

  add(subscription: Subscription): void {
    this.#subscriptions.push(subscription);
    if (subscription.qos > this.qos) this.qos = subscription.qos;
    this.noLocal ||= subscription.noLocal;
    this.retainAsPublished ||= subscription.retainAsPublished;
    if (subscription.identifiers !== undefined) (this.identifiers ??= []).push(...subscription.identifiers);
  }
}
