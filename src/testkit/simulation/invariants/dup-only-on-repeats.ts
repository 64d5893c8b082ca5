// DUP only on repeats: a message that came while its client was away is sent without DUP when the client returns, also
// after a restart of the broker, unless a crash has left it open whether the client was there [MQTT-4.3.2-1],
// [MQTT-4.3.3-1].
import type { Evidence } from '../evidence/evidence.js';
import type { Departure, Observations } from '../observations.js';
import type { Fail } from '../violation.js';

export class DupOnlyOnRepeats implements Observations {
  constructor(
    readonly evidence: Evidence,
    readonly fail: Fail,
  ) {}

  departed(departure: Departure): void {
    if (departure.kind !== 'publish') return;
    const { packet, publication, tag } = departure;
    if (!packet.dup || packet.retain || publication?.firstReceivedAt === undefined) return;
    const { client } = departure.connection;
    // A group may have given it back after another member had it.
    if (client.hasShared) return;
    if (publication.firstReceivedAt > Math.max(client.lastEndAt, client.doubtUntil))
      this.fail(`${client.name} is sent ${tag} with DUP, and it came after the client's last connection`);
  }
}
