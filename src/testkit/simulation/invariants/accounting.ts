// Accounting: by the broker's own counters no more deliveries end than were started, those that have not ended are the
// entries of its queues, and when all queues are empty all have ended.
import type { Evidence } from '../evidence/evidence.js';
import type { Observations, Rest } from '../observations.js';
import type { Fail } from '../violation.js';

export class Accounting implements Observations {
  constructor(
    readonly evidence: Evidence,
    readonly fail: Fail,
  ) {}

  turnEnded(pendingDeliveries: number, accountingBalance: number): void {
    if (accountingBalance !== 0)
      this.fail(`the counters have ${accountingBalance} more deliveries waiting than the queues hold`);
    if (pendingDeliveries < 0) this.fail(`${pendingDeliveries} deliveries are waiting by the counters`);
  }

  rested({ pendingDeliveries }: Rest): void {
    if (pendingDeliveries !== 0)
      this.fail(`${pendingDeliveries} deliveries are waiting by the counters, and all queues are empty`);
  }
}
