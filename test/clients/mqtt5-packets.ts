// MQTT 5 packets for tests: built byte by byte, valid or not, and read by a parser that fails on anything a server must
// never send. It shares nothing with the broker's codec, so that it cannot share a mistake with it.
import { ascii, bytes, field, hex, packet, remainingLength, uint16 } from './raw-packets.js';
import type { Part } from './raw-packets.js';

export type Pair = readonly [name: string, value: string];

/** Values by the names of this table; a list repeats the property. */
export type Props5 = Readonly<Record<string, number | string | Uint8Array | readonly Pair[] | readonly number[]>>;

type Kind = 'flag' | 'uint16' | 'uint32' | 'integer' | 'string' | 'binary' | 'pairs';

/** Table 2-4 of the standard: number, type, and the packets of a server that may carry it. */
export const PROPERTIES: Readonly<Record<string, readonly [id: number, kind: Kind, from: string]>> = {
  payloadFormat: [0x01, 'flag', 'publish'],
  messageExpiry: [0x02, 'uint32', 'publish'],
  contentType: [0x03, 'string', 'publish'],
  responseTopic: [0x08, 'string', 'publish'],
  correlationData: [0x09, 'binary', 'publish'],
  subscriptionIdentifier: [0x0b, 'integer', 'publish'],
  sessionExpiry: [0x11, 'uint32', 'connack'], // [MQTT5-3.14.2-2]
  assignedClientId: [0x12, 'string', 'connack'],
  serverKeepAlive: [0x13, 'uint16', 'connack'],
  authenticationMethod: [0x15, 'string', 'connack auth'],
  authenticationData: [0x16, 'binary', 'connack auth'],
  requestProblem: [0x17, 'flag', ''],
  willDelay: [0x18, 'uint32', ''],
  requestResponse: [0x19, 'flag', ''],
  responseInformation: [0x1a, 'string', 'connack'],
  serverReference: [0x1c, 'string', 'connack disconnect'],
  reasonString: [0x1f, 'string', 'connack puback pubrec pubrel pubcomp suback unsuback disconnect auth'],
  receiveMaximum: [0x21, 'uint16', 'connack'],
  topicAliasMaximum: [0x22, 'uint16', 'connack'],
  topicAlias: [0x23, 'uint16', 'publish'],
  maximumQos: [0x24, 'flag', 'connack'],
  retainAvailable: [0x25, 'flag', 'connack'],
  user: [0x26, 'pairs', 'connack publish puback pubrec pubrel pubcomp suback unsuback disconnect auth'],
  maximumPacketSize: [0x27, 'uint32', 'connack'],
  wildcardAvailable: [0x28, 'flag', 'connack'],
  identifiersAvailable: [0x29, 'flag', 'connack'],
  sharedAvailable: [0x2a, 'flag', 'connack'],
};

export const uint32 = (value: number): Uint8Array => bytes(uint16(value >>> 16), uint16(value & 0xffff));

export function property(name: string, value: number | string | Uint8Array | Pair): Uint8Array {
  const [id = 0, kind] = PROPERTIES[name] ?? [];
  if (kind === 'flag') return bytes(id, value as number);
  if (kind === 'uint16') return bytes(id, uint16(value as number));
  if (kind === 'uint32') return bytes(id, uint32(value as number));
  if (kind === 'integer') return bytes(id, remainingLength(value as number));
  if (kind === 'pairs') return bytes(id, field((value as Pair)[0]), field((value as Pair)[1]));
  return bytes(id, field(value as string | Uint8Array));
}

/** Property Length and the properties. */
export function props(properties: Props5 | Uint8Array = {}): Uint8Array {
  if (properties instanceof Uint8Array) return bytes(remainingLength(properties.length), properties);
  const all = Object.entries(properties).flatMap(([name, value]) =>
    Array.isArray(value)
      ? (value as readonly (number | Pair)[]).map((one) => property(name, one))
      : [property(name, value as number | string | Uint8Array)],
  );
  return bytes(remainingLength(bytes(...all).length), ...all);
}

