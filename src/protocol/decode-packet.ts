// The bodies of the packets that are not on the hot path: from the bytes after the fixed header to a packet, or to the
// reason why they are not one. The decoder does the framing; the domain decides whether a well-formed packet is
// acceptable now and whether its topics make sense.
import type { ByteReader } from './byte-reader.js';
import { MalformedPacketError } from './malformed.js';
import type { MalformedCode } from './malformed.js';
import { PacketType } from './packets.js';
import type {
  AuthPacket,
  ConnackPacket,
  ConnectPacket,
  DisconnectPacket,
  ProtocolVersion,
  QoS,
  SubackPacket,
  SubscribePacket,
  SubscriptionRequest,
  UnsubackPacket,
  UnsubscribePacket,
  Will,
} from './packets.js';
import { PropertyPlace, authenticationMethodMissing, readProperties } from './properties.js';
import { isOfTheOtherSide, isReasonCodeOf } from './reason-code-table.js';
import type { Sender } from './reason-code-table.js';
import { ReasonCode } from './reason-codes.js';

/** @param flags the lower four bits of the first byte; they can be checked only once the version is known. */
export function decodeConnect(reader: ByteReader, flags: number, overlongHeader: boolean): ConnectPacket {
  const protocolVersion = readProtocol(reader);
  try {
    return readConnect(reader, protocolVersion, flags, overlongHeader);
  } catch (error) {
    if (error instanceof MalformedPacketError) error.protocolVersion = protocolVersion;
    throw error;
  }
}

function readConnect(
  reader: ByteReader,
  protocolVersion: ProtocolVersion,
  flags: number,
  overlongHeader: boolean,
): ConnectPacket {
  if (protocolVersion > 3 && flags !== 0)
    throw new MalformedPacketError('fixed-header-flags', `CONNECT with flags ${flags}`); // [MQTT-2.2.2-2]
  if (protocolVersion === 5 && overlongHeader) throw overlongRemainingLength();

  const connectFlags = reader.byte();
  checkConnectFlags(connectFlags, protocolVersion);
  const keepAlive = reader.uint16();
  const properties = protocolVersion === 5 ? readProperties(reader, PropertyPlace.connect) : undefined;
  const clientId = reader.string(); // [MQTT-3.1.3-3]
  // [MQTT-3.1.2-9]
  const will = (connectFlags & 0x04) !== 0 ? readWill(reader, connectFlags, protocolVersion) : undefined;
  // MQTT 3.1 section 3.1: Remaining Length takes precedence over the flags, so that clients of plain V3, which had
  // neither field, are accepted.
  const userName = (connectFlags & 0x80) !== 0 && !isLeftOut(reader, protocolVersion) ? reader.string() : undefined;
  const password = (connectFlags & 0x40) !== 0 && !isLeftOut(reader, protocolVersion) ? reader.binary() : undefined;
  reader.expectEnd(); // [MQTT-3.1.2-18], [MQTT-3.1.2-20]
  const clean = (connectFlags & 0x02) !== 0;
  return {
    type: PacketType.connect,
    protocolVersion,
    clean,
    keepAlive,
    clientId,
    will,
    userName,
    password,
    properties,
  };
}

function isLeftOut(reader: ByteReader, version: ProtocolVersion): boolean {
  return version === 3 && reader.remaining === 0;
}

/**
 * Name and level are checked as a pair. Bit 7 of the level, with which some bridges identify themselves, is in no
 * specification and is refused.
 */
function readProtocol(reader: ByteReader): ProtocolVersion {
  const name = nameOf(reader.part(reader.uint16()));
  // [MQTT-3.1.2-1]
  if (name === undefined)
    throw new MalformedPacketError(
      'protocol-name-unknown',
      'the protocol is not MQTT',
      ReasonCode.unsupportedProtocolVersion,
    );
  const level = reader.byte();
  if (name === 'MQIsdp') {
    if (level === 3) return 3;
  } else if (level === 4 || level === 5) return level;
  const message = `protocol ${name} has no level ${level} here`;
  // [MQTT-3.1.2-2]
  throw new MalformedPacketError('protocol-version-unsupported', message, ReasonCode.unsupportedProtocolVersion);
}

