// The index of retained messages, compared with a linear search.
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { MessageId, TopicFilter, TopicName } from '../../../../src/domain/identifiers.js';
import { RetainedEntry, RetainedTree } from '../../../../src/domain/topics/retained-tree.js';
import { filterMatches } from '../../../../src/domain/topics/topic-filter.js';

const level = fc.constantFrom('a', 'b', '', '$s');
const topicName = fc
  .array(level, { minLength: 1, maxLength: 4 })
  .map((levels) => levels.join('/'))
  .filter((topic) => topic.length > 0) as fc.Arbitrary<TopicName>;
const topicFilter = fc
  .tuple(fc.array(fc.oneof(level, fc.constant('+')), { maxLength: 4 }), fc.boolean())
  .map(([levels, isOpen]) => [...levels, ...(isOpen ? ['#'] : [])].join('/'))
  .filter((filter) => filter.length > 0) as fc.Arbitrary<TopicFilter>;

const entry = (topic: string, id: number): RetainedEntry =>
  new RetainedEntry(topic as TopicName, id as MessageId, id, undefined, { name: 'test', expired: () => undefined });
const topicsOf = (entries: readonly RetainedEntry[]): string[] => entries.map(({ topic }) => topic);

describe('RetainedTree', () => {
  test('finds what a filter matches after any history of putting and removing', () => {
    const step = fc.record({ topic: topicName, put: fc.boolean() });
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 40 }),
        fc.array(topicFilter, { minLength: 1, maxLength: 8 }),
        (steps, filters) => {
          const tree = new RetainedTree();
          const kept = new Map<TopicName, number>();
          for (const [i, { topic, put }] of steps.entries()) {
            if (put) {
              tree.put(entry(topic, i));
              kept.set(topic, i);
            } else expect(tree.remove(topic) !== undefined).toBe(kept.delete(topic));
          }
          expect(tree.size).toBe(kept.size);
          expect([...kept.keys()].map((topic) => tree.get(topic)?.id)).toEqual([...kept.values()]);
          for (const filter of filters) {
            const expected = [...kept.keys()].filter((topic) => filterMatches(filter, topic));
            expect(topicsOf(tree.match(filter, Infinity)).sort()).toEqual(expected.sort());
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  test('gives no more than the limit, and exactly that many where there are more', () => {
    fc.assert(
      fc.property(fc.uniqueArray(topicName, { maxLength: 20 }), topicFilter, fc.nat(8), (topics, filter, limit) => {
        const tree = new RetainedTree();
        for (const [i, topic] of topics.entries()) tree.put(entry(topic, i));
        const all = tree.match(filter, Infinity);
        expect(tree.match(filter, limit)).toEqual(all.slice(0, limit));
      }),
    );
  });

  test('hides topics that begin with $ from a leading wildcard, and only those', () => {
    const tree = new RetainedTree();
    for (const [i, topic] of ['$s/a', 'a/$s', 'a/$s/b', '$s'].entries()) tree.put(entry(topic, i));
    expect(topicsOf(tree.match('#' as TopicFilter, 10)).sort()).toEqual(['a/$s', 'a/$s/b']);
    expect(topicsOf(tree.match('+/+' as TopicFilter, 10))).toEqual(['a/$s']);
    expect(topicsOf(tree.match('a/+' as TopicFilter, 10))).toEqual(['a/$s']);
    expect(topicsOf(tree.match('$s/#' as TopicFilter, 10)).sort()).toEqual(['$s', '$s/a']);
  });

  test('answers for a topic that is only the beginning of others', () => {
    const tree = new RetainedTree();
    tree.put(entry('a/b/c', 1));
    expect(tree.get('a/b' as TopicName)).toBeUndefined();
    expect(tree.remove('a/b' as TopicName)).toBeUndefined();
    expect(tree.remove('a/b/c/d' as TopicName)).toBeUndefined();
    expect(tree.size).toBe(1);
  });
});
