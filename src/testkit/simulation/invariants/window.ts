// Window: no more deliveries are in flight to a client than the limit (`limits.maxInflight`) and the Receive Maximum of
// the client allow.
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
    const { client, inFlight, connect } = connection;
    const receiveMaximum = connect.properties?.receiveMaximum ?? Infinity;
    const most = Math.min(this.evidence.options.maxInflight, receiveMaximum);
    if (inFlight.size > most) this.fail(`${client.name}: ${inFlight.size} are in flight, ${most} are allowed`);
  }
}
