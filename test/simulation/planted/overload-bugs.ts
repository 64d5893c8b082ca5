// Bugs in what the broker does when more comes than it can deliver.
import { Intake } from '../../../src/domain/session/intake.js';
import type { PlantedBug } from './planted-bug.js';
import { replaceMethod } from './replace-method.js';

export const OVERLOAD_BUGS: readonly PlantedBug[] = [
  {
    name: 'a publisher that is slowed and never goes on',
    breaks: ['liveness'],
    plant: () => replaceMethod(Intake.prototype, 'goOn', () => undefined),
  },
];
