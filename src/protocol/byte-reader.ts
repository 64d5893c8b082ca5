// A cursor over the body of one packet: every field type of MQTT, and the rule that no field extends past the end. What
// the fields mean is the caller's business. PUBLISH and the acknowledgements are decoded without it, for speed.
import { MalformedPacketError } from './malformed.js';
import { decodeUtf8 } from './utf8.js';

export class ByteReader {
  constructor(
    readonly bytes: Uint8Array,
    public position: number,
    readonly end: number,
  ) {}

  get remaining(): number {
    return this.end - this.position;
  }

  byte(): number {
    return this.bytes[this.#advance(1)] as number;
  }

  uint16(): number {
    const at = this.#advance(2);
    return ((this.bytes[at] as number) << 8) | (this.bytes[at + 1] as number);
  }

  uint32(): number {
    const { bytes } = this;
    const at = this.#advance(4);
    const low = ((bytes[at + 1] as number) << 16) | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number);
    return (bytes[at] as number) * 0x1000000 + low;
  }

  /** MQTT 5 section 1.5.5: at most four bytes, and no more than the value needs. */
  variableByteInteger(): number {
    let value = 0;
    for (let shift = 0; shift <= 21; shift += 7) {
      const byte = this.byte();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        if (byte === 0 && shift > 0) throw integerError('takes more bytes than it needs'); // [MQTT5-1.5.5-1]
        return value;
      }
    }
    throw integerError('takes more than four bytes');
  }

  string(): string {
    const length = this.uint16();
    const from = this.#advance(length);
    return decodeUtf8(this.bytes, from, from + length);
  }

  /**
   * A copy, since such fields (a password, a will, Correlation Data) outlive the chunk they arrived in, which may be a
   * thousand times larger.
   */
  binary(): Uint8Array {
    const length = this.uint16();
    const from = this.#advance(length);
    return this.bytes.slice(from, from + length);
  }

  packetId(): number {
    const id = this.uint16();
    if (id === 0) throw packetIdZero();
    return id;
  }

  /** A reader for a part of the packet with an end of its own. */
  part(length: number): ByteReader {
    const from = this.#advance(length);
    return new ByteReader(this.bytes, from, from + length);
  }

  expectEnd(): void {
    if (this.position < this.end) throw trailing(this.remaining);
  }

  #advance(by: number): number {
    const at = this.position;
    if (by > this.end - at) throw truncated();
    this.position = at + by;
    return at;
  }
}

export function truncated(): MalformedPacketError {
  return new MalformedPacketError('packet-truncated', 'a field reaches over the end of its packet');
}

export function trailing(count: number): MalformedPacketError {
  return new MalformedPacketError('packet-trailing-bytes', `${count} bytes are left over behind the last field`);
}

/** [MQTT-2.3.1-1]. MQTT 5 does not fix the code: the packet can be parsed, but its content breaks a rule. */
export function packetIdZero(): MalformedPacketError {
  return new MalformedPacketError('packet-id-zero', 'the packet identifier is 0', 0x82);
}

function integerError(what: string): MalformedPacketError {
  return new MalformedPacketError('variable-byte-integer', `a variable byte integer ${what}`);
}
