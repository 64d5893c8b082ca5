// The encoder: the bytes of every packet, and the values that it refuses.
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  encodePacket,
  encodePublishProperties,
  encodeTopic,
  propertyBlockSize,
  publishSize,
  writeAcknowledgement,
  writePublish,
} from '../../../src/protocol/encoder.js';
import { PacketType } from '../../../src/protocol/packets.js';
import type { Packet, Properties, ProtocolVersion, PublishPacket } from '../../../src/protocol/packets.js';
import { UserProperties } from '../../../src/protocol/user-properties.js';
import { publish } from '../../support/packet-arbitraries.js';
import { VALID_PACKETS, wire } from '../../support/packets.js';

const CONNECT: Packet = {
  type: PacketType.connect,
  protocolVersion: 4,
  clean: true,
  keepAlive: 0,
  clientId: 'a',
  will: undefined,
  userName: undefined,
  password: undefined,
  properties: undefined,
};
const PUBLISH: PublishPacket = {
  type: PacketType.publish,
  dup: false,
  qos: 0,
  retain: false,
  topic: 'a',
  packetId: 0,
  properties: undefined,
  payload: new Uint8Array(0),
};
const PUBACK: Packet = { type: PacketType.puback, packetId: 1, reasonCode: 0, properties: undefined };

describe('encoding packets', () => {
  test.each(VALID_PACKETS.filter(({ lenient }) => lenient !== true))(
    'version $version: $name encodes to the expected bytes',
    ({ packet, version, bytes }) => {
      expect(Buffer.from(encodePacket(packet, version)).toString('hex')).toBe(Buffer.from(bytes).toString('hex'));
    },
  );

  test.each(
    VALID_PACKETS.filter(
      ({ lenient, version, packet }) => lenient === true && (version !== 3 || packet.type !== PacketType.publish),
    ),
  )('version $version: $name encodes to its strict form, not to the lenient bytes', ({ packet, version, bytes }) => {
    expect(Buffer.from(encodePacket(packet, version)).equals(bytes)).toBe(false);
  });
});

describe('encoding fields that a version lacks', () => {
  const properties = { reasonString: 'why', userProperties: UserProperties.of([['k', 'v']]) };

  test.each([3, 4] as const)('properties and reason codes are left out in version %d', (version) => {
    expect(encodePacket({ ...PUBACK, reasonCode: 0x87, properties } as Packet, version)).toEqual(wire('40 02 0001'));
    expect(encodePacket({ type: PacketType.disconnect, reasonCode: 0x8e, properties }, version)).toEqual(wire('e0 00'));
    expect(encodePacket({ type: PacketType.unsuback, packetId: 1, reasonCodes: [0x11], properties }, version)).toEqual(
      wire('b0 02 0001'),
    );
    expect(encodePacket({ ...PUBLISH, properties: { contentType: 'c' } }, version)).toEqual(wire("30 03 0001 'a'"));
  });

  test('Session Present is left out in MQTT 3.1', () => {
    expect(
      encodePacket({ type: PacketType.connack, sessionPresent: true, reasonCode: 0, properties: undefined }, 3),
    ).toEqual(wire('20 02 00 00'));
  });
});

