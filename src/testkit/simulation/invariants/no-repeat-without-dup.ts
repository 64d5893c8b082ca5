// No repeat without DUP: a message is not sent as new more often than the broker received it [MQTT-3.3.1-1],
// [MQTT-3.3.1-3].
import type { Evidence } from '../evidence/evidence.js';
import type { ObservedClient } from '../evidence/observed-client.js';
import { valueOf } from '../evidence/value-of.js';
import type { Departure, Observations } from '../observations.js';
import type { Fail } from '../violation.js';

export class NoRepeatWithoutDup implements Observations {
  /** How often each message was sent without DUP, by client and tag. */
  readonly #sent = new Map<ObservedClient, Map<string, number>>();

  constructor(
    readonly evidence: Evidence,
    readonly fail: Fail,
  ) {}

  departed(departure: Departure): void {
    if (departure.kind !== 'publish') return;
    const { packet, publication, tag } = departure;
    const { client } = departure.connection;
    if (packet.qos === 0 || packet.dup || packet.retain || publication === undefined) return;
    // A group may send again what another member gave back, and a will is received with CONNECT, not with PUBLISH.
    if (client.hasShared || publication.receivedCount === 0) return;
    const sent = valueOf(this.#sent, client, () => new Map<string, number>());
    const times = (sent.get(tag) ?? 0) + 1;
    sent.set(tag, times);
    if (times > publication.receivedCount)
      this.fail(`${client.name} is sent ${tag} without DUP ${times} times, it came ${publication.receivedCount} times`);
  }
}
