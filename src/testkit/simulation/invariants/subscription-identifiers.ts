// Subscription identifiers: a message carries the identifiers of the subscriptions that brought it, all of them and no
// other (MQTT 5 section 3.3.4).
import { matches } from '../evidence/topic-match.js';
import type { Evidence } from '../evidence/evidence.js';
import type { Departure, Observations } from '../observations.js';
import type { Fail } from '../violation.js';

export class SubscriptionIdentifiers implements Observations {
  constructor(
    readonly evidence: Evidence,
    readonly fail: Fail,
  ) {}

  departed(departure: Departure): void {
    if (departure.kind !== 'publish' || departure.publication?.firstReceivedAt === undefined) return;
    const { packet, publication, tag, connection } = departure;
    const { client, connect } = connection;
    if (connect.protocolVersion !== 5) return;
    const { name } = client;
    const carried = packet.properties?.subscriptionIdentifiers ?? [];
    // A retained message is brought by a later subscription.
    const possible = packet.retain
      ? client.history.filter(({ filter }) => matches(filter, publication.topic))
      : client.possibleMatches(publication);
    const wrong = carried.find((one) => !possible.some(({ identifier }) => identifier === one));
    if (wrong !== undefined) this.fail(`${name} gets ${tag} with the Subscription Identifier ${wrong}`);
    // A message that came twice may have been accepted again, under other subscriptions.
    if (packet.retain || client.hasShared || publication.receivedCount !== 1) return;
    for (const { identifier, topicFilter } of client.certainOwnMatches(publication))
      if (identifier !== undefined && !carried.includes(identifier))
        this.fail(`${name} gets ${tag} without the Subscription Identifier ${identifier} of ${topicFilter}`);
  }
}
