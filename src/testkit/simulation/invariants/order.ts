// Order: messages of one publisher, topic and QoS reach a client in the order in which they were published
// [MQTT-4.6.0-6].
import type { Evidence } from '../evidence/evidence.js';
import type { ObservedClient } from '../evidence/observed-client.js';
import type { Publication } from '../evidence/publications.js';
import { valueOf } from '../evidence/value-of.js';
import type { Observations, Reception } from '../observations.js';
import type { Fail } from '../violation.js';

export class Order implements Observations {
  /** The latest message received, by client and by publisher, topic and QoS. */
  readonly #latest = new Map<ObservedClient, Map<string, Publication>>();

  constructor(
    readonly evidence: Evidence,
    readonly fail: Fail,
  ) {}

  received({ client, packet, publication, times }: Reception): void {
    if (times > 1 || isUnordered(client, publication, packet.qos) || this.evidence.drops.has(client.queue)) return;
    const { publisher, topic, tag, firstReceivedAt = 0 } = publication;
    const stream = `${publisher} ${topic} ${packet.qos}`;
    const latestByStream = valueOf(this.#latest, client, () => new Map<string, Publication>());
    const latest = latestByStream.get(stream);
    if (latest !== undefined && (latest.firstReceivedAt ?? 0) > firstReceivedAt)
      this.fail(`${client.name} has taken ${tag} after ${latest.tag} (${stream})`);
    latestByStream.set(stream, publication);
  }
}

/**
 * A message that was published again, one that a group gave to another member first, and a will have no place in the
 * order.
 */
function isUnordered({ hasShared }: ObservedClient, publication: Publication, qos: number): boolean {
  const { isWill, receivedCount, mayBeForgotten } = publication;
  return isWill || hasShared || (receivedCount > 1 && (qos < 2 || mayBeForgotten));
}
