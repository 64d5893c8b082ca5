// The codec compared with the independent `mqtt-packet`: each decodes what the other encodes to the same packet, and
// where they disagree about damaged packets, the reason is known.
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import * as theirs from 'mqtt-packet';
import { PacketDecoder } from '../../../src/protocol/decoder.js';
import { encodePacket } from '../../../src/protocol/encoder.js';
import { MalformedPacketError } from '../../../src/protocol/malformed.js';
import type { MalformedCode } from '../../../src/protocol/malformed.js';
import { PacketType } from '../../../src/protocol/packets.js';
import type { Packet, Properties, ProtocolVersion } from '../../../src/protocol/packets.js';
import { PROPERTY_RULES, PropertyPlace } from '../../../src/protocol/properties.js';
import { MEBIBYTE, decoderOf } from '../../support/decoding.js';
import { MALFORMED_PACKETS } from '../../support/packets.js';
import { connect, packetFrom } from '../../support/packet-arbitraries.js';
import type { Side } from '../../support/packet-arbitraries.js';

/** A packet of mqtt-packet. */
type Loose = Record<string, unknown>;

const NAMES: Record<string, string> = {
  subscriptionIdentifiers: 'subscriptionIdentifier',
  maximumQos: 'maximumQoS',
  subscriptionIdentifierAvailable: 'subscriptionIdentifiersAvailable',
};
const FLAGS = new Set([
  ...['payloadFormatIndicator', 'requestProblemInformation', 'requestResponseInformation', 'retainAvailable'],
  ...['wildcardSubscriptionAvailable', 'subscriptionIdentifierAvailable', 'sharedSubscriptionAvailable'],
]);
const COMMANDS = Object.entries(PacketType).map(([name, type]) => [type, name] as const);
const command = (type: number): string => COMMANDS.find(([known]) => known === type)?.[1] ?? 'none';

function propertiesToTheirs(properties: Properties | undefined): Loose | undefined {
  if (properties === undefined) return undefined;
  const result: Loose = {};
  for (const [name, value] of Object.entries(properties) as [keyof Properties, unknown][]) {
    const theirName = NAMES[name] ?? name;
    if (name === 'userProperties')
      result[theirName] = groupUserProperties(value as NonNullable<Properties['userProperties']>);
    else if (name === 'subscriptionIdentifiers')
      result[theirName] = (value as number[]).length === 1 ? (value as number[])[0] : value;
    else if (FLAGS.has(name)) result[theirName] = value === 1;
    else result[theirName] = value instanceof Uint8Array ? Buffer.from(value) : value;
  }
  return result;
}

/** mqtt-packet has user properties in an object, by name. */
function groupUserProperties(pairs: NonNullable<Properties['userProperties']>): Loose {
  const grouped = Object.create(null) as Record<string, string | string[]>;
  for (const [name, value] of pairs) {
    const present = grouped[name];
    // mqtt-packet treats a second value under a name differently if the first one is falsy.
    if (!present) grouped[name] = value;
    else grouped[name] = Array.isArray(present) ? [...present, value] : [present, value];
  }
  return grouped;
}

type PacketOf<T extends Packet['type']> = Extract<Packet, { readonly type: T }>;

function connectToTheirs(packet: PacketOf<typeof PacketType.connect>, version: ProtocolVersion): Loose {
  const { will, userName, password, clean, clientId, keepAlive } = packet;
  const theirWill = will && {
    topic: will.topic,
    payload: Buffer.from(will.payload),
    qos: will.qos,
    retain: will.retain,
    ...(will.properties === undefined ? {} : { properties: propertiesToTheirs(will.properties) }),
  };
  return {
    protocolId: version === 3 ? 'MQIsdp' : 'MQTT',
    protocolVersion: version,
    clean,
    clientId,
    keepalive: keepAlive,
    ...(theirWill === undefined ? {} : { will: theirWill }),
    ...(userName === undefined ? {} : { username: userName }),
    ...(password === undefined ? {} : { password: Buffer.from(password) }),
  };
}

function publishToTheirs({ topic, payload, qos, dup, retain, packetId }: PacketOf<typeof PacketType.publish>): Loose {
  return { topic, payload: Buffer.from(payload), qos, dup, retain, ...(qos > 0 ? { messageId: packetId } : {}) };
}