export interface Will5 {
  readonly topic: string | Uint8Array;
  readonly payload?: string | Uint8Array;
  readonly qos?: number;
  readonly retain?: boolean;
  readonly properties?: Props5 | Uint8Array;
}

export interface Connect5 {
  readonly clientId?: string;
  readonly clean?: boolean;
  readonly keepAlive?: number;
  readonly properties?: Props5 | Uint8Array;
  readonly will?: Will5;
  readonly userName?: string;
  readonly password?: string;
}

export function connect(fields: Connect5 = {}): Uint8Array {
  const { clientId = 'client', clean = true, keepAlive = 0, will, userName, password, properties } = fields;
  let flags = clean ? 0x02 : 0;
  if (will !== undefined) flags |= 0x04 | ((will.qos ?? 0) << 3) | (will.retain === true ? 0x20 : 0);
  if (userName !== undefined) flags |= 0x80;
  if (password !== undefined) flags |= 0x40;
  return rawConnect(
    { flags, keepAlive, properties: props(properties) },
    field(clientId),
    ...(will === undefined ? [] : [props(will.properties), field(will.topic), field(will.payload ?? '')]),
    ...[userName, password].flatMap((text) => (text === undefined ? [] : [field(text)])),
  );
}

interface RawConnect5 {
  readonly firstByte?: number;
  readonly name?: string;
  readonly level?: number;
  readonly flags?: number;
  readonly keepAlive?: number;
  /** With Property Length. */
  readonly properties?: Part;
}

/** A CONNECT whose flags and payload may contradict each other. */
export function rawConnect(fields: RawConnect5, ...payload: readonly Part[]): Uint8Array {
  const { firstByte = 0x10, name = 'MQTT', level = 5, flags = 0x02, keepAlive = 0, properties = 0 } = fields;
  return packet(firstByte, field(name), level, flags, uint16(keepAlive), properties, ...payload);
}

export interface Message5 {
  readonly topic?: string | Uint8Array;
  readonly payload?: string | Uint8Array;
  readonly qos?: number;
  readonly retain?: boolean;
  readonly dup?: boolean;
  readonly packetId?: number;
  readonly properties?: Props5 | Uint8Array;
}

export function publish(fields: Message5): Uint8Array {
  const { topic = '', payload = '', qos = 0, retain = false, dup = false, packetId = 1, properties } = fields;
  const firstByte = 0x30 | (dup ? 8 : 0) | (qos << 1) | (retain ? 1 : 0);
  const content = typeof payload === 'string' ? ascii(payload) : payload;
  return packet(firstByte, field(topic), qos > 0 ? uint16(packetId) : '', props(properties), content);
}

const FIRST_BYTES = { puback: 0x40, pubrec: 0x50, pubrel: 0x62, pubcomp: 0x70 } as const;

export const acknowledge = (
  type: keyof typeof FIRST_BYTES,
  packetId: number,
  code?: number,
  properties?: Props5 | Uint8Array,
): Uint8Array =>
  packet(FIRST_BYTES[type], uint16(packetId), code ?? '', properties === undefined ? '' : props(properties));

export type Request5 = readonly [filter: string | Uint8Array, options: number];

export const subscribe = (
  packetId: number,
  requests: readonly Request5[],
  properties?: Props5 | Uint8Array,
): Uint8Array =>
  packet(
    0x82,
    uint16(packetId),
    props(properties),
    ...requests.flatMap(([filter, options]) => [field(filter), options]),
  );

export const unsubscribe = (
  packetId: number,
  filters: readonly (string | Uint8Array)[],
  properties?: Props5 | Uint8Array,
): Uint8Array => packet(0xa2, uint16(packetId), props(properties), ...filters.map(field));

export const disconnect = (code?: number, properties?: Props5 | Uint8Array): Uint8Array =>
  packet(0xe0, code ?? '', properties === undefined ? '' : props(properties));

export const auth = (code?: number, properties?: Props5 | Uint8Array): Uint8Array =>
  packet(0xf0, code ?? '', properties === undefined ? '' : props(properties));

