// Only what may be received: a client is not sent a message that it was not allowed to receive at any moment since the
// message may have been assigned to it. Once rules are in force, no more of what they refuse leaves than had been
// assigned before: one window.
import type { Evidence } from '../evidence/evidence.js';
import type { ObservedConnection } from '../evidence/observed-connection.js';
import type { Departure, Observations } from '../observations.js';
import type { Fail } from '../violation.js';

/** Messages at QoS 1 and 2 that were sent though the rules in force refused them. */
interface Late {
  /** When these rules came into force. */
  readonly since: number;
  count: number;
}

export class ReceivePermissions implements Observations {
  readonly #late = new WeakMap<ObservedConnection, Late>();

  constructor(
    readonly evidence: Evidence,
    readonly fail: Fail,
  ) {}

  departed(departure: Departure): void {
    if (departure.kind !== 'publish' || departure.publication?.firstReceivedAt === undefined) return;
    const { connection, packet, tag } = departure;
    const { topic, firstReceivedAt } = departure.publication;
    if (topic !== packet.topic) return;
    const { rules } = this.evidence;
    const { name } = connection.client;
    const from = Math.max(connection.since, packet.retain ? 0 : firstReceivedAt);
    if (rules.isRefusedSince(name, topic, from)) this.fail(`${name} gets ${tag} on ${topic}, which it may not receive`);
    const since = rules.inForceSince(name);
    if (packet.qos === 0 || since === undefined || !rules.isRefusedSince(name, topic, since)) return;
    let late = this.#late.get(connection);
    if (late?.since !== since) this.#late.set(connection, (late = { since, count: 0 }));
    if (++late.count > this.evidence.options.maxInflight)
      this.fail(`${name} gets ${tag} on ${topic}, the ${late.count}th message that it may not receive any more`);
  }
}
