// The second thousand runs: see the first.
import { expect, test } from '@jest/globals';
import { firstFailure } from './seeds.js';

test.each([1001, 1251, 1501, 1751])(
  'no promise is broken in 250 seeds from %i on',
  async (from) => {
    expect(await firstFailure(from, 250)).toBeUndefined();
  },
  300_000,
);
