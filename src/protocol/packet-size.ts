// How many bytes packets take on the wire: a client of MQTT 5 may set a limit [MQTT5-3.1.2-24]. The sizes of a PUBLISH
// are computed without encoding it, since it is not sent if it is too large.
import { variableByteIntegerSize } from './byte-writer.js';
import { encodePacket, publishSize } from './encoder.js';
import type { Packet, Properties, QoS } from './packets.js';
import { PropertyPlace, propertiesSize } from './properties.js';
import { utf8Length } from './utf8.js';

/** No packet can be larger (MQTT 3.1.1 section 2.2.3), in bytes. */
export const PACKET_SIZE_MAX = 268_435_460;

/** The contents of a PUBLISH that decide about its size. */
export interface SizedMessage {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly properties: Properties | undefined;
}

/** Message Expiry Interval with its number. */
const EXPIRY_BYTES = 5;
/** The fixed header, the length of the topic, a Packet Identifier and the length of the properties, at most. */
const FRAME_BYTES_MAX = 5 + 2 + 2 + 4;
/** UTF-8 takes no more for a character of a JavaScript string. */
const BYTES_PER_CHARACTER_MAX = 3;

/**
 * Whether the message takes at most `limit` bytes as a PUBLISH of MQTT 5, without a Topic Alias.
 * @param expires whether it is sent with a Message Expiry Interval.
 */
export function publishFits(
  limit: number,
  { topic, payload, properties }: SizedMessage,
  qos: QoS,
  expires: boolean,
  identifiers: readonly number[] | undefined,
): boolean {
  if (properties === undefined && identifiers === undefined) {
    // Far from the limit, as nearly always: counting the characters is enough.
    const most = FRAME_BYTES_MAX + EXPIRY_BYTES + topic.length * BYTES_PER_CHARACTER_MAX + payload.byteLength;
    if (most <= limit) return true;
  }
  const expiry = expires && properties?.messageExpiryInterval === undefined ? EXPIRY_BYTES : 0;
  let block = propertiesSize(properties, PropertyPlace.publishFromServer) + expiry;
  for (const identifier of identifiers ?? []) block += 1 + variableByteIntegerSize(identifier);
  const propertiesBytes = variableByteIntegerSize(block) + block;
  return publishSize(utf8Length(topic), payload.byteLength, qos, propertiesBytes) <= limit;
}

/** The size of a packet of MQTT 5. @throws RangeError as `encodePacket`. */
export const packetSize = (packet: Packet): number => encodePacket(packet, 5).length;
