// MQTT 3.1 and 3.1.1 packets for tests: built byte by byte, valid or not, and read by a parser that fails on anything a
// server must never send. It shares nothing with the broker's codec, so that it cannot share a mistake with it.

/** A byte, hexadecimal text with or without spaces, or bytes. */
export type Part = number | string | Uint8Array;

export function bytes(...parts: readonly Part[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts.map(partBytes)));
}

function partBytes(part: Part): Uint8Array {
  if (typeof part === 'number') return Uint8Array.of(part);
  if (typeof part !== 'string') return part;
  const digits = part.replaceAll(/\s+/g, '');
  if (!/^([0-9a-f]{2})*$/i.test(digits)) throw new Error(`not hexadecimal: ${part}`);
  return Buffer.from(digits, 'hex');
}

export const hex = (data: Uint8Array): string =>
  Buffer.from(data)
    .toString('hex')
    .replaceAll(/(..)(?=.)/g, '$1 ');

export const ascii = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'utf8'));

export const uint16 = (value: number): Uint8Array => Uint8Array.of(value >> 8, value & 0xff);

/** A length-prefixed field: a string, or bytes that need not be valid UTF-8. */
export function field(value: string | Uint8Array): Uint8Array {
  const content = typeof value === 'string' ? ascii(value) : value;
  return bytes(uint16(content.byteLength), content);
}

export function remainingLength(length: number): Uint8Array {
  const encoded: number[] = [];
  do {
    const rest = Math.floor(length / 128);
    encoded.push((length % 128) | (rest > 0 ? 0x80 : 0));
    length = rest;
  } while (length > 0);
  return Uint8Array.from(encoded);
}

/** A packet with any first byte and body, and the correct Remaining Length. */
export function packet(firstByte: number, ...body: readonly Part[]): Uint8Array {
  const content = bytes(...body);
  return bytes(firstByte, remainingLength(content.byteLength), content);
}

export type Level = 3 | 4;

export interface WillFields {
  readonly topic: string;
  readonly payload: string | Uint8Array;
  readonly qos?: 0 | 1 | 2;
  readonly retain?: boolean;
}

export interface ConnectFields {
  readonly level?: Level;
  readonly clientId?: string;
  readonly clean?: boolean;
  readonly keepAlive?: number;
  readonly will?: WillFields;
  readonly userName?: string;
  readonly password?: string | Uint8Array;
}

export function connect(fields: ConnectFields = {}): Uint8Array {
  const { level = 4, clientId = 'client', clean = true, keepAlive = 0, will, userName, password } = fields;
  let flags = clean ? 0x02 : 0x00;
  const payload: Part[] = [field(clientId)];
  if (will !== undefined) {
    flags |= 0x04 | ((will.qos ?? 0) << 3) | (will.retain === true ? 0x20 : 0);
    payload.push(field(will.topic), field(will.payload));
  }
  if (userName !== undefined) {
    flags |= 0x80;
    payload.push(field(userName));
  }
  if (password !== undefined) {
    flags |= 0x40;
    payload.push(field(password));
  }
  return rawConnect({ level, flags, keepAlive, payload });
}

export interface RawConnectFields {
  readonly firstByte?: number;
  readonly name?: string;
  readonly level?: number;
  readonly flags?: number;
  readonly keepAlive?: number;
  readonly payload?: readonly Part[];
}

/** A CONNECT whose flags and payload may contradict each other. */
export function rawConnect(fields: RawConnectFields): Uint8Array {
  const {
    firstByte = 0x10,
    level = 4,
    name = level === 3 ? 'MQIsdp' : 'MQTT',
    flags = 0x02,
    keepAlive = 0,
    payload = [field('raw')],
  } = fields;
  return packet(firstByte, field(name), level, flags, uint16(keepAlive), ...payload);
}

export interface PublishFields {
  readonly topic: string | Uint8Array;
  readonly payload?: string | Uint8Array;
  readonly qos?: 0 | 1 | 2;
  readonly retain?: boolean;
  readonly dup?: boolean;
  /** Required above QoS 0. */
  readonly packetId?: number;
}

