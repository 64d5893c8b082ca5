// Sample packets byte by byte, each with a name: valid ones with their meaning, malformed ones with their fault.
// Written by hand from the specifications, so that a mistake of the codec is not repeated here. Other tests draw on
// them for bytes to send.
import type { MalformedCode } from '../../src/protocol/malformed.js';
import { PacketType } from '../../src/protocol/packets.js';
import type { Packet, ProtocolVersion } from '../../src/protocol/packets.js';
import { UserProperties } from '../../src/protocol/user-properties.js';

export interface ValidPacket {
  readonly name: string;
  readonly version: ProtocolVersion;
  readonly from: 'client' | 'server';
  readonly bytes: Uint8Array;
  readonly packet: Packet;
  /** The encoder writes a shorter or stricter form of the same packet. */
  readonly lenient?: true;
}

export interface MalformedPacket {
  readonly name: string;
  readonly version: ProtocolVersion;
  readonly from: 'client' | 'server';
  readonly bytes: Uint8Array;
  readonly code: MalformedCode;
  readonly reasonCode: number;
}

/** Hexadecimal digits, with 'text in single quotes' for its bytes. */
export function wire(notation: string): Uint8Array {
  const parts = notation
    .split("'")
    .map((part, i) => (i % 2 === 1 ? Buffer.from(part, 'utf8') : Buffer.from(part.replaceAll(' ', ''), 'hex')));
  return new Uint8Array(Buffer.concat(parts));
}

const text = (value: string): Uint8Array => new Uint8Array(Buffer.from(value, 'utf8'));

const CONNECT_DEFAULTS = {
  type: PacketType.connect,
  protocolVersion: 4,
  clean: true,
  keepAlive: 60,
  clientId: 'a',
  will: undefined,
  userName: undefined,
  password: undefined,
  properties: undefined,
} as const;

const PUBLISH_DEFAULTS = {
  type: PacketType.publish,
  dup: false,
  qos: 0,
  retain: false,
  topic: 'a/b',
  packetId: 0,
  properties: undefined,
  payload: text('hi'),
} as const;

