// Topic Filters: their syntax, what they match, cover and have in common.
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { TopicFilter, TopicName } from '../../../../src/domain/identifiers.js';
import {
  filterCovers,
  filterMatches,
  hasWildcard,
  parseTopicFilter,
} from '../../../../src/domain/topics/topic-filter.js';

const LIMITS = { maxTopicLength: 20, maxTopicLevels: 4 };

const matches = (filter: string, topic: string): boolean => filterMatches(filter as TopicFilter, topic as TopicName);
const covers = (outer: string, inner: string): boolean => filterCovers(outer as TopicFilter, inner as TopicFilter);

describe('the syntax of a Topic Filter', () => {
  test.each(['a', '/', '//', 'a/b', '#', '+', '/#', '+/+', 'a/+/b', '+/#', 'a/', ' ', '$SYS/#', 'aä/b', '$share'])(
    '%j is a valid Topic Filter',
    (filter) => {
      expect(parseTopicFilter(filter, LIMITS)).toEqual({ shareName: undefined, filter });
    },
  );

  test.each([
    '',
    'a#',
    '#/a',
    'a/#/b',
    '##',
    'a+',
    '+a',
    'a/b+/c',
    '++',
    '/a/#a',
    'a/b/c/d/e',
    'a'.repeat(21),
    'é'.repeat(11),
  ])('%j is refused as a Topic Filter with a reason', (filter) => {
    expect(parseTopicFilter(filter, LIMITS)).toEqual(expect.any(String));
  });

  test.each([
    ['$share/g/a/+', 'g', 'a/+'],
    ['$share/g//', 'g', '/'],
    ['$share/g h/#', 'g h', '#'],
    ['$share/$x/$SYS/a', '$x', '$SYS/a'],
  ])('%j is parsed as a shared subscription', (text, shareName, filter) => {
    expect(parseTopicFilter(text, LIMITS)).toEqual({ shareName, filter });
  });

  test.each(['$share/', '$share/g', '$share/g/', '$share//a', '$share/+/a', '$share/g#/a', '$share/g/a#'])(
    '%j is refused as a shared subscription',
    (text) => {
      expect(parseTopicFilter(text, LIMITS)).toEqual(expect.any(String));
    },
  );

  test('wildcards in a Topic Filter are recognised', () => {
    expect(['a', '+', 'a/#', '#', 'a/+/b', '/'].map(hasWildcard)).toEqual([false, true, true, true, true, false]);
  });
});

describe('what a Topic Filter matches', () => {
  test.each([
    ['sport/tennis/player1/#', 'sport/tennis/player1', true],
    ['sport/tennis/player1/#', 'sport/tennis/player1/score/wimbledon', true],
    ['sport/#', 'sport', true],
    ['sport/+', 'sport', false],
    ['sport/+', 'sport/', true],
    ['+/+', '/finance', true],
    ['/+', '/finance', true],
    ['+', '/finance', false],
    ['#', '$SYS/a', false],
    ['+/monitor/Clients', '$SYS/monitor/Clients', false],
    ['$SYS/#', '$SYS/', true],
    ['$SYS/#', '$SYS', true],
    ['$SYS/monitor/+', '$SYS/monitor/Clients', true],
    ['#', 'a/$b', true],
    ['+/$b', 'a/$b', true],
    ['a', 'A', false],
    ['a', 'a/', false],
    ['a//b', 'a//b', true],
    ['a/+/b', 'a//b', true],
  ])('the Topic Filter %s matches the topic %s: %p', (filter, topic, expected) => {
    expect(matches(filter, topic)).toBe(expected);
  });
});

describe('coverage between Topic Filters', () => {
  test.each([
    ['#', 'a/b', true],
    ['#', '#', true],
    ['#', '+', true],
    ['#', '$SYS/a', false],
    ['+', '#', false],
    ['a/#', 'a', true],
    ['a/#', 'a/#', true],
    ['a/+', 'a/#', false],
    ['a/+', 'a/b', true],
    ['a/b', 'a/+', false],
    ['+/b', '+/b', true],
    ['+/b', '$SYS/b', false],
    ['$SYS/#', '$SYS/+/a', true],
    ['a/+/#', 'a/#', false],
    ['+/#', '#', true],
  ])('the Topic Filter %s covers %s: %p', (outer, inner, expected) => {
    expect(covers(outer, inner)).toBe(expected);
  });

  test('a Topic Filter matches every topic that a covered filter matches', () => {
    const alphabet = ['a', 'b', '', '$c', 'other'];
    const topics: string[] = [];
    const grow = (prefix: readonly string[]): void => {
      if (prefix.length > 0 && prefix.join('/') !== '') topics.push(prefix.join('/'));
      if (prefix.length < 4) for (const level of alphabet) grow([...prefix, level]);
    };
    grow([]);
    const filter = fc
      .tuple(fc.array(fc.constantFrom('a', 'b', '', '$c', '+'), { maxLength: 3 }), fc.boolean())
      .map(([levels, isOpen]) => [...levels, ...(isOpen ? ['#'] : [])].join('/'))
      .filter((text) => text.length > 0);
    fc.assert(
      fc.property(filter, filter, (outer, inner) => {
        const exception = topics.find((topic) => matches(inner, topic) && !matches(outer, topic));
        expect({ outer, inner, covers: covers(outer, inner) }).toEqual({
          outer,
          inner,
          covers: exception === undefined,
        });
      }),
      { numRuns: 1500 },
    );
  });
});
