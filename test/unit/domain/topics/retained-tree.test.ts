// The index of retained messages, compared with a linear search.
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { MessageId, TopicFilter, TopicName } from '../../../../src/domain/identifiers.js';
import { RetainedEntry } from '../../../../src/domain/topics/retained-entry.js';
import { RetainedTree } from '../../../../src/domain/topics/retained-tree.js';
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
/** All matches, looked for `budget` levels at a time, with a chance to change the tree in between. */
function found(tree: RetainedTree, filter: TopicFilter, budget = Infinity, paused = (): void => undefined) {
  const walk = tree.search(filter);
  const entries: RetainedEntry[] = [];
  while (!walk.isDone) {
    walk.visit(budget, (one) => entries.push(one) > 0);
    paused();
  }
  return entries;
}

const topicsOf = (entries: readonly RetainedEntry[]): string[] => entries.map(({ topic }) => topic);

describe('the tree of retained topics', () => {
  test('the tree of retained topics finds what a filter matches after any history of putting and removing', () => {
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
            expect(topicsOf(found(tree, filter)).sort()).toEqual(expected.sort());
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  test('a search for topics that pauses finds the same in the same order, however small its budget is', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(topicName, { maxLength: 20 }),
        topicFilter,
        fc.integer({ min: 1, max: 5 }),
        (topics, filter, budget) => {
          const tree = new RetainedTree();
          for (const [i, topic] of topics.entries()) tree.put(entry(topic, i));
          expect(found(tree, filter, budget)).toEqual(found(tree, filter));
        },
      ),
    );
  });

  test('a search that stops after each match goes on behind it', () => {
    fc.assert(
      fc.property(fc.uniqueArray(topicName, { maxLength: 20 }), topicFilter, (topics, filter) => {
        const tree = new RetainedTree();
        for (const [i, topic] of topics.entries()) tree.put(entry(topic, i));
        const walk = tree.search(filter);
        const entries: RetainedEntry[] = [];
        while (!walk.isDone) walk.visit(1000, (one) => entries.push(one) < 0);
        expect(entries).toEqual(found(tree, filter));
      }),
    );
  });

  test('topics that stay are found once each, whatever is added and removed while the search pauses', () => {
    const change = fc.record({ topic: topicName, put: fc.boolean() });
    fc.assert(
      fc.property(
        fc.uniqueArray(topicName, { maxLength: 20 }),
        topicFilter,
        fc.array(change, { maxLength: 30 }),
        (topics, filter, changes) => {
          const tree = new RetainedTree();
          for (const [i, topic] of topics.entries()) tree.put(entry(topic, i));
          const touched = new Set(changes.map(({ topic }) => topic));
          const left = [...changes];
          const seen = topicsOf(
            found(tree, filter, 1, () => {
              const next = left.shift();
              if (next?.put === true) tree.put(entry(next.topic, 100));
              else if (next !== undefined) tree.remove(next.topic);
            }),
          ).filter((topic) => !touched.has(topic as TopicName));
          const expected = topics.filter((topic) => filterMatches(filter, topic) && !touched.has(topic));
          expect(seen.sort()).toEqual(expected.sort());
        },
      ),
      { numRuns: 500 },
    );
  });

  test('the tree of retained topics hides topics that begin with $ from a leading wildcard, and only those', () => {
    const tree = new RetainedTree();
    for (const [i, topic] of ['$s/a', 'a/$s', 'a/$s/b', '$s'].entries()) tree.put(entry(topic, i));
    expect(topicsOf(found(tree, '#' as TopicFilter)).sort()).toEqual(['a/$s', 'a/$s/b']);
    expect(topicsOf(found(tree, '+/+' as TopicFilter))).toEqual(['a/$s']);
    expect(topicsOf(found(tree, 'a/+' as TopicFilter))).toEqual(['a/$s']);
    expect(topicsOf(found(tree, '$s/#' as TopicFilter)).sort()).toEqual(['$s', '$s/a']);
  });

  test('the tree of retained topics finds a topic that is a prefix of others', () => {
    const tree = new RetainedTree();
    tree.put(entry('a/b/c', 1));
    expect(tree.get('a/b' as TopicName)).toBeUndefined();
    expect(tree.remove('a/b' as TopicName)).toBeUndefined();
    expect(tree.remove('a/b/c/d' as TopicName)).toBeUndefined();
    expect(tree.size).toBe(1);
  });
});
