// Bugs planted in the broker, to see that the simulation finds them: an invariant that nothing can break checks
// nothing.
import { expect, test } from '@jest/globals';
import { INVARIANTS } from '../../src/testkit/simulation/invariants/index.js';
import type { Violation } from '../../src/testkit/simulation/index.js';
import { runSeed } from './entry.js';
import { PLANTED_BUGS } from './planted/bugs.js';

/** Every bug is found within as many seeds. */
const SEEDS = 400;

async function firstViolation(): Promise<(Violation & { readonly seed: number }) | undefined> {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const { violation } = await runSeed(seed);
    if (violation !== undefined) return { seed, ...violation };
  }
  return undefined;
}

test.each(PLANTED_BUGS)(
  'a broker with $name breaks a promise that the simulation checks',
  async ({ plant, breaks }) => {
    const undo = plant();
    const found = await firstViolation().finally(undo);
    expect(found).toBeDefined();
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

test('every invariant of the simulation is broken by a planted bug, except for the bound on memory', () => {
  const broken = new Set(PLANTED_BUGS.flatMap(({ breaks }) => breaks));
  expect(Object.keys(INVARIANTS).filter((name) => !broken.has(name as keyof typeof INVARIANTS))).toEqual([
    'bounded memory',
  ]);
});
