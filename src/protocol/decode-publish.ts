// The bodies of PUBLISH and the acknowledgements. Nearly every packet is one of them, so they are read by offset,
// without a ByteReader.
import { ByteReader, packetIdZero, trailing, truncated } from './byte-reader.js';
import { viewOf } from './chunk-views.js';
import { sentReasonCode } from './decode-packet.js';
import { PacketType } from './packets.js';
import type { AcknowledgementPacket, Properties, ProtocolVersion, PublishPacket, QoS } from './packets.js';
import { PropertyPlace, readProperties, readPublishProperties } from './properties.js';
import type { Sender } from './reason-code-table.js';
import { ReasonCode } from './reason-codes.js';
import { TopicCache } from './topic-cache.js';

/** Shared by all connections, since the same topics arrive on many of them. A pure cache: it affects no decision. */
const topics = new TopicCache();

/** Of the messages of all connections; read for each, since it may change. */
export interface PublishLimits {
  /** Longer properties are not looked at: the packet then has `UNREAD_PROPERTIES`. */
  readonly maxPropertyBytes: number;
}

/** @param first the first byte of the packet. */
export function decodePublish(
  bytes: Uint8Array,
  first: number,
  body: number,
  end: number,
  version: ProtocolVersion,
  sender: Sender,
  limits: PublishLimits,
): PublishPacket {
  const qos = ((first >> 1) & 3) as QoS;
  let at = body + 2;
  if (at > end) throw truncated();
  const topicEnd = at + (((bytes[body] as number) << 8) | (bytes[body + 1] as number));
  if (topicEnd > end) throw truncated();
  const topic = topics.text(bytes, at, topicEnd); // [MQTT-3.3.2-1]
  at = topicEnd;
  let packetId = 0;
  if (qos > 0) {
    at += 2;
    if (at > end) throw truncated();
    packetId = ((bytes[topicEnd] as number) << 8) | (bytes[topicEnd + 1] as number);
    if (packetId === 0) throw packetIdZero(); // [MQTT-2.3.1-1]
  }
  let properties: Properties | undefined = undefined;
  if (version === 5) {
    if (at < end && bytes[at] === 0) at++;
    else {
      const reader = new ByteReader(bytes, at, end);
      const place = sender === 'client' ? PropertyPlace.publishFromClient : PropertyPlace.publishFromServer;
      properties = readPublishProperties(reader, place, limits.maxPropertyBytes);
      at = reader.position;
    }
  }
  return {
    type: PacketType.publish,
    dup: (first & 8) !== 0,
    qos,
    retain: (first & 1) !== 0,
    topic,
    packetId,
    properties,
    payload: viewOf(bytes, at, end),
  };
}

const ACKNOWLEDGEMENT_PLACES = {
  [PacketType.puback]: PropertyPlace.puback,
  [PacketType.pubrec]: PropertyPlace.pubrec,
  [PacketType.pubrel]: PropertyPlace.pubrel,
  [PacketType.pubcomp]: PropertyPlace.pubcomp,
};

export function decodeAcknowledgement(
  bytes: Uint8Array,
  type: AcknowledgementPacket['type'],
  body: number,
  end: number,
  version: ProtocolVersion,
  sender: Sender,
): AcknowledgementPacket {
  const length = end - body;
  if (length < 2) throw truncated();
  const packetId = ((bytes[body] as number) << 8) | (bytes[body + 1] as number);
  if (packetId === 0) throw packetIdZero(); // [MQTT-2.3.1-1]
  if (length === 2) return { type, packetId, reasonCode: ReasonCode.success, properties: undefined };
  if (version !== 5) throw trailing(length - 2);
  // MQTT 5 section 3.4.2: below length 3 the code is 0, below length 4 there are no properties.
  const reasonCode = sentReasonCode(type, bytes[body + 2] as number, sender);
  if (length === 3) return { type, packetId, reasonCode, properties: undefined };
  const reader = new ByteReader(bytes, body + 3, end);
  const properties = readProperties(reader, ACKNOWLEDGEMENT_PLACES[type]);
  reader.expectEnd();
  return { type, packetId, reasonCode, properties };
}
