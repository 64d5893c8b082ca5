// Random packets that are valid in their version: each can be encoded, and decodes to itself.
import fc from 'fast-check';
import { PacketType } from '../../src/protocol/packets.js';
import type { Packet, Properties, ProtocolVersion, SubscriptionRequest, Will } from '../../src/protocol/packets.js';
import { PROPERTY_RULES, PropertyPlace } from '../../src/protocol/properties.js';
import { isOfTheOtherSide, isReasonCodeOf } from '../../src/protocol/reason-code-table.js';
import { UserProperties } from '../../src/protocol/user-properties.js';

export type Side = 'client' | 'server';

/** Any Unicode text without U+0000 and unpaired surrogates. */
export const text = fc.string({ unit: 'binary', maxLength: 12 }).map((value) => value.replaceAll('\0', '\uFEFF'));
export const binary = fc.uint8Array({ maxLength: 20 });
export const packetId = fc.integer({ min: 1, max: 0xffff });
const qos = fc.constantFrom(0 as const, 1 as const, 2 as const);
const bit = fc.constantFrom(0 as const, 1 as const);

const userProperties = fc
  .array(fc.tuple(text, text), { minLength: 1, maxLength: 3 })
  .map((pairs) => UserProperties.of(pairs));

function values(rule: (typeof PROPERTY_RULES)[number], place: number): fc.Arbitrary<unknown> {
  const min = rule.notZero ? 1 : 0;
  switch (rule.type) {
    case 'bit':
      return bit;
    case 'uint16':
      return fc.integer({ min, max: 0xffff });
    case 'uint32':
      return fc.integer({ min, max: 0xffff_ffff });
    case 'variable-byte-integer':
      return fc.array(fc.integer({ min, max: 268_435_455 }), {
        minLength: 1,
        maxLength: (rule.repeatable & place) === 0 ? 1 : 4,
      });
    case 'string':
      return text;
    case 'binary':
      return binary;
    case 'string-pair':
      return userProperties;
  }
}

export function propertiesAt(place: number): fc.Arbitrary<Properties | undefined> {
  const rules = PROPERTY_RULES.filter(({ places }) => (places & place) !== 0);
  const model = Object.fromEntries(rules.map((rule) => [rule.name, values(rule, place)]));
  return fc.record(model, { requiredKeys: [] }).map((drawn) => {
    const properties: Properties = drawn;
    if (Object.keys(properties).length === 0) return undefined;
    return properties.authenticationData === undefined ? properties : { authenticationMethod: 'm', ...properties };
  });
}

const properties = (version: ProtocolVersion, place: number): fc.Arbitrary<Properties | undefined> =>
  version === 5 ? propertiesAt(place) : fc.constant(undefined);

function codes(type: PacketType, version: ProtocolVersion, from: Side = 'server'): fc.Arbitrary<number> {
  return fc.constantFrom(
    ...Array.from({ length: 256 }, (_, code) => code).filter(
      (code) => isReasonCodeOf(type, code, version) && (version !== 5 || !isOfTheOtherSide(type, code, from)),
    ),
  );
}

function will(version: ProtocolVersion): fc.Arbitrary<Will | undefined> {
  return fc.option(
    fc.record({
      topic: text,
      payload: binary,
      qos,
      retain: fc.boolean(),
      properties: properties(version, PropertyPlace.will),
    }),
    { nil: undefined },
  );
}

function subscription(version: ProtocolVersion): fc.Arbitrary<SubscriptionRequest> {
  const flag = version === 5 ? fc.boolean() : fc.constant(false);
  const retainHandling = version === 5 ? fc.constantFrom(0 as const, 1 as const, 2 as const) : fc.constant(0 as const);
  return fc.record({ topicFilter: text, qos, noLocal: flag, retainAsPublished: flag, retainHandling });
}

export function connect(version: ProtocolVersion): fc.Arbitrary<Packet> {
  return fc
    .record({
      type: fc.constant(PacketType.connect),
      protocolVersion: fc.constant(version),
      clean: fc.boolean(),
      keepAlive: fc.integer({ min: 0, max: 0xffff }),
      clientId: text,
      will: will(version),
      userName: fc.option(text, { nil: undefined }),
      password: fc.option(binary, { nil: undefined }),
      properties: properties(version, PropertyPlace.connect),
    })
    .map((packet) => (packet.userName === undefined && version !== 5 ? { ...packet, password: undefined } : packet));
}

