// Retained state: a new subscription gets the last acknowledged retained message of a topic or a later one in doubt,
// never one that was certainly replaced before, and each topic once; no more are kept than may be ([MQTT-3.3.1-5],
// [MQTT-3.3.1-6], [MQTT-3.3.1-8], [MQTT-3.3.1-10]).
import type { Evidence } from '../evidence/evidence.js';
import { matches } from '../evidence/topic-match.js';
import type { Departure, Observations } from '../observations.js';
import type { Fail } from '../violation.js';

export class RetainedState implements Observations {
  constructor(
    readonly evidence: Evidence,
    readonly fail: Fail,
  ) {}

  departed(departure: Departure): void {
    if (departure.kind !== 'publish' || !departure.packet.retain) return;
    const { publication, tag, connection } = departure;
    const { name, history, queueIntactSince, received } = connection.client;
    if (publication?.firstReceivedAt === undefined) return;
    // It may be one that was just published, for a subscription that wants it as it was published.
    if (connection.client.mayGetAsPublished(publication)) return;
    const subscribedFrom = history
      .filter(({ filter, shareName }) => shareName === undefined && matches(filter, publication.topic))
      // A crash may bring back the queue of a session that was about to end.
      .filter(({ possibleUntil }) => received.queuedAtStart.has(tag) || (possibleUntil ?? Infinity) > queueIntactSince)
      .map(({ possibleFrom }) => possibleFrom);
    if (!publication.retain) this.fail(`${tag} was not published to be retained`);
    else if (!this.evidence.publications.mayBeRetained(publication, Math.min(...subscribedFrom)))
      this.fail(`${name} gets ${tag}, which had been replaced`);
  }

  settled(): void {
    const { disk, options } = this.evidence;
    const { maxRetainedMessages = Infinity } = options.most;
    if (disk.retained.size > maxRetainedMessages)
      this.fail(`${disk.retained.size} topics have a retained message, ${maxRetainedMessages} may have one`);
  }

  audited(retained: ReadonlyMap<string, readonly string[]>): void {
    const { publications } = this.evidence;
    for (const topic of publications.topics) {
      const [tag, ...others] = retained.get(topic) ?? [];
      if (others.length > 0) this.fail(`${topic} is sent twice to a new subscriber`);
      if (tag === undefined) {
        if (!publications.mayHaveNone(topic)) this.fail(`${topic} has no retained message, one was acknowledged`);
        continue;
      }
      const publication = publications.get(tag);
      if (publication === undefined || !publications.mayBeRetained(publication))
        this.fail(`${topic} still has ${tag}, which had been replaced`);
    }
  }
}
