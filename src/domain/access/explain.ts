// The explanation of an access decision, for `hexmq acl explain`. It asks the same `Access` as the broker does, so that
// it cannot disagree with it, and adds why each earlier rule did not decide.
import { filterCovers, filtersOverlap } from '../topics/topic-filter.js';
import type { TopicFilter, TopicName } from '../identifiers.js';
import { accessOf, RESERVED_TOPIC, scopeOf } from './access.js';
import type { Decision } from './access.js';
import type { AccessAction, AccessRule, Permissions } from './permissions.js';

export interface Explanation extends Decision {
  /** The rules before the one that decided, in order, each with the reason why it does not apply. */
  readonly skippedRules: readonly { readonly rule: AccessRule; readonly reason: string }[];
  /** Of an allowed subscription: the rules that delivery will apply to topics of the filter, in order. */
  readonly delivery: readonly AccessRule[];
  /** What happens to topics of the filter that no rule covers, or `undefined` if there are none. */
  readonly deliveryDefault: 'allow' | 'deny' | undefined;
}

/** @param topic a Topic Name; for `subscribe`, a Topic Filter without `$share/<group>/`. */
export function explain(permissions: Permissions, action: AccessAction, topic: string): Explanation {
  const access = accessOf(permissions);
  const rules = permissions.kind === 'allow-all' ? [] : permissions.rules;
  const filter = topic as TopicFilter;
  const decision = action === 'subscribe' ? access.subscribe(filter) : access[action](topic as TopicName);
  const decidedAt = decision.rule === undefined ? rules.length : rules.indexOf(decision.rule);
  // No rule can change that a topic is reserved, so none is listed.
  const earlier = decision === RESERVED_TOPIC ? [] : rules.slice(0, decidedAt);
  const skippedRules = earlier.map((rule) => ({
    rule,
    reason: action === 'subscribe' ? whyNotForFilter(rule, filter) : whyNotForTopic(rule, action),
  }));
  if (action !== 'subscribe' || !decision.isAllowed || permissions.kind === 'allow-all') {
    return { ...decision, skippedRules, delivery: [], deliveryDefault: undefined };
  }
  const relevant = rules.filter(
    ({ actions, topicFilter }) => actions.includes('receive') && filtersOverlap(topicFilter, filter),
  );
  const coveredAt = relevant.findIndex(({ topicFilter }) => filterCovers(topicFilter, filter));
  return {
    ...decision,
    skippedRules,
    delivery: coveredAt < 0 ? relevant : relevant.slice(0, coveredAt + 1),
    deliveryDefault: coveredAt < 0 ? (permissions.defaultEffect ?? 'deny') : undefined,
  };
}

function whyNotForTopic({ actions }: AccessRule, action: AccessAction): string {
  return actions.includes(action) ? 'does not match' : `is about ${listed(actions)}`;
}

function whyNotForFilter(rule: AccessRule, filter: TopicFilter): string {
  const { actions, effect, topicFilter } = rule;
  const scope = scopeOf(rule);
  if (scope === 'none') return `is about ${listed(actions)}`;
  if (!filtersOverlap(topicFilter, filter)) return 'has no topic in common with it';
  if (scope === 'part') return 'allows only what earlier rules deny';
  return effect === 'allow' ? 'does not cover all of it' : 'denies part of it, which delivery filters out';
}

const listed = (actions: readonly AccessAction[]): string => (actions.length === 0 ? 'nothing' : actions.join(' and '));
