// The permissions of a simulated client, from the rules that the plan gives it.
import type { AccessRule, Permissions, TopicFilter } from '../../ports/index.js';
import type { ReceiveRule } from './operations.js';

/** Clients may publish and subscribe to everything: only what they receive is limited. */
export function permissionsOf(rules: readonly ReceiveRule[] | undefined): Permissions {
  if (rules === undefined) return { kind: 'allow-all' };
  const rule = (effect: AccessRule['effect'], actions: AccessRule['actions'], filter: string): AccessRule => ({
    effect,
    actions,
    topicFilter: filter as TopicFilter,
    source: 'the plan',
  });
  const open = ['#', '$x/#'].map((filter) => rule('allow', ['publish', 'subscribe'], filter));
  return { kind: 'rules', rules: [...open, ...rules.map(({ effect, filter }) => rule(effect, ['receive'], filter))] };
}
