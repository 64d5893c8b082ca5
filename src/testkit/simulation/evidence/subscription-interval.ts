// The time over which one subscription of a client existed. An observer sees SUBSCRIBE come and SUBACK leave, not what
// happens between, so both ends of the interval are ranges: it may begin with SUBSCRIBE and certainly has with SUBACK;
// it may end with UNSUBSCRIBE (or with a SUBSCRIBE to the same filter) and certainly has with UNSUBACK.
import type { SubscriptionRecord } from '../../../ports/index.js';

/** The QoS and the options of a subscription, and its identifier. */
export type Granted = Pick<
  SubscriptionRecord,
  'qos' | 'noLocal' | 'retainAsPublished' | 'retainHandling' | 'identifier'
>;

export const isSame = (one: Granted, other: Granted): boolean =>
  one.qos === other.qos &&
  one.noLocal === other.noLocal &&
  one.retainAsPublished === other.retainAsPublished &&
  one.retainHandling === other.retainHandling &&
  one.identifier === other.identifier;

export interface SubscriptionInterval extends Granted {
  /** As subscribed, with `$share/<name>/` in front if it is shared. */
  readonly topicFilter: string;
  readonly shareName: string | undefined;
  /** Without `$share/<name>/`. */
  readonly filter: string;
  /** Whether it may bring retained messages, by its Retain Handling and by whether it may have been a new one. */
  readonly mayBringRetained: boolean;
  readonly possibleFrom: number;
  certainFrom: number | undefined;
  certainUntil: number | undefined;
  possibleUntil: number | undefined;
  /** The interval with the same filter that follows without a gap. */
  replacedBy: SubscriptionInterval | undefined;
}

/** @param isNew whether there may have been no subscription with the filter. */
export function intervalFrom(
  topicFilter: string,
  { qos, noLocal, retainAsPublished, retainHandling, identifier }: Granted,
  moment: number,
  isNew: boolean,
): SubscriptionInterval {
  const match = /^\$share\/([^/]+)\/(.*)$/.exec(topicFilter);
  return {
    topicFilter,
    shareName: match?.[1],
    filter: match?.[2] ?? topicFilter,
    qos,
    noLocal,
    retainAsPublished,
    retainHandling,
    identifier,
    mayBringRetained: retainHandling === 0 || (retainHandling === 1 && isNew),
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
