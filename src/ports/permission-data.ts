// Permissions as external sources write them: the claim of a token, the answer of an HTTP service, a document of a
// database. The format is the same everywhere:
//
//   { publish: ['plant/%c/#'], subscribe: ['plant/#'], deny: { publish: ['plant/+/firmware'] } }
//
// Denials take precedence; `%c` and `%u` stand for the Client Identifier and the user name. Invalid data is rejected as
// a whole, because a part of a set of rules is a different set of rules.
import type { AccessRule, Permissions } from '../domain/access/permissions.js';
import type { TopicFilter } from '../domain/identifiers.js';
import { topicFilterProblem } from './access-rules.js';
import type { RuleSubject } from './access-rules.js';

/** A grant or denial of `subscribe` covers receiving too, so that a wider subscription does not get around it. */
const ACTIONS_OF = { publish: ['publish'], subscribe: ['subscribe', 'receive'] } as const;
const ACTIONS = ['publish', 'subscribe'] as const;
const FILTERS_MAX = 1000;
/** In UTF-16 code units. */
const FILTER_LENGTH_MAX = 16_383;

/**
 * Parses permissions of the format above: at most 1000 filters of at most 16,383 characters.
 * @param source where the data comes from, for log lines: `claim mqtt of the token`.
 * @throws TypeError that says what is wrong and where. It never quotes a filter, which may be confidential.
 */
export function readPermissions(
  data: unknown,
  subject: RuleSubject,
  source: string,
): Extract<Permissions, { kind: 'rules' }> {
  const { deny, ...allow } = mappingOf(data, '');
  const rules = [
    ...rulesOf('deny', mappingOf(deny ?? {}, 'deny'), 'deny.', subject, source),
    ...rulesOf('allow', allow, '', subject, source),
  ];
  if (rules.length > FILTERS_MAX) throw new TypeError(`${rules.length} filters, expected at most ${FILTERS_MAX}`);
  return { kind: 'rules', rules };
}

function mappingOf(data: unknown, path: string): Readonly<Record<string, unknown>> {
  if (typeof data === 'object' && data !== null && !Array.isArray(data))
    return data as Readonly<Record<string, unknown>>;
  throw new TypeError(
    `${path === '' ? '' : `${path}: `}expected a mapping of ${ACTIONS.join(', ')}${path === '' ? ' and deny' : ''}`,
  );
}

function rulesOf(
  effect: AccessRule['effect'],
  lists: Readonly<Record<string, unknown>>,
  path: string,
  subject: RuleSubject,
  source: string,
): AccessRule[] {
  return Object.entries(lists).flatMap(([key, filters]) => {
    const action = ACTIONS.find((each) => each === key);
    const place = `${path}${key}`;
    if (action === undefined)
      throw new TypeError(
        `${path}${JSON.stringify(key)} is unknown, expected ${ACTIONS.join(', ')}${path === '' ? ' or deny' : ''}`,
      );
    if (!Array.isArray(filters)) throw new TypeError(`${place}: expected a list of Topic Filters`);
    return filters.map((filter: unknown, index) => {
      const topicFilter = filterOf(filter, `${place}[${index}]`, subject);
      return { effect, actions: ACTIONS_OF[action], topicFilter, source: `${source}, ${place}[${index}]` };
    });
  });
}

function filterOf(value: unknown, place: string, { clientId, userName }: RuleSubject): TopicFilter {
  if (typeof value !== 'string' || value.length > FILTER_LENGTH_MAX || topicFilterProblem(value) !== undefined) {
    throw new TypeError(`${place} is not a valid Topic Filter`);
  }
  if (value.startsWith('$share/')) throw new TypeError(`${place} begins with $share/, expected the filter without it`);
  return value.replaceAll(/%([cu])/g, (_placeholder, which: string, at: number) => {
    const name = which === 'c' ? clientId : userName;
    const kind = which === 'c' ? 'Client Identifier' : 'user name';
    // A wildcard in the name would match topics of other clients, a slash other levels, a leading $ the broker's
    // topics.
    if (name === undefined || name === '' || /[+#/\0]/.test(name) || (at === 0 && name.startsWith('$'))) {
      throw new TypeError(`${place} has %${which}, expected a ${kind} without +, # and /, and without a leading $`);
    }
    return name;
  }) as TopicFilter;
}
