// The index of subscriptions, compared with a linear search.
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { TopicFilter, TopicName } from '../../../../src/domain/identifiers.js';
import { SubscriptionTree } from '../../../../src/domain/topics/subscription-tree.js';
import { filterMatches } from '../../../../src/domain/topics/topic-filter.js';

const level = fc.constantFrom('a', 'b', '', '$s', 'é');
const topicName = fc
  .array(level, { minLength: 1, maxLength: 4 })
  .map((levels) => levels.join('/'))
  .filter((topic) => topic.length > 0) as fc.Arbitrary<TopicName>;
const topicFilter = fc
  .tuple(fc.array(fc.oneof(level, fc.constant('+')), { minLength: 0, maxLength: 4 }), fc.boolean())
  .map(([levels, isOpen]) => [...levels, ...(isOpen ? ['#'] : [])].join('/'))
  .filter((filter) => filter.length > 0) as fc.Arbitrary<TopicFilter>;

interface Member {
  readonly name: number;
}

const found = (tree: SubscriptionTree<Member>, topic: TopicName): number[] => {
  const names: number[] = [];
  tree.match(topic, ({ name }) => names.push(name));
  return names.sort((one, other) => one - other);
};

describe('SubscriptionTree', () => {
  test('the tree of subscriptions finds each matching filter once after any history of changes', () => {
    const step = fc.record({ filter: topicFilter, member: fc.nat(3), add: fc.boolean() });
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 40 }),
        fc.array(topicName, { minLength: 1, maxLength: 10 }),
        (steps, topics) => {
          const tree = new SubscriptionTree<Member>();
          const members = [0, 1, 2, 3].map((name) => ({ name }));
          const kept = new Map<string, { filter: TopicFilter; name: number }>();
          for (const { filter, member, add } of steps) {
            const key = `${member} ${filter}`;
            if (add) {
              tree.add(filter, members[member] as Member);
              kept.set(key, { filter, name: member });
            } else {
              tree.remove(filter, members[member] as Member);
              kept.delete(key);
            }
          }
          for (const topic of topics) {
            const expected = [...kept.values()]
              .filter(({ filter }) => filterMatches(filter, topic))
              .map(({ name }) => name);
            expect(found(tree, topic)).toEqual(expected.sort((one, other) => one - other));
          }
        },
      ),
      { numRuns: 2000 },
    );
  });

  test('the tree of subscriptions has a new revision after every change and only then', () => {
    const tree = new SubscriptionTree<Member>();
    const member = { name: 1 };
    const revisions = [tree.revision];
    tree.add('a/+' as TopicFilter, member);
    revisions.push(tree.revision);
    tree.match('a/b' as TopicName, () => undefined);
    expect(tree.revision).toBe(revisions.at(-1));
    tree.remove('a/+' as TopicFilter, member);
    revisions.push(tree.revision);
    expect(new Set(revisions).size).toBe(3);
  });

  test('the tree of subscriptions releases the levels of a removed filter', () => {
    const tree = new SubscriptionTree<Member>();
    const member = { name: 1 };
    const filters = ['a/b/c', 'a/+/c', 'a/b/#', '+/+/+/#', '#', '$s/+'] as TopicFilter[];
    const empty = weigh(tree);
    for (const filter of filters) tree.add(filter, member);
    expect(weigh(tree)).toBeGreaterThan(empty);
    for (const filter of filters) tree.remove(filter, member);
    expect(weigh(tree)).toBe(empty);
  });
});

/** The levels that a match walks through: levels left behind would cost lookups. */
function weigh(tree: SubscriptionTree<Member>): number {
  let lookups = 0;
  const { get } = Map.prototype;
  Map.prototype.get = function (this: Map<unknown, unknown>, key: unknown): unknown {
    lookups++;
    return get.call(this, key);
  };
  try {
    for (const one of ['a', 'b', '$s']) {
      for (const two of ['b', 'c'])
        for (const three of ['c', 'd']) tree.match(`${one}/${two}/${three}` as TopicName, () => undefined);
    }
  } finally {
    Map.prototype.get = get;
  }
  return lookups;
}