/** A packet of the broker. Fields that its type does not have are absent. */
export interface Packet5 {
  readonly type: string;
  readonly properties: Props5;
  readonly code: number;
  readonly codes: readonly number[];
  readonly packetId: number;
  readonly sessionPresent: boolean;
  readonly topic: string;
  readonly payload: string;
  readonly qos: number;
  readonly retain: boolean;
  readonly dup: boolean;
  /** Of the whole packet, in bytes. */
  readonly size: number;
}

const PUBLISH_CODES = [0, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99];

/** By packet type of a server: its name, its flags, and its Reason Codes. */
const TYPES: Readonly<Record<number, readonly [name: string, flags: number, codes: readonly number[]]>> = {
  2: [
    'connack',
    0,
    [
      ...[0, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a],
      ...[0x8c, 0x90, 0x95, 0x97, 0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9f],
    ],
  ],
  4: ['puback', 0, PUBLISH_CODES],
  5: ['pubrec', 0, PUBLISH_CODES],
  6: ['pubrel', 2, [0, 0x92]],
  7: ['pubcomp', 0, [0, 0x92]],
  9: ['suback', 0, [0, 1, 2, 0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2]],
  11: ['unsuback', 0, [0, 0x11, 0x80, 0x83, 0x87, 0x8f, 0x91]],
  13: ['pingresp', 0, []],
  14: [
    'disconnect',
    0,
    [
      ...[0, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8b, 0x8d, 0x8e, 0x8f, 0x90, 0x93, 0x94, 0x95],
      ...[0x96, 0x97, 0x98, 0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9e, 0x9f, 0xa0, 0xa1, 0xa2],
    ],
  ],
  15: ['auth', 0, [0, 0x18]],
};

/** Reads the fields of a packet in their order. */
class Reader {
  constructor(
    readonly data: Uint8Array,
    public at = 0,
  ) {}

  get rest(): number {
    return this.data.length - this.at;
  }

  check(holds: boolean, rule: string): void {
    if (!holds) throw new Error(`${rule}; got ${hex(this.data)}`);
  }

  uint(size: number): number {
    return this.raw(size).reduce((sum, byte) => sum * 256 + byte, 0);
  }

  raw(size: number): Uint8Array {
    this.check(size <= this.rest, 'a field ends within its packet');
    this.at += size;
    return this.data.slice(this.at - size, this.at);
  }

  integer(): number {
    let value = 0;
    for (let i = 0; ; i++) {
      const byte = this.uint(1);
      value += (byte & 0x7f) * 128 ** i;
      this.check(i < 4 && (byte !== 0 || i === 0), 'an integer takes no more bytes than it needs [MQTT5-1.5.5-1]');
      if (byte < 0x80) return value;
    }
  }

  string(): string {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(this.raw(this.uint(2)));
    this.check(!text.includes('\0'), 'no string has U+0000 [MQTT5-1.5.4-2]');
    return text;
  }

  properties(type: string): Props5 {
    const block = new Reader(this.raw(this.integer()));
    const found: Record<string, number | string | Uint8Array | Pair[] | number[]> = {};
    while (block.rest > 0) {
      const id = block.uint(1);
      const [name = '', [, kind = 'flag', from = ''] = []] =
        Object.entries(PROPERTIES).find(([, [number]]) => number === id) ?? [];
      this.check(from.split(' ').includes(type), `${type} may carry property ${id}`);
      const value = block.#value(kind);
      if (kind === 'pairs') ((found[name] ??= []) as Pair[]).push(value as Pair);
      else if (kind === 'integer') ((found[name] ??= []) as number[]).push(value as number);
      else {
        this.check(found[name] === undefined, `${name} comes once`);
        found[name] = value as number;
      }
      const isPositive = ['receiveMaximum', 'maximumPacketSize', 'topicAlias', 'subscriptionIdentifier'].includes(name);
      this.check(!isPositive || value !== 0, `${name} is not 0`);
    }
    return found;
  }