function subscribeToTheirs(
  { packetId, subscriptions }: PacketOf<typeof PacketType.subscribe>,
  version: ProtocolVersion,
): Loose {
  return {
    messageId: packetId,
    subscriptions: subscriptions.map(({ topicFilter, qos, noLocal, retainAsPublished, retainHandling }) => ({
      topic: topicFilter,
      qos,
      ...(version === 5 ? { nl: noLocal, rap: retainAsPublished, rh: retainHandling } : {}),
    })),
  };
}

/** The fields of a packet besides its type and its properties. */
function fieldsToTheirs(packet: Packet, version: ProtocolVersion): Loose {
  const onlyIn5 = (fields: Loose): Loose => (version === 5 ? fields : {});
  switch (packet.type) {
    case PacketType.connect:
      return connectToTheirs(packet, version);
    case PacketType.connack:
      return {
        sessionPresent: packet.sessionPresent,
        [version === 5 ? 'reasonCode' : 'returnCode']: packet.reasonCode,
      };
    case PacketType.publish:
      return publishToTheirs(packet);
    case PacketType.puback:
    case PacketType.pubrec:
    case PacketType.pubrel:
    case PacketType.pubcomp:
      return { messageId: packet.packetId, ...onlyIn5({ reasonCode: packet.reasonCode }) };
    case PacketType.subscribe:
      return subscribeToTheirs(packet, version);
    case PacketType.suback:
      return { messageId: packet.packetId, granted: [...packet.reasonCodes] };
    case PacketType.unsubscribe:
      return { messageId: packet.packetId, unsubscriptions: [...packet.topicFilters] };
    case PacketType.unsuback:
      return { messageId: packet.packetId, ...onlyIn5({ granted: [...packet.reasonCodes] }) };
    case PacketType.disconnect:
    case PacketType.auth:
      return onlyIn5({ reasonCode: packet.reasonCode });
    case PacketType.pingreq:
    case PacketType.pingresp:
      return {};
  }
}

function toTheirs(packet: Packet, version: ProtocolVersion): Loose {
  const properties = 'properties' in packet ? propertiesToTheirs(packet.properties) : undefined;
  return {
    cmd: command(packet.type),
    ...(properties === undefined ? {} : { properties }),
    ...fieldsToTheirs(packet, version),
  };
}

/** What mqtt-packet has read, reduced to the fields that are on the wire. */
function meaning(parsed: Loose, like: Loose): Loose {
  const fields = Object.keys(like).concat('properties', 'will', 'username', 'password');
  return Object.fromEntries(
    fields.filter((field) => parsed[field] !== undefined).map((field) => [field, parsed[field]]),
  );
}

interface TheirResult {
  readonly packets: Loose[];
  readonly error: Error | undefined;
}

function parseTheirs(bytes: Uint8Array, version: ProtocolVersion): TheirResult {
  const parser = theirs.parser({ protocolVersion: version });
  const packets: Loose[] = [];
  let failure: Error | undefined;
  parser.on('packet', (packet) => packets.push(packet as unknown as Loose));
  parser.on('error', (error: Error) => (failure ??= error));
  try {
    parser.parse(Buffer.from(bytes));
  } catch (error) {
    failure ??= error as Error; // mqtt-packet throws a RangeError at some truncated fields
  }
  return { packets, error: failure };
}

const generateTheirs = (packet: Loose, version: ProtocolVersion): Uint8Array =>
  new Uint8Array(theirs.generate(packet as unknown as theirs.Packet, { protocolVersion: version }));

/** Whether mqtt-packet refuses the packet by rules of its own, which are not in the specification. */
function isBeyondThem(packet: Packet): boolean {
  if (packet.type === PacketType.connect) {
    // mqtt-packet requires a client identifier unless the session is clean, a user name with a password, and a will
    // topic.
    return (
      packet.clientId === '' ||
      packet.will?.topic === '' ||
      (packet.password !== undefined && !packet.userName) ||
      packet.userName === ''
    );
  }
  return packet.type === PacketType.disconnect && packet.reasonCode === 0x8c; // mqtt-packet knows only section 3.14.2.1
}