const OPTIONS_OFF = { noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;

function valid(
  version: ProtocolVersion,
  from: 'client' | 'server',
  name: string,
  notation: string,
  packet: Packet,
): ValidPacket {
  return { name, version, from, bytes: wire(notation), packet };
}

function lenient(version: ProtocolVersion, name: string, notation: string, packet: Packet): ValidPacket {
  return { ...valid(version, 'client', name, notation, packet), lenient: true };
}

export const CONNECT: Record<ProtocolVersion, Uint8Array> = {
  3: wire("10 0f 0006 'MQIsdp' 03 02 003c 0001 'a'"),
  4: wire("10 0d 0004 'MQTT' 04 02 003c 0001 'a'"),
  5: wire("10 0e 0004 'MQTT' 05 02 003c 00 0001 'a'"),
};

export const VALID_PACKETS: readonly ValidPacket[] = [
  // CONNECT
  valid(3, 'client', 'a CONNECT of MQTT 3.1', "10 0f 0006 'MQIsdp' 03 02 003c 0001 'a'", {
    ...CONNECT_DEFAULTS,
    protocolVersion: 3,
  }),
  valid(4, 'client', 'a CONNECT of MQTT 3.1.1', "10 0d 0004 'MQTT' 04 02 003c 0001 'a'", CONNECT_DEFAULTS),
  valid(4, 'client', 'a CONNECT without a client id or clean session', "10 0c 0004 'MQTT' 04 00 0000 0000", {
    ...CONNECT_DEFAULTS,
    clean: false,
    keepAlive: 0,
    clientId: '',
  }),
  valid(
    4,
    'client',
    'a CONNECT with everything',
    "10 1e 0004 'MQTT' 04 f6 003c 0001 'a' 0003 'w/t' 0002 00ff 0001 'u' 0003 ff0070",
    {
      ...CONNECT_DEFAULTS,
      will: { topic: 'w/t', payload: Uint8Array.of(0, 255), qos: 2, retain: true, properties: undefined },
      userName: 'u',
      password: Uint8Array.of(255, 0, 112),
    },
  ),
  valid(4, 'client', 'a CONNECT with a user name alone', "10 10 0004 'MQTT' 04 82 003c 0001 'a' 0001 'u'", {
    ...CONNECT_DEFAULTS,
    userName: 'u',
  }),
  valid(5, 'client', 'a CONNECT of MQTT 5', "10 0e 0004 'MQTT' 05 02 003c 00 0001 'a'", {
    ...CONNECT_DEFAULTS,
    protocolVersion: 5,
  }),
  valid(
    5,
    'client',
    'a CONNECT of MQTT 5 with a password alone',
    "10 13 0004 'MQTT' 05 42 003c 00 0001 'a' 0003 'key'",
    {
      ...CONNECT_DEFAULTS,
      protocolVersion: 5,
      password: text('key'),
    },
  ),
  valid(
    5,
    'client',
    'a CONNECT of MQTT 5 with every property',
    "10 44 0004 'MQTT' 05 06 003c" +
      " 24 11 ffffffff 15 0001 'm' 16 0002 0001 17 00 19 01 21 000a 22 0005 26 0001 'k' 0001 'v' 27 00010000" +
      " 0001 'a' 0c 01 01 02 00000001 18 00000007" +
      " 0001 'w' 0000",
    {
      ...CONNECT_DEFAULTS,
      protocolVersion: 5,
      properties: {
        sessionExpiryInterval: 0xffff_ffff,
        authenticationMethod: 'm',
        authenticationData: Uint8Array.of(0, 1),
        requestProblemInformation: 0,
        requestResponseInformation: 1,
        receiveMaximum: 10,
        topicAliasMaximum: 5,
        userProperties: UserProperties.of([['k', 'v']]),
        maximumPacketSize: 65_536,
      },
      will: {
        topic: 'w',
        payload: new Uint8Array(0),
        qos: 0,
        retain: false,
        properties: { payloadFormatIndicator: 1, messageExpiryInterval: 1, willDelayInterval: 7 },
      },
    },
  ),
  lenient(3, 'a CONNECT of MQTT 3.1 with all four fixed header flags', "1f 0f 0006 'MQIsdp' 03 02 003c 0001 'a'", {
    ...CONNECT_DEFAULTS,
    protocolVersion: 3,
  }),
  lenient(
    3,
    'a CONNECT of MQTT 3.1 with the unused flag and will bits but no will',
    "10 0f 0006 'MQIsdp' 03 3b 003c 0001 'a'",
    {
      ...CONNECT_DEFAULTS,
      protocolVersion: 3,
    },
  ),
  lenient(
    3,
    'a CONNECT of MQTT 3.1 that announces user name and password but ends',
    "10 0f 0006 'MQIsdp' 03 c2 003c 0001 'a'",
    {
      ...CONNECT_DEFAULTS,
      protocolVersion: 3,
    },
  ),
  lenient(
    3,
    'a CONNECT of MQTT 3.1 that announces a password but ends behind the user name',
    "10 12 0006 'MQIsdp' 03 c2 003c 0001 'a' 0001 'u'",
    {
      ...CONNECT_DEFAULTS,
      protocolVersion: 3,
      userName: 'u',
    },
  ),
  lenient(
    4,
    'a CONNECT with a Remaining Length of four bytes',
    "10 8d808000 0004 'MQTT' 04 02 003c 0001 'a'",
    CONNECT_DEFAULTS,
  ),

  // CONNACK
  valid(3, 'server', 'a CONNACK of MQTT 3.1', '20 02 00 00', {
    type: PacketType.connack,
    sessionPresent: false,
    reasonCode: 0,
    properties: undefined,
  }),
  valid(4, 'server', 'a CONNACK with Session Present', '20 02 01 00', {
    type: PacketType.connack,
    sessionPresent: true,
    reasonCode: 0,
    properties: undefined,
  }),
  valid(4, 'server', 'a CONNACK that refuses', '20 02 00 05', {
    type: PacketType.connack,
    sessionPresent: false,
    reasonCode: 5,
    properties: undefined,
  }),
  valid(5, 'server', 'a CONNACK of MQTT 5', '20 03 01 00 00', {
    type: PacketType.connack,
    sessionPresent: true,
    reasonCode: 0,
    properties: undefined,
  }),
  valid(
    5,
    'server',
    'a CONNACK with every property',
    "20 3e 00 00 3b 11 00000005 12 0001 'i' 13 001e 15 0001 'm' 16 0001 ff 1a 0001 'r' 1c 0001 's' 1f 0001 't' 21 0001 22 ffff 24 01 25 00" +
      " 26 0000 0001 'v' 27 00000100 28 00 29 01 2a 00",
    {
      type: PacketType.connack,
      sessionPresent: false,
      reasonCode: 0,
      properties: {
        sessionExpiryInterval: 5,
        assignedClientIdentifier: 'i',
        serverKeepAlive: 30,
        authenticationMethod: 'm',
        authenticationData: Uint8Array.of(255),
        responseInformation: 'r',
        serverReference: 's',
        reasonString: 't',
        receiveMaximum: 1,
        topicAliasMaximum: 65_535,
        maximumQos: 1,
        retainAvailable: 0,
        userProperties: UserProperties.of([['', 'v']]),
        maximumPacketSize: 256,
        wildcardSubscriptionAvailable: 0,
        subscriptionIdentifierAvailable: 1,
        sharedSubscriptionAvailable: 0,
      },
    },
  ),

  // PUBLISH
  valid(4, 'client', 'a PUBLISH at QoS 0', "30 07 0003 'a/b' 'hi'", PUBLISH_DEFAULTS),
  valid(4, 'client', 'a PUBLISH at QoS 1 with RETAIN and DUP', "3b 09 0003 'a/b' 0102 'hi'", {
    ...PUBLISH_DEFAULTS,
    qos: 1,
    dup: true,
    retain: true,
    packetId: 258,
  }),
  valid(4, 'client', 'a PUBLISH at QoS 2 without a payload', "34 07 0003 'a/b' ffff", {
    ...PUBLISH_DEFAULTS,
    qos: 2,
    packetId: 65_535,
    payload: new Uint8Array(0),
  }),
  valid(4, 'client', 'a PUBLISH without a topic, which the domain refuses', "30 04 0000 'hi'", {
    ...PUBLISH_DEFAULTS,
    topic: '',
  }),
  valid(4, 'client', 'a PUBLISH whose topic begins with U+FEFF', '30 09 0007 efbbbf f09f9880', {
    ...PUBLISH_DEFAULTS,
    topic: '\uFEFF😀',
    payload: new Uint8Array(0),
  }),
  lenient(3, 'a PUBLISH of MQTT 3.1 at QoS 0 with DUP', "38 07 0003 'a/b' 'hi'", { ...PUBLISH_DEFAULTS, dup: true }),
  valid(5, 'client', 'a PUBLISH of MQTT 5', "30 08 0003 'a/b' 00 'hi'", PUBLISH_DEFAULTS),
  valid(
    5,
    'client',
    'a PUBLISH with every property that a client may set',
    "32 2e 0003 'a/b' 0001 24 01 01 02 0000003c 03 0001 'c' 08 0001 'r' 09 0002 0009 23 0001 26 0001 'k' 0001 'v' 26 0001 'k' 0000 'hi'",
    {
      ...PUBLISH_DEFAULTS,
      qos: 1,
      packetId: 1,
      properties: {
        payloadFormatIndicator: 1,
        messageExpiryInterval: 60,
        contentType: 'c',
        responseTopic: 'r',
        correlationData: Uint8Array.of(0, 9),
        topicAlias: 1,
        userProperties: UserProperties.of([
          ['k', 'v'],
          ['k', ''],
        ]),
      },
    },
  ),
  valid(
    5,
    'server',
    'a PUBLISH from the server with two Subscription Identifiers',
    "30 0f 0003 'a/b' 07 0b 01 0b ffffff7f 'hi'",
    {
      ...PUBLISH_DEFAULTS,
      properties: { subscriptionIdentifiers: [1, 268_435_455] },
    },
  ),

  // Acknowledgements
  ...([3, 4, 5] as const).flatMap((version) => [
    valid(version, 'client', `a PUBACK (version ${version})`, '40 02 0001', {
      type: PacketType.puback,
      packetId: 1,
      reasonCode: 0,
      properties: undefined,
    }),
    valid(version, 'client', `a PUBREC (version ${version})`, '50 02 0100', {
      type: PacketType.pubrec,
      packetId: 256,
      reasonCode: 0,
      properties: undefined,
    }),
    valid(version, 'client', `a PUBREL (version ${version})`, '62 02 ffff', {
      type: PacketType.pubrel,
      packetId: 65_535,
      reasonCode: 0,
      properties: undefined,
    }),
    valid(version, 'client', `a PUBCOMP (version ${version})`, '70 02 0001', {
      type: PacketType.pubcomp,
      packetId: 1,
      reasonCode: 0,
      properties: undefined,
    }),
    valid(version, 'client', `a PINGREQ (version ${version})`, 'c0 00', { type: PacketType.pingreq }),
    valid(version, 'server', `a PINGRESP (version ${version})`, 'd0 00', { type: PacketType.pingresp }),
    valid(version, 'client', `a DISCONNECT (version ${version})`, 'e0 00', {
      type: PacketType.disconnect,
      reasonCode: 0,
      properties: undefined,
    }),
  ]),
  ...(['client', 'server'] as const).map((from) => {
    const [reasonCode, code] = from === 'client' ? [0x97, '97'] : [0x10, '10'];
    const packet = { type: PacketType.puback, packetId: 1, reasonCode, properties: undefined };
    return valid(5, from, `a PUBACK with a code from a ${from}`, `40 03 0001 ${code}`, packet);
  }),
  valid(5, 'client', 'a PUBREC with properties', "50 0e 0001 97 0a 1f 0001 'r' 26 0000 0001 'v'", {
    type: PacketType.pubrec,
    packetId: 1,
    reasonCode: 0x97,
    properties: { reasonString: 'r', userProperties: UserProperties.of([['', 'v']]) },
  }),
  lenient(5, 'a PUBREL with a code of 0 and no properties in the long form', '62 04 0001 00 00', {
    type: PacketType.pubrel,
    packetId: 1,
    reasonCode: 0,
    properties: undefined,
  }),
  lenient(5, 'a PUBCOMP with a code and an empty property block', '70 04 0001 92 00', {
    type: PacketType.pubcomp,
    packetId: 1,
    reasonCode: 0x92,
    properties: undefined,
  }),
  lenient(3, 'a PUBACK of MQTT 3.1 with flags', '4f 02 0001', {
    type: PacketType.puback,
    packetId: 1,
    reasonCode: 0,
    properties: undefined,
  }),
  lenient(3, 'a PUBREL of MQTT 3.1 that is sent again', '6a 02 0001', {
    type: PacketType.pubrel,
    packetId: 1,
    reasonCode: 0,
    properties: undefined,
  }),
  lenient(3, 'a PINGREQ of MQTT 3.1 with flags', 'cf 00', { type: PacketType.pingreq }),
  lenient(3, 'a DISCONNECT of MQTT 3.1 with flags', 'e1 00', {
    type: PacketType.disconnect,
    reasonCode: 0,
    properties: undefined,
  }),

  // SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK
  valid(4, 'client', 'a SUBSCRIBE with three filters', "82 0f 000a 0001 'a' 00 0001 '#' 01 0002 '+/' 02", {
    type: PacketType.subscribe,
    packetId: 10,
    subscriptions: [
      { topicFilter: 'a', qos: 0, ...OPTIONS_OFF },
      { topicFilter: '#', qos: 1, ...OPTIONS_OFF },
      { topicFilter: '+/', qos: 2, ...OPTIONS_OFF },
    ],
    properties: undefined,
  }),
  valid(5, 'client', 'a SUBSCRIBE with options and an identifier', "82 0a 0001 03 0b 8001 0001 'a' 2d", {
    type: PacketType.subscribe,
    packetId: 1,
    subscriptions: [{ topicFilter: 'a', qos: 1, noLocal: true, retainAsPublished: true, retainHandling: 2 }],
    properties: { subscriptionIdentifiers: [128] },
  }),
  lenient(
    3,
    'a SUBSCRIBE of MQTT 3.1 that is sent again, with the unused bits of its QoS set',
    "8b 06 0001 0001 'a' fe",
    {
      type: PacketType.subscribe,
      packetId: 1,
      subscriptions: [{ topicFilter: 'a', qos: 2, ...OPTIONS_OFF }],
      properties: undefined,
    },
  ),
  valid(3, 'server', 'a SUBACK of MQTT 3.1', '90 05 000a 00 01 02', {
    type: PacketType.suback,
    packetId: 10,
    reasonCodes: [0, 1, 2],
    properties: undefined,
  }),
  valid(4, 'server', 'a SUBACK with a failure', '90 04 000a 02 80', {
    type: PacketType.suback,
    packetId: 10,
    reasonCodes: [2, 128],
    properties: undefined,
  }),
  valid(5, 'server', 'a SUBACK of MQTT 5', "90 0a 000a 04 1f 0001 'r' a2 9e 01", {
    type: PacketType.suback,
    packetId: 10,
    reasonCodes: [0xa2, 0x9e, 1],
    properties: { reasonString: 'r' },
  }),
  valid(4, 'client', 'an UNSUBSCRIBE with two filters', "a2 08 0001 0001 'a' 0001 'b'", {
    type: PacketType.unsubscribe,
    packetId: 1,
    topicFilters: ['a', 'b'],
    properties: undefined,
  }),
  valid(5, 'client', 'an UNSUBSCRIBE of MQTT 5', "a2 06 0001 00 0001 'a'", {
    type: PacketType.unsubscribe,
    packetId: 1,
    topicFilters: ['a'],
    properties: undefined,
  }),
  lenient(3, 'an UNSUBSCRIBE of MQTT 3.1 that is sent again', "aa 05 0001 0001 'a'", {
    type: PacketType.unsubscribe,
    packetId: 1,
    topicFilters: ['a'],
    properties: undefined,
  }),
  valid(3, 'server', 'an UNSUBACK of MQTT 3.1', 'b0 02 0001', {
    type: PacketType.unsuback,
    packetId: 1,
    reasonCodes: [],
    properties: undefined,
  }),
  valid(4, 'server', 'an UNSUBACK', 'b0 02 0001', {
    type: PacketType.unsuback,
    packetId: 1,
    reasonCodes: [],
    properties: undefined,
  }),
  valid(5, 'server', 'an UNSUBACK of MQTT 5', 'b0 05 0001 00 00 11', {
    type: PacketType.unsuback,
    packetId: 1,
    reasonCodes: [0, 0x11],
    properties: undefined,
  }),

  // DISCONNECT, AUTH
  valid(5, 'client', 'a DISCONNECT with a code', 'e0 01 04', {
    type: PacketType.disconnect,
    reasonCode: 4,
    properties: undefined,
  }),
  valid(5, 'client', 'a DISCONNECT with a Session Expiry Interval', 'e0 07 00 05 11 0000000a', {
    type: PacketType.disconnect,
    reasonCode: 0,
    properties: { sessionExpiryInterval: 10 },
  }),
  valid(5, 'server', 'a DISCONNECT from the server', "e0 06 9d 04 1c 0001 's'", {
    type: PacketType.disconnect,
    reasonCode: 0x9d,
    properties: { serverReference: 's' },
  }),
  valid(5, 'client', 'an AUTH', "f0 0a 18 08 15 0001 'm' 16 0001 01", {
    type: PacketType.auth,
    reasonCode: 0x18,
    properties: { authenticationMethod: 'm', authenticationData: Uint8Array.of(1) },
  }),
  valid(5, 'server', 'an AUTH without anything', 'f0 00', {
    type: PacketType.auth,
    reasonCode: 0,
    properties: undefined,
  }),
];

function bad(
  version: ProtocolVersion,
  code: MalformedCode,
  name: string,
  notation: string,
  reasonCode = 0x81,
): MalformedPacket {
  return { name, version, from: 'client', bytes: wire(notation), code, reasonCode };
}

function badFromServer(
  version: ProtocolVersion,
  code: MalformedCode,
  name: string,
  notation: string,
  reasonCode = 0x81,
): MalformedPacket {
  return { ...bad(version, code, name, notation, reasonCode), from: 'server' };
}

/** Behind a CONNECT of their version, unless they are one. */
export const MALFORMED_PACKETS: readonly MalformedPacket[] = [
  bad(4, 'remaining-length-too-long', 'a fifth byte of Remaining Length', 'c0 80808080 01'),
  bad(3, 'remaining-length-too-long', 'a fifth byte of Remaining Length in MQTT 3.1', 'c0 ffffffff'),
  bad(4, 'packet-too-large', 'more bytes than are allowed', '30 ffffff7f', 0x95),
  bad(4, 'packet-type-reserved', 'packet type 0', '00 00'),
  bad(4, 'packet-type-reserved', 'AUTH before MQTT 5', 'f0 00'),
  bad(4, 'packet-type-unexpected', 'a CONNACK from a client', '20 02 00 00', 0x82),
  bad(4, 'packet-type-unexpected', 'a SUBACK from a client', '90 03 0001 00', 0x82),
  bad(5, 'packet-type-unexpected', 'an UNSUBACK from a client', 'b0 04 0001 00 00', 0x82),
  bad(3, 'packet-type-unexpected', 'a PINGRESP from a client', 'd0 00', 0x82),
  badFromServer(4, 'packet-type-unexpected', 'a DISCONNECT from a server before MQTT 5', 'e0 00', 0x82),
  badFromServer(4, 'packet-type-unexpected', 'a CONNECT from a server', "10 0d 0004 'MQTT' 04 02 003c 0001 'a'", 0x82),
  bad(4, 'fixed-header-flags', 'a PUBREL with flags 0000', '60 02 0001'),
  bad(4, 'fixed-header-flags', 'a PUBREL with DUP', '6a 02 0001'),
  bad(4, 'fixed-header-flags', 'a SUBSCRIBE with flags 0000', "80 06 0001 0001 'a' 00"),
  bad(4, 'fixed-header-flags', 'a SUBSCRIBE with flags 0011', "83 06 0001 0001 'a' 00"),
  bad(4, 'fixed-header-flags', 'an UNSUBSCRIBE with DUP', "aa 05 0001 0001 'a'"),
  bad(4, 'fixed-header-flags', 'a PUBACK with flags', '41 02 0001'),
  bad(4, 'fixed-header-flags', 'a DISCONNECT with flags', 'e1 00'),
  bad(5, 'fixed-header-flags', 'an AUTH with flags', 'f1 00'),
  bad(3, 'fixed-header-flags', 'a PUBREL of MQTT 3.1 at QoS 0', '60 02 0001'),
  bad(4, 'fixed-header-flags', 'a CONNECT with flags', "11 0d 0004 'MQTT' 04 02 003c 0001 'a'"),
  bad(4, 'packet-truncated', 'a CONNECT without a payload', "10 0a 0004 'MQTT' 04 02 003c"),
  bad(4, 'packet-truncated', 'a CONNECT with nothing in it', '10 00'),
  bad(4, 'packet-truncated', 'a CONNECT without the user name it announces', "10 0d 0004 'MQTT' 04 82 003c 0001 'a'"),
  bad(
    4,
    'packet-truncated',
    'a CONNECT without the password it announces',
    "10 10 0004 'MQTT' 04 c2 003c 0001 'a' 0001 'u'",
  ),
  bad(4, 'packet-truncated', 'a CONNECT without the will it announces', "10 0d 0004 'MQTT' 04 06 003c 0001 'a'"),
  bad(
    3,
    'packet-truncated',
    'a CONNECT of MQTT 3.1 that ends within the user name',
    "10 12 0006 'MQIsdp' 03 c2 003c 0001 'a' 0002 'u'",
  ),
  bad(4, 'packet-truncated', 'a PUBLISH without a topic length', '30 01 00'),
  bad(4, 'packet-truncated', 'a PUBLISH with nothing in it', '30 00'),
  bad(4, 'packet-truncated', 'a PUBLISH whose topic is longer than the packet', "30 04 0003 'ab'"),
  bad(4, 'packet-truncated', 'a PUBLISH at QoS 1 that ends before its packet identifier', "32 04 0001 'a' 00"),
  bad(5, 'packet-truncated', 'a PUBLISH without a property length', "30 03 0001 'a'"),
  bad(5, 'packet-truncated', 'a property block longer than its packet', "30 05 0001 'a' 02 01"),
  bad(5, 'packet-truncated', 'a property longer than its block', "30 07 0001 'a' 02 02 0000"),
  bad(4, 'packet-truncated', 'a PUBACK without a packet identifier', '40 00'),
  bad(4, 'packet-truncated', 'a SUBSCRIBE without a QoS', "82 05 0001 0001 'a'"),
  bad(4, 'packet-truncated', 'an UNSUBSCRIBE with half a filter', "a2 05 0001 0002 'a'"),
  badFromServer(4, 'packet-truncated', 'a CONNACK of one byte', '20 01 00'),
  badFromServer(5, 'packet-truncated', 'an AUTH without a property length', 'f0 01 18'),
  bad(
    4,
    'packet-trailing-bytes',
    'a CONNECT with bytes behind its last field',
    "10 0e 0004 'MQTT' 04 02 003c 0001 'a' 00",
  ),
  bad(
    4,
    'packet-trailing-bytes',
    'a CONNECT with a password it does not announce',
    "10 13 0004 'MQTT' 04 82 003c 0001 'a' 0001 'u' 0001 'p'",
  ),
  bad(4, 'packet-trailing-bytes', 'a PUBACK of three bytes before MQTT 5', '40 03 0001 00'),
  bad(5, 'packet-trailing-bytes', 'a PUBACK with bytes behind its properties', '40 05 0001 00 00 00'),
  bad(4, 'packet-trailing-bytes', 'a PINGREQ with a body', 'c0 01 00'),
  bad(4, 'packet-trailing-bytes', 'a DISCONNECT with a body before MQTT 5', 'e0 01 00'),
  bad(5, 'packet-trailing-bytes', 'a DISCONNECT with bytes behind its properties', 'e0 03 00 00 00'),
  badFromServer(4, 'packet-trailing-bytes', 'an UNSUBACK with a code before MQTT 5', 'b0 03 0001 00'),
  bad(4, 'utf8-invalid', 'an overlong slash in a topic', '30 04 0002 c0af'),
  bad(4, 'utf8-invalid', 'a surrogate in a topic', '30 05 0003 eda080'),
  bad(3, 'utf8-invalid', 'U+0000 in two bytes, as Java writes it', '30 04 0002 c080'),
  bad(4, 'utf8-invalid', 'a character cut off by the end of its string', "82 07 0001 0002 'a' c3 00"),
  bad(4, 'utf8-invalid', 'a client id beyond U+10FFFF', "10 10 0004 'MQTT' 04 02 003c 0004 f4908080"),
  bad(5, 'utf8-invalid', 'an ill-formed user property', "30 0a 0001 'a' 06 26 0001 ff 0000"),
  bad(4, 'utf8-null-character', 'U+0000 in a topic', "30 05 0003 'a' 00 'b'"),
  bad(4, 'utf8-null-character', 'U+0000 in a filter behind another character', "82 09 0001 0004 c3a4 00 'b' 00"),
  bad(4, 'protocol-name-unknown', 'a CONNECT of another protocol', "10 0d 0004 'MQXX' 04 02 003c 0001 'a'", 0x84),
  bad(4, 'protocol-name-unknown', 'a protocol name in lower case', "10 0d 0004 'mqtt' 04 02 003c 0001 'a'", 0x84),
  bad(4, 'protocol-name-unknown', 'a protocol name that goes on', "10 0e 0005 'MQTTX' 04 02 003c 0001 'a'", 0x84),
  bad(4, 'protocol-version-unsupported', 'level 6', "10 0d 0004 'MQTT' 06 02 003c 0001 'a'", 0x84),
  bad(4, 'protocol-version-unsupported', 'MQTT at level 3', "10 0d 0004 'MQTT' 03 02 003c 0001 'a'", 0x84),
  bad(4, 'protocol-version-unsupported', 'the level of a bridge', "10 0d 0004 'MQTT' 84 02 003c 0001 'a'", 0x84),
  bad(3, 'protocol-version-unsupported', 'MQIsdp at level 4', "10 0f 0006 'MQIsdp' 04 02 003c 0001 'a'", 0x84),
  bad(4, 'connect-reserved-flag', 'a CONNECT with its reserved flag', "10 0d 0004 'MQTT' 04 03 003c 0001 'a'"),
  bad(4, 'connect-will-flags', 'a will at QoS 3', "10 13 0004 'MQTT' 04 1e 003c 0001 'a' 0001 't' 0001 'p'"),
  bad(
    3,
    'connect-will-flags',
    'a will at QoS 3 in MQTT 3.1',
    "10 15 0006 'MQIsdp' 03 1e 003c 0001 'a' 0001 't' 0001 'p'",
  ),
  bad(4, 'connect-will-flags', 'a will QoS without a will', "10 0d 0004 'MQTT' 04 0a 003c 0001 'a'"),
  bad(5, 'connect-will-flags', 'a will retain without a will', "10 0e 0004 'MQTT' 05 22 003c 00 0001 'a'"),
  bad(
    4,
    'connect-password-without-user-name',
    'a password without a user name',
    "10 10 0004 'MQTT' 04 42 003c 0001 'a' 0001 'p'",
  ),
  bad(
    3,
    'connect-password-without-user-name',
    'a password without a user name in MQTT 3.1',
    "10 12 0006 'MQIsdp' 03 42 003c 0001 'a' 0001 'p'",
  ),
  bad(4, 'publish-qos-invalid', 'a PUBLISH at QoS 3', "36 07 0003 'a/b' 0001"),
  bad(3, 'publish-qos-invalid', 'a PUBLISH at QoS 3 in MQTT 3.1', "36 07 0003 'a/b' 0001"),
  bad(4, 'publish-dup-at-qos-0', 'a PUBLISH at QoS 0 with DUP', "38 03 0001 'a'"),
  bad(4, 'packet-id-zero', 'a PUBLISH at QoS 1 with identifier 0', "32 05 0001 'a' 0000", 0x82),
  bad(3, 'packet-id-zero', 'a SUBSCRIBE with identifier 0', "82 06 0000 0001 'a' 00", 0x82),
  bad(4, 'packet-id-zero', 'an UNSUBSCRIBE with identifier 0', "a2 05 0000 0001 'a'", 0x82),
  bad(5, 'packet-id-zero', 'a PUBACK with identifier 0', '40 02 0000', 0x82),
  bad(4, 'subscribe-empty', 'a SUBSCRIBE without a filter', '82 02 0001', 0x82),
  bad(5, 'subscribe-empty', 'a SUBSCRIBE of MQTT 5 without a filter', '82 03 0001 00', 0x82),
  bad(4, 'subscribe-options-invalid', 'a SUBSCRIBE at QoS 3', "82 06 0001 0001 'a' 03", 0x82),
  bad(3, 'subscribe-options-invalid', 'a SUBSCRIBE of MQTT 3.1 at QoS 3', "82 06 0001 0001 'a' 03", 0x82),
  bad(4, 'subscribe-options-invalid', 'a SUBSCRIBE with a reserved bit', "82 06 0001 0001 'a' 04"),
  bad(5, 'subscribe-options-invalid', 'a SUBSCRIBE of MQTT 5 with a reserved bit', "82 07 0001 00 0001 'a' 40"),
  bad(5, 'subscribe-options-invalid', 'a SUBSCRIBE with Retain Handling 3', "82 07 0001 00 0001 'a' 30", 0x82),
  bad(4, 'unsubscribe-empty', 'an UNSUBSCRIBE without a filter', 'a2 02 0001', 0x82),
  badFromServer(4, 'suback-code-invalid', 'a SUBACK with code 3', '90 03 0001 03'),
  badFromServer(3, 'suback-code-invalid', 'a SUBACK of MQTT 3.1 with a failure', '90 03 0001 80'),
  badFromServer(5, 'suback-code-invalid', 'a SUBACK of MQTT 5 with code 0x11', '90 04 0001 00 11'),
  badFromServer(4, 'connack-flags', 'a CONNACK with flags 2', '20 02 02 00'),
  badFromServer(4, 'connack-flags', 'a refusing CONNACK with Session Present', '20 02 01 05'),
  bad(5, 'variable-byte-integer', 'a property length in more bytes than it needs', "30 05 0001 'a' 8000"),
  bad(5, 'variable-byte-integer', 'a property length of five bytes', "30 08 0001 'a' 8080808001"),
  bad(5, 'variable-byte-integer', 'a Remaining Length in more bytes than it needs', 'c0 8000'),
  bad(
    5,
    'variable-byte-integer',
    'a CONNECT of MQTT 5 with an overlong Remaining Length',
    "10 8e00 0004 'MQTT' 05 02 003c 00 0001 'a'",
  ),
  bad(5, 'property-unknown', 'a property that does not exist', "30 06 0001 'a' 02 7f 00"),
  bad(5, 'property-not-allowed', 'a Receive Maximum in a PUBLISH', "30 07 0001 'a' 03 21 0001"),
  bad(5, 'property-not-allowed', 'a Subscription Identifier from a client', "30 06 0001 'a' 02 0b 01", 0x82),
  bad(
    5,
    'property-not-allowed',
    'a Will Delay Interval outside of a will',
    "10 13 0004 'MQTT' 05 02 003c 05 18 00000001 0001 'a'",
  ),
  badFromServer(
    5,
    'property-not-allowed',
    'a Session Expiry Interval in a DISCONNECT from a server',
    'e0 07 00 05 11 00000001',
    0x82,
  ),
  bad(5, 'property-duplicate', 'a Content Type twice', "30 0c 0001 'a' 08 03 0001 'c' 03 0001 'd'", 0x82),
  bad(
    5,
    'property-duplicate',
    'two Subscription Identifiers in a SUBSCRIBE',
    "82 0b 0001 04 0b 01 0b 02 0001 'a' 00",
    0x82,
  ),
  bad(5, 'property-value-invalid', 'a Receive Maximum of 0', "10 11 0004 'MQTT' 05 02 003c 03 21 0000 0001 'a'", 0x82),
  bad(
    5,
    'property-value-invalid',
    'a Maximum Packet Size of 0',
    "10 13 0004 'MQTT' 05 02 003c 05 27 00000000 0001 'a'",
    0x82,
  ),
  bad(5, 'property-value-invalid', 'a Topic Alias of 0', "30 07 0001 'a' 03 23 0000", 0x94),
  bad(5, 'property-value-invalid', 'a Subscription Identifier of 0', "82 09 0001 02 0b 00 0001 'a' 00", 0x82),
  bad(5, 'property-value-invalid', 'a Payload Format Indicator of 2', "30 06 0001 'a' 02 01 02", 0x82),
  bad(
    5,
    'authentication-method-missing',
    'Authentication Data without a method',
    "10 12 0004 'MQTT' 05 02 003c 04 16 0001 ff 0001 'a'",
    0x82,
  ),
  bad(5, 'authentication-method-missing', 'an AUTH without a method', 'f0 02 18 00', 0x82),
  bad(5, 'reason-code-invalid', 'a PUBACK with code 1', '40 03 0001 01'),
  bad(5, 'reason-code-invalid', 'a PUBREL with a code of PUBACK', '62 03 0001 10'),
  bad(5, 'reason-code-invalid', 'a DISCONNECT with code 3', 'e0 01 03'),
  bad(5, 'reason-code-invalid', 'an AUTH with code 0 from a client', 'f0 00', 0x82),
  bad(5, 'reason-code-invalid', 'a PUBACK with code 0x10 from a client', '40 03 0001 10', 0x82),
  bad(5, 'reason-code-invalid', 'a PUBREC with code 0x10 from a client', '50 03 0001 10', 0x82),
  ...['87', '89', '8b', '8c', '8d', '8e', '8f', '9a', '9b', '9c', '9d', '9e', '9f', 'a0', 'a1', 'a2'].map((code) =>
    bad(5, 'reason-code-invalid', `a DISCONNECT with code 0x${code} from a client`, `e0 01 ${code}`, 0x82),
  ),
  badFromServer(5, 'reason-code-invalid', 'a DISCONNECT with code 4 from a server', 'e0 01 04', 0x82),
  badFromServer(5, 'reason-code-invalid', 'an AUTH with code 0x19 from a server', "f0 06 19 04 15 0001 'm'", 0x82),
  badFromServer(5, 'reason-code-invalid', 'an UNSUBACK with code 1', 'b0 04 0001 00 01'),
  badFromServer(4, 'reason-code-invalid', 'a CONNACK with return code 6', '20 02 00 06'),
];
