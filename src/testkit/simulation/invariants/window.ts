// Window: no more deliveries are in flight to a client than the limit allows (`limits.maxInflight`).
import type { Evidence } from '../evidence/evidence.js';
import type { Departure, Observations } from '../observations.js';
import type { Fail } from '../violation.js';

export class Window implements Observations {
  constructor(
    readonly evidence: Evidence,
    readonly fail: Fail,
  ) {}

  departed({ kind, connection }: Departure): void {
    if (kind !== 'publish') return;
    const { client, inFlight } = connection;
    const { maxInflight } = this.evidence.options;
    if (inFlight.size > maxInflight)
      this.fail(`${client.name}: ${inFlight.size} are in flight, ${maxInflight} are allowed`);
  }
}
