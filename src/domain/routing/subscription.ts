// One subscription of one session, as requested and granted.
import type { SubscriptionRecord } from '../changes.js';
import type { SharedGroup } from './shared-group.js';
import type { QoS } from '../../protocol/packets.js';
import type { TopicFilter } from '../identifiers.js';
import { subscriptionBytes } from '../name-bytes.js';
import type { Recipient } from './recipient.js';

export class Subscription {
  readonly identifiers: readonly number[] | undefined;
  /** The revision of the router's subscriptions that it began with; that of the one it replaced, if it did. */
  addedAt = 0;
  /** What it counts for in the limits of memory. */
  readonly bytes: number;

  constructor(
    readonly session: Recipient,
    /** As subscribed, `$share/<ShareName>/` included. */
    readonly topicFilter: TopicFilter,
    /** The part that topics are matched against. */
    readonly filter: TopicFilter,
    readonly group: SharedGroup | undefined,
    readonly qos: QoS,
    readonly noLocal: boolean,
    readonly retainAsPublished: boolean,
    readonly retainHandling: 0 | 1 | 2,
    identifier: number | undefined,
  ) {
    this.identifiers = identifier === undefined ? undefined : [identifier];
    this.bytes = subscriptionBytes(topicFilter, group !== undefined);
  }

  /** Whether the session still subscribes to the filter, with this subscription or with one that has replaced it. */
  get isCurrent(): boolean {
    return this.session.hasSubscription(this.topicFilter);
  }

  /** See `Target`. */
  get ofOthers(): Subscription | undefined {
    return this.noLocal ? undefined : this;
  }

  /** See `Target`. */
  get topicFilters(): readonly TopicFilter[] {
    return [this.topicFilter];
  }

  /** The number of subscriptions: see `Target`. */
  get size(): number {
    return 1;
  }

  toRecord(): SubscriptionRecord {
    return {
      clientId: this.session.clientId,
      topicFilter: this.topicFilter,
      qos: this.qos,
      noLocal: this.noLocal,
      retainAsPublished: this.retainAsPublished,
      retainHandling: this.retainHandling,
      identifier: this.identifiers?.[0],
    };
  }
}
