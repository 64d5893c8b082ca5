// The properties of MQTT 5 as a table (section 2.2.2.2): number, type, range, and the packets that may carry each; and
// the property block, read and written by that table alone. The domain decides what a property does to a session or a
// message.
import type { ByteReader } from './byte-reader.js';
import { ByteWriter, VARIABLE_BYTE_INTEGER_MAX, inRange } from './byte-writer.js';
import { MalformedPacketError } from './malformed.js';
import type { Properties, UserProperty } from './packets.js';
import { ReasonCode } from './reason-codes.js';

/**
 * The packets that have a property block, one bit each. PUBLISH and DISCONNECT count twice, since the two sides may not
 * send the same properties.
 */
export const PropertyPlace = {
  connect: 1 << 0,
  will: 1 << 1,
  connack: 1 << 2,
  publishFromClient: 1 << 3,
  publishFromServer: 1 << 4,
  puback: 1 << 5,
  pubrec: 1 << 6,
  pubrel: 1 << 7,
  pubcomp: 1 << 8,
  subscribe: 1 << 9,
  suback: 1 << 10,
  unsubscribe: 1 << 11,
  unsuback: 1 << 12,
  disconnectFromClient: 1 << 13,
  disconnectFromServer: 1 << 14,
  auth: 1 << 15,
} as const;

/** One of the above, or several when the writer does not know for which side it writes. */
export type PropertyPlaces = number;

type PropertyName = keyof Properties;

type PropertyType = 'bit' | 'uint16' | 'uint32' | 'variable-byte-integer' | 'string' | 'binary' | 'string-pair';

interface PropertyRule {
  readonly id: number;
  readonly name: PropertyName;
  readonly type: PropertyType;
  readonly places: PropertyPlaces;
  /** The packets in which it may occur more than once; the value is then a list. */
  readonly repeatable: PropertyPlaces;
  /** Whether 0 is a protocol error. */
  readonly notZero: boolean;
}

const p = PropertyPlace;
const PUBLISH = p.publishFromClient | p.publishFromServer;
const DISCONNECT = p.disconnectFromClient | p.disconnectFromServer;
const ACKNOWLEDGEMENT = p.puback | p.pubrec | p.pubrel | p.pubcomp | p.suback | p.unsuback;
const EVERYWHERE = 0xffff;

interface RuleOptions {
  readonly notZero?: true;
  readonly repeatable?: PropertyPlaces;
}

function rule(
  id: number,
  name: PropertyName,
  type: PropertyType,
  places: PropertyPlaces,
  more: RuleOptions = {},
): PropertyRule {
  return { id, name, type, places, repeatable: more.repeatable ?? 0, notZero: more.notZero ?? false };
}

export const PROPERTY_RULES: readonly PropertyRule[] = [
  rule(0x01, 'payloadFormatIndicator', 'bit', PUBLISH | p.will),
  rule(0x02, 'messageExpiryInterval', 'uint32', PUBLISH | p.will),
  rule(0x03, 'contentType', 'string', PUBLISH | p.will),
  rule(0x08, 'responseTopic', 'string', PUBLISH | p.will),
  rule(0x09, 'correlationData', 'binary', PUBLISH | p.will),
  // [MQTT5-3.3.4-6]: not in a PUBLISH from a client.
  rule(0x0b, 'subscriptionIdentifiers', 'variable-byte-integer', p.publishFromServer | p.subscribe, {
    notZero: true,
    repeatable: p.publishFromServer,
  }),
  rule(0x11, 'sessionExpiryInterval', 'uint32', p.connect | p.connack | p.disconnectFromClient), // [MQTT5-3.14.2-2]
  rule(0x12, 'assignedClientIdentifier', 'string', p.connack),
  rule(0x13, 'serverKeepAlive', 'uint16', p.connack),
  rule(0x15, 'authenticationMethod', 'string', p.connect | p.connack | p.auth),
  rule(0x16, 'authenticationData', 'binary', p.connect | p.connack | p.auth),
  rule(0x17, 'requestProblemInformation', 'bit', p.connect),
  rule(0x18, 'willDelayInterval', 'uint32', p.will),
  rule(0x19, 'requestResponseInformation', 'bit', p.connect),
  rule(0x1a, 'responseInformation', 'string', p.connack),
  rule(0x1c, 'serverReference', 'string', p.connack | DISCONNECT),
  rule(0x1f, 'reasonString', 'string', p.connack | ACKNOWLEDGEMENT | DISCONNECT | p.auth),
  rule(0x21, 'receiveMaximum', 'uint16', p.connect | p.connack, { notZero: true }),
  rule(0x22, 'topicAliasMaximum', 'uint16', p.connect | p.connack),
  rule(0x23, 'topicAlias', 'uint16', PUBLISH, { notZero: true }), // [MQTT5-3.3.2-8]
  rule(0x24, 'maximumQos', 'bit', p.connack),
  rule(0x25, 'retainAvailable', 'bit', p.connack),
  rule(0x26, 'userProperties', 'string-pair', EVERYWHERE, { repeatable: EVERYWHERE }),
  rule(0x27, 'maximumPacketSize', 'uint32', p.connect | p.connack, { notZero: true }),
  rule(0x28, 'wildcardSubscriptionAvailable', 'bit', p.connack),
  rule(0x29, 'subscriptionIdentifierAvailable', 'bit', p.connack),
  rule(0x2a, 'sharedSubscriptionAvailable', 'bit', p.connack),
];

