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
/** A Subscription Identifier with its number, at most. */
const IDENTIFIER_BYTES_MAX = 5;
/** Payload Format Indicator, Message Expiry Interval, and the numbers and lengths of the others. */
const FIXED_PROPERTIES_BYTES_MAX = 2 + 5 + 3 * 3;
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
  // Far from the limit, as nearly always: counting the characters is enough.
  const contents = topic.length * BYTES_PER_CHARACTER_MAX + payload.byteLength + mostOfProperties(properties);
  const ofIdentifiers = identifiers === undefined ? 0 : IDENTIFIER_BYTES_MAX * identifiers.length;
  if (FRAME_BYTES_MAX + EXPIRY_BYTES + contents + ofIdentifiers <= limit) return true;
  const expiry = expires && properties?.messageExpiryInterval === undefined ? EXPIRY_BYTES : 0;
  let block = propertiesSize(properties, PropertyPlace.publishFromServer) + expiry;
  for (const identifier of identifiers ?? []) block += 1 + variableByteIntegerSize(identifier);
  const propertiesBytes = variableByteIntegerSize(block) + block;
  return publishSize(utf8Length(topic), payload.byteLength, qos, propertiesBytes) <= limit;
}

/** At least as many bytes as the properties that a message passes on take. */
function mostOfProperties(properties: Properties | undefined): number {
  if (properties === undefined) return 0;
  const { contentType = '', responseTopic = '', correlationData, userProperties } = properties;
  return (
    FIXED_PROPERTIES_BYTES_MAX +
    (contentType.length + responseTopic.length) * BYTES_PER_CHARACTER_MAX +
    (correlationData?.byteLength ?? 0) +
    (userProperties?.bytes.byteLength ?? 0)
  );
}

/** The size of a packet of MQTT 5. @throws RangeError as `encodePacket`. */
export const packetSize = (packet: Packet): number => encodePacket(packet, 5).length;