/** Compares bytes, so that an unknown name need not be decoded first. */
function nameOf({ bytes, position, remaining }: ByteReader): 'MQTT' | 'MQIsdp' | undefined {
  for (const name of ['MQTT', 'MQIsdp'] as const) {
    let same = 0;
    while (same < name.length && bytes[position + same] === name.charCodeAt(same)) same++;
    if (same === name.length && remaining === name.length) return name;
  }
  return undefined;
}

function checkConnectFlags(flags: number, version: ProtocolVersion): void {
  const fail = (code: MalformedCode, what: string): never => {
    throw new MalformedPacketError(code, `CONNECT ${what}`);
  };
  // Unused in MQTT 3.1, which does not require a check.
  if ((flags & 0x01) !== 0 && version !== 3) fail('connect-reserved-flag', 'sets the reserved flag'); // [MQTT-3.1.2-3]
  if ((flags & 0x04) !== 0) {
    if ((flags & 0x18) === 0x18) fail('connect-will-flags', 'asks for a will at QoS 3'); // [MQTT-3.1.2-14]
  } else if ((flags & 0x38) !== 0 && version !== 3) {
    fail('connect-will-flags', 'has will bits without a will'); // [MQTT-3.1.2-11], [MQTT-3.1.2-13], [MQTT-3.1.2-15]
  }
  // A token alone is a credential in MQTT 5 (section 3.1.2.9).
  if ((flags & 0xc0) === 0x40 && version !== 5)
    fail('connect-password-without-user-name', 'has a password but no user name'); // [MQTT-3.1.2-22]
}

function readWill(reader: ByteReader, flags: number, version: ProtocolVersion): Will {
  const properties = version === 5 ? readProperties(reader, PropertyPlace.will) : undefined;
  const topic = reader.string();
  const payload = reader.binary();
  return { topic, payload, qos: ((flags >> 3) & 3) as QoS, retain: (flags & 0x20) !== 0, properties };
}

export function decodeConnack(reader: ByteReader, version: ProtocolVersion): ConnackPacket {
  const flags = reader.byte();
  const reasonCode = reasonCodeOf(PacketType.connack, reader.byte(), version);
  // In MQTT 3.1 the byte is reserved and has no meaning.
  if (version !== 3 && (flags > 1 || (flags === 1 && reasonCode !== 0))) {
    // [MQTT-3.2.2-4], in 5 [MQTT5-3.2.2-6]
    throw new MalformedPacketError('connack-flags', `CONNACK with flags ${flags} and code ${reasonCode}`);
  }
  const properties = version === 5 ? readProperties(reader, PropertyPlace.connack) : undefined;
  reader.expectEnd();
  return { type: PacketType.connack, sessionPresent: version !== 3 && flags === 1, reasonCode, properties };
}

export function decodeSubscribe(reader: ByteReader, version: ProtocolVersion): SubscribePacket {
  const packetId = reader.packetId();
  const properties = version === 5 ? readProperties(reader, PropertyPlace.subscribe) : undefined;
  const subscriptions: SubscriptionRequest[] = [];
  while (reader.remaining > 0) subscriptions.push(readSubscription(reader, version));
  // [MQTT-3.8.3-3]
  if (subscriptions.length === 0)
    throw new MalformedPacketError('subscribe-empty', 'SUBSCRIBE without a filter', ReasonCode.protocolError);
  return { type: PacketType.subscribe, packetId, subscriptions, properties };
}

function readSubscription(reader: ByteReader, version: ProtocolVersion): SubscriptionRequest {
  const topicFilter = reader.string();
  const byte = reader.byte();
  // MQTT 3.1 section 3.8: the upper six bits are not used. They are masked, not refused.
  const options = version === 3 ? byte & 0x03 : byte;
  const reserved = version === 5 ? 0xc0 : 0xfc;
  // [MQTT-3-8.3-4], in 5 [MQTT5-3.8.3-5]
  if ((options & reserved) !== 0) throw optionsInvalid(byte, ReasonCode.malformedPacket);
  const qos = options & 0x03;
  const retainHandling = (options >> 4) & 0x03;
  // MQTT 5 section 3.8.3.1 calls these two a protocol error.
  if (qos === 3 || retainHandling === 3) throw optionsInvalid(byte, ReasonCode.protocolError); // [MQTT-3-8.3-4]
  return {
    topicFilter,
    qos: qos as QoS,
    noLocal: (options & 0x04) !== 0,
    retainAsPublished: (options & 0x08) !== 0,
    retainHandling: retainHandling as 0 | 1 | 2,
  };
}