const VERSIONS = [3, 4, 5] as const;
const BOTH_WAYS = VERSIONS.flatMap((version) => [
  { version, from: 'client' as Side },
  { version, from: 'server' as Side },
]);

const anyPacket = (version: ProtocolVersion, from: Side): fc.Arbitrary<Packet> =>
  from === 'client'
    ? fc.oneof({ weight: 5, arbitrary: packetFrom(from, version) }, { weight: 1, arbitrary: connect(version) })
    : packetFrom(from, version);

function decodeOurs(
  bytes: Uint8Array,
  version: ProtocolVersion,
  from: Side,
): Packet | MalformedPacketError | undefined {
  const isConnect = (bytes[0] as number) >> 4 === PacketType.connect && from === 'client';
  const decoder = isConnect ? new PacketDecoder({ maxPacketSize: MEBIBYTE }) : decoderOf(from, version);
  decoder.push(bytes);
  try {
    return decoder.read();
  } catch (error) {
    if (error instanceof MalformedPacketError) return error;
    throw error;
  }
}

/** The place of the packet's properties in the table. */
function placeOf({ type }: Packet, from: Side): keyof typeof PropertyPlace {
  if (type === PacketType.publish) return from === 'client' ? 'publishFromClient' : 'publishFromServer';
  if (type === PacketType.disconnect) return from === 'client' ? 'disconnectFromClient' : 'disconnectFromServer';
  return command(type) as keyof typeof PropertyPlace;
}

describe('valid packets, compared with mqtt-packet', () => {
  test('the packets that are compared carry every property that a packet of MQTT 5 may carry', () => {
    const carried = new Set<string>();
    const note = (place: string, properties: object | undefined): void => {
      for (const name of Object.keys(properties ?? {})) carried.add(`${name} in ${place}`);
    };
    for (const from of ['client', 'server'] as const) {
      for (const packet of fc.sample(anyPacket(5, from), { seed: 3, numRuns: 400 })) {
        if (isBeyondThem(packet)) continue;
        if ('properties' in packet) note(placeOf(packet, from), packet.properties);
        if (packet.type === PacketType.connect) note('will', packet.will?.properties);
      }
    }
    const allowed = PROPERTY_RULES.flatMap(({ name, places }) =>
      Object.entries(PropertyPlace).flatMap(([place, bit]) => ((places & bit) === 0 ? [] : [`${name} in ${place}`])),
    );
    expect(allowed.filter((one) => !carried.has(one))).toEqual([]);
  });

  test.each(BOTH_WAYS)(
    'mqtt-packet decodes what hexmq encodes to the same packet (version $version, from a $from)',
    ({ version, from }) => {
      fc.assert(
        fc.property(anyPacket(version, from), (packet) => {
          fc.pre(!isBeyondThem(packet));
          const expected = toTheirs(packet, version);
          const { packets, error } = parseTheirs(encodePacket(packet, version), version);
          expect(error).toBeUndefined();
          expect(packets.map((parsed) => meaning(parsed, expected))).toEqual([expected]);
        }),
        { seed: 3, numRuns: 400 },
      );
    },
  );

  test.each(BOTH_WAYS)(
    'hexmq decodes what mqtt-packet encodes to the same packet (version $version, from a $from)',
    ({ version, from }) => {
      fc.assert(
        fc.property(anyPacket(version, from), (packet) => {
          fc.pre(!isBeyondThem(packet));
          const read = decodeOurs(generateTheirs(toTheirs(packet, version), version), version, from);
          // Compared in mqtt-packet's form, which sorts user properties by name.
          expect(read).toMatchObject({ type: packet.type });
          expect(toTheirs(read as Packet, version)).toEqual(toTheirs(packet, version));
        }),
        { seed: 4, numRuns: 400 },
      );
    },
  );
});

