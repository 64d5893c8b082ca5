// The encoder: from packets to bytes. `encodePacket` writes any packet of any version, for both sides, and refuses one
// without a valid form. PUBLISH and the acknowledgements also have functions of their own that write straight into the
// caller's buffer, because nearly every packet is one of them. What to send, and whether it fits the receiver's limits,
// is decided elsewhere.
import { ByteWriter, variableByteIntegerSize, writeVariableByteInteger } from './byte-writer.js';
import { PacketType } from './packets.js';
import type {
  AcknowledgementPacket,
  AuthPacket,
  ConnackPacket,
  ConnectPacket,
  DisconnectPacket,
  Packet,
  Properties,
  ProtocolVersion,
  PublishPacket,
  QoS,
  SubackPacket,
  SubscribePacket,
  UnsubackPacket,
  UnsubscribePacket,
} from './packets.js';
import { PropertyPlace, encodeProperties, writeProperties } from './properties.js';
import type { PropertyPlaces } from './properties.js';
import { isReasonCodeOf } from './reason-code-table.js';
import { ReasonCode } from './reason-codes.js';
import { encodeUtf8 } from './utf8.js';

/**
 * The whole packet. Values that a version has no field for are left out (properties and most reason codes before MQTT
 * 5). A CONNECT is written in its own version.
 * @throws RangeError for an invalid value: an invalid packet on the wire would be worse.
 */
export function encodePacket(packet: Packet, version: ProtocolVersion): Uint8Array {
  const body = new ByteWriter();
  const flags = writeBody(body, packet, version);
  const packetBytes = new Uint8Array(1 + variableByteIntegerSize(body.length) + body.length);
  packetBytes[0] = (packet.type << 4) | flags;
  const at = writeVariableByteInteger(packetBytes, 1, body.length);
  packetBytes.set(body.view(), at);
  return packetBytes;
}

/** @returns the flags of the first byte. [MQTT-2.2.2-1] */
function writeBody(body: ByteWriter, packet: Packet, version: ProtocolVersion): number {
  switch (packet.type) {
    case PacketType.connect:
      writeConnect(body, packet);
      return 0;
    case PacketType.connack:
      writeConnack(body, packet, version);
      return 0;
    case PacketType.publish:
      return writePublishBody(body, packet, version);
    case PacketType.puback:
    case PacketType.pubrec:
    case PacketType.pubcomp:
      writeAcknowledgementBody(body, packet, version);
      return 0;
    case PacketType.pubrel:
      writeAcknowledgementBody(body, packet, version);
      return 2; // [MQTT-3.6.1-1]
    case PacketType.subscribe:
      writeSubscribe(body, packet, version);
      return 2; // [MQTT-3.8.1-1]
    case PacketType.suback:
    case PacketType.unsuback:
      writeResults(body, packet, version);
      return 0;
    case PacketType.unsubscribe:
      writeUnsubscribe(body, packet, version);
      return 2; // [MQTT-3.10.1-1]
    case PacketType.pingreq:
    case PacketType.pingresp:
      return 0;
    case PacketType.disconnect:
    case PacketType.auth:
      writeReason(body, packet, version);
      return 0;
  }
}

function writeConnect(
  body: ByteWriter,
  { protocolVersion, clean, keepAlive, clientId, will, userName, password, properties }: ConnectPacket,
): void {
  // [MQTT-3.1.2-22]
  if (password !== undefined && userName === undefined && protocolVersion !== 5)
    throw new RangeError('a password without a user name');
  body.string(protocolVersion === 3 ? 'MQIsdp' : 'MQTT');
  body.byte(protocolVersion);
  const willFlags = will === undefined ? 0 : 0x04 | (checkedQos(will.qos) << 3) | (will.retain ? 0x20 : 0);
  body.byte((userName === undefined ? 0 : 0x80) | (password === undefined ? 0 : 0x40) | willFlags | (clean ? 0x02 : 0));
  body.uint16(keepAlive);
  if (protocolVersion === 5) writeProperties(body, properties, PropertyPlace.connect);
  body.string(clientId);
  if (will !== undefined) {
    if (protocolVersion === 5) writeProperties(body, will.properties, PropertyPlace.will);
    body.string(will.topic);
    body.binary(will.payload);
  }
  if (userName !== undefined) body.string(userName);
  if (password !== undefined) body.binary(password);
}

function writeConnack(
  body: ByteWriter,
  { sessionPresent, reasonCode, properties }: ConnackPacket,
  version: ProtocolVersion,
): void {
  // [MQTT-3.2.2-4], in 5 [MQTT5-3.2.2-6]
  if (sessionPresent && reasonCode !== 0) throw new RangeError('Session Present in a refusal');
  body.byte(sessionPresent && version !== 3 ? 1 : 0); // MQTT 3.1 does not have it
  body.byte(checkedCode(PacketType.connack, reasonCode, version));
  if (version === 5) writeProperties(body, properties, PropertyPlace.connack);
}

const PUBLISH_PLACES = PropertyPlace.publishFromClient | PropertyPlace.publishFromServer;
const DISCONNECT_PLACES = PropertyPlace.disconnectFromClient | PropertyPlace.disconnectFromServer;