function optionsInvalid(byte: number, reasonCode: number): MalformedPacketError {
  return new MalformedPacketError(
    'subscribe-options-invalid',
    `subscription options 0x${byte.toString(16)}`,
    reasonCode,
  );
}

export function decodeSuback(reader: ByteReader, version: ProtocolVersion): SubackPacket {
  const packetId = reader.packetId();
  const properties = version === 5 ? readProperties(reader, PropertyPlace.suback) : undefined;
  const reasonCodes: number[] = [];
  while (reader.remaining > 0) {
    const code = reader.byte();
    // [MQTT-3.9.3-2]
    if (!isReasonCodeOf(PacketType.suback, code, version))
      throw new MalformedPacketError('suback-code-invalid', `SUBACK with code ${code}`);
    reasonCodes.push(code);
  }
  return { type: PacketType.suback, packetId, reasonCodes, properties };
}

export function decodeUnsubscribe(reader: ByteReader, version: ProtocolVersion): UnsubscribePacket {
  const packetId = reader.packetId();
  const properties = version === 5 ? readProperties(reader, PropertyPlace.unsubscribe) : undefined;
  const topicFilters: string[] = [];
  while (reader.remaining > 0) topicFilters.push(reader.string());
  // [MQTT-3.10.3-2]
  if (topicFilters.length === 0)
    throw new MalformedPacketError('unsubscribe-empty', 'UNSUBSCRIBE without a filter', ReasonCode.protocolError);
  return { type: PacketType.unsubscribe, packetId, topicFilters, properties };
}

export function decodeUnsuback(reader: ByteReader, version: ProtocolVersion): UnsubackPacket {
  const packetId = reader.packetId();
  const properties = version === 5 ? readProperties(reader, PropertyPlace.unsuback) : undefined;
  const reasonCodes: number[] = [];
  if (version === 5) {
    while (reader.remaining > 0) reasonCodes.push(reasonCodeOf(PacketType.unsuback, reader.byte(), version));
  }
  reader.expectEnd();
  return { type: PacketType.unsuback, packetId, reasonCodes, properties };
}

export function decodeDisconnect(reader: ByteReader, version: ProtocolVersion, sender: Sender): DisconnectPacket {
  // MQTT 5 section 3.14.2: below length 1 the code is 0, below length 2 there are no properties.
  const coded = version === 5 && reader.remaining > 0;
  const reasonCode = coded
    ? sentReasonCode(PacketType.disconnect, reader.byte(), sender)
    : ReasonCode.normalDisconnection;
  const place = sender === 'client' ? PropertyPlace.disconnectFromClient : PropertyPlace.disconnectFromServer;
  const properties = coded && reader.remaining > 0 ? readProperties(reader, place) : undefined;
  reader.expectEnd();
  return { type: PacketType.disconnect, reasonCode, properties };
}

export function decodeAuth(reader: ByteReader, sender: Sender): AuthPacket {
  // MQTT 5 section 3.15.2.1: code and properties are left out together, and then the code is 0.
  const short = reader.remaining === 0;
  const reasonCode = sentReasonCode(PacketType.auth, short ? ReasonCode.success : reader.byte(), sender);
  const properties = short ? undefined : readProperties(reader, PropertyPlace.auth);
  reader.expectEnd();
  if (!short && properties?.authenticationMethod === undefined) throw authenticationMethodMissing();
  return { type: PacketType.auth, reasonCode, properties };
}

export function reasonCodeOf(type: PacketType, code: number, version: ProtocolVersion): number {
  if (!isReasonCodeOf(type, code, version)) {
    throw new MalformedPacketError(
      'reason-code-invalid',
      `0x${code.toString(16)} is no reason code of packet type ${type}`,
    );
  }
  return code;
}

/** The same for a packet of MQTT 5 that both sides send: a code of the other side is a protocol error. */
export function sentReasonCode(type: PacketType, code: number, sender: Sender): number {
  reasonCodeOf(type, code, 5);
  if (!isOfTheOtherSide(type, code, sender)) return code;
  const message = `0x${code.toString(16)} is no reason code of packet type ${type} from a ${sender}`;
  throw new MalformedPacketError('reason-code-invalid', message, ReasonCode.protocolError);
}

export function overlongRemainingLength(): MalformedPacketError {
  // [MQTT5-1.5.5-1]
  return new MalformedPacketError('variable-byte-integer', 'the Remaining Length takes more bytes than it needs');
}
