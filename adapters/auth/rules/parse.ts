// The options of the adapter `rules`: roles, and which users and clients have them. All problems are reported at once,
// each with the path of the option.
import { topicFilterProblem } from 'hexmq/ports';
import type { AccessAction, AccessRule, TopicFilter } from 'hexmq/ports';

export interface RoleRules {
  readonly roles: ReadonlyMap<string, readonly AccessRule[]>;
  /** Role names by user name. */
  readonly users: ReadonlyMap<string, readonly string[]>;
  /** Role names by Client Identifier. */
  readonly clients: ReadonlyMap<string, readonly string[]>;
  /** Role names of every client. */
  readonly everyone: readonly string[];
  /** What happens where no rule applies, or `undefined` to leave it to the next authorizer. */
  readonly defaultEffect: 'allow' | 'deny' | undefined;
}

type Report = (path: string, problem: string) => void;

const ACTIONS: readonly AccessAction[] = ['publish', 'subscribe', 'receive'];
const KEYS = ['roles', 'users', 'clients', 'everyone', 'otherwise'];

/** @throws Error that names every problem. */
export function parseRules(options: Readonly<Record<string, unknown>>): RoleRules {
  const problems: string[] = [];
  const report: Report = (path, problem) => void problems.push(`${path}: ${problem}`);
  for (const key of Object.keys(options))
    if (!KEYS.includes(key)) report(key, `unknown option, expected one of ${KEYS.join(', ')}`);

  const roles = parseRoles(options['roles'], report);
  const holders = (key: 'users' | 'clients', what: string): Map<string, readonly string[]> =>
    new Map(
      entriesOf(options[key], key, `a mapping of ${what} to roles`, report).map(([name, value]) => [
        name,
        roleNames(value, `${key}.${name}`, roles, report),
      ]),
    );
  const users = holders('users', 'user names');
  const clients = holders('clients', 'client identifiers');
  const everyone = options['everyone'] === undefined ? [] : roleNames(options['everyone'], 'everyone', roles, report);

  const otherwise = options['otherwise'];
  if (otherwise !== undefined && otherwise !== 'allow' && otherwise !== 'deny')
    report('otherwise', 'expected allow or deny; left out, the next authorizer decides');
  if (problems.length > 0) throw new Error(problems.join('\n  '));
  return { roles, users, clients, everyone, defaultEffect: otherwise as RoleRules['defaultEffect'] };
}

function parseRoles(value: unknown, report: Report): Map<string, AccessRule[]> {
  const roles = new Map<string, AccessRule[]>();
  for (const [role, rules] of entriesOf(value, 'roles', 'a mapping of roles to lists of rules', report)) {
    const path = `roles.${role}`;
    if (!Array.isArray(rules)) report(path, 'expected a list of rules, such as [{ allow: receive, topics: plant/# }]');
    else
      roles.set(
        role,
        rules.flatMap((rule: unknown, i) => parseRule(rule, `${path}[${i}]`, `role ${role}, rule ${i + 1}`, report)),
      );
  }
  return roles;
}

function roleNames(
  value: unknown,
  path: string,
  roles: ReadonlyMap<string, unknown>,
  report: Report,
): readonly string[] {
  const expected = roles.size === 0 ? 'roles has none' : `expected one of ${[...roles.keys()].join(', ')}`;
  const names = listOf(value);
  for (const [i, name] of names.entries()) {
    if (typeof name !== 'string') report(`${path}[${i}]`, 'expected the name of a role');
    else if (!roles.has(name)) report(`${path}[${i}]`, `there is no role "${name}", ${expected}`);
  }
  return names.filter((name) => typeof name === 'string');
}

function entriesOf(value: unknown, path: string, expected: string, report: Report): [string, unknown][] {
  if (value === undefined || value === null) return [];
  if (typeof value === 'object' && !Array.isArray(value)) return Object.entries(value);
  report(path, `expected ${expected}`);
  return [];
}

/** A single value stands for a list of one. */
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [value]);

/** @returns one access rule for each topic. */
function parseRule(value: unknown, path: string, source: string, report: Report): AccessRule[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    report(path, 'expected a rule, such as { allow: receive, topics: plant/# }');
    return [];
  }
  const { allow, deny, topics, ...others } = value as Readonly<Record<string, unknown>>;
  for (const key of Object.keys(others)) report(`${path}.${key}`, 'unknown key, expected allow or deny, and topics');
  if ((allow === undefined) === (deny === undefined)) {
    report(path, `has ${allow === undefined ? 'neither allow nor deny' : 'both allow and deny'}, expected one of them`);
    return [];
  }
  const effect = allow === undefined ? 'deny' : 'allow';
  const actions = listOf(allow ?? deny);
  for (const action of actions) {
    if (!ACTIONS.includes(action as AccessAction))
      report(`${path}.${effect}`, `${JSON.stringify(action)} is not an action, expected ${ACTIONS.join(', ')}`);
  }
  if (actions.length === 0) report(`${path}.${effect}`, `expected at least one of ${ACTIONS.join(', ')}`);
  return parseTopics(topics, `${path}.topics`, report).map((topicFilter) => ({
    effect,
    actions: actions as AccessAction[],
    topicFilter,
    source,
  }));
}

function parseTopics(value: unknown, path: string, report: Report): readonly TopicFilter[] {
  const filters = value === undefined ? [] : listOf(value);
  if (filters.length === 0) report(path, 'expected at least one topic filter');
  for (const [i, filter] of filters.entries()) {
    const problem =
      typeof filter === 'string' ? topicFilterProblem(filter) : 'expected a topic filter; # alone needs quotes in YAML';
    if (problem !== undefined) report(Array.isArray(value) ? `${path}[${i}]` : path, problem);
  }
  return filters as TopicFilter[];
}