export function publish(version: ProtocolVersion, from: Side): fc.Arbitrary<Packet> {
  const place = from === 'client' ? PropertyPlace.publishFromClient : PropertyPlace.publishFromServer;
  return fc
    .record({
      type: fc.constant(PacketType.publish),
      dup: fc.boolean(),
      qos,
      retain: fc.boolean(),
      topic: text,
      packetId,
      properties: properties(version, place),
      payload: fc.uint8Array({ maxLength: 300 }),
    })
    .map((packet) => (packet.qos === 0 ? { ...packet, dup: false, packetId: 0 } : packet));
}

function acknowledgement(version: ProtocolVersion, from: Side): fc.Arbitrary<Packet> {
  const { puback, pubrec, pubrel, pubcomp } = PacketType;
  const each = ([type, place]: readonly [
    typeof puback | typeof pubrec | typeof pubrel | typeof pubcomp,
    number,
  ]): fc.Arbitrary<Packet> =>
    fc.record({
      type: fc.constant(type),
      packetId,
      reasonCode: version === 5 ? codes(type, 5, from) : fc.constant(0),
      properties: properties(version, place),
    });
  return fc.oneof(
    each([puback, PropertyPlace.puback]),
    each([pubrec, PropertyPlace.pubrec]),
    each([pubrel, PropertyPlace.pubrel]),
    each([pubcomp, PropertyPlace.pubcomp]),
  );
}

const fromClient = (version: ProtocolVersion): fc.Arbitrary<Packet>[] => [
  fc.record({
    type: fc.constant(PacketType.subscribe),
    packetId,
    subscriptions: fc.array(subscription(version), { minLength: 1, maxLength: 4 }),
    properties: properties(version, PropertyPlace.subscribe),
  }),
  fc.record({
    type: fc.constant(PacketType.unsubscribe),
    packetId,
    topicFilters: fc.array(text, { minLength: 1, maxLength: 4 }),
    properties: properties(version, PropertyPlace.unsubscribe),
  }),
  fc.record({ type: fc.constant(PacketType.pingreq) }),
];

const fromServer = (version: ProtocolVersion): fc.Arbitrary<Packet>[] => [
  fc
    .record({
      type: fc.constant(PacketType.connack),
      sessionPresent: version === 3 ? fc.constant(false) : fc.boolean(),
      reasonCode: codes(PacketType.connack, version),
      properties: properties(version, PropertyPlace.connack),
    })
    .map((packet) => (packet.reasonCode === 0 ? packet : { ...packet, sessionPresent: false })),
  fc.record({
    type: fc.constant(PacketType.suback),
    packetId,
    reasonCodes: fc.array(codes(PacketType.suback, version), { minLength: 1, maxLength: 4 }),
    properties: properties(version, PropertyPlace.suback),
  }),
  fc.record({
    type: fc.constant(PacketType.unsuback),
    packetId,
    reasonCodes:
      version === 5 ? fc.array(codes(PacketType.unsuback, 5), { minLength: 1, maxLength: 4 }) : fc.constant([]),
    properties: properties(version, PropertyPlace.unsuback),
  }),
  fc.record({ type: fc.constant(PacketType.pingresp) }),
];

function disconnect(version: ProtocolVersion, from: Side): fc.Arbitrary<Packet> {
  const place = from === 'client' ? PropertyPlace.disconnectFromClient : PropertyPlace.disconnectFromServer;
  return fc.record({
    type: fc.constant(PacketType.disconnect),
    reasonCode: version === 5 ? codes(PacketType.disconnect, 5, from) : fc.constant(0),
    properties: properties(version, place),
  });
}

function auth(from: Side): fc.Arbitrary<Packet> {
  return fc.record({
    type: fc.constant(PacketType.auth),
    reasonCode: fc.constantFrom(0x18, from === 'client' ? 0x19 : 0x00),
    properties: propertiesAt(PropertyPlace.auth).map((drawn) => ({ authenticationMethod: 'm', ...drawn })),
  });
}

/** Any packet that this side may send after CONNECT. */
export function packetFrom(from: Side, version: ProtocolVersion): fc.Arbitrary<Packet> {
  const all = [
    publish(version, from),
    acknowledgement(version, from),
    ...(from === 'client' ? fromClient(version) : fromServer(version)),
  ];
  if (from === 'client' || version === 5) all.push(disconnect(version, from));
  if (version === 5) all.push(auth(from));
  return fc.oneof(...all);
}

/** Splits `bytes` into chunks, at positions derived from `seeds`. */
export function cut(bytes: Uint8Array, seeds: readonly number[]): Uint8Array[] {
  const places = [...new Set(seeds.map((seed) => seed % (bytes.length + 1)))].sort((a, b) => a - b);
  return [...places, bytes.length].map((place, i) => bytes.subarray(i === 0 ? 0 : (places[i - 1] as number), place));
}
