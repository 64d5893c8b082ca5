// The syntax of the file, which is Mosquitto's: one statement a line.
//   user NAME
//   topic [read|write|readwrite|subscribe|deny] FILTER       for the user above; before any user, for clients without a user name
//   pattern [read|write|readwrite|subscribe|deny] FILTER     for everyone, with %c and %u in it
// Of a user's lines, and of all patterns, those that deny come first wherever they stand; a user's lines come before the patterns.
import { topicFilterProblem } from 'hexmq/ports';
import type { AccessAction, AccessRule, TopicFilter } from 'hexmq/ports';

export interface AclFile {
  /** By user name; `undefined`: of clients without one. */
  readonly users: ReadonlyMap<string | undefined, readonly AccessRule[]>;
  readonly patterns: readonly AccessRule[];
}

const ACCESS: ReadonlyMap<string, readonly AccessAction[]> = new Map<string, readonly AccessAction[]>([
  // Who may read something of what a subscription asks for may subscribe, and gets that.
  ['read', ['receive']],
  ['write', ['publish']],
  ['readwrite', ['publish', 'receive']],
  ['subscribe', ['subscribe']],
  ['deny', ['publish', 'subscribe', 'receive']],
]);

/** `name`: what rules call their file. @throws Error that names every line that is wrong. */
export function parseAclFile(text: string, path: string, name: string): AclFile {
  const problems: string[] = [];
  const users = new Map<string | undefined, AccessRule[]>();
  const patterns: AccessRule[] = [];
  let user: string | undefined;
  for (const [i, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const [, keyword = '', rest = ''] = /^(\S+)\s*(.*)$/.exec(line) ?? [];
    const problem = ((): string | undefined => {
      switch (keyword) {
        case 'user':
          user = rest;
          return rest === '' ? 'user needs a name, expected "user NAME"' : undefined;
        case 'topic':
        case 'pattern': {
          const rule = ruleOf(keyword, rest, `${name} line ${i + 1}`);
          if (typeof rule === 'string') return rule;
          if (keyword === 'pattern') patterns.push(rule);
          else valueOf(users, user).push(rule);
          return undefined;
        }
        default:
          return `"${keyword}" is not known, expected user, topic, pattern or a comment that begins with #`;
      }
    })();
    if (problem !== undefined) problems.push(`${path}, line ${i + 1}: ${problem}`);
  }
  if (problems.length > 0) throw new Error(problems.join('\n  '));
  return {
    users: new Map([...users].map(([name, rules]) => [name, denialsFirst(rules)])),
    patterns: denialsFirst(patterns),
  };
}

/** The rule, or what is wrong. */
function ruleOf(keyword: 'topic' | 'pattern', rest: string, source: string): AccessRule | string {
  const [, word, behind] = /^(\S+)\s+(.+)$/.exec(rest) ?? [];
  const access = word === undefined ? 'readwrite' : word;
  const topicFilter = behind ?? rest;
  const actions = ACCESS.get(access);
  if (actions === undefined) {
    return `"${access}" is no access, expected one of ${[...ACCESS.keys()].join(', ')} (a topic with a space in it needs one of them before it)`;
  }
  if (topicFilter === '') return `${keyword} needs a topic, expected "${keyword} ACCESS TOPIC"`;
  const problem = topicFilterProblem(topicFilter);
  if (problem !== undefined) return `the topic "${topicFilter}" is not valid: ${problem}`;
  return { effect: access === 'deny' ? 'deny' : 'allow', actions, topicFilter: topicFilter as TopicFilter, source };
}

const denialsFirst = (rules: readonly AccessRule[]): AccessRule[] => [
  ...rules.filter(({ effect }) => effect === 'deny'),
  ...rules.filter(({ effect }) => effect === 'allow'),
];

function valueOf(users: Map<string | undefined, AccessRule[]>, user: string | undefined): AccessRule[] {
  let rules = users.get(user);
  if (rules === undefined) users.set(user, (rules = []));
  return rules;
}
