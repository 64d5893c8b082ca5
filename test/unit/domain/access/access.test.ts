// Access decisions: which rule decides and why. The rule tree has to agree with a linear search.
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Access, accessOf } from '../../../../src/domain/access/access.js';
import { explain } from '../../../../src/domain/access/explain.js';
import { ALLOW_ALL } from '../../../../src/domain/access/permissions.js';
import type { AccessAction, AccessRule, Permissions } from '../../../../src/domain/access/permissions.js';
import { NO_RULE, RuleTree } from '../../../../src/domain/access/rule-tree.js';
import type { TopicFilter, TopicName } from '../../../../src/domain/identifiers.js';
import { filterCovers, filterMatches, filtersOverlap } from '../../../../src/domain/topics/topic-filter.js';
import { rulesOf } from '../../../support/access-rules.js';

const withRules = (...lines: string[]): Access => new Access({ kind: 'rules', rules: rulesOf(...lines) });
const publish = (access: Access, topic: string): string => access.publish(topic as TopicName).reason;
const receive = (access: Access, topic: string): string => access.receive(topic as TopicName).reason;
const subscribe = (access: Access, filter: string): string => access.subscribe(filter as TopicFilter).reason;

describe('permissions', () => {
  test('allow-all permits everything except publishing to reserved topics', () => {
    const access = accessOf(ALLOW_ALL);
    expect([
      access.receive('a' as TopicName).isAllowed,
      access.subscribe('#' as TopicFilter).isAllowed,
      access.publish('a' as TopicName).isAllowed,
    ]).toEqual([true, true, true]);
    for (const topic of ['$SYS', '$SYS/x', '$share/g/a'])
      expect(access.publish(topic as TopicName)).toMatchObject({
        isAllowed: false,
        reason: 'clients cannot publish to $SYS/ and $share/',
      });
    expect(access.publish('$SYSTEM/x' as TopicName).isAllowed).toBe(true);
  });

  test('the first rule that applies decides, and the decision names it', () => {
    const access = withRules('deny publish a/secret', 'allow publish a/#', 'deny publish,receive #');
    expect(publish(access, 'a/secret')).toBe('denied by rule 1 (a/secret)');
    expect(publish(access, 'a/b')).toBe('allowed by rule 2 (a/#)');
    expect(publish(access, 'b')).toBe('denied by rule 3 (#)');
    expect(receive(access, 'a/b')).toBe('denied by rule 3 (#)');
    expect(publish(access, '$x')).toBe('no rule allows it');
  });

  test('the default effect decides where no rule applies', () => {
    const rules = rulesOf('deny publish a');
    expect(new Access({ kind: 'rules', rules, defaultEffect: 'allow' }).publish('b' as TopicName)).toMatchObject({
      isAllowed: true,
      rule: undefined,
    });
    expect(new Access({ kind: 'rules', rules, defaultEffect: 'deny' }).publish('b' as TopicName)).toMatchObject({
      isAllowed: false,
      reason: 'no rule allows it',
    });
    expect(new Access({ kind: 'rules', rules }).publish('b' as TopicName).isAllowed).toBe(false);
  });

  test('equal permissions objects share one compiled form', () => {
    const permissions: Permissions = { kind: 'rules', rules: rulesOf('allow publish a') };
    expect(accessOf(permissions)).toBe(accessOf(permissions));
  });
});

describe('a subscription', () => {
  test('a subscription is allowed if part of it may be received, and denied only as a whole', () => {
    const access = withRules(
      'deny publish,subscribe,receive secret/#',
      'allow receive sensors/#',
      'allow receive secret/public',
    );
    expect(subscribe(access, '#')).toBe('allowed by rule 2 (sensors/#)');
    expect(subscribe(access, 'sensors/1')).toBe('allowed by rule 2 (sensors/#)');
    expect(subscribe(access, 'secret/+')).toBe('denied by rule 1 (secret/#)');
    expect(subscribe(access, 'other/#')).toBe('no rule allows it');
    // The only overlapping rule is shadowed.
    expect(subscribe(access, '+/public')).toBe('allowed by rule 2 (sensors/#)');
    expect(subscribe(withRules('deny receive secret/#', 'allow receive secret/public'), '+/public')).toBe(
      'no rule allows it',
    );
  });

  test('a rule about subscribing alone allows only filters that it covers and denies all that it overlaps', () => {
    const access = withRules('deny subscribe secret/#', 'allow subscribe plant/#', 'allow subscribe secret/#');
    expect(subscribe(access, 'plant/+/x')).toBe('allowed by rule 2 (plant/#)');
    expect(subscribe(access, 'plant')).toBe('allowed by rule 2 (plant/#)');
    expect(subscribe(access, '+/x')).toBe('denied by rule 1 (secret/#)');
    expect(subscribe(access, 'other')).toBe('no rule allows it');
  });

  test('a subscription can be held to whole filters although receiving is allowed', () => {
    const access = withRules('allow subscribe plant/#', 'deny subscribe #', 'allow receive plant/#');
    expect(subscribe(access, 'plant/1')).toBe('allowed by rule 1 (plant/#)');
    expect(subscribe(access, '#')).toBe('denied by rule 2 (#)');
  });
});

