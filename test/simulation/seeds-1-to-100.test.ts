// The first 100 seeds, which `npm test` runs; the others are in files of their own.
import { expect, test } from '@jest/globals';
import { firstFailure } from './seeds.js';

test.each([1, 51])(
  'no promise is broken in the 50 seeds from %i on',
  async (from) => {
    expect(await firstFailure(from, 50)).toBeUndefined();
  },
  300_000,
);
