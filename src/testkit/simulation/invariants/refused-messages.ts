// Refused messages: a message that its client has refused, with PUBACK or PUBREC of a code of 0x80 or more, is not sent
// to it again, nor to another member of the shared group that it came by (MQTT 5 section 4.8.2). After a crash it may
// be: the refusal promised nothing that would have to be stored.
import type { BrokerEvent, LifecycleEvent } from '../../../ports/index.js';
import type { Evidence } from '../evidence/evidence.js';
import type { Publication } from '../evidence/publications.js';
import type { ObservedClient } from '../evidence/observed-client.js';
import type { Departure, Observations } from '../observations.js';
import type { Fail } from '../violation.js';

type Delivery = Extract<Departure, { readonly kind: 'publish' }>;

export class RefusedMessages implements Observations {
  /** By what brings a message and by its tag: when its recipient has refused it, as the broker reported. */
  readonly #refused = new Set<string>();

  constructor(
    readonly evidence: Evidence,
    readonly fail: Fail,
  ) {}

  departed(departure: Departure): void {
    if (departure.kind !== 'publish') return;
    const { tag, connection } = departure;
    const source = sourceOf(departure);
    if (source !== undefined && this.#refused.has(`${source} ${tag}`))
      this.fail(`${connection.client.name} is sent ${tag} by ${source}, which was refused`);
  }

  /** The broker reports that a client has refused a message: one that the client has refused, on this topic. */
  event(event: BrokerEvent | LifecycleEvent): void {
    if (event.kind !== 'message-dropped' || event.reason !== 'refused-by-client') return;
    const client = this.evidence.clients.get(event.queue?.slice(2) ?? '');
    if (client === undefined) {
      this.fail(`a message of the queue ${String(event.queue)} is refused by no client`);
      return;
    }
    // Of several an observer cannot tell which one.
    const { topic } = event;
    const onTopic = [...client.received.refusing].filter(
      (tag) => topic === undefined || this.evidence.publications.get(tag)?.topic === topic,
    );
    const [tag = ''] = onTopic;
    const publication = this.evidence.publications.get(tag);
    if (onTopic.length !== 1 || publication === undefined) return;
    client.received.refusing.delete(tag);
    const source = sourceFor(client, publication);
    if (source !== undefined) this.#refused.add(`${source} ${tag}`);
  }

  crashed(): void {
    this.#refused.clear();
    for (const { received } of this.evidence.clients.values()) received.refusing.clear();
  }
}

function sourceOf({ packet, publication, connection }: Delivery): string | undefined {
  return packet.qos === 0 || packet.retain || publication === undefined
    ? undefined
    : sourceFor(connection.client, publication);
}

/** The client itself, or the shared group; `undefined` if there may be several, or the message came more than once. */
function sourceFor(client: ObservedClient, publication: Publication): string | undefined {
  if (publication.receivedCount > 1) return undefined;
  const sources = new Set(
    client
      .possibleMatches(publication)
      .map(({ shareName, topicFilter }) => (shareName === undefined ? client.name : topicFilter)),
  );
  const [source] = sources;
  return sources.size === 1 ? source : undefined;
}
