// A thousand runs; the next thousand is in a file of its own, so that two cores share them.
import { expect, test } from '@jest/globals';
import { firstFailure } from './seeds.js';

test.each([1, 251, 501, 751])(
  'no promise is broken in 250 seeds from %i on',
  async (from) => {
    expect(await firstFailure(from, 250)).toBeUndefined();
  },
  300_000,
);