  #value(kind: Kind): number | string | Uint8Array | Pair {
    if (kind === 'uint16') return this.uint(2);
    if (kind === 'uint32') return this.uint(4);
    if (kind === 'integer') return this.integer();
    if (kind === 'string') return this.string();
    if (kind === 'binary') return this.raw(this.uint(2));
    if (kind === 'pairs') return [this.string(), this.string()];
    const flag = this.uint(1);
    this.check(flag <= 1, 'a flag is 0 or 1');
    return flag;
  }
}

/** The first packet of the bytes, and how many it takes; `undefined` if it is not complete. */
export function parse(data: Uint8Array): Packet5 | undefined {
  const header = new Reader(data, 1);
  const end = data.findIndex((byte, i) => i > 0 && byte < 0x80);
  if (end < 0) {
    header.check(data.length <= 4, 'Remaining Length takes at most four bytes');
    return undefined;
  }
  const length = header.integer();
  if (header.rest < length) return undefined;
  const size = header.at + length;
  const reader = new Reader(data.slice(0, size), header.at);
  const firstByte = data[0] as number;
  const packet = firstByte >> 4 === 3 ? parsePublish(reader, firstByte) : parseOther(reader, firstByte);
  reader.check(reader.rest === 0, 'nothing stands behind the last field');
  return { ...packet, size } as Packet5;
}

function parsePublish(reader: Reader, firstByte: number): Partial<Packet5> {
  const qos = (firstByte >> 1) & 3;
  const dup = (firstByte & 8) !== 0;
  reader.check(qos !== 3, 'QoS is 0, 1 or 2 [MQTT5-3.3.1-4]');
  reader.check(qos > 0 || !dup, 'DUP is 0 at QoS 0 [MQTT5-3.3.1-2]');
  const topic = reader.string();
  const packetId = qos > 0 ? reader.uint(2) : 0;
  reader.check((packetId === 0) === (qos === 0), 'a Packet Identifier is not 0 [MQTT5-2.2.1-4]');
  const properties = reader.properties('publish');
  reader.check(!/[+#]/.test(topic), 'a Topic Name has no wildcard [MQTT5-3.3.2-2]');
  reader.check(topic !== '' || properties['topicAlias'] !== undefined, 'without a topic there is a Topic Alias');
  const payload = Buffer.from(reader.raw(reader.rest)).toString();
  return { type: 'publish', topic, payload, qos, dup, retain: (firstByte & 1) !== 0, packetId, properties };
}

function parseOther(reader: Reader, firstByte: number): Partial<Packet5> {
  const [type = '', flags = 0, codes = []] = TYPES[firstByte >> 4] ?? [];
  reader.check(type !== '', 'a server sends such packets');
  reader.check((firstByte & 0x0f) === flags, `the flags of ${type} are fixed [MQTT5-2.1.3-1]`);
  const checked = (code: number): number => {
    reader.check(codes.includes(code), `0x${code.toString(16)} is a Reason Code of ${type}`);
    return code;
  };
  if (type === 'pingresp') return { type };
  if (type === 'connack') {
    const acknowledgeFlags = reader.uint(1);
    const code = checked(reader.uint(1));
    reader.check(acknowledgeFlags <= 1, 'CONNACK has one flag [MQTT5-3.2.2-1]');
    reader.check(code === 0 || acknowledgeFlags === 0, 'a refusal has Session Present 0 [MQTT5-3.2.2-6]');
    return { type, sessionPresent: acknowledgeFlags === 1, code, properties: reader.properties(type) };
  }
  if (type === 'disconnect' || type === 'auth') {
    const code = reader.rest > 0 ? checked(reader.uint(1)) : 0;
    return { type, code, properties: reader.rest > 0 ? reader.properties(type) : {} };
  }
  const packetId = reader.uint(2);
  reader.check(packetId !== 0, 'a Packet Identifier is not 0');
  if (type === 'suback' || type === 'unsuback') {
    const properties = reader.properties(type);
    const all = [...reader.raw(reader.rest)].map(checked);
    reader.check(all.length > 0, `${type} has a Reason Code`);
    return { type, packetId, codes: all, properties };
  }
  const code = reader.rest > 0 ? checked(reader.uint(1)) : 0;
  return { type, packetId, code, properties: reader.rest > 0 ? reader.properties(type) : {} };
}
