// The parser for ACL files in Mosquitto's format, one statement a line:
//   user NAME
//   topic [read|write|readwrite|subscribe|deny] FILTER     for the user above; before any user, for clients without one
//   pattern [read|write|readwrite|subscribe|deny] FILTER   for every client, with the placeholders %c and %u
// Denying lines take precedence wherever they are written: within the lines of a user, and within the patterns. The
// lines of a user take precedence over the patterns.
import { topicFilterProblem } from 'hexmq/ports';
import type { AccessAction, AccessRule, TopicFilter } from 'hexmq/ports';

export interface AclFile {
  /** By user name; the key `undefined` has the rules of clients without one. */
  readonly users: ReadonlyMap<string | undefined, readonly AccessRule[]>;
  readonly patterns: readonly AccessRule[];
}

const ACCESS: ReadonlyMap<string, readonly AccessAction[]> = new Map<string, readonly AccessAction[]>([
  // `receive` also permits a subscription to every filter of which it covers a part.
  ['read', ['receive']],
  ['write', ['publish']],
  ['readwrite', ['publish', 'receive']],
  ['subscribe', ['subscribe']],
  ['deny', ['publish', 'subscribe', 'receive']],
]);

/**
 * @param path of the file, for error messages.
 * @param name of the file, for the sources of rules.
 * @throws Error that names every invalid line.
 */
export function parseAclFile(text: string, path: string, name: string): AclFile {
  const problems: string[] = [];
  const users = new Map<string | undefined, AccessRule[]>();
  const patterns: AccessRule[] = [];
  let user: string | undefined;
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const [, keyword = '', rest = ''] = /^(\S+)\s*(.*)$/.exec(line) ?? [];
    const parsed = parseStatement(keyword, rest, `${name} line ${index + 1}`);
    if (typeof parsed === 'string') problems.push(`${path}, line ${index + 1}: ${parsed}`);
    else if ('user' in parsed) user = parsed.user;
    else if (keyword === 'pattern') patterns.push(parsed);
    else rulesOf(users, user).push(parsed);
  }
  if (problems.length > 0) throw new Error(problems.join('\n  '));
  return {
    users: new Map([...users].map(([name, rules]) => [name, denialsFirst(rules)])),
    patterns: denialsFirst(patterns),
  };
}

/** @returns the user that the next lines are about, a rule, or what is wrong with the line. */
function parseStatement(keyword: string, rest: string, source: string): { user: string } | AccessRule | string {
  switch (keyword) {
    case 'user':
      return rest === '' ? 'user needs a name, expected "user NAME"' : { user: rest };
    case 'topic':
    case 'pattern':
      return parseRule(keyword, rest, source);
    default:
      return `"${keyword}" is not known, expected user, topic, pattern or a comment that begins with #`;
  }
}

/** @returns the rule, or what is wrong with the line. */
function parseRule(keyword: 'topic' | 'pattern', rest: string, source: string): AccessRule | string {
  const [, access = 'readwrite', topicFilter = rest] = /^(\S+)\s+(.+)$/.exec(rest) ?? [];
  const actions = ACCESS.get(access);
  if (actions === undefined) {
    return (
      `"${access}" is not an access, expected one of ${[...ACCESS.keys()].join(', ')}` +
      ' (a topic that contains a space needs one of them before it)'
    );
  }
  if (topicFilter === '') return `${keyword} needs a topic, expected "${keyword} ACCESS TOPIC"`;
  const problem = topicFilterProblem(topicFilter);
  if (problem !== undefined) return `the topic "${topicFilter}" is not valid: ${problem}`;
  return { effect: access === 'deny' ? 'deny' : 'allow', actions, topicFilter: topicFilter as TopicFilter, source };
}

function rulesOf(users: Map<string | undefined, AccessRule[]>, user: string | undefined): AccessRule[] {
  let rules = users.get(user);
  if (rules === undefined) users.set(user, (rules = []));
  return rules;
}

const denialsFirst = (rules: readonly AccessRule[]): AccessRule[] => [
  ...rules.filter(({ effect }) => effect === 'deny'),
  ...rules.filter(({ effect }) => effect === 'allow'),
];
