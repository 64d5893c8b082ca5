// Backups: a backup shows the store as it was at one moment, with everything that was promised before the command was
// given and nothing that was over by then, whatever was committed while it was read.
import type { Evidence } from '../evidence/evidence.js';
import type { Observations } from '../observations.js';
import type { Fail } from '../violation.js';

export class Backups implements Observations {
  constructor(
    readonly evidence: Evidence,
    readonly fail: Fail,
  ) {}

  backedUp(differences: readonly string[]): void {
    const [first] = differences;
    if (first !== undefined) this.fail(first);
  }
}
