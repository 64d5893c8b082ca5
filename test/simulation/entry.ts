// The simulation over memory storage: what the tests and the command run.
import { MemoryStorage } from '../../adapters/storage/memory/index.js';
import * as simulation from '../../src/testkit/simulation/index.js';
import type { Failure, Outcome } from '../../src/testkit/simulation/index.js';

export { describeFailure } from '../../src/testkit/simulation/index.js';

const makeStorage = (): MemoryStorage => new MemoryStorage();

export function runSeed(seed: number, keepScript = false): Promise<Outcome> {
  return simulation.runSeed(seed, { makeStorage, keepScript });
}

export function explain(seed: number): Promise<Failure | undefined> {
  return simulation.explain(seed, { makeStorage });
}
