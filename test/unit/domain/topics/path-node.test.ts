// The shape of the trees of topic levels: chains of levels take no node each, and what a history of changes leaves is
// the tree that the entries of the end would have made. A plain tree with a node for each level is the model.
import { describe, expect, test } from '@jest/globals';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import type { MessageId, TopicFilter, TopicName } from '../../../../src/domain/identifiers.js';
import { RetainedEntry } from '../../../../src/domain/topics/retained-entry.js';
import { RetainedTree } from '../../../../src/domain/topics/retained-tree.js';
import { SubscriptionTree } from '../../../../src/domain/topics/subscription-tree.js';

interface Member {
  readonly name: number;
}

/** A tree with a node for each level, the last of a filter that ends with `#` included. */
class PlainTree {
  readonly children = new Map<string, PlainTree>();
  readonly members = new Set<number>();

  add([name, ...rest]: readonly string[], member: number): void {
    if (name === undefined) this.members.add(member);
    else {
      const child = this.children.get(name) ?? new PlainTree();
      this.children.set(name, child);
      child.add(rest, member);
    }
  }

  remove([name, ...rest]: readonly string[], member: number): void {
    if (name === undefined) this.members.delete(member);
    const child = name === undefined ? undefined : this.children.get(name);
    if (name === undefined || child === undefined) return;
    child.remove(rest, member);
    if (child.members.size === 0 && child.children.size === 0) this.children.delete(name);
  }

  /** The members that a topic goes to: `#` before the level itself, `+` before a name. */
  *matching([name, ...rest]: readonly string[], isRoot = true): Generator<number> {
    const mayUseWildcard = !isRoot || name?.startsWith('$') !== true;
    if (mayUseWildcard) yield* this.children.get('#')?.members ?? [];
    if (name === undefined) yield* this.members;
    else {
      if (mayUseWildcard) yield* this.children.get('+')?.matching(rest, false) ?? [];
      yield* this.children.get(name)?.matching(rest, false) ?? [];
    }
  }

  /** The members that a filter matches, in the order of a search. */
  *below([name, ...rest]: readonly string[], isRoot = true): Generator<number> {
    if (name === undefined || name === '#') yield* this.members;
    if (name === undefined) return;
    for (const [childName, child] of this.children) {
      if (isRoot && childName.startsWith('$') && (name === '#' || name === '+')) continue;
      if (name === '#') yield* child.below(['#'], false);
      else if (name === '+' || name === childName) yield* child.below(rest, false);
    }
  }
}

/** Long paths that share their beginnings: a few ways to go on after each length. */
const path = (names: readonly string[]): fc.Arbitrary<readonly string[]> =>
  fc
    .tuple(fc.integer({ min: 1, max: 12 }), fc.array(fc.tuple(fc.nat(12), fc.constantFrom(...names)), { maxLength: 3 }))
    .map(([length, turns]) => {
      const levels: string[] = Array.from({ length }, (_, i) => (i % 3 === 0 ? 'a-level-with-a-long-name' : 'b'));
      for (const [at, name] of turns) if (at < length) levels[at] = name;
      return levels;
    });
const topicLevels = path(['', 'c', 'ü', '$s']);
const filterLevels = fc
  .tuple(path(['', 'c', '+', '$s']), fc.boolean())
  .map(([levels, isOpen]) => [...levels, ...(isOpen ? ['#'] : [])]);
const textOf = (levels: readonly string[]): string => (levels.join('/') === '' ? '/' : levels.join('/'));
const levelsOf = (text: string): readonly string[] => text.split('/');
const topicName = topicLevels.map(textOf) as fc.Arbitrary<TopicName>;
const topicFilter = filterLevels.map(textOf) as fc.Arbitrary<TopicFilter>;

const BUDGET = 1_000_000;

