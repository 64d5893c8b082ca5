// The foundations of the simulation: the same seed is the same run, the plans contain everything that can
// happen, and a plan that fails becomes as small as possible.
import { describe, expect, test } from '@jest/globals';
import { planOf } from '../../src/testkit/simulation/index.js';
import { shrink } from '../../src/testkit/simulation/shrink.js';
import { runSeed } from './entry.js';

describe('a run', () => {
  test.each([3, 15, 77, 4711])(
    'a run of seed %i repeated gives the same script to the letter',
    async (seed) => {
      const once = await runSeed(seed, true);
      const twice = await runSeed(seed, true);
      expect(once.script.length).toBeGreaterThan(100);
      expect(twice.script.join('\n')).toBe(once.script.join('\n'));
      expect(twice.steps).toBe(once.steps);
    },
    60_000,
  );

  test('runs of different seeds give different scripts', async () => {
    const [one, other] = [await runSeed(3, true), await runSeed(4, true)];
    expect(one.script.join('\n')).not.toBe(other.script.join('\n'));
  }, 60_000);
});

describe('the plans of many seeds', () => {
  const plans = Array.from({ length: 300 }, (_, i) => planOf(i + 1));
  const kinds = new Set(plans.flatMap(({ operations }) => operations.map(({ kind }) => kind)));

  test('the plans of 300 seeds contain every operation and every kind of setting', () => {
    expect([...kinds].sort()).toEqual([
      'acknowledge',
      'announce',
      'backup',
      'connect',
      'crash',
      'date',
      'disconnect',
      'disk denies',
      'disk pace',
      'disk refuses',
      'mute',
      'operator',
      'permissions',
      'publish',
      'stall',
      'stop',
      'subscribe',
      'unsubscribe',
      'vanish',
    ]);
    const all = plans.flatMap(({ operations }) => operations);
    const commands = all.flatMap((one) => (one.kind === 'operator' ? [one.command.kind] : []));
    expect([...new Set(commands)].sort()).toEqual(['delete-retained', 'delete-session', 'disconnect', 'purge-queue']);
    const has = (what: (operation: (typeof all)[number]) => boolean): boolean => all.some(what);
    expect({
      will: has((one) => one.kind === 'connect' && one.will !== undefined),
      clean: has((one) => one.kind === 'connect' && one.clean),
      shared: has((one) => one.kind === 'subscribe' && one.filters.some(({ filter }) => filter.startsWith('$share/'))),
      clear: has((one) => one.kind === 'publish' && one.bytes === 0),
      manyMessages: has((one) => one.kind === 'publish' && one.count > 400),
      muchAtOnce: has((one) => one.kind === 'publish' && one.count * one.bytes > 512 * 1024),
      never: has((one) => one.kind === 'acknowledge' && one.how.kind === 'never'),
    }).toEqual({
      will: true,
      clean: true,
      shared: true,
      clear: true,
      manyMessages: true,
      muchAtOnce: true,
      never: true,
    });
    expect(plans.filter(({ rules }) => rules !== undefined).length).toBeGreaterThan(60);
    for (const level of ['received', 'stored', 'flushed'] as const)
      expect(plans.filter(({ ackLevels }) => ackLevels.includes(level)).length).toBeGreaterThan(40);
    expect(has((one) => one.kind === 'crash' && one.power === 0)).toBe(true);
    const joins = ({ operations }: (typeof plans)[number]): number =>
      new Set(
        operations.flatMap((one) =>
          one.kind === 'subscribe' && one.filters.some(({ filter, qos }) => filter.startsWith('$share/') && qos > 0)
            ? [one.client]
            : [],
        ),
      ).size;
    expect(plans.filter((plan) => joins(plan) > 2).length).toBeGreaterThan(60);
    expect(plans.filter(({ limits }) => limits.sessionExpiryMax !== undefined).length).toBeGreaterThan(40);
    for (const policy of ['discard', 'discard-oldest'])
      expect(plans.some(({ limits }) => limits.queueFullPolicy === policy)).toBe(true);
  });

  test('one plan in five lets clients give up and return while storage keeps CONNACK waiting', () => {
    const storms = plans.filter(({ limits }) => limits.storageTimeoutMs === 100 || limits.storageTimeoutMs === 300);
    expect(storms.length).toBeGreaterThan(60);
    const abandons = ({ operations }: (typeof plans)[number]): boolean =>
      operations.some(
        (one, i) =>
          one.kind === 'connect' &&
          operations
            .slice(i)
            .some((next) => next.kind === 'vanish' && next.client === one.client && next.atMs <= one.atMs + 40),
      );
    expect(storms.filter(abandons).length).toBeGreaterThan(40);
  });

  test('one plan in four cuts the work of the broker into small slices, with wide fan-outs and crowds', () => {
    const sliced = plans.filter(({ sliceSize }) => sliceSize !== undefined && sliceSize < 10);
    expect(sliced.length).toBeGreaterThan(70);
    const subscribesWidely = ({ operations }: (typeof plans)[number]): boolean =>
      operations.some((one) => one.kind === 'subscribe' && one.filters.length > 6);
    expect(sliced.filter(subscribesWidely).length).toBeGreaterThan(20);
    expect(sliced.some(({ clients }) => clients.length > 100)).toBe(true);
    const crashesBetweenSlices = ({ clients }: (typeof plans)[number]): boolean =>
      clients.some(({ name }) => name === 's0');
    expect(sliced.filter(crashesBetweenSlices).length).toBeGreaterThan(25);
  });
});

describe('a plan that fails', () => {
  test('a plan that fails is reduced to the operations that make it fail', async () => {
    const plan = planOf(5);
    const [first, , , , , , sixth, , , last] = plan.operations;
    const needed = [first, sixth, last].map((one) => one?.id);
    const smaller = await shrink(plan, ({ operations }) =>
      Promise.resolve(needed.every((id) => operations.some((one) => one.id === id))),
    );
    expect(smaller.operations.map(({ id }) => id).sort()).toEqual([...needed].sort());
  });
});
