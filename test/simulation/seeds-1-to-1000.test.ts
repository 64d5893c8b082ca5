// The first thousand runs. The second thousand is in a file of its own, so that two cores share them.
import { expect, test } from '@jest/globals';
import { firstFailure } from './seeds.js';

test.each([1, 251, 501, 751])(
  'the broker breaks no promise in 250 runs from seed %i on',
  async (from) => {
    expect(await firstFailure(from, 250)).toBeUndefined();
  },
  300_000,
);
