// Only to subscribers: a client gets a message only if it may have had a matching subscription when the message was
// accepted, and nothing that was never published [MQTT-4.5.0-1].
import type { Evidence } from '../evidence/evidence.js';
import { matches } from '../evidence/topic-match.js';
import type { Departure, Observations } from '../observations.js';
import type { Fail } from '../violation.js';

export class OnlyToSubscribers implements Observations {
  constructor(
    readonly evidence: Evidence,
    readonly fail: Fail,
  ) {}

  departed(departure: Departure): void {
    if (departure.kind !== 'publish' || departure.tag === '') return;
    const { packet, publication, tag } = departure;
    const { client } = departure.connection;
    const { name } = client;
    if (publication?.firstReceivedAt === undefined || publication.topic !== packet.topic)
      this.fail(`${name} gets ${tag} on ${packet.topic}, which was not published there`);
    else if (packet.retain && !client.mayGetAsPublished(publication)) {
      const isSubscribed = client.history.some(
        ({ filter, shareName }) => shareName === undefined && matches(filter, publication.topic),
      );
      if (!isSubscribed) this.fail(`${name} gets the retained ${tag} without a subscription`);
    } else if (client.possibleMatches(publication).length === 0)
      this.fail(`${name} gets ${tag} on ${packet.topic} without a subscription`);
  }
}
