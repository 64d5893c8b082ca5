// Randomness from the operating system, fit for identifiers that nobody may guess.
import { randomBytes } from 'node:crypto';
import type { Random } from 'hexmq/ports';

export function createRandom(): Random {
  return { bytes: (length) => randomBytes(length) };
}
