// Seeds 1101 to 2000, in a file of their own so that two cores share the seeds.
import { expect, test } from '@jest/globals';
import { firstFailure } from './seeds.js';

test.each([1101, 1401, 1701])(
  'no promise is broken in the 300 seeds from %i on',
  async (from) => {
    expect(await firstFailure(from, 300)).toBeUndefined();
  },
  300_000,
);
