// The properties of MQTT 5 as a table (section 2.2.2.2): number, type, range, and the packets that may carry each; and
// the property block, read and written by that table alone. The domain decides what a property does to a session or a
// message.
import type { ByteReader } from './byte-reader.js';
import { ByteWriter, VARIABLE_BYTE_INTEGER_MAX, inRange } from './byte-writer.js';
import { MalformedPacketError } from './malformed.js';
import { UNREAD_PROPERTIES } from './packets.js';
import type { Properties } from './packets.js';
import { ReasonCode } from './reason-codes.js';
import { USER_PROPERTY_ID, UserProperties } from './user-properties.js';

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
  rule(USER_PROPERTY_ID, 'userProperties', 'string-pair', EVERYWHERE, { repeatable: EVERYWHERE }),
  rule(0x27, 'maximumPacketSize', 'uint32', p.connect | p.connack, { notZero: true }),
  rule(0x28, 'wildcardSubscriptionAvailable', 'bit', p.connack),
  rule(0x29, 'subscriptionIdentifierAvailable', 'bit', p.connack),
  rule(0x2a, 'sharedSubscriptionAvailable', 'bit', p.connack),
];

const RULE_BY_ID: (PropertyRule | undefined)[] = [];
for (const each of PROPERTY_RULES) RULE_BY_ID[each.id] = each;

/** Without a prototype: names may come from programs without types. */
const RULE_BY_NAME = Object.assign(
  Object.create(null) as Partial<Record<PropertyName, PropertyRule>>,
  Object.fromEntries(PROPERTY_RULES.map((each) => [each.name, each])),
);

/** For blocks that are copied at once. */
const sharedBlock = new ByteWriter();

type PropertyValue = NonNullable<Properties[PropertyName]>;
type SingleValue = number | string | Uint8Array;

/**
 * The longest property block of a PUBLISH, in bytes, whatever is allowed. Its text is checked at once: for a block as
 * large as a PUBLISH may be, no other client would be served for a second.
 */
const PUBLISH_PROPERTIES_MAX_BYTES = 1024 * 1024;
/** Of all others: what a method and the data of enhanced authentication can take, with a little for the rest. */
const PROPERTIES_MAX_BYTES = 192 * 1024;

/** Reads Property Length and the properties; `undefined` if there are none. */
export function readProperties(reader: ByteReader, place: PropertyPlaces): Properties | undefined {
  const length = reader.variableByteInteger(); // [MQTT5-2.2.2-1]: present even if it is 0
  if (length === 0) return undefined;
  const block = reader.part(length);
  if (length > PROPERTIES_MAX_BYTES) throw tooLong(length, PROPERTIES_MAX_BYTES);
  return readBlock(block, place);
}

/** The same in a PUBLISH. @returns `UNREAD_PROPERTIES` for a block that is longer than `maxBytes`. */
export function readPublishProperties(
  reader: ByteReader,
  place: PropertyPlaces,
  maxBytes: number,
): Properties | undefined {
  const length = reader.variableByteInteger();
  if (length === 0) return undefined;
  const block = reader.part(length);
  if (length > PUBLISH_PROPERTIES_MAX_BYTES) throw tooLong(length, PUBLISH_PROPERTIES_MAX_BYTES);
  return length > maxBytes ? UNREAD_PROPERTIES : readBlock(block, place);
}

function readBlock(block: ByteReader, place: PropertyPlaces): Properties {
  // A message can be part of a larger chunk until it waits; what other packets carry has bytes of its own.
  const isView = (place & PUBLISH) !== 0;
  const start = block.position;
  const properties: Partial<Record<PropertyName, PropertyValue>> = {};
  while (block.remaining > 0) {
    const from = block.position;
    // The number is formally a variable byte integer, but every defined one takes one byte.
    const id = block.variableByteInteger();
    const found = RULE_BY_ID[id];
    if (found === undefined)
      throw new MalformedPacketError('property-unknown', `there is no property 0x${id.toString(16)}`);
    if ((found.places & place) === 0) throw notAllowed(found, place);
    if (id === USER_PROPERTY_ID) {
      block.position = from;
      const run = UserProperties.read(block, isView);
      // What most publishers send.
      if (block.remaining === 0 && from === start) return { userProperties: run };
      properties.userProperties = (properties.userProperties as UserProperties | undefined)?.followedBy(run) ?? run;
      continue;
    }
    const value = readValue(block, found);
    const present = properties[found.name];
    if (found.name === 'subscriptionIdentifiers') {
      if (present === undefined) properties[found.name] = [value] as PropertyValue;
      else if ((found.repeatable & place) !== 0) (present as SingleValue[]).push(value);
      else throw duplicate(found);
    } else {
      if (present !== undefined) throw duplicate(found);
      properties[found.name] = value;
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
      throw new RangeError(`${name} is not read as a value`);
  }
}

/**
 * Writes Property Length and the properties, in the order in which the object has them.
 * @throws RangeError for a property that the packet may not carry.
 */
export function writeProperties(writer: ByteWriter, properties: Properties | undefined, places: PropertyPlaces): void {
  if (properties === undefined) {
    writer.byte(0);
    return;
  }
  const block = new ByteWriter();
  writeBlock(block, properties, places);
  writer.variableByteInteger(block.length);
  writer.raw(block.view());
}

/**
 * Encodes the properties, without Property Length.
 * @returns bytes that are valid until the next call.
 * @throws RangeError as `writeProperties`.
 */
export function encodeProperties(properties: Properties, places: PropertyPlaces): Uint8Array {
  return sharedBlockOf(properties, places).view();
}

function sharedBlockOf(properties: Properties, places: PropertyPlaces): ByteWriter {
  sharedBlock.restart();
  writeBlock(sharedBlock, properties, places);
  return sharedBlock;
}

/** The size of the properties in bytes, without Property Length. @throws RangeError as `writeProperties`. */
export const propertiesSize = (properties: Properties | undefined, places: PropertyPlaces): number =>
  properties === undefined ? 0 : sharedBlockOf(properties, places).length;

function writeBlock(block: ByteWriter, properties: Properties, places: PropertyPlaces): void {
  // `for … in` creates no list of the names.
  for (const name in properties) {
    const value = properties[name as PropertyName];
    const each = RULE_BY_NAME[name as PropertyName];
    if (value === undefined || each === undefined) continue;
    if ((each.places & places) === 0) throw new RangeError(`the property ${each.name} may not stand in this packet`);
    if (each.name === 'userProperties') {
      block.raw((value as UserProperties).bytes);
    } else if (each.name === 'subscriptionIdentifiers') {
      const values = value as readonly number[];
      if (values.length > 1 && (each.repeatable & places) === 0)
        throw new RangeError(`the property ${each.name} may stand in this packet once`);
      for (const one of values) writeValue(block, each, one);
    } else {
      writeValue(block, each, value as SingleValue);
    }
  }
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
    case 'string-pair':
      throw new RangeError(`${name} is not written as a value`);
  }
}

function tooLong(length: number, max: number): MalformedPacketError {
  const message = `properties of ${length} bytes, ${max} are the most`;
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
