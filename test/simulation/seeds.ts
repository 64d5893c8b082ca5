// Runs a range of seeds, and explains the first that fails.
import { describeFailure, explain, runSeed } from './entry.js';

/** @returns the first failure as text, reduced as far as possible; `undefined` when no seed fails. */
export async function firstFailure(from: number, count: number): Promise<string | undefined> {
  for (let seed = from; seed < from + count; seed++) {
    const { violation } = await runSeed(seed);
    if (violation === undefined) continue;
    const failure = await explain(seed);
    return failure === undefined
      ? `seed ${seed} broke "${violation.invariant}" once, and not when it was run again`
      : describeFailure(failure);
  }
  return undefined;
}
