// Runs a range of seeds and says of the first that fails what happened.
import { describeFailure, explain, runSeed } from './entry.js';

/** The smallest run that fails, for people; `undefined`: none does. */
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