const name = fc.constantFrom('a', 'b', '', '$x');
const topics = fc.array(name, { minLength: 1, maxLength: 4 }).map((levels) => levels.join('/') || 'a');
const filters = fc
  .tuple(fc.array(fc.oneof(name, fc.constant('+')), { maxLength: 4 }), fc.boolean())
  .map(([levels, isOpen]) => (isOpen ? [...levels, '#'] : levels).join('/') || '+');

describe('the rule tree', () => {
  const lowest = (all: readonly string[], is: (filter: TopicFilter) => boolean): number => {
    const at = all.findIndex((filter) => is(filter as TopicFilter));
    return at < 0 ? NO_RULE : at;
  };

  test('the rule tree finds the same first rule as a linear search', () => {
    fc.assert(
      fc.property(fc.array(filters, { maxLength: 12 }), topics, filters, (all, topicText, filterText) => {
        const [topic, filter] = [topicText as TopicName, filterText as TopicFilter];
        const tree = new RuleTree();
        for (const [at, one] of all.entries()) tree.add(one as TopicFilter, at);
        expect(tree.firstMatching(topic)).toBe(lowest(all, (one) => filterMatches(one, topic)));
        expect(tree.firstCovering(filter)).toBe(lowest(all, (one) => filterCovers(one, filter)));
        expect(tree.firstOverlapping(filter)).toBe(lowest(all, (one) => filtersOverlap(one, filter)));
      }),
      { numRuns: 5000 },
    );
  });
});

const actionLists = fc.constantFrom<AccessAction[]>(
  ['publish'],
  ['subscribe'],
  ['receive'],
  ['subscribe', 'receive'],
  ['publish', 'subscribe', 'receive'],
  [],
);
const rules = fc
  .array(
    fc.record({
      effect: fc.constantFrom('allow' as const, 'deny' as const),
      actions: actionLists,
      topicFilter: filters,
    }),
    { maxLength: 10 },
  )
  .map((all) =>
    all.map((rule, i): AccessRule => ({
      ...rule,
      topicFilter: rule.topicFilter as TopicFilter,
      source: `rule ${i + 1}`,
    })),
  );

describe('the receivable parts of a filter', () => {
  const partsOf = (access: Access, filter: string): readonly string[] => access.receivable(filter as TopicFilter);

  test('the receivable parts are intersections with allowing rules', () => {
    const access = withRules(
      'deny receive a/secret',
      'allow receive a/#',
      'allow publish c',
      'allow receive +/b/+',
      'allow receive a/x',
      'allow receive $SYS/#',
    );
    expect(partsOf(access, '#')).toEqual(['a/#', '+/b/+']);
    expect(partsOf(access, '+/b/#')).toEqual(['a/b/#', '+/b/+']);
    expect(partsOf(access, 'a/+')).toEqual(['a/+']);
    expect(partsOf(access, '$SYS/+')).toEqual(['$SYS/+']);
    expect(partsOf(access, 'c')).toEqual([]);
  });

  test('the receivable parts contain every topic that is matched and allowed, and none that is not matched', () => {
    fc.assert(
      fc.property(rules, filters, topics, (all, filter, topic) => {
        const access = new Access({ kind: 'rules', rules: all });
        const isMatched = filterMatches(filter as TopicFilter, topic as TopicName);
        const isInPart = partsOf(access, filter).some((part) => filterMatches(part as TopicFilter, topic as TopicName));
        if (isInPart) expect(isMatched).toBe(true);
        if (isMatched && access.receive(topic as TopicName).isAllowed) expect(isInPart).toBe(true);
      }),
      { numRuns: 5000 },
    );
  });
});

describe('an explanation', () => {
  test("an explanation has the broker's decision and a reason for every earlier rule", () => {
    fc.assert(
      fc.property(
        rules,
        topics,
        filters,
        fc.constantFrom<AccessAction>('publish', 'subscribe', 'receive'),
        (all, topic, filter, action) => {
          const permissions: Permissions = { kind: 'rules', rules: all };
          const access = accessOf(permissions);
          const asked = action === 'subscribe' ? filter : topic;
          const { isAllowed, rule, reason, skippedRules } = explain(permissions, action, asked);
          const decision =
            action === 'subscribe' ? access.subscribe(asked as TopicFilter) : access[action](asked as TopicName);
          expect({ isAllowed, rule, reason }).toEqual(decision);
          expect(skippedRules.map((one) => one.rule)).toEqual(
            all.slice(0, rule === undefined ? all.length : all.indexOf(rule)),
          );
          for (const one of skippedRules) expect(one.reason).not.toMatch(/hidden/);
        },
      ),
      { numRuns: 3000 },
    );
  });

  test('an explanation lists the rules that delivery applies to a subscription', () => {
    const permissions: Permissions = {
      kind: 'rules',
      rules: rulesOf('deny receive plant/secret', 'allow receive plant/#', 'allow receive #', 'allow receive other'),
    };
    const of = (filter: string) => {
      const { delivery, deliveryDefault } = explain(permissions, 'subscribe', filter);
      return [...delivery.map(({ source }) => source), deliveryDefault];
    };
    expect(of('plant/#')).toEqual(['rule 1', 'rule 2', undefined]);
    expect(of('#')).toEqual(['rule 1', 'rule 2', 'rule 3', undefined]);
    const narrow: Permissions = { kind: 'rules', rules: rulesOf('allow receive plant/#') };
    expect(explain(narrow, 'subscribe', '#')).toMatchObject({ isAllowed: true, deliveryDefault: 'deny' });
  });
});
