// What a client may publish and subscribe to, as data: fixed at CONNECT by whoever authenticated it and judged here, synchronously, so that
// publishing never waits for anyone. Every refusal says why.
import { filterCovers, filterMatches, filtersOverlap } from '../topics/topic-filter.js';
import type { TopicFilter, TopicName } from '../identifiers.js';

export type AccessAction = 'publish' | 'subscribe';

export interface AccessRule {
  readonly effect: 'allow' | 'deny';
  readonly actions: readonly AccessAction[];
  readonly topicFilter: TopicFilter;
}

/** The first rule that applies decides; where none does, access is denied unless `otherwise` says else. `everything` asks no rule. */
export type Permissions =
  | { readonly kind: 'everything' }
  | { readonly kind: 'rules'; readonly rules: readonly AccessRule[]; readonly otherwise?: 'allow' | 'deny' | undefined };

export const EVERYTHING: Permissions = { kind: 'everything' };

/** `undefined`: allowed; otherwise why not. */
export type Refusal = string | undefined;

/** `$SYS/` is the broker's to speak in, and `$share/` is no place at all: it only means something in a Topic Filter. */
export function refusePublish(permissions: Permissions, topic: TopicName): Refusal {
  if (topic.charCodeAt(0) === 0x24 /* $ */ && (topic.startsWith('$SYS/') || topic.startsWith('$share/') || topic === '$SYS')) {
    return 'clients cannot publish to $SYS/ and $share/';
  }
  if (permissions.kind === 'everything') return undefined;
  for (const rule of permissions.rules) {
    if (rule.actions.includes('publish') && filterMatches(rule.topicFilter, topic)) {
      return rule.effect === 'allow' ? undefined : `denied by the rule for ${rule.topicFilter}`;
    }
  }
  return permissions.otherwise === 'allow' ? undefined : 'no rule allows it';
}

/** A subscription needs one allowing rule that covers its whole Topic Filter, before any denying rule that reaches into it. */
export function refuseSubscribe(permissions: Permissions, topicFilter: TopicFilter): Refusal {
  if (permissions.kind === 'everything') return undefined;
  for (const rule of permissions.rules) {
    if (!rule.actions.includes('subscribe')) continue;
    if (rule.effect === 'allow' && filterCovers(rule.topicFilter, topicFilter)) return undefined;
    if (rule.effect === 'deny' && filtersOverlap(rule.topicFilter, topicFilter)) return `denied by the rule for ${rule.topicFilter}`;
  }
  return permissions.otherwise === 'allow' ? undefined : 'no rule allows it';
}