/** Codes that hexmq refuses and mqtt-packet accepts, with the reason. */
const STRICTER: Partial<Record<MalformedCode, string>> = {
  'packet-truncated': 'mqtt-packet reads truncated fields as empty or as -1',
  'packet-trailing-bytes': 'mqtt-packet skips trailing bytes; section 3 assigns every byte',
  'utf8-invalid': '[MQTT-1.5.3-1]; mqtt-packet replaces ill-formed bytes by U+FFFD',
  'utf8-null-character': '[MQTT-1.5.3-2]',
  'packet-type-unexpected': 'mqtt-packet does not distinguish client and server',
  'protocol-version-unsupported': 'mqtt-packet does not check name and level as a pair, and accepts the bridge bit',
  'connect-will-flags': '[MQTT-3.1.2-14]; mqtt-packet accepts a will at QoS 3',
  'connect-password-without-user-name': '[MQTT-3.1.2-22]',
  'publish-dup-at-qos-0': '[MQTT-3.3.1-2]',
  'packet-id-zero': '[MQTT-2.3.1-1]',
  'subscribe-empty': '[MQTT-3.8.3-3]',
  'unsubscribe-empty': '[MQTT-3.10.3-2]',
  'suback-code-invalid': 'MQTT 3.1 has no code for a failure',
  'connack-flags': '[MQTT-3.2.2-4]',
  'variable-byte-integer': '[MQTT5-1.5.5-1]',
  'property-not-allowed': 'section 2.2.2.2; mqtt-packet accepts any property in any packet',
  'property-duplicate': 'mqtt-packet collects repeated properties in lists',
  'property-value-invalid': 'mqtt-packet does not check ranges',
  'authentication-method-missing': 'section 3.1.2.11.10',
  'reason-code-invalid': 'mqtt-packet checks neither the codes of CONNACK nor which side may send which code',
};

describe('damaged packets, compared with mqtt-packet', () => {
  test('mqtt-packet accepts malformed packets of the catalogue only where the difference is known', () => {
    const taken = MALFORMED_PACKETS.filter(({ bytes, version }) => {
      const { packets, error } = parseTheirs(bytes, version);
      return error === undefined && packets.length > 0;
    });
    expect([...new Set(taken.map(({ code }) => code))].sort()).toEqual(Object.keys(STRICTER).sort());
  });

  test.each(BOTH_WAYS)(
    'where the two disagree, hexmq is stricter for a known reason (version $version, from a $from)',
    ({ version, from }) => {
      const damage = fc.record({ at: fc.nat(), by: fc.integer({ min: 1, max: 255 }) });
      const surprises: string[] = [];
      let refused = 0;
      fc.assert(
        fc.property(anyPacket(version, from), fc.array(damage, { minLength: 1, maxLength: 3 }), (packet, damages) => {
          const bytes = encodePacket(packet, version);
          // First byte and length stay, so that both decode the same body.
          const body = bytes.findIndex((byte, i) => i > 0 && byte < 128) + 1;
          if (body >= bytes.length) return;
          for (const { at, by } of damages) {
            const place = body + (at % (bytes.length - body));
            bytes[place] = (bytes[place] as number) ^ by;
          }
          const ours = decodeOurs(bytes, version, from);
          const { packets, error } = parseTheirs(bytes, version);
          const notation = Buffer.from(bytes).toString('hex');
          if (ours === undefined) {
            surprises.push(`unread: ${notation}`);
          } else if (ours instanceof MalformedPacketError) {
            refused++;
            if (error === undefined && STRICTER[ours.code] === undefined)
              surprises.push(`only hexmq refuses, ${ours.code}: ${notation}`);
          } else if (error !== undefined) {
            if (!isMoreLenient(ours, version))
              surprises.push(`only mqtt-packet refuses, ${error.message}: ${notation}`);
          } else {
            const expected = toTheirs(ours, ours.type === PacketType.connect ? ours.protocolVersion : version);
            expect(meaning(packets[0] as Loose, expected)).toEqual(expected);
          }
        }),
        { seed: 5, numRuns: 1500 },
      );
      expect(surprises).toEqual([]);
      expect(refused).toBeGreaterThan(0);
    },
  );
});

/** Where hexmq is more lenient: what MQTT 3.1 left open, and a code of MQTT 5 that only one of two tables lists. */
function isMoreLenient(packet: Packet, version: ProtocolVersion): boolean {
  if (packet.type === PacketType.connect) return packet.protocolVersion === 3;
  if (version === 3) return packet.type === PacketType.subscribe || packet.type === PacketType.connack;
  return packet.type === PacketType.disconnect && packet.reasonCode === 0x8c;
}
