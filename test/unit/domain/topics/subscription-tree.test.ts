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

/** What a match finds, after a comparison with what a search finds in the same order. */
const found = (tree: SubscriptionTree<Member>, topic: TopicName): number[] => {
  const names: number[] = [];
  const searched: number[] = [];
  tree.match(topic, Infinity, ({ name }) => names.push(name));
  tree.walk(topic).visit(Infinity, ({ name }) => searched.push(name));
  expect(searched).toEqual(names);
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

  test('a search that pauses finds each subscription that stays exactly once, whatever is added and removed meanwhile', () => {
    const step = fc.record({ filter: topicFilter, member: fc.nat(3), add: fc.boolean() });
    fc.assert(
      fc.property(
        topicName,
        fc.integer({ min: 1, max: 4 }),
        fc.array(fc.tuple(topicFilter, fc.nat(3)), { maxLength: 20 }),
        fc.array(step, { maxLength: 20 }),
        (topic, budget, before, during) => {
          const tree = new SubscriptionTree<Member>();
          const members = [0, 1, 2, 3].map((name) => ({ name }));
          const key = (filter: TopicFilter, name: number): string => `${name} ${filter}`;
          for (const [filter, name] of before) tree.add(filter, members[name] as Member);
          const stays = new Map(before.map(([filter, name]) => [key(filter, name), { filter, name }]));
          const existed = new Map(stays);
          const names: number[] = [];
          const walk = tree.walk(topic);
          const steps = [...during];
          for (let visits = 0; !walk.isDone; visits++) {
            expect(visits).toBeLessThan(1000);
            walk.visit(budget, ({ name }) => names.push(name));
            const change = steps.shift();
            if (change === undefined) continue;
            if (change.add) tree.add(change.filter, members[change.member] as Member);
            else tree.remove(change.filter, members[change.member] as Member);
            if (change.add) existed.set(key(change.filter, change.member), { ...change, name: change.member });
            else stays.delete(key(change.filter, change.member));
          }
          const matching = (all: typeof stays, name: number): number =>
            [...all.values()].filter((one) => one.name === name && filterMatches(one.filter, topic)).length;
          for (const { name } of members) {
            const times = names.filter((found) => found === name).length;
            expect(times).toBeGreaterThanOrEqual(matching(stays, name));
            expect(times).toBeLessThanOrEqual(matching(existed, name));
          }
        },
      ),
      { numRuns: 2000 },
    );
  });

  test('a search visits as many levels and members at a time as its budget allows, also where nothing matches', () => {
    const tree = new SubscriptionTree<Member>();
    // Sixteen branches that end at a level that the topic does not have.
    for (let i = 0; i < 16; i++) {
      const names = [8, 4, 2, 1].map((bit) => ((i & bit) === 0 ? 'a' : '+'));
      tree.add(`${names.join('/')}/x` as TopicFilter, { name: i });
    }
    const walk = tree.walk('a/a/a/a' as TopicName);
    let found = 0;
    let visits = 0;
    for (; !walk.isDone; visits++) walk.visit(10, () => found++);
    expect(found).toBe(0);
    expect(visits).toBe(4); // 31 levels
    expect(tree.match('a/a/a/a' as TopicName, 31, () => undefined)).toBe(0);
    expect(tree.match('a/a/a/a' as TopicName, 30, () => undefined)).toBeLessThan(0);
  });

  test('the tree of subscriptions has a new revision after every change and only then', () => {
    const tree = new SubscriptionTree<Member>();
    const member = { name: 1 };
    const revisions = [tree.revision];
    tree.add('a/+' as TopicFilter, member);
    revisions.push(tree.revision);
    tree.match('a/b' as TopicName, Infinity, () => undefined);
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
        for (const three of ['c', 'd']) tree.match(`${one}/${two}/${three}` as TopicName, Infinity, () => undefined);
    }
  } finally {
    Map.prototype.get = get;
  }
  return lookups;
}
