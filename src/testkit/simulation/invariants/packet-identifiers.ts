// Packet Identifiers: no identifier stands for two messages at a time, and every answer has a request [MQTT-2.3.1-4],
// [MQTT-2.3.1-6], [MQTT-2.3.1-7].
import { PacketType } from '../../../protocol/packets.js';
import type { SimulatedClient } from '../client.js';
import type { Confusion } from '../client-deliveries.js';
import type { Evidence } from '../evidence/evidence.js';
import type { Departure, Observations } from '../observations.js';
import type { Fail } from '../violation.js';

export class PacketIdentifiers implements Observations {
  constructor(
    readonly evidence: Evidence,
    readonly fail: Fail,
  ) {}

  departed(departure: Departure): void {
    const { name } = departure.connection.client;
    if (departure.kind === 'suback') {
      const { packet, intervals } = departure;
      if (intervals?.length !== packet.reasonCodes.length)
        this.fail(`${name}: SUBACK ${packet.packetId} answers no SUBSCRIBE`);
    } else if (departure.kind === 'acknowledgement') {
      const { type, packetId } = departure.packet;
      if (departure.publication === undefined)
        this.fail(`${name}: ${type === PacketType.puback ? 'PUBACK' : 'PUBREC'} ${packetId} answers no PUBLISH`);
    } else if (departure.kind === 'publish') {
      const { tag, packet, displaced = tag } = departure;
      if (displaced !== tag) this.fail(`${name}: ${tag} is sent with ${packet.packetId}, which ${displaced} still has`);
    }
  }

  identifierReused({ name }: SimulatedClient, { detail }: Confusion, isExcused: boolean): void {
    if (!isExcused) this.fail(`${name}: ${detail}`);
  }
}
