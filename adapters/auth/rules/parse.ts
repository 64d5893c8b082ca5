// The options of the adapter, from what people wrote to roles and who has them. All that is wrong is told at once, each with the way to it.
import { topicFilterProblem } from 'hexmq/ports';
import type { AccessAction, AccessRule, TopicFilter } from 'hexmq/ports';

export interface RoleRules {
  readonly roles: ReadonlyMap<string, readonly AccessRule[]>;
  /** The names of their roles. */
  readonly users: ReadonlyMap<string, readonly string[]>;
  readonly clients: ReadonlyMap<string, readonly string[]>;
  readonly everyone: readonly string[];
  readonly defaultEffect: 'allow' | 'deny' | undefined;
}

const ACTIONS: readonly AccessAction[] = ['publish', 'subscribe', 'receive'];
const KEYS = ['roles', 'users', 'clients', 'everyone', 'otherwise'];

/** @throws Error that names everything that is wrong. */
export function parseRules(options: Readonly<Record<string, unknown>>): RoleRules {
  const problems: string[] = [];
  const wrong = (path: string, problem: string): void => void problems.push(`${path}: ${problem}`);
  for (const key of Object.keys(options))
    if (!KEYS.includes(key)) wrong(key, `unknown option, expected one of ${KEYS.join(', ')}`);

  const roles = new Map<string, AccessRule[]>();
  for (const [role, written] of entriesOf(options['roles'], 'roles', 'a mapping of roles to lists of rules', wrong)) {
    const path = `roles.${role}`;
    if (!Array.isArray(written)) wrong(path, 'expected a list of rules, such as [{ allow: receive, topics: plant/# }]');
    else
      roles.set(
        role,
        written.flatMap((rule: unknown, i) => rulesOf(rule, `${path}[${i}]`, `role ${role}, rule ${i + 1}`, wrong)),
      );
  }

  const rolesOf = (written: unknown, path: string): readonly string[] => {
    const names = listOf(written);
    for (const [i, name] of names.entries()) {
      if (typeof name !== 'string') wrong(`${path}[${i}]`, 'expected the name of a role');
      else if (!roles.has(name))
        wrong(
          `${path}[${i}]`,
          `there is no role "${name}", expected ${roles.size === 0 ? 'one of roles, which are none' : `one of ${[...roles.keys()].join(', ')}`}`,
        );
    }
    return names.filter((name) => typeof name === 'string');
  };
  const holders = (key: 'users' | 'clients', what: string): Map<string, readonly string[]> =>
    new Map(
      entriesOf(options[key], key, `a mapping of ${what} to roles`, wrong).map(([name, written]) => [
        name,
        rolesOf(written, `${key}.${name}`),
      ]),
    );
  const users = holders('users', 'user names');
  const clients = holders('clients', 'client identifiers');
  const everyone = options['everyone'] === undefined ? [] : rolesOf(options['everyone'], 'everyone');

  const otherwise = options['otherwise'];
  if (otherwise !== undefined && otherwise !== 'allow' && otherwise !== 'deny')
    wrong('otherwise', 'expected allow or deny; left out, the next authorizer is asked');
  if (problems.length > 0) throw new Error(problems.join('\n  '));
  return { roles, users, clients, everyone, defaultEffect: otherwise as RoleRules['defaultEffect'] };
}

type Wrong = (path: string, problem: string) => void;

function entriesOf(written: unknown, path: string, expected: string, wrong: Wrong): [string, unknown][] {
  if (written === undefined || written === null) return [];
  if (typeof written === 'object' && !Array.isArray(written)) return Object.entries(written);
  wrong(path, `expected ${expected}`);
  return [];
}

/** One is a list of one. */
const listOf = (written: unknown): readonly unknown[] => (Array.isArray(written) ? written : [written]);

/** One for each topic. */
function rulesOf(written: unknown, path: string, source: string, wrong: Wrong): AccessRule[] {
  if (typeof written !== 'object' || written === null || Array.isArray(written)) {
    wrong(path, 'expected a rule, such as { allow: receive, topics: plant/# }');
    return [];
  }
  const { allow, deny, topics, ...others } = written as Readonly<Record<string, unknown>>;
  for (const key of Object.keys(others)) wrong(`${path}.${key}`, 'unknown key, expected allow or deny, and topics');
  if ((allow === undefined) === (deny === undefined)) {
    wrong(path, `has ${allow === undefined ? 'neither allow nor deny' : 'both allow and deny'}, expected one of them`);
    return [];
  }
  const effect = allow === undefined ? 'deny' : 'allow';
  const actions = listOf(allow ?? deny);
  for (const action of actions) {
    if (!ACTIONS.includes(action as AccessAction))
      wrong(`${path}.${effect}`, `${JSON.stringify(action)} is no action, expected ${ACTIONS.join(', ')}`);
  }
  if (actions.length === 0) wrong(`${path}.${effect}`, `expected at least one of ${ACTIONS.join(', ')}`);
  const filters = topics === undefined ? [] : listOf(topics);
  if (filters.length === 0) wrong(`${path}.topics`, 'expected at least one topic filter');
  for (const [i, filter] of filters.entries()) {
    const problem =
      typeof filter === 'string' ? topicFilterProblem(filter) : 'expected a topic filter; # alone has to be quoted';
    if (problem !== undefined) wrong(`${path}.topics${Array.isArray(topics) ? `[${i}]` : ''}`, problem);
  }
  return filters.map((topicFilter) => ({
    effect,
    actions: actions as AccessAction[],
    topicFilter: topicFilter as TopicFilter,
    source,
  }));
}
