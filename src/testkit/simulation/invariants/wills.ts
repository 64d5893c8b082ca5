// Wills: the will of a connection that CONNACK has accepted is published when the connection ends without DISCONNECT,
// and not otherwise [MQTT-3.1.2-8], [MQTT-3.1.2-10], [MQTT-3.14.4-3].
import type { Evidence } from '../evidence/evidence.js';
import type { Departure, Observations } from '../observations.js';
import type { Fail } from '../violation.js';

export class Wills implements Observations {
  constructor(
    readonly evidence: Evidence,
    readonly fail: Fail,
  ) {}

  departed(departure: Departure): void {
    if (departure.kind !== 'publish') return;
    const { tag } = departure;
    const state = this.evidence.wills.stateOf(tag);
    if (state === 'held' || state === 'offered') this.fail(`${tag} is sent while its client is connected`);
    if (state === 'discarded') this.fail(`${tag} is sent after DISCONNECT, or though it was never accepted`);
  }

  rested(): void {
    for (const { state, publication, client } of this.evidence.wills.unpublished)
      if (state === 'due' || state === 'after grace')
        this.fail(`${publication.tag} of ${client} was never sent (${state})`);
  }
}