function writePublishBody(
  body: ByteWriter,
  { dup, qos, retain, topic, packetId, properties, payload }: PublishPacket,
  version: ProtocolVersion,
): number {
  checkedQos(qos); // [MQTT-3.3.1-4]
  if (dup && qos === 0 && version !== 3) throw new RangeError('DUP at QoS 0'); // [MQTT-3.3.1-2]
  body.string(topic);
  if (qos > 0) body.packetId(packetId);
  else if (packetId !== 0) throw new RangeError('a packet identifier at QoS 0'); // [MQTT-2.3.1-5]
  if (version === 5) writeProperties(body, properties, PUBLISH_PLACES);
  body.raw(payload);
  return publishFlags(qos, dup, retain);
}

const ACKNOWLEDGEMENT_PLACES: Record<AcknowledgementPacket['type'], PropertyPlaces> = {
  [PacketType.puback]: PropertyPlace.puback,
  [PacketType.pubrec]: PropertyPlace.pubrec,
  [PacketType.pubrel]: PropertyPlace.pubrel,
  [PacketType.pubcomp]: PropertyPlace.pubcomp,
};

/** MQTT 5 section 3.4.2: a code of 0 and an empty property block are left out. */
function writeAcknowledgementBody(
  body: ByteWriter,
  { type, packetId, reasonCode, properties }: AcknowledgementPacket,
  version: ProtocolVersion,
): void {
  body.packetId(packetId);
  if (version !== 5) return;
  checkedCode(type, reasonCode, version);
  if (reasonCode === ReasonCode.success && properties === undefined) return;
  body.byte(reasonCode);
  if (properties !== undefined) writeProperties(body, properties, ACKNOWLEDGEMENT_PLACES[type]);
}

function writeSubscribe(
  body: ByteWriter,
  { packetId, subscriptions, properties }: SubscribePacket,
  version: ProtocolVersion,
): void {
  if (subscriptions.length === 0) throw new RangeError('SUBSCRIBE without a filter'); // [MQTT-3.8.3-3]
  body.packetId(packetId);
  if (version === 5) writeProperties(body, properties, PropertyPlace.subscribe);
  for (const { topicFilter, qos, noLocal, retainAsPublished, retainHandling } of subscriptions) {
    body.string(topicFilter);
    const options = version === 5 ? (noLocal ? 0x04 : 0) | (retainAsPublished ? 0x08 : 0) | (retainHandling << 4) : 0;
    if (options > 0x2f) throw new RangeError(`Retain Handling ${retainHandling}`);
    body.byte(checkedQos(qos) | options);
  }
}

function writeResults(
  body: ByteWriter,
  { type, packetId, reasonCodes, properties }: SubackPacket | UnsubackPacket,
  version: ProtocolVersion,
): void {
  body.packetId(packetId);
  if (version === 5)
    writeProperties(body, properties, type === PacketType.suback ? PropertyPlace.suback : PropertyPlace.unsuback);
  else if (type === PacketType.unsuback) return;
  for (const code of reasonCodes) body.byte(checkedCode(type, code, version));
}

function writeUnsubscribe(
  body: ByteWriter,
  { packetId, topicFilters, properties }: UnsubscribePacket,
  version: ProtocolVersion,
): void {
  if (topicFilters.length === 0) throw new RangeError('UNSUBSCRIBE without a filter'); // [MQTT-3.10.3-2]
  body.packetId(packetId);
  if (version === 5) writeProperties(body, properties, PropertyPlace.unsubscribe);
  for (const filter of topicFilters) body.string(filter);
}

/**
 * MQTT 5 sections 3.14.2 and 3.15.2: both fields are left out if the code is 0 and there are no properties; DISCONNECT
 * may also end after its code.
 */
function writeReason(
  body: ByteWriter,
  { type, reasonCode, properties }: DisconnectPacket | AuthPacket,
  version: ProtocolVersion,
): void {
  if (version !== 5) {
    if (type === PacketType.auth) throw new RangeError('AUTH before MQTT 5');
    return;
  }
  checkedCode(type, reasonCode, version);
  if (reasonCode === ReasonCode.success && properties === undefined) return;
  body.byte(reasonCode);
  if (type === PacketType.auth) writeProperties(body, properties, PropertyPlace.auth);
  else if (properties !== undefined) writeProperties(body, properties, DISCONNECT_PLACES);
}

function checkedCode(type: PacketType, code: number, version: ProtocolVersion): number {
  if (!isReasonCodeOf(type, code, version))
    throw new RangeError(`${code} is no reason code of packet type ${type} in version ${version}`);
  return code;
}

function checkedQos(qos: number): number {
  if (qos !== 0 && qos !== 1 && qos !== 2) throw new RangeError(`QoS ${qos}`);
  return qos;
}

function publishFlags(qos: QoS, dup: boolean, retain: boolean): number {
  return (dup ? 8 : 0) | (qos << 1) | (retain ? 1 : 0);
}

// The hot path. The code below allocates nothing and does not check values that the caller computed.

/**
 * Size of the whole packet in bytes.
 * @param propertiesBytes size of the property block with its length prefix; 0 before MQTT 5.
 */
