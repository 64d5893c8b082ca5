// Retain options: a subscription gets retained messages if its Retain Handling allows it, and messages that are
// published with RETAIN keep it if the subscription has Retain As Published, and only then (MQTT 5 sections 3.3.1.3 and
// 3.8.3.1).
import { matches } from '../evidence/topic-match.js';
import type { Evidence } from '../evidence/evidence.js';
import type { Departure, Observations } from '../observations.js';
import type { Fail } from '../violation.js';

export class RetainOptions implements Observations {
  constructor(
    readonly evidence: Evidence,
    readonly fail: Fail,
  ) {}

  departed(departure: Departure): void {
    if (departure.kind !== 'publish' || departure.publication === undefined) return;
    const { packet, publication, tag, connection } = departure;
    const { client } = connection;
    const { name } = client;
    if (packet.retain) {
      if (client.mayGetAsPublished(publication)) return;
      const matching = client.history.filter(
        ({ filter, shareName }) => shareName === undefined && matches(filter, publication.topic),
      );
      if (matching.length > 0 && !matching.some(({ mayBringRetained }) => mayBringRetained))
        this.fail(`${name} gets the retained ${tag}, which none of its subscriptions wanted`);
      return;
    }
    const matching = client.possibleMatches(publication);
    if (publication.retain && matching.length > 0 && matching.every(({ retainAsPublished }) => retainAsPublished))
      this.fail(`${name} gets ${tag} without RETAIN, and wants it as published`);
  }
}
