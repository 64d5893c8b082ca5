// Topic aliases: an alias is used on a connection only after the packet that introduced it there, stands for the topic
// of the message, and is not above what the client takes (MQTT 5 sections 3.1.2.11.5 and 3.3.2.3.4).
import type { Evidence } from '../evidence/evidence.js';
import type { Departure, Observations } from '../observations.js';
import type { Fail } from '../violation.js';

export class TopicAliases implements Observations {
  constructor(
    readonly evidence: Evidence,
    readonly fail: Fail,
  ) {}

  departed(departure: Departure): void {
    if (departure.kind !== 'publish') return;
    const { packet, publication, tag, connection } = departure;
    const alias = packet.properties?.topicAlias;
    if (alias === undefined) return;
    const { name } = connection.client;
    const most = connection.connect.properties?.topicAliasMaximum ?? 0;
    if (alias < 1 || alias > most) this.fail(`${name} is sent the alias ${alias}, it takes ${most}`);
    else if (packet.topic === '') this.fail(`${name} is sent ${tag} with the alias ${alias}, which it does not know`);
    else if (publication !== undefined && publication.topic !== packet.topic)
      this.fail(`${name} is sent ${tag} of ${publication.topic} with the alias ${alias} of ${packet.topic}`);
  }
}
