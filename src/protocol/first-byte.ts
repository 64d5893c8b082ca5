// What the first byte of a packet says about it: whether this type may come from this side at all, and whether its
// flags are valid. Tables, built once, so that the decoder's check is one load. Nothing after the first byte is
// examined here.
import { MalformedPacketError } from './malformed.js';
import type { MalformedCode } from './malformed.js';
import { PacketType } from './packets.js';
import type { ProtocolVersion } from './packets.js';
import { ReasonCode } from './reason-codes.js';
import type { Sender } from './reason-code-table.js';

/** 0 accepts the byte; other numbers are indexes into REJECTIONS. */
export type FirstByteTable = Uint8Array;

const REJECTIONS = [
  undefined,
  'packet-type-reserved',
  'packet-type-unexpected',
  'fixed-header-flags',
  'publish-qos-invalid',
  'publish-dup-at-qos-0',
] as const satisfies readonly (MalformedCode | undefined)[];

type Rejection = (typeof REJECTIONS)[number];

const {
  connect,
  connack,
  publish,
  pubrel,
  subscribe,
  suback,
  unsubscribe,
  unsuback,
  pingreq,
  pingresp,
  disconnect,
  auth,
} = PacketType;

const ONLY_FROM_CLIENT: readonly number[] = [connect, subscribe, unsubscribe, pingreq];
const ONLY_FROM_SERVER: readonly number[] = [connack, suback, unsuback, pingresp];
const WITH_FLAGS_0010: readonly number[] = [pubrel, subscribe, unsubscribe];

function judge(byte: number, sender: Sender, version: ProtocolVersion): Rejection {
  const type = byte >> 4;
  const flags = byte & 0x0f;
  if (type === 0 || (type === auth && version !== 5)) return 'packet-type-reserved';
  if ((sender === 'client' ? ONLY_FROM_SERVER : ONLY_FROM_CLIENT).includes(type)) return 'packet-type-unexpected';
  if (type === disconnect && sender === 'server' && version !== 5) return 'packet-type-unexpected';
  if (type === connect) return undefined; // its flags depend on its own version, which is not known yet
  if (type === publish) {
    if ((flags & 0x06) === 0x06) return 'publish-qos-invalid'; // [MQTT-3.3.1-4]
    return flags >> 1 === 0x04 && version !== 3 ? 'publish-dup-at-qos-0' : undefined; // [MQTT-3.3.1-2]
  }
  // MQTT 3.1 section 2.1: flags without a meaning are unused, not reserved. Three types have QoS 1, and DUP when they
  // are sent again.
  if (version === 3)
    return WITH_FLAGS_0010.includes(type) && (flags & 0x06) !== 0x02 ? 'fixed-header-flags' : undefined;
  // [MQTT-2.2.2-1], [MQTT-2.2.2-2], [MQTT-3.6.1-1], [MQTT-3.8.1-1], [MQTT-3.10.1-1], [MQTT-3.14.1-1], [MQTT5-3.15.1-1]
  return flags === (WITH_FLAGS_0010.includes(type) ? 0x02 : 0x00) ? undefined : 'fixed-header-flags';
}

function table(judgement: (byte: number) => Rejection): FirstByteTable {
  return Uint8Array.from({ length: 256 }, (_, byte) => REJECTIONS.indexOf(judgement(byte)));
}

function byVersion(sender: Sender): Record<ProtocolVersion, FirstByteTable> {
  return {
    3: table((byte) => judge(byte, sender, 3)),
    4: table((byte) => judge(byte, sender, 4)),
    5: table((byte) => judge(byte, sender, 5)),
  };
}

const TABLES: Record<Sender, Record<ProtocolVersion, FirstByteTable>> = {
  client: byVersion('client'),
  server: byVersion('server'),
};

export function firstByteTable(sender: Sender, version: ProtocolVersion): FirstByteTable {
  return TABLES[sender][version];
}

/** The table for a server before CONNECT. [MQTT-3.1.0-1] */
export const CONNECT_ONLY: FirstByteTable = table((byte) => {
  const type = byte >> 4;
  return type === connect ? undefined : type === 0 ? 'packet-type-reserved' : 'packet-type-unexpected';
});

export function firstByteRejected(byte: number, verdict: number): MalformedPacketError {
  const code = REJECTIONS[verdict] ?? 'fixed-header-flags';
  const reasonCode = code === 'packet-type-unexpected' ? ReasonCode.protocolError : ReasonCode.malformedPacket;
  return new MalformedPacketError(code, `a packet begins with 0x${byte.toString(16).padStart(2, '0')}`, reasonCode);
}