const RULE_BY_ID: (PropertyRule | undefined)[] = [];
for (const each of PROPERTY_RULES) RULE_BY_ID[each.id] = each;

type PropertyValue = NonNullable<Properties[PropertyName]>;
type SingleValue = number | string | Uint8Array | UserProperty;

/**
 * The longest property block, in bytes. Small properties take many times their bytes in memory, and are read at once:
 * a block as large as a PUBLISH may be would take gigabytes, and no other client would be served for a minute.
 */
const PROPERTIES_MAX_BYTES = 1024 * 1024;

/** Reads Property Length and the properties; `undefined` if there are none. */
export function readProperties(reader: ByteReader, place: PropertyPlaces): Properties | undefined {
  const length = reader.variableByteInteger(); // [MQTT5-2.2.2-1]: present even if it is 0
  if (length === 0) return undefined;
  const block = reader.part(length);
  if (length > PROPERTIES_MAX_BYTES) throw tooLong(length);
  const properties: Partial<Record<PropertyName, PropertyValue>> = {};
  while (block.remaining > 0) {
    // The number is formally a variable byte integer, but every defined one takes one byte.
    const id = block.variableByteInteger();
    const found = RULE_BY_ID[id];
    if (found === undefined)
      throw new MalformedPacketError('property-unknown', `there is no property 0x${id.toString(16)}`);
    if ((found.places & place) === 0) throw notAllowed(found, place);
    const value = readValue(block, found);
    const present = properties[found.name];
    if (found.name === 'subscriptionIdentifiers' || found.name === 'userProperties') {
      if (present === undefined) properties[found.name] = [value] as PropertyValue;
      else if ((found.repeatable & place) !== 0) (present as SingleValue[]).push(value);
      else throw duplicate(found);
    } else {
      if (present !== undefined) throw duplicate(found);
      properties[found.name] = value as PropertyValue;
    }
  }
  if (properties.authenticationData !== undefined && properties.authenticationMethod === undefined)
    throw authenticationMethodMissing();
  return properties as Properties;
}

function readValue(block: ByteReader, { type, name, notZero }: PropertyRule): SingleValue {
  switch (type) {
    case 'bit': {
      const value = block.byte();
      if (value > 1) throw valueInvalid(name, value);
      return value;
    }
    case 'uint16':
      return notZero ? nonZero(block.uint16(), name) : block.uint16();
    case 'uint32':
      return notZero ? nonZero(block.uint32(), name) : block.uint32();
    case 'variable-byte-integer':
      return notZero ? nonZero(block.variableByteInteger(), name) : block.variableByteInteger();
    case 'string':
      return block.string();
    case 'binary':
      return block.binary();
    case 'string-pair':
      return [block.string(), block.string()]; // [MQTT5-1.5.7-1]
  }
}