export function publish(fields: PublishFields): Uint8Array {
  const { topic, payload = '', qos = 0, retain = false, dup = false, packetId = 1 } = fields;
  const firstByte = 0x30 | (dup ? 0x08 : 0) | (qos << 1) | (retain ? 0x01 : 0);
  const content = typeof payload === 'string' ? ascii(payload) : payload;
  return packet(firstByte, field(topic), qos > 0 ? uint16(packetId) : '', content);
}

export const puback = (packetId: number): Uint8Array => packet(0x40, uint16(packetId));
export const pubrec = (packetId: number): Uint8Array => packet(0x50, uint16(packetId));
export const pubrel = (packetId: number): Uint8Array => packet(0x62, uint16(packetId));
export const pubcomp = (packetId: number): Uint8Array => packet(0x70, uint16(packetId));

export type Request = readonly [filter: string | Uint8Array, qos: number];

export function subscribe(packetId: number, requests: readonly Request[], firstByte = 0x82): Uint8Array {
  return packet(firstByte, uint16(packetId), ...requests.flatMap(([filter, qos]) => [field(filter), qos]));
}

export function unsubscribe(packetId: number, filters: readonly (string | Uint8Array)[], firstByte = 0xa2): Uint8Array {
  return packet(firstByte, uint16(packetId), ...filters.map(field));
}

export const PINGREQ = bytes('c0 00');
export const DISCONNECT = bytes('e0 00');

export interface Connack {
  readonly type: 'connack';
  readonly sessionPresent: boolean;
  readonly code: number;
}

export interface Publish {
  readonly type: 'publish';
  readonly topic: string;
  readonly payload: string;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  readonly dup: boolean;
  /** 0 at QoS 0. */
  readonly packetId: number;
}

type AcknowledgementType = 'puback' | 'pubrec' | 'pubrel' | 'pubcomp' | 'unsuback';
export type Acknowledgement = {
  readonly [T in AcknowledgementType]: { readonly type: T; readonly packetId: number };
}[AcknowledgementType];

export interface Suback {
  readonly type: 'suback';
  readonly packetId: number;
  readonly codes: readonly number[];
}

export interface Pingresp {
  readonly type: 'pingresp';
}

export type Received = Connack | Publish | Acknowledgement | Suback | Pingresp;

/** Splits the bytes of a server into packets, and fails on anything that MQTT 3.1.1 does not allow a server to send. */
export class ReceivedStream {
  #rest: Uint8Array = new Uint8Array();
  #first = true;

  /** Bytes of an incomplete packet. */
  get rest(): Uint8Array {
    return this.#rest;
  }

  push(chunk: Uint8Array): { packet: Received; bytes: Uint8Array }[] {
    this.#rest = bytes(this.#rest, chunk);
    const packets: { packet: Received; bytes: Uint8Array }[] = [];
    for (;;) {
      const whole = this.#take();
      if (whole === undefined) return packets;
      const received = parse(whole.all, whole.body);
      if (this.#first !== (received.type === 'connack')) {
        throw new Error(`CONNACK is the first packet and comes once [MQTT-3.2.0-1]; got ${hex(whole.all)}`);
      }
      this.#first = false;
      packets.push({ packet: received, bytes: whole.all });
    }
  }

  #take(): { all: Uint8Array; body: Uint8Array } | undefined {
    let length = 0;
    for (let i = 1; i < this.#rest.byteLength; i++) {
      if (i > 4) throw new Error(`Remaining Length is longer than four bytes: ${hex(this.#rest.subarray(0, 6))}`);
      const byte = this.#rest[i] ?? 0;
      length += (byte & 0x7f) * 128 ** (i - 1);
      if (byte >= 0x80) continue;
      const end = i + 1 + length;
      if (this.#rest.byteLength < end) return undefined;
      const all = this.#rest.subarray(0, end);
      this.#rest = this.#rest.subarray(end);
      return { all, body: all.subarray(i + 1) };
    }
    return undefined;
  }
}