describe('values that cannot be encoded', () => {
  const subscribe = { type: PacketType.subscribe, packetId: 1, properties: undefined } as const;
  const request = { topicFilter: 'a', qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;

  test.each<[string, ProtocolVersion, Packet]>([
    ['a topic of 65,536 bytes', 4, { ...PUBLISH, topic: 'x'.repeat(65_536) }],
    ['U+0000 in a topic', 4, { ...PUBLISH, topic: 'a\0' }],
    ['an unpaired surrogate', 4, { ...PUBLISH, topic: '\uD800' }],
    ['a packet identifier of 0 at QoS 1', 4, { ...PUBLISH, qos: 1 }],
    ['a packet identifier of 65,536', 4, { ...PUBLISH, qos: 1, packetId: 65_536 }],
    ['a packet identifier at QoS 0', 4, { ...PUBLISH, packetId: 1 }],
    ['DUP at QoS 0', 4, { ...PUBLISH, dup: true }],
    ['QoS 3', 4, { ...PUBLISH, qos: 3 as 2, packetId: 1 }],
    ['a property in the wrong packet', 5, { ...PUBLISH, properties: { receiveMaximum: 1 } }],
    ['a property out of its range', 5, { ...PUBLISH, properties: { topicAlias: 65_536 } }],
    ['a property that may not be 0', 5, { ...PUBLISH, properties: { topicAlias: 0 } }],
    ['a flag that is neither 0 nor 1', 5, { ...PUBLISH, properties: { payloadFormatIndicator: 2 as 1 } }],
    [
      'a Subscription Identifier of 268,435,456',
      5,
      { ...PUBLISH, properties: { subscriptionIdentifiers: [268_435_456] } },
    ],
    [
      'two Subscription Identifiers in a SUBSCRIBE',
      5,
      { ...subscribe, subscriptions: [request], properties: { subscriptionIdentifiers: [1, 2] } },
    ],
    ['Correlation Data of 65,536 bytes', 5, { ...PUBLISH, properties: { correlationData: new Uint8Array(65_536) } }],
    ['a keep alive of 65,536', 4, { ...CONNECT, keepAlive: 65_536 } as Packet],
    ['a negative keep alive', 4, { ...CONNECT, keepAlive: -1 } as Packet],
    ['a fractional keep alive', 4, { ...CONNECT, keepAlive: 0.5 } as Packet],
    ['a password without a user name before MQTT 5', 4, { ...CONNECT, password: Uint8Array.of(1) } as Packet],
    ['a password of 65,536 bytes', 4, { ...CONNECT, userName: 'u', password: new Uint8Array(65_536) } as Packet],
    ['an acknowledgement with identifier 0', 5, { ...PUBACK, packetId: 0 } as Packet],
    ['a reason code that is none', 5, { ...PUBACK, reasonCode: 1 } as Packet],
    [
      'a return code that is none',
      4,
      { type: PacketType.connack, sessionPresent: false, reasonCode: 6, properties: undefined },
    ],
    [
      'Session Present in a refusal',
      4,
      { type: PacketType.connack, sessionPresent: true, reasonCode: 5, properties: undefined },
    ],
    [
      'a failed SUBACK in MQTT 3.1',
      3,
      { type: PacketType.suback, packetId: 1, reasonCodes: [0x80], properties: undefined },
    ],
    ['a SUBSCRIBE without a filter', 4, { ...subscribe, subscriptions: [] }],
    ['Retain Handling 3', 5, { ...subscribe, subscriptions: [{ ...request, retainHandling: 3 as 2 }] }],
    [
      'an UNSUBSCRIBE without a filter',
      4,
      { type: PacketType.unsubscribe, packetId: 1, topicFilters: [], properties: undefined },
    ],
    ['an AUTH before MQTT 5', 4, { type: PacketType.auth, reasonCode: 0, properties: undefined }],
  ])('encoding %s throws a RangeError (version %d)', (_name, version, packet) => {
    expect(() => encodePacket(packet, version)).toThrow(RangeError);
  });

  test('a PUBLISH whose Remaining Length exceeds four bytes is a RangeError', () => {
    expect(publishSize(1, 268_435_455 - 3, 0, 0)).toBe(268_435_460);
    expect(() => publishSize(1, 268_435_455 - 2, 0, 0)).toThrow(RangeError);
  });
});

describe('hot path of the encoder', () => {
  test.each([3, 4, 5] as const)('writePublish and publishSize agree with encodePacket (version %d)', (version) => {
    fc.assert(
      fc.property(publish(version, 'server'), fc.nat(40), (drawn, offset) => {
        const packet = drawn as PublishPacket;
        const topic = encodeTopic(packet.topic);
        const properties = version === 5 ? encodePublishProperties(packet.properties) : undefined;
        const size = publishSize(topic.length, packet.payload.length, packet.qos, propertyBlockSize(properties));
        const target = new Uint8Array(offset + size + 1).fill(0xee);
        const { payload, qos, dup, retain, packetId } = packet;
        expect(writePublish(target, offset, topic, payload, qos, dup, retain, packetId, properties)).toBe(
          offset + size,
        );
        expect(Buffer.compare(target.subarray(offset, offset + size), encodePacket(packet, version))).toBe(0);
        expect(target.subarray(0, offset).every((byte) => byte === 0xee)).toBe(true);
        expect(target[offset + size]).toBe(0xee);
      }),
      { seed: 2, numRuns: 300 },
    );
  });

  test.each([0, 120, 128, 16_380, 16_384, 2_097_150, 2_097_152])(
    'writePublish writes a payload of %d bytes as encodePacket does',
    (bytes) => {
      const payload = new Uint8Array(bytes).fill(7);
      const topic = encodeTopic('a');
      const target = new Uint8Array(publishSize(topic.length, bytes, 0, 0));
      expect(writePublish(target, 0, topic, payload, 0, false, false, 0, undefined)).toBe(target.length);
      expect(Buffer.compare(target, encodePacket({ ...PUBLISH, payload }, 4))).toBe(0);
    },
  );

  test.each([
    [4, PacketType.puback, 0, '40 02 1234'],
    [4, PacketType.pubrel, 0x92, '62 02 1234'],
    [3, PacketType.pubrec, 0, '50 02 1234'],
    [5, PacketType.pubcomp, 0, '70 02 1234'],
    [5, PacketType.puback, 0x10, '40 03 1234 10'],
    [5, PacketType.pubrel, 0x92, '62 03 1234 92'],
  ] as const)(
    'an acknowledgement of version %d, type %d and code %d takes its shortest form',
    (version, type, reasonCode, notation) => {
      const expected = wire(notation);
      const target = new Uint8Array(8);
      expect(writeAcknowledgement(target, 2, type, 0x1234, reasonCode, version)).toBe(2 + expected.length);
      expect(target.subarray(2, 2 + expected.length)).toEqual(expected);
      expect(encodePacket({ type, packetId: 0x1234, reasonCode, properties: undefined }, version)).toEqual(expected);
    },
  );

  test('a repeated topic is not encoded again', () => {
    const first = encodeTopic('sensor/ä');
    encodeTopic('another');
    expect(encodeTopic('sensor/ä')).toBe(first);
    expect(first).toEqual(wire("'sensor/' c3a4"));
  });

  test('the topic cache is bounded, and evicted topics are encoded correctly', () => {
    const topics = Array.from({ length: 10_000 }, (_, i) => `t/${i}`);
    const kept = encodeTopic('t/0');
    expect(topics.filter((topic) => Buffer.from(encodeTopic(topic)).toString() !== topic)).toEqual([]);
    expect(encodeTopic('t/0')).not.toBe(kept);
    expect(encodeTopic('t/0')).toEqual(kept);
    const long = 'x'.repeat(1000);
    expect(encodeTopic(long)).toHaveLength(1000);
    expect(encodeTopic('')).toHaveLength(0);
  });

  test('a PUBLISH without properties has a property block of one byte, and before MQTT 5 none', () => {
    expect(propertyBlockSize(encodePublishProperties(undefined))).toBe(1);
    expect(propertyBlockSize(encodePublishProperties({}))).toBe(1);
    expect(propertyBlockSize(encodePublishProperties({ topicAlias: 2 }))).toBe(4);
    expect(propertyBlockSize(undefined)).toBe(0);
  });

  test('User Properties without others go out as the bytes that came in, others beside them are written again', () => {
    const userProperties = UserProperties.of([['k', 'v']]);
    const [contentType, own] = ['c', userProperties.bytes];
    expect(encodePublishProperties({ userProperties })).toBe(own);
    expect(encodePublishProperties({ userProperties, contentType })).toEqual(wire("26 0001 'k' 0001 'v' 03 0001 'c'"));
    expect(encodePublishProperties({ contentType, userProperties })).toEqual(wire("03 0001 'c' 26 0001 'k' 0001 'v'"));
  });

  test('what a program without types puts among the properties is left out', () => {
    const properties = { contentType: 'c', colour: 'red', constructor: 1, toString: 2 } as unknown as Properties;
    expect(encodePublishProperties(properties)).toEqual(wire("03 0001 'c'"));
  });
});