/**
 * Writes Property Length and the properties, in the order of their numbers.
 * @throws RangeError for a property that the packet may not carry.
 */
export function writeProperties(writer: ByteWriter, properties: Properties | undefined, places: PropertyPlaces): void {
  if (properties === undefined) {
    writer.byte(0);
    return;
  }
  const block = blockOf(properties, places);
  writer.variableByteInteger(block.length);
  writer.raw(block.view());
}

/** The size of the properties in bytes, without Property Length. @throws RangeError as `writeProperties`. */
export const propertiesSize = (properties: Properties | undefined, places: PropertyPlaces): number =>
  properties === undefined ? 0 : blockOf(properties, places).length;

function blockOf(properties: Properties, places: PropertyPlaces): ByteWriter {
  const block = new ByteWriter();
  for (const each of PROPERTY_RULES) {
    const value = properties[each.name];
    if (value === undefined) continue;
    if ((each.places & places) === 0) throw new RangeError(`the property ${each.name} may not stand in this packet`);
    if (each.name === 'subscriptionIdentifiers' || each.name === 'userProperties') {
      const values = value as readonly SingleValue[];
      if (values.length > 1 && (each.repeatable & places) === 0)
        throw new RangeError(`the property ${each.name} may stand in this packet once`);
      for (const one of values) writeValue(block, each, one);
    } else {
      writeValue(block, each, value as SingleValue);
    }
  }
  return block;
}

function writeValue(block: ByteWriter, { id, type, name, notZero }: PropertyRule, value: SingleValue): void {
  if (notZero && value === 0) throw new RangeError(`the property ${name} may not be 0`);
  block.byte(id);
  switch (type) {
    case 'bit':
      block.byte(inRange(value as number, 1, name));
      return;
    case 'uint16':
      block.uint16(value as number);
      return;
    case 'uint32':
      block.uint32(value as number);
      return;
    case 'variable-byte-integer':
      block.variableByteInteger(inRange(value as number, VARIABLE_BYTE_INTEGER_MAX, name));
      return;
    case 'string':
      block.string(value as string);
      return;
    case 'binary':
      block.binary(value as Uint8Array);
      return;
    case 'string-pair': {
      const [key, text] = value as UserProperty;
      block.string(key);
      block.string(text);
      return;
    }
  }
}

function tooLong(length: number): MalformedPacketError {
  const message = `properties of ${length} bytes, ${PROPERTIES_MAX_BYTES} are the most`;
  return new MalformedPacketError('packet-too-large', message, ReasonCode.packetTooLarge);
}

function nonZero(value: number, name: PropertyName): number {
  if (value === 0) throw valueInvalid(name, value);
  return value;
}

function valueInvalid(name: PropertyName, value: number): MalformedPacketError {
  return new MalformedPacketError(
    'property-value-invalid',
    `the property ${name} is ${value}`,
    // Section 3.3.4 has a code for it.
    name === 'topicAlias' ? ReasonCode.topicAliasInvalid : ReasonCode.protocolError,
  );
}

/**
 * A property in the wrong packet type makes the packet malformed (section 2.2.2.2); in the right one from the wrong
 * side it is a protocol error (section 3.3.4).
 */
function notAllowed({ name, places }: PropertyRule, place: PropertyPlaces): MalformedPacketError {
  const bothSides = (place & PUBLISH) !== 0 ? PUBLISH : (place & DISCONNECT) !== 0 ? DISCONNECT : place;
  const reasonCode = (places & bothSides) === 0 ? ReasonCode.malformedPacket : ReasonCode.protocolError;
  return new MalformedPacketError(
    'property-not-allowed',
    `the property ${name} may not stand in this packet`,
    reasonCode,
  );
}

function duplicate({ name }: PropertyRule): MalformedPacketError {
  return new MalformedPacketError('property-duplicate', `the property ${name} comes twice`, ReasonCode.protocolError);
}

export function authenticationMethodMissing(): MalformedPacketError {
  const message = 'Authentication Data or AUTH without an Authentication Method';
  return new MalformedPacketError('authentication-method-missing', message, ReasonCode.protocolError);
}