describe('PathNode', () => {
  test('subscriptions come and go, and the tree finds in the same order as one with a node for each level', () => {
    const step = fc.record({ filter: topicFilter, member: fc.nat(2), add: fc.boolean() });
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 40 }),
        fc.array(topicName, { minLength: 1, maxLength: 10 }),
        (steps, topics) => {
          const tree = new SubscriptionTree<Member>();
          const plain = new PlainTree();
          const members = [0, 1, 2].map((name) => ({ name }));
          const kept = new Map<string, (typeof steps)[number]>();
          for (const change of steps) {
            const { filter, member, add } = change;
            const key = `${member} ${filter}`;
            if (add) {
              if (!kept.has(key)) kept.set(key, change);
              tree.add(filter, members[member] as Member);
              plain.add(levelsOf(filter), member);
            } else {
              kept.delete(key);
              tree.remove(filter, members[member] as Member);
              plain.remove(levelsOf(filter), member);
            }
          }
          const fresh = new SubscriptionTree<Member>();
          for (const { filter, member } of kept.values()) fresh.add(filter, members[member] as Member);
          for (const topic of topics) {
            const found: number[] = [];
            const searched: number[] = [];
            const left = tree.match(topic, BUDGET, ({ name }) => found.push(name));
            tree.walk(topic).visit(BUDGET, ({ name }) => searched.push(name));
            expect(found).toEqual([...plain.matching(levelsOf(topic))]);
            expect(searched).toEqual(found);
            // The same nodes as if the removed ones had never been there.
            expect(left).toBe(fresh.match(topic, BUDGET, () => undefined));
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  test('retained topics come and go, and the tree finds in the same order as one with a node for each level', () => {
    const step = fc.record({ topic: topicName, put: fc.boolean() });
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 40 }),
        fc.array(topicFilter, { minLength: 1, maxLength: 10 }),
        (steps, filters) => {
          const tree = new RetainedTree();
          const plain = new PlainTree();
          const kept = new Map<TopicName, number>();
          for (const [i, { topic, put }] of steps.entries()) {
            const before = kept.get(topic);
            if (before !== undefined && put) plain.add(levelsOf(topic), i);
            if (before !== undefined) plain.remove(levelsOf(topic), before);
            kept.delete(topic);
            if (!put) {
              expect(tree.remove(topic)?.id).toBe(before);
              continue;
            }
            if (before === undefined) plain.add(levelsOf(topic), i);
            kept.set(topic, i);
            expect(tree.put(entry(topic, i))?.id).toBe(before);
          }
          const fresh = new RetainedTree();
          for (const [topic, i] of kept) fresh.put(entry(topic, i));
          for (const filter of filters) {
            const found: number[] = [];
            const left = tree.search(filter).visit(BUDGET, ({ id }) => found.push(id) > 0);
            expect(found).toEqual([...plain.below(levelsOf(filter))]);
            expect(left).toBe(fresh.search(filter).visit(BUDGET, () => true));
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  test('a search for retained topics that pauses finds those that stay once, while nodes are cut and joined', () => {
    const change = fc.record({ topic: topicName, put: fc.boolean() });
    fc.assert(
      fc.property(
        fc.uniqueArray(topicName, { maxLength: 20 }),
        topicFilter,
        fc.array(change, { maxLength: 40 }),
        (topics, filter, changes) => {
          const tree = new RetainedTree();
          const plain = new PlainTree();
          const touched = new Set(changes.map(({ topic }) => topic));
          for (const [i, topic] of topics.entries()) {
            tree.put(entry(topic, i));
            if (!touched.has(topic)) plain.add(levelsOf(topic), i);
          }
          const walk = tree.search(filter);
          const found: number[] = [];
          for (let i = 0; !walk.isDone; i++) {
            walk.visit(1, ({ id, topic }) => touched.has(topic) || found.push(id) > 0);
            const next = changes[i];
            if (next?.put === true) tree.put(entry(next.topic, 1000));
            else if (next !== undefined) tree.remove(next.topic);
          }
          expect(found.sort()).toEqual([...plain.below(levelsOf(filter))].sort());
        },
      ),
      { numRuns: 500 },
    );
  });

  test('a search for subscriptions that pauses finds those that stay once, while nodes are cut and joined', () => {
    const change = fc.record({ filter: topicFilter, add: fc.boolean() });
    fc.assert(
      fc.property(
        topicName,
        fc.uniqueArray(topicFilter, { maxLength: 20 }),
        fc.array(change, { maxLength: 40 }),
        (topic, filters, changes) => {
          const tree = new SubscriptionTree<Member>();
          const plain = new PlainTree();
          const touched = new Set(changes.map(({ filter }) => filter));
          const members = new Map<string, Member>();
          for (const [name, filter] of filters.entries()) {
            members.set(filter, { name });
            tree.add(filter, members.get(filter) as Member);
            if (!touched.has(filter)) plain.add(levelsOf(filter), name);
          }
          const walk = tree.walk(topic);
          const found: number[] = [];
          const isTouched = (name: number): boolean => touched.has(filters[name] ?? ('' as TopicFilter));
          for (let i = 0; !walk.isDone; i++) {
            walk.visit(1, ({ name }) => name < 1000 && !isTouched(name) && found.push(name));
            const next = changes[i];
            if (next === undefined) continue;
            const member = members.get(next.filter) ?? { name: 1000 };
            members.set(next.filter, member);
            if (next.add) tree.add(next.filter, member);
            else tree.remove(next.filter, member);
          }
          expect(found.sort()).toEqual([...plain.matching(levelsOf(topic))].sort());
        },
      ),
      { numRuns: 500 },
    );
  });

  test('a filter of 256 levels takes one node, a second one that differs in its last level two more', () => {
    const chain = ['first', ...Array.from({ length: 254 }, () => 'x')].join('/');
    const topic = `${chain}/1` as TopicName;
    const tree = new SubscriptionTree<Member>();
    const visits = (): number => BUDGET - tree.match(topic, BUDGET, () => undefined);
    tree.add(`${chain}/1` as TopicFilter, { name: 1 });
    const one = visits();
    tree.add(`${chain}/2` as TopicFilter, { name: 2 });
    const two = visits();
    // Apart from the root and the member: comparing the levels counts, but not as much as a node for each would.
    expect(one).toBeLessThan(2 + 10);
    expect(two).toBe(one + 1);
  });

  test('a node does not keep the long filter in memory by which it came about', () => {
    const tree = new SubscriptionTree<Member>();
    const member = { name: 1 };
    const before = heapBytes();
    for (let i = 0; i < 1000; i++) {
      const short = `level-with-a-long-name-${i}/another-level-with-a-long-name` as TopicFilter;
      const long = Buffer.from(`${short}/${'y'.repeat(16_000)}`).toString() as TopicFilter;
      tree.add(long, member);
      tree.add(short, member);
      tree.remove(long, member);
    }
    expect(heapBytes() - before).toBeLessThan(4_000_000);
    expect(
      tree.match('level-with-a-long-name-1/another-level-with-a-long-name' as TopicName, BUDGET, () => undefined),
    ).toBeLessThan(BUDGET);
  });
});

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function heapBytes(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

const entry = (topic: TopicName, id: number): RetainedEntry =>
  new RetainedEntry(topic, id as MessageId, 1, undefined, { name: 'expiry', expired: () => undefined });
