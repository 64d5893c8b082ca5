// Message expiry: a message is not sent for the first time after its Message Expiry Interval, neither to a subscriber
// nor as a retained message, and carries what is left of it (MQTT 5 section 3.3.2.3.3). A message that waits for
// storage in the very moment in which it expires may still leave with it.
import type { Evidence } from '../evidence/evidence.js';
import type { Departure, Observations } from '../observations.js';
import type { Fail } from '../violation.js';

export class MessageExpiry implements Observations {
  constructor(
    readonly evidence: Evidence,
    readonly fail: Fail,
  ) {}

  departed(departure: Departure): void {
    if (departure.kind !== 'publish' || departure.publication === undefined) return;
    const { packet, publication, tag, connection } = departure;
    const { expiryMs, expiresAtMs } = publication;
    const nowMs = this.evidence.options.nowMs();
    const { name } = connection.client;
    const left = packet.properties?.messageExpiryInterval;
    if (expiryMs !== undefined && (left ?? 0) * 1000 > expiryMs)
      this.fail(`${name} is sent ${tag} with ${left} s to live, it had ${expiryMs} ms`);
    const isCertain = connection.connect.protocolVersion === 5 && publication.receivedCount === 1;
    if (isCertain && (expiryMs === undefined) !== (left === undefined))
      this.fail(`${name} is sent ${tag} with ${String(left)} s to live`);
    const wasHeldUp = this.evidence.lastKeptMs === nowMs;
    if (!packet.dup && expiresAtMs <= nowMs && !wasHeldUp)
      this.fail(`${name} is sent ${tag} ${nowMs - expiresAtMs} ms after it has expired`);
  }
}
