// What has passed in one direction through all connections since the start: packets by type, messages by version and
// Quality of Service, bytes. Plain additions, because each packet passes here.
import { PacketType } from '../protocol/packets.js';
import type { Packet, ProtocolVersion, QoS } from '../protocol/packets.js';
import type { FlowReading, MessageFlow } from '../ports/measures.js';

const VERSIONS: readonly ProtocolVersion[] = [3, 4, 5];
const LEVELS: readonly QoS[] = [0, 1, 2];
const PACKET_TYPES = 16;

/** Where a version and a Quality of Service are counted. */
const indexOf = (version: number, qos: number): number => (version << 2) | qos;

export class Flow {
  /** Of all packets, as they are on the connection inside TLS and WebSocket. */
  bytes = 0;
  readonly #packets = new Float64Array(PACKET_TYPES);
  readonly #messages = new Float64Array(indexOf(6, 0));
  readonly #payloads = new Float64Array(indexOf(6, 0));

  /** One that the network has brought. */
  received(packet: Packet, version: number): void {
    if (packet.type === PacketType.publish) this.message(version, packet.qos, packet.payload.length);
    else this.packet(packet.type);
  }

  /** One that is no PUBLISH. */
  packet(type: number): void {
    this.#packets[type] = (this.#packets[type] as number) + 1;
  }

  /** A PUBLISH, which counts as a packet as well. */
  message(version: number, qos: number, payloadBytes: number): void {
    const at = indexOf(version, qos);
    this.#messages[at] = (this.#messages[at] as number) + 1;
    this.#payloads[at] = (this.#payloads[at] as number) + payloadBytes;
  }

  read(): FlowReading {
    const messages: MessageFlow[] = [];
    for (const version of VERSIONS)
      for (const qos of LEVELS) {
        const at = indexOf(version, qos);
        const [count = 0, payloadBytes = 0] = [this.#messages[at], this.#payloads[at]];
        messages.push({ version, qos, count, payloadBytes });
      }
    const publishes = messages.reduce((sum, { count }) => sum + count, 0);
    const packets = Object.entries(PacketType).map(
      ([name, type]) => [name, type === PacketType.publish ? publishes : (this.#packets[type] ?? 0)] as const,
    );
    return { bytes: this.bytes, messages, packets: new Map(packets) };
  }
}
