// Topic Filters: their syntax, including `$share/<ShareName>/<filter>`, and which topics and filters they match.
import type { TopicFilter, TopicName } from '../identifiers.js';
import { topicSizeProblem } from './topic-name.js';
import type { TopicLimits } from './topic-name.js';

const SHARE_PREFIX = '$share/';
const CHARACTERS_OF_A_SHORT_FILTER = 32;

export interface ParsedFilter {
  /** `undefined` if the subscription is not shared. */
  readonly shareName: string | undefined;
  /** Without the share prefix: the part that topics are matched against. */
  readonly filter: TopicFilter;
}

/** @returns the filter, or a sentence that says what is wrong with it. */
export function parseTopicFilter(text: string, limits: TopicLimits): ParsedFilter | string {
  let shareName: string | undefined;
  let filter = text;
  if (text.startsWith(SHARE_PREFIX)) {
    const end = text.indexOf('/', SHARE_PREFIX.length);
    if (end < 0) return 'a shared subscription is $share/<ShareName>/<Topic Filter>';
    shareName = text.slice(SHARE_PREFIX.length, end);
    filter = text.slice(end + 1);
    if (shareName.length === 0) return 'the ShareName needs at least one character'; // [MQTT5-4.8.2-1]
    if (/[+#]/.test(shareName)) return 'the ShareName has no wildcards'; // [MQTT5-4.8.2-2]
  }
  if (filter.length === 0) return 'a Topic Filter needs at least one character'; // [MQTT-4.7.3-1]
  let levels = 1;
  for (let i = 0; i < filter.length; i++) {
    const character = filter[i];
    if (character === '/') levels++;
    else if (character === '#') {
      if (i !== filter.length - 1) return '# is the last character of a Topic Filter'; // [MQTT-4.7.1-2]
      if (i > 0 && filter[i - 1] !== '/') return '# stands alone in its level';
    } else if (character === '+') {
      const alone = (i === 0 || filter[i - 1] === '/') && (i === filter.length - 1 || filter[i + 1] === '/');
      if (!alone) return '+ stands alone in its level'; // [MQTT-4.7.1-3]
    }
  }
  return topicSizeProblem(text, levels, limits) ?? { shareName, filter: filter as TopicFilter };
}

/** How much longer than a short one a filter takes to be added to or removed from a tree, at most. */
export function filterCost(filter: string): number {
  return 1 + Math.floor(filter.length / CHARACTERS_OF_A_SHORT_FILTER);
}

export function hasWildcard(filter: string): boolean {
  return filter.includes('+') || filter.endsWith('#');
}

/** Whether a message to `topic` goes to a subscription with this filter (without a share prefix). */
export function filterMatches(filter: TopicFilter, topic: TopicName): boolean {
  const topicLevels = topic.split('/');
  const filterLevels = filter.split('/');
  // [MQTT-4.7.2-1]
  if (topic.startsWith('$') && (filterLevels[0] === '#' || filterLevels[0] === '+')) return false;
  return levelsCover(filterLevels, topicLevels, false);
}

/** Whether every topic that `inner` matches is matched by `outer`. */
export function filterCovers(outer: TopicFilter, inner: TopicFilter): boolean {
  const innerLevels = inner.split('/');
  const outerLevels = outer.split('/');
  // Equivalent filters, because no topic is empty: "#" has no parent level to match, nor has "/#".
  if ((outer === '+/#' && inner === '#') || ((outer === '/+/#' || outer === '+/+/#') && inner === '/#')) return true;
  // A leading wildcard matches no $ topic, so it does not cover a filter that names one. [MQTT-4.7.2-1]
  if (inner.startsWith('$') && (outerLevels[0] === '#' || outerLevels[0] === '+')) return false;
  return levelsCover(outerLevels, innerLevels, true);
}

function levelsCover(filter: readonly string[], levels: readonly string[], levelsAreFilter: boolean): boolean {
  for (let i = 0; i < filter.length; i++) {
    const level = filter[i];
    if (level === '#') return true;
    // # also matches its parent level, so no longer list of levels covers it.
    if (levelsAreFilter && levels[i] === '#') return false;
    if (i >= levels.length) return false;
    if (level !== '+' && level !== levels[i]) return false;
  }
  return filter.length === levels.length;
}

/** Whether at least one topic matches both. */
export function filtersOverlap(one: TopicFilter, other: TopicFilter): boolean {
  const levels = one.split('/');
  const others = other.split('/');
  // [MQTT-4.7.2-1]
  if (one.startsWith('$') !== other.startsWith('$') && (isWildcard(levels[0]) || isWildcard(others[0]))) return false;
  for (let i = 0; ; i++) {
    const level = levels[i];
    const against = others[i];
    if (level === '#' || against === '#') return true;
    if (level === undefined || against === undefined) return level === against;
    if (level !== '+' && against !== '+' && level !== against) return false;
  }
}

/** The filter that matches exactly the topics that both match, or `undefined` if there are none. */
export function filterIntersection(one: TopicFilter, other: TopicFilter): TopicFilter | undefined {
  if (!filtersOverlap(one, other)) return undefined;
  const levels = one.split('/');
  const others = other.split('/');
  const both: string[] = [];
  for (let i = 0; ; i++) {
    const level = levels[i];
    const against = others[i];
    // "#" takes over the rest of the other filter, even if nothing is left: it also matches its parent level.
    if (level === '#') return [...both, ...others.slice(i)].join('/') as TopicFilter;
    if (against === '#') return [...both, ...levels.slice(i)].join('/') as TopicFilter;
    if (level === undefined || against === undefined) return both.join('/') as TopicFilter;
    both.push(level === '+' ? against : level);
  }
}

function isWildcard(level: string | undefined): boolean {
  return level === '+' || level === '#';
}
