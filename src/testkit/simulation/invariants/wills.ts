// Wills: the will of a connection that CONNACK has accepted is published when the connection ends without DISCONNECT,
// and not otherwise [MQTT-3.1.2-8], [MQTT-3.1.2-10], [MQTT-3.14.4-3]; in MQTT 5 not before its delay is over or its
// session has ended, and not if the client returns before (section 3.1.3.2.2).
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
    const { wills, options } = this.evidence;
    const state = wills.stateOf(tag);
    if (wills.isEarly(tag, options.nowMs())) this.fail(`${tag} is sent before its delay is over`);
    if (state === 'held' || state === 'offered') this.fail(`${tag} is sent while its client is connected`);
    if (state === 'discarded')
      this.fail(`${tag} is sent after DISCONNECT, after its client returned, or though it was never accepted`);
  }

  rested(): void {
    for (const { state, publication, client } of this.evidence.wills.unpublished)
      if (state === 'due' || state === 'after grace')
        this.fail(`${publication.tag} of ${client} was never sent (${state})`);
  }
}
