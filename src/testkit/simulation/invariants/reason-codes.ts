// Reason codes: what an answer tells a publisher is true. A message that was refused, with a code of 0x80 or more, goes
// to no subscriber and is not retained; one that matches no subscription, as the answer says, has none that certainly
// matched (MQTT 5 section 3.4.2.1). Publishers of earlier versions never get another code than success.
import { ReasonCode } from '../../../protocol/reason-codes.js';
import type { Publication } from '../evidence/publications.js';
import type { Evidence } from '../evidence/evidence.js';
import type { Departure, Observations } from '../observations.js';
import type { Fail } from '../violation.js';

export class ReasonCodes implements Observations {
  constructor(
    readonly evidence: Evidence,
    readonly fail: Fail,
  ) {}

  departed(departure: Departure): void {
    if (departure.kind === 'acknowledgement') this.#answered(departure);
    if (departure.kind !== 'publish' || departure.publication === undefined) return;
    const { publication, tag, connection } = departure;
    if (isVoid(publication))
      this.fail(`${connection.client.name} gets ${tag}, which was refused with ${String(publication.refusedWith)}`);
  }

  #answered({ connection, packet, publication }: Extract<Departure, { kind: 'acknowledgement' }>): void {
    if (publication === undefined) return;
    const { reasonCode } = packet;
    const { tag } = publication;
    const { name } = connection.client;
    if (connection.connect.protocolVersion !== 5) {
      if (reasonCode !== 0) this.fail(`${name} gets the code ${reasonCode} for ${tag}, and does not speak MQTT 5`);
      return;
    }
    const isRefused = reasonCode >= ReasonCode.unspecifiedError || publication.isTreatedAsDuplicate;
    if (publication.isDenied && !isRefused)
      this.fail(`${name} gets the code ${reasonCode} for ${tag}, which it may not publish`);
    if (isVoid(publication) && publication.wasSent) this.fail(`${tag} is refused with ${reasonCode}, and was sent`);
    // One that came twice may have come before a subscription existed, and again when that had gone.
    const isAmbiguous = publication.isTreatedAsDuplicate || publication.receivedCount > 1;
    if (reasonCode !== ReasonCode.noMatchingSubscribers || isAmbiguous) return;
    for (const client of this.evidence.clients.values())
      for (const { topicFilter } of client.sessionStored === 'yes' ? client.certainOwnMatches(publication) : [])
        this.fail(`${name} learns that ${tag} matches no subscription, ${client.name} has ${topicFilter}`);
  }

  settled(): void {
    const { disk, publications } = this.evidence;
    for (const [topic, tag] of disk.retained) {
      const publication = publications.get(tag);
      if (publication !== undefined && isVoid(publication))
        this.fail(`${topic} retains ${tag}, which was refused with ${String(publication.refusedWith)}`);
    }
  }
}

/** Whether it was refused, and came only once: no other time can have had an effect. */
const isVoid = ({ refusedWith, receivedCount }: Publication): boolean =>
  refusedWith !== undefined && receivedCount <= 1;
