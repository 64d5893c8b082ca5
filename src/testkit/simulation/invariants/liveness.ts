// Liveness: when the faults are over, every client is accepted, every request is answered, and the queues on the disk
// become empty.
import type { Evidence } from '../evidence/evidence.js';
import type { Observations, Rest } from '../observations.js';
import type { Fail } from '../violation.js';

export class Liveness implements Observations {
  constructor(
    readonly evidence: Evidence,
    readonly fail: Fail,
  ) {}

  rested({ clients }: Rest): void {
    for (const client of clients) {
      if (!client.isConnected) this.fail(`${client.name} does not get in`);
      else if (!client.isIdle) this.fail(`${client.name} is not done: ${client.describe()}`);
    }
    const { entryCount, queues } = this.evidence.disk;
    if (entryCount === 0) return;
    const sizes = [...queues].map(([id, { size }]) => `${id} ${size}`);
    this.fail(`${entryCount} messages are left on the disk: ${sizes.join(', ')}`);
  }
}
