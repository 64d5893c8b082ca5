// The next 100 seeds.
import { expect, test } from '@jest/globals';
import { firstFailure } from './seeds.js';

test.each([101, 151])(
  'no promise is broken in the 50 seeds from %i on',
  async (from) => {
    expect(await firstFailure(from, 50)).toBeUndefined();
  },
  300_000,
);
