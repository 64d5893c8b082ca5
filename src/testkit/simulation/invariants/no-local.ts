// No local: a client does not get a message that it has published itself if all its subscriptions that match have No
// Local (MQTT 5 section 3.8.3.1).
import type { Evidence } from '../evidence/evidence.js';
import type { Departure, Observations } from '../observations.js';
import type { Fail } from '../violation.js';

export class NoLocal implements Observations {
  constructor(
    readonly evidence: Evidence,
    readonly fail: Fail,
  ) {}

  departed(departure: Departure): void {
    if (departure.kind !== 'publish' || departure.publication === undefined || departure.packet.retain) return;
    const { publication, tag, connection } = departure;
    const { client } = connection;
    if (publication.publisher !== client.name) return;
    const matching = client.possibleMatches(publication);
    if (matching.length > 0 && matching.every(({ noLocal }) => noLocal))
      this.fail(`${client.name} gets ${tag}, which it has published itself, by ${matching[0]?.topicFilter}`);
  }
}