/** By packet type: the name, and the only allowed flags of the first byte [MQTT-2.2.2-1]. */
const FIXED: Readonly<Record<number, { readonly type: Received['type']; readonly flags: number }>> = {
  2: { type: 'connack', flags: 0 },
  4: { type: 'puback', flags: 0 },
  5: { type: 'pubrec', flags: 0 },
  6: { type: 'pubrel', flags: 2 },
  7: { type: 'pubcomp', flags: 0 },
  9: { type: 'suback', flags: 0 },
  11: { type: 'unsuback', flags: 0 },
  13: { type: 'pingresp', flags: 0 },
};

function parse(all: Uint8Array, body: Uint8Array): Received {
  const firstByte = all[0] ?? 0;
  const require = (holds: boolean, rule: string): void => {
    if (!holds) throw new Error(`${rule}; got ${hex(all)}`);
  };
  if (firstByte >> 4 === 3) return parsePublish(firstByte, body, require);
  const fixed = FIXED[firstByte >> 4];
  if (fixed === undefined) throw new Error(`no packet that a server sends: ${hex(all)}`);
  require((firstByte & 0x0f) === fixed.flags, `the flags of ${fixed.type} are fixed [MQTT-2.2.2-1]`);
  switch (fixed.type) {
    case 'connack': {
      const [flags = 0, code = 0] = body;
      require(body.byteLength === 2, 'CONNACK has two bytes after its header');
      require(flags <= 1, 'CONNACK has one flag');
      require(code <= 5, 'CONNACK has return codes 0 to 5 [MQTT-3.2.2-6]');
      require(code === 0 || flags === 0, 'a refusing CONNACK has Session Present 0 [MQTT-3.2.2-4]');
      return { type: 'connack', sessionPresent: flags === 1, code };
    }
    case 'suback': {
      const codes = [...body.subarray(2)];
      require(codes.length > 0, 'SUBACK has one code or more');
      require(codes.every((code) => code <= 2 || code === 0x80), 'SUBACK codes are 0, 1, 2 and 80 [MQTT-3.9.3-2]');
      return { type: 'suback', packetId: readPacketId(body), codes };
    }
    case 'pingresp':
      require(body.byteLength === 0, 'PINGRESP has no body');
      return { type: 'pingresp' };
    case 'puback':
    case 'pubrec':
    case 'pubrel':
    case 'pubcomp':
    case 'unsuback':
      require(body.byteLength === 2, `${fixed.type} has a Packet Identifier and nothing more`);
      require(readPacketId(body) !== 0, 'a Packet Identifier is not 0');
      return { type: fixed.type, packetId: readPacketId(body) };
    case 'publish':
      throw new Error('PUBLISH is read elsewhere');
  }
}

const readPacketId = (body: Uint8Array): number => ((body[0] ?? 0) << 8) | (body[1] ?? 0);

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function parsePublish(firstByte: number, body: Uint8Array, require: (holds: boolean, rule: string) => void): Publish {
  const qos = (firstByte >> 1) & 3;
  const dup = (firstByte & 8) !== 0;
  require(qos !== 3, 'QoS is 0, 1 or 2 [MQTT-3.3.1-4]');
  require(qos > 0 || !dup, 'DUP is 0 at QoS 0 [MQTT-3.3.1-2]');
  const topicEnd = 2 + readPacketId(body);
  require(body.byteLength >= topicEnd + (qos > 0 ? 2 : 0), 'PUBLISH has a topic and above QoS 0 a Packet Identifier');
  const topic = strictUtf8.decode(body.subarray(2, topicEnd));
  require(topic.length > 0 && !/[+#\0]/.test(topic), 'a Topic Name has a character and no wildcard [MQTT-3.3.2-2]');
  const packetId = qos > 0 ? readPacketId(body.subarray(topicEnd)) : 0;
  require(qos === 0 || packetId !== 0, 'a Packet Identifier is not 0 [MQTT-2.3.1-1]');
  const payload = Buffer.from(body.subarray(topicEnd + (qos > 0 ? 2 : 0)));
  return {
    type: 'publish',
    topic,
    payload: payload.toString('utf8'),
    qos: qos as 0 | 1 | 2,
    retain: (firstByte & 1) !== 0,
    dup,
    packetId,
  };
}
