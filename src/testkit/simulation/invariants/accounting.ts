// Accounting: by the broker's own counters no more deliveries end than were started, and when all queues are empty all
// have ended.
import type { Evidence } from '../evidence/evidence.js';
import type { Observations, Rest } from '../observations.js';
import type { Fail } from '../violation.js';

export class Accounting implements Observations {
  constructor(
    readonly evidence: Evidence,
    readonly fail: Fail,
  ) {}

  turnEnded(pendingDeliveries: number): void {
    if (pendingDeliveries < 0) this.fail(`${pendingDeliveries} deliveries are waiting by the counters`);
  }

  rested({ pendingDeliveries }: Rest): void {
    if (pendingDeliveries !== 0)
      this.fail(`${pendingDeliveries} deliveries are waiting by the counters, and all queues are empty`);
  }
}
