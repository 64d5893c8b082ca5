// Helpers for authorizers whose rules are written by people: validation of Topic Filters, and the placeholders `%c`
// (Client Identifier) and `%u` (user name). Clients choose these names, so a name must never widen a rule.
import type { AccessRule, Permissions } from '../domain/access/permissions.js';
import type { TopicFilter } from '../domain/identifiers.js';

/** The client whose names replace the placeholders of a rule. */
export interface RuleSubject {
  readonly clientId: string;
  readonly userName: string | undefined;
}

/** What is wrong with the Topic Filter (section 4.7), as a sentence for people, or `undefined` if it is valid. */
export function topicFilterProblem(text: string): string | undefined {
  if (text === '') return 'a topic filter needs at least one character'; // [MQTT-4.7.3-1]
  if (text.includes('\0')) return 'a topic filter has no U+0000'; // [MQTT-4.7.3-2]
  const levels = text.split('/');
  for (const [i, level] of levels.entries()) {
    if (level.includes('#') && level !== '#') return '# stands alone in its level'; // [MQTT-4.7.1-2]
    if (level === '#' && i < levels.length - 1) return '# is the last level of a topic filter'; // [MQTT-4.7.1-2]
    if (level.includes('+') && level !== '+') return '+ stands alone in its level'; // [MQTT-4.7.1-3]
  }
  return undefined;
}

/** Whether the Topic Filter contains `%c` or `%u`. */
export const hasPlaceholder = (topicFilter: string): boolean => /%[cu]/.test(topicFilter);

/**
 * The rules of one client, with its names in place of `%c` and `%u`.
 *
 * A rule with `%u` is left out for a client without a user name. A name that is empty, begins with `$`, or contains
 * `+`, `#` or `/` is never inserted: the rule that would need it is replaced by one that denies everything, and the
 * result ends there.
 */
export function expandRules(
  rules: readonly AccessRule[],
  { clientId, userName }: RuleSubject,
): Extract<Permissions, { readonly kind: 'rules' }> {
  const expanded: AccessRule[] = [];
  for (const rule of rules) {
    const { topicFilter, source } = rule;
    if (!hasPlaceholder(topicFilter)) {
      expanded.push(rule);
      continue;
    }
    if (userName === undefined && topicFilter.includes('%u')) continue;
    const unsafe = unsafeName(topicFilter, { clientId, userName });
    if (unsafe !== undefined) {
      expanded.push(denyEverything(`${source}: this ${unsafe} cannot be part of a topic`));
      return { kind: 'rules', rules: expanded, defaultEffect: 'deny' };
    }
    // In one pass, so that a placeholder inside a name is not replaced.
    const filled = topicFilter.replace(/%[cu]/g, (placeholder) => (placeholder === '%c' ? clientId : (userName ?? '')));
    expanded.push({ ...rule, topicFilter: filled as TopicFilter });
  }
  return { kind: 'rules', rules: expanded };
}

function unsafeName(topicFilter: string, { clientId, userName = '' }: RuleSubject): string | undefined {
  if (topicFilter.includes('%c') && isUnsafe(clientId)) return 'client identifier';
  return topicFilter.includes('%u') && isUnsafe(userName) ? 'user name' : undefined;
}

const isUnsafe = (name: string): boolean => name === '' || name.startsWith('$') || /[+#/]/.test(name);

const denyEverything = (source: string): AccessRule => ({
  effect: 'deny',
  actions: ['publish', 'subscribe', 'receive'],
  topicFilter: '#' as TopicFilter,
  source,
});
