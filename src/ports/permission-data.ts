// Permissions as others write them down: in a token, in an answer over HTTP, in a document of a database. It is one shape everywhere,
//
//   { publish: ['plant/%c/#'], subscribe: ['plant/#'], deny: { publish: ['plant/+/firmware'] } }
//
// where what is denied comes first, and %c and %u stand for the Client Identifier and the user name. What does not fit is refused as a whole: half of
// somebody's rules would be other rules.
import type { AccessRule, Permissions } from '../domain/access/permissions.js';
import type { TopicFilter } from '../domain/identifiers.js';
import { topicFilterProblem } from './access-rules.js';

export interface RuleSubject {
  readonly clientId: string;
  readonly userName: string | undefined;
}

/** Who may subscribe to something gets it, and who may not does not get it by way of a wider subscription. */
const ACTIONS_OF = { publish: ['publish'], subscribe: ['subscribe', 'receive'] } as const;
const ACTIONS = ['publish', 'subscribe'] as const;
const FILTERS_MAX = 1000;
const FILTER_LENGTH_MAX = 16_383;

/**
 * @param source where the data are from, for people: `claim mqtt of the token`.
 * @throws TypeError which says what is wrong, and nothing of what stands where a filter should.
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

function filterOf(written: unknown, place: string, { clientId, userName }: RuleSubject): TopicFilter {
  if (typeof written !== 'string' || written.length > FILTER_LENGTH_MAX || topicFilterProblem(written) !== undefined) {
    throw new TypeError(`${place} is no Topic Filter`);
  }
  if (written.startsWith('$share/'))
    throw new TypeError(`${place} begins with $share/, expected the filter without it`);
  return written.replaceAll(/%([cu])/g, (_placeholder, which: string, at: number) => {
    const value = which === 'c' ? clientId : userName;
    const name = which === 'c' ? 'Client Identifier' : 'user name';
    // A name with a wildcard would reach what is others', one with a slash other levels, one with $ in front what is the broker's.
    if (value === undefined || value === '' || /[+#/\0]/.test(value) || (at === 0 && value.startsWith('$'))) {
      throw new TypeError(`${place} has %${which}, expected a ${name} without +, # and /, and without $ in front`);
    }
    return value;
  }) as TopicFilter;
}
