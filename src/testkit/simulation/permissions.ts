// The permissions of a simulated client, from the rules that the plan gives it.
import type { AccessRule, Permissions, TopicFilter } from '../../ports/index.js';
import type { Denial, ReceiveRule } from './operations.js';

const EVERYTHING: readonly ReceiveRule[] = [
  { effect: 'allow', filter: '#' },
  { effect: 'allow', filter: '$x/#' },
  { effect: 'allow', filter: '$SYS/#' },
];

/** Without a denial a client may publish and subscribe to everything: only what it receives is limited. */
export function permissionsOf(rules: readonly ReceiveRule[] | undefined, denial?: Denial): Permissions {
  if (rules === undefined && denial === undefined) return { kind: 'allow-all' };
  const rule = (effect: AccessRule['effect'], actions: AccessRule['actions'], filter: string): AccessRule => ({
    effect,
    actions,
    topicFilter: filter as TopicFilter,
    source: 'the plan',
  });
  const denied = (denial?.publish ?? []).map((topic) => rule('deny', ['publish'], topic));
  const actions = denial?.subscribe === true ? (['publish'] as const) : (['publish', 'subscribe'] as const);
  const open = EVERYTHING.map(({ filter }) => rule('allow', actions, filter));
  const received = (rules ?? EVERYTHING).map(({ effect, filter }) => rule(effect, ['receive'], filter));
  return { kind: 'rules', rules: [...denied, ...open, ...received] };
}
