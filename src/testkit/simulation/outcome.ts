// The outcome of a simulated run: the first broken promise, if there is one, and what happened.
import type { Violation } from './violation.js';

/** The result of one run. */
export interface Outcome {
  readonly violation: Violation | undefined;
  readonly script: readonly string[];
  /** The number of turns of the broker in the run. */
  readonly steps: number;
}
