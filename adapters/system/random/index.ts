// Randomness from the operating system, suitable for identifiers that must not be guessable.
import { randomBytes } from 'node:crypto';
import type { Random } from 'hexmq/ports';

export function createRandom(): Random {
  return { bytes: (length) => randomBytes(length) };
}