export function publishSize(topicBytes: number, payloadBytes: number, qos: QoS, propertiesBytes: number): number {
  const remaining = 2 + topicBytes + (qos > 0 ? 2 : 0) + propertiesBytes + payloadBytes;
  return 1 + variableByteIntegerSize(remaining) + remaining;
}

/** Size of the property block of a PUBLISH with its length prefix; 0 before MQTT 5, where there is none. */
export const propertyBlockSize = (properties: Uint8Array | undefined): number =>
  properties === undefined ? 0 : variableByteIntegerSize(properties.length) + properties.length;

/**
 * Writes at `offset`, where the caller has reserved `publishSize` bytes.
 * @param properties encoded, without their length prefix; undefined before MQTT 5.
 * @returns the offset after the packet.
 */
export function writePublish(
  target: Uint8Array,
  offset: number,
  topic: Uint8Array,
  payload: Uint8Array,
  qos: QoS,
  dup: boolean,
  retain: boolean,
  packetId: number,
  properties: Uint8Array | undefined,
): number {
  const at = writePublishHead(target, offset, topic, payload.length, qos, dup, retain, packetId, properties);
  return copy(target, at, payload);
}

/** The same without the payload, which the caller sends separately. */
export function writePublishHead(
  target: Uint8Array,
  offset: number,
  topic: Uint8Array,
  payloadBytes: number,
  qos: QoS,
  dup: boolean,
  retain: boolean,
  packetId: number,
  properties: Uint8Array | undefined,
): number {
  const topicBytes = topic.length;
  const remaining = 2 + topicBytes + (qos > 0 ? 2 : 0) + propertyBlockSize(properties) + payloadBytes;
  target[offset] = (PacketType.publish << 4) | publishFlags(qos, dup, retain);
  let at = writeVariableByteInteger(target, offset + 1, remaining);
  target[at++] = topicBytes >> 8;
  target[at++] = topicBytes;
  at = copy(target, at, topic);
  if (qos > 0) {
    target[at++] = packetId >> 8;
    target[at++] = packetId;
  }
  if (properties === undefined) return at;
  return copy(target, writeVariableByteInteger(target, at, properties.length), properties);
}

/** Writes at most 5 bytes. @returns the offset after them. */
export function writeAcknowledgement(
  target: Uint8Array,
  offset: number,
  type: AcknowledgementPacket['type'],
  packetId: number,
  reasonCode: number,
  version: ProtocolVersion,
): number {
  const coded = version === 5 && reasonCode !== ReasonCode.success;
  target[offset] = (type << 4) | (type === PacketType.pubrel ? 2 : 0);
  target[offset + 1] = coded ? 3 : 2;
  target[offset + 2] = packetId >> 8;
  target[offset + 3] = packetId;
  if (!coded) return offset + 4;
  target[offset + 4] = reasonCode;
  return offset + 5;
}

/** Up to this many bytes a loop is faster than calling `set`. */
const LOOP_BYTES_MAX = 12;

function copy(target: Uint8Array, offset: number, source: Uint8Array): number {
  const { length } = source;
  if (length <= LOOP_BYTES_MAX) {
    for (let i = 0; i < length; i++) target[offset + i] = source[i] as number;
  } else {
    target.set(source, offset);
  }
  return offset + length;
}

// A cache of encoded topics in two generations: a full young generation becomes the old one, and an entry used again
// moves back.
const GENERATION_TOPICS = 2048;
const CACHED_TOPIC_LENGTH_MAX = 128;
let youngTopics = new Map<string, Uint8Array>();
let oldTopics = new Map<string, Uint8Array>();
let lastTopic = '';
let lastTopicBytes: Uint8Array = new Uint8Array(0);

/** UTF-8 without a length prefix. The array is shared with other callers and must not be modified. */
export function encodeTopic(topic: string): Uint8Array {
  if (topic === lastTopic) return lastTopicBytes;
  if (topic.length > CACHED_TOPIC_LENGTH_MAX) return encodeUtf8(topic);
  let bytes = youngTopics.get(topic);
  if (bytes === undefined) {
    bytes = oldTopics.get(topic) ?? encodeUtf8(topic);
    if (youngTopics.size >= GENERATION_TOPICS) {
      oldTopics = youngTopics;
      youngTopics = new Map();
    }
    youngTopics.set(topic, bytes);
  }
  lastTopic = topic;
  lastTopicBytes = bytes;
  return bytes;
}

const NO_PROPERTIES = new Uint8Array(0);

/**
 * The properties of an MQTT 5 PUBLISH, without their length prefix. The bytes are valid until the next call and must
 * not be modified.
 */
export function encodePublishProperties(properties: Properties | undefined): Uint8Array {
  if (properties === undefined) return NO_PROPERTIES;
  const { userProperties } = properties;
  // As they were received, where there is nothing else.
  if (userProperties !== undefined && isAlone(properties)) return userProperties.bytes;
  return encodeProperties(properties, PUBLISH_PLACES);
}

function isAlone(properties: Properties): boolean {
  for (const name in properties) if (name !== 'userProperties') return false;
  return true;
}
