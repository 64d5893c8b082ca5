// Bugs planted in the broker, to see that the simulation finds them: an invariant that nothing can break checks
// nothing. HEXMQ_WRITE_SEEDS=1 searches all seeds, and writes down the first one that finds each bug.
import { afterAll, expect, test } from '@jest/globals';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { INVARIANTS } from '../../src/testkit/simulation/invariants/index.js';
import type { Violation } from '../../src/testkit/simulation/index.js';
import { runSeed } from './entry.js';
import { PLANTED_BUGS } from './planted/bugs.js';

/** Every bug is found within as many seeds. */
const SEEDS = 400;
/**
 * By the name of a bug, the first seed that found it: it is tried first, because a search can take minutes. When plans
 * have changed and it finds nothing, all are searched.
 */
const FIRST_SEEDS = join(import.meta.dirname, 'planted/first-seeds.json');
const firstSeeds = JSON.parse(readFileSync(FIRST_SEEDS, 'utf8')) as Record<string, number>;
const isWriting = process.env['HEXMQ_WRITE_SEEDS'] === '1';

async function firstViolation(name: string): Promise<(Violation & { readonly seed: number }) | undefined> {
  const likely = isWriting ? undefined : firstSeeds[name];
  const seeds = Array.from({ length: SEEDS }, (_, i) => i + 1);
  for (const seed of likely === undefined ? seeds : [likely, ...seeds]) {
    const { violation } = await runSeed(seed);
    if (violation !== undefined) return { seed, ...violation };
  }
  return undefined;
}

afterAll(() => {
  if (isWriting) writeFileSync(FIRST_SEEDS, `${JSON.stringify(firstSeeds, undefined, 2)}\n`);
});

test.each(PLANTED_BUGS)(
  'a broker with $name breaks a promise that the simulation checks',
  async ({ name, plant, breaks }) => {
    const undo = plant();
    const found = await firstViolation(name).finally(undo);
    expect(found).toBeDefined();
    if (isWriting) firstSeeds[name] = found?.seed ?? 1;
    expect(breaks).toContain(found?.invariant);
    // Without the bug the same seed breaks nothing, so it is the bug that was found.
    expect((await runSeed(found?.seed ?? 0)).violation).toBeUndefined();
  },
  300_000,
);

test('a large message whose slices are stored apart is found by several seeds, not by one that happens to', async () => {
  const bug = PLANTED_BUGS.find(({ name }) => name === 'a large message whose slices are stored apart');
  const undo = bug?.plant() ?? (() => undefined);
  let found = 0;
  try {
    for (let seed = 1; seed <= 120; seed++) if ((await runSeed(seed)).violation !== undefined) found++;
  } finally {
    undo();
  }
  expect(found).toBeGreaterThanOrEqual(3);
}, 120_000);

test('at least sixteen different bugs are planted', () => {
  expect(new Set(PLANTED_BUGS.map(({ name }) => name)).size).toBeGreaterThanOrEqual(16);
});

test('seeds are written down for bugs that are planted', () => {
  const names = new Set(PLANTED_BUGS.map(({ name }) => name));
  expect(Object.keys(firstSeeds).filter((name) => !names.has(name))).toEqual([]);
});

test('every invariant of the simulation is broken by a planted bug, except for the bound on memory', () => {
  const broken = new Set(PLANTED_BUGS.flatMap(({ breaks }) => breaks));
  expect(Object.keys(INVARIANTS).filter((name) => !broken.has(name as keyof typeof INVARIANTS))).toEqual([
    'bounded memory',
  ]);
});
