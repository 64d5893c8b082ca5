// A bug that is planted in the broker, and the class in which most of them are.
import { CoreEffects } from '../../../src/application/core-effects.js';
import type { Effects } from '../../../src/domain/effects.js';
import type { InvariantName } from '../../../src/testkit/simulation/index.js';
import type { Undo } from './replace-method.js';

export interface PlantedBug {
  /** Completes "a broker with …". */
  readonly name: string;
  /** The invariants of which one must be broken first. */
  readonly breaks: readonly InvariantName[];
  readonly plant: () => Undo;
}

/** The class that implements the core's effects. */
export const EFFECTS: Effects & CoreEffects = CoreEffects.prototype;
