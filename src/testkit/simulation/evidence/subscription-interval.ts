// The time over which one subscription of a client existed. An observer sees SUBSCRIBE come and SUBACK leave, not what
// happens between, so both ends of the interval are ranges: it may begin with SUBSCRIBE and certainly has with SUBACK;
// it may end with UNSUBSCRIBE (or with a SUBSCRIBE to the same filter) and certainly has with UNSUBACK.
import type { QoS } from '../../../protocol/packets.js';

export interface SubscriptionInterval {
  /** As subscribed, with `$share/<name>/` in front if it is shared. */
  readonly topicFilter: string;
  readonly shareName: string | undefined;
  /** Without `$share/<name>/`. */
  readonly filter: string;
  readonly qos: QoS;
  readonly possibleFrom: number;
  certainFrom: number | undefined;
  certainUntil: number | undefined;
  possibleUntil: number | undefined;
  /** The interval with the same filter that follows without a gap. */
  replacedBy: SubscriptionInterval | undefined;
}

export function intervalFrom(topicFilter: string, qos: QoS, moment: number): SubscriptionInterval {
  const match = /^\$share\/([^/]+)\/(.*)$/.exec(topicFilter);
  return {
    topicFilter,
    shareName: match?.[1],
    filter: match?.[2] ?? topicFilter,
    qos,
    possibleFrom: moment,
    certainFrom: undefined,
    certainUntil: undefined,
    possibleUntil: undefined,
    replacedBy: undefined,
  };
}

/** Whether the subscription, in this interval or in one that replaced it, certainly still exists. */
export function isCurrent({ certainUntil, replacedBy }: SubscriptionInterval): boolean {
  return certainUntil === undefined || (replacedBy !== undefined && isCurrent(replacedBy));
}
