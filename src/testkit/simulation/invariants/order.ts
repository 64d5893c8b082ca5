// Order: messages of one publisher, topic and QoS reach a client in the order in which they were published
// [MQTT-4.6.0-6].
import type { QoS } from '../../../protocol/packets.js';
import type { SimulatedClient } from '../client.js';
import type { Confusion } from '../client-deliveries.js';
import type { Evidence } from '../evidence/evidence.js';
import type { ObservedClient } from '../evidence/observed-client.js';
import type { Publication } from '../evidence/publications.js';
import { valueOf } from '../evidence/value-of.js';
import type { Observations, Reception } from '../observations.js';
import type { Fail } from '../violation.js';

export class Order implements Observations {
  /** The latest message that arrived, by client and by publisher, topic and QoS. */
  readonly #latest = new Map<ObservedClient, Map<string, Publication>>();
  /** The messages that have arrived at a client: a repeat may come after a later message. */
  readonly #arrived = new Map<ObservedClient, Set<string>>();

  constructor(
    readonly evidence: Evidence,
    readonly fail: Fail,
  ) {}

  received({ client, packet, publication }: Reception): void {
    this.#arrives(client, publication, packet.qos);
  }

  /**
   * A client that still holds the Packet Identifier of a lost message takes the next message with that identifier for a
   * repeat [MQTT-4.3.3-2]. The broker has sent that message in its turn, and sends it again if it is not completed
   * [MQTT-4.4.0-1]: the order is that of the first sending, though only the second one reaches the application.
   */
  identifierReused({ name }: SimulatedClient, { tag, isRetained }: Confusion, isExcused: boolean): void {
    const client = this.evidence.clients.get(name);
    const publication = this.evidence.publications.get(tag);
    if (!isExcused || isRetained || client === undefined || publication === undefined) return;
    this.#arrives(client, publication, 2);
  }

  #arrives(client: ObservedClient, publication: Publication, qos: QoS): void {
    const { publisher, topic, tag, firstReceivedAt = 0 } = publication;
    const arrived = valueOf(this.#arrived, client, () => new Set<string>());
    if (arrived.has(tag)) return;
    arrived.add(tag);
    // It came in its turn the first time.
    if (client.received.declined.has(tag)) return;
    if (isUnordered(client, publication, qos) || this.evidence.drops.has(client.queue)) return;
    const stream = `${publisher} ${topic} ${qos}`;
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
function isUnordered({ hasShared }: ObservedClient, publication: Publication, qos: QoS): boolean {
  const { isWill, receivedCount, mayBeForgotten } = publication;
  return isWill || hasShared || (receivedCount > 1 && (qos < 2 || mayBeForgotten));
}
