// What a publisher of the warm-up writes at once. A burst is encoded once and written many times, so that the time of
// the warm-up goes to the broker.
import { encodePacket } from '../protocol/encoder.js';
import { PacketType } from '../protocol/packets.js';
import type { Properties, ProtocolVersion, QoS } from '../protocol/packets.js';
import { UserProperties } from '../protocol/user-properties.js';

/** Of several lengths, because the length decides which path of the code a payload takes. */
const PAYLOADS = [4, 64, 600].map((length) => new Uint8Array(length));
const LONGEST = PAYLOADS.length - 1;
/**
 * One entry for each burst: the QoS of its messages, and how many there are. One burst of the longest payloads is
 * larger than a chunk that a socket delivers, so that a packet begins in one chunk and ends in the next, and larger
 * than what the broker collects for one write.
 */
const SHAPES: readonly { readonly qos: QoS; readonly count: number; readonly isLong?: boolean }[] = [
  { qos: 0, count: 60 },
  { qos: 0, count: 200, isLong: true },
  { qos: 1, count: 40 },
  { qos: 0, count: 10 },
  { qos: 1, count: 90 },
  { qos: 2, count: 50 },
];

/** Packets that are written at once. */
export interface Burst {
  readonly bytes: Uint8Array;
  /** How many of the messages are acknowledged. */
  readonly answers: number;
}

/** Packet Identifiers begin with 1 in each burst, so a burst may be written when the one before it is acknowledged. */
export const burstsFor = (topic: string, version: ProtocolVersion): readonly Burst[] =>
  SHAPES.map(({ qos, count, isLong = false }) => {
    const packets = Array.from({ length: count }, (_, i) => {
      // The last one is acknowledged in any case, which tells that the broker has read them all.
      const ownQos = qos === 0 && i === count - 1 ? 1 : qos;
      const payload = PAYLOADS[isLong ? LONGEST : i % PAYLOADS.length] as Uint8Array;
      const properties = version === 5 && isLong ? PROPERTIES : undefined;
      return encodePublish(topic, ownQos, i + 1, payload, version, properties);
    });
    return { bytes: Buffer.concat(packets), answers: qos === 0 ? 1 : count };
  });

/** Of some messages of MQTT 5. */
const PROPERTIES: Properties = { contentType: 'text/plain', userProperties: UserProperties.of([['name', 'value']]) };

function encodePublish(
  topic: string,
  qos: QoS,
  id: number,
  payload: Uint8Array,
  version: ProtocolVersion,
  properties: Properties | undefined,
): Uint8Array {
  const packetId = qos === 0 ? 0 : id;
  const flags = { dup: false, retain: false };
  return encodePacket({ type: PacketType.publish, ...flags, qos, topic, packetId, payload, properties }, version);
}
