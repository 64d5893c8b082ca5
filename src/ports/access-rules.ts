// What authorizers have in common who read rules that people write: whether a topic filter is one, and how `%c` (client identifier) and `%u` (user
// name) in it are replaced for a client. Clients choose these names: no name may make a rule mean more than its writer meant.
import type { AccessRule, Permissions } from '../domain/access/permissions.js';
import type { TopicFilter } from '../domain/identifiers.js';

/** What is wrong with it, for people; `undefined`: nothing. */
export function topicFilterProblem(text: string): string | undefined {
  if (text === '') return 'a topic filter needs at least one character';
  if (text.includes('\0')) return 'a topic filter has no U+0000';
  const levels = text.split('/');
  for (const [i, level] of levels.entries()) {
    if (level.includes('#') && level !== '#') return '# stands alone in its level';
    if (level === '#' && i < levels.length - 1) return '# is the last level of a topic filter';
    if (level.includes('+') && level !== '+') return '+ stands alone in its level';
  }
  return undefined;
}

export interface ClientNames {
  readonly clientId: string;
  readonly userName: string | undefined;
}

/** Whether the topic filter has anything to replace. */
export const isPattern = (topicFilter: string): boolean => /%[cu]/.test(topicFilter);

/**
 * The rules for one client, with its names in the place of `%c` and `%u`. A rule with `%u` is about nobody who has no user name. A name with a
 * wildcard or a slash in it, an empty one, or one that begins with `$` is put nowhere: in its place, and in that of all rules behind it, everything
 * is denied.
 */
export function rulesFor(
  rules: readonly AccessRule[],
  { clientId, userName }: ClientNames,
): Extract<Permissions, { readonly kind: 'rules' }> {
  const expanded: AccessRule[] = [];
  for (const rule of rules) {
    const { topicFilter, source } = rule;
    if (!isPattern(topicFilter)) {
      expanded.push(rule);
      continue;
    }
    if (userName === undefined && topicFilter.includes('%u')) continue;
    const unsafe =
      topicFilter.includes('%c') && isUnsafe(clientId)
        ? 'client identifier'
        : topicFilter.includes('%u') && isUnsafe(userName ?? '')
          ? 'user name'
          : undefined;
    if (unsafe !== undefined) {
      const why = `${source}: this ${unsafe} cannot stand in a topic`;
      return {
        kind: 'rules',
        rules: [
          ...expanded,
          {
            effect: 'deny',
            actions: ['publish', 'subscribe', 'receive'],
            topicFilter: '#' as TopicFilter,
            source: why,
          },
        ],
        otherwise: 'deny',
      };
    }
    // All at once: what a name brings along is not looked at again.
    expanded.push({
      ...rule,
      topicFilter: topicFilter.replace(/%[cu]/g, (place) =>
        place === '%c' ? clientId : (userName ?? ''),
      ) as TopicFilter,
    });
  }
  return { kind: 'rules', rules: expanded };
}

const isUnsafe = (name: string): boolean => name === '' || name.startsWith('$') || /[+#/]/.test(name);
