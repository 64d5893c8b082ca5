// Which reason code or return code is valid in which packet of which version, and from which side. The codes are in
// `reason-codes.ts`; the domain decides when to send them.
import { PacketType } from './packets.js';
import type { ProtocolVersion } from './packets.js';
import { SUBACK_FAILURE } from './reason-codes.js';

type Codes = Partial<Record<PacketType, readonly number[]>>;

const GRANTED_QOS = [0, 1, 2];
const PUBLISH_RESULT = [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99]; // MQTT 5 sections 3.4.2.1 and 3.5.2.1
const RELEASE_RESULT = [0x00, 0x92]; // sections 3.6.2.1 and 3.7.2.1
const RETURN_CODES = [0, 1, 2, 3, 4, 5]; // section 3.2.2.3; 6 to 255 are reserved

const CODES: Record<ProtocolVersion, Codes> = {
  3: {
    [PacketType.connack]: RETURN_CODES,
    [PacketType.suback]: GRANTED_QOS, // MQTT 3.1 has no failure code
  },
  4: {
    [PacketType.connack]: RETURN_CODES,
    [PacketType.suback]: [...GRANTED_QOS, SUBACK_FAILURE], // [MQTT-3.9.3-2]
  },
  5: {
    // [MQTT5-3.2.2-8]
    [PacketType.connack]: [
      ...[0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c],
      ...[0x90, 0x95, 0x97, 0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9f],
    ],
    [PacketType.puback]: PUBLISH_RESULT, // [MQTT5-3.4.2-1]
    [PacketType.pubrec]: PUBLISH_RESULT, // [MQTT5-3.5.2-1]
    [PacketType.pubrel]: RELEASE_RESULT, // [MQTT5-3.6.2-1]
    [PacketType.pubcomp]: RELEASE_RESULT, // [MQTT5-3.7.2-1]
    [PacketType.suback]: [...GRANTED_QOS, 0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2], // [MQTT5-3.9.3-2]
    [PacketType.unsuback]: [0x00, 0x11, 0x80, 0x83, 0x87, 0x8f, 0x91], // [MQTT5-3.11.3-2]
    // [MQTT5-3.14.2-1]. 0x8C is not in section 3.14.2.1, but section 2.4 allows it in DISCONNECT, and a failed
    // re-authentication needs it.
    [PacketType.disconnect]: [
      ...[0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8b, 0x8c, 0x8d, 0x8e, 0x8f],
      ...[0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9e, 0x9f, 0xa0, 0xa1, 0xa2],
    ],
    [PacketType.auth]: [0x00, 0x18, 0x19], // [MQTT5-3.15.2-1]
  },
};

/** The side that sent a packet. */
export type Sender = 'client' | 'server';

/** What only one side sends in MQTT 5, of packets that both send: sections 3.4.2.1, 3.5.2.1, 3.14.2.1 and 3.15.2.1. */
const ONLY_FROM: Record<Sender, Codes> = {
  client: {
    [PacketType.disconnect]: [0x04],
    [PacketType.auth]: [0x19], // [MQTT5-4.12.0-3]
  },
  server: {
    [PacketType.puback]: [0x10],
    [PacketType.pubrec]: [0x10],
    [PacketType.disconnect]: [
      ...[0x87, 0x89, 0x8b, 0x8c, 0x8d, 0x8e, 0x8f],
      ...[0x9a, 0x9b, 0x9c, 0x9d, 0x9e, 0x9f, 0xa0, 0xa1, 0xa2],
    ],
    [PacketType.auth]: [0x00],
  },
};

/** By code, one bit per packet type, so that a check costs one load. */
function bitsByCode(codes: Codes): Uint16Array {
  const bits = new Uint16Array(256);
  for (const [type, allowed] of Object.entries(codes)) {
    for (const code of allowed) bits[code] = (bits[code] as number) | (1 << Number(type));
  }
  return bits;
}

const BITS: Record<ProtocolVersion, Uint16Array> = {
  3: bitsByCode(CODES[3]),
  4: bitsByCode(CODES[4]),
  5: bitsByCode(CODES[5]),
};

const OF_THE_OTHER: Record<Sender, Uint16Array> = {
  client: bitsByCode(ONLY_FROM.server),
  server: bitsByCode(ONLY_FROM.client),
};

const has = (bits: Uint16Array, type: PacketType, code: number): boolean => (((bits[code] ?? 0) >> type) & 1) === 1;

/** Whether a code of the packet, in MQTT 5, is one that its sender may not send. */
export const isOfTheOtherSide = (type: PacketType, code: number, sender: Sender): boolean =>
  has(OF_THE_OTHER[sender], type, code);

export function isReasonCodeOf(type: PacketType, code: number, version: ProtocolVersion): boolean {
  return has(BITS[version], type, code);
}
