// A growing buffer that packets are written into: every field type of MQTT, each with its range. The encoder knows what
// belongs in a packet; PUBLISH and the acknowledgements on the hot path are written without it.
import { STRING_BYTES_MAX, utf8Length, writeUtf8 } from './utf8.js';

export const VARIABLE_BYTE_INTEGER_MAX = 268_435_455;

const FIRST_BYTES = 128;
/** A writer that is used again keeps no more than this. */
const KEPT_BYTES_MAX = 16_384;

export class ByteWriter {
  #bytes = new Uint8Array(FIRST_BYTES);
  length = 0;

  byte(value: number): void {
    const at = this.#reserve(1);
    this.#bytes[at] = inRange(value, 0xff, 'a byte');
  }

  uint16(value: number): void {
    inRange(value, 0xffff, 'a two byte integer');
    const at = this.#reserve(2);
    this.#bytes[at] = value >> 8;
    this.#bytes[at + 1] = value;
  }

  uint32(value: number): void {
    inRange(value, 0xffff_ffff, 'a four byte integer');
    const at = this.#reserve(4);
    this.#bytes[at] = value >>> 24;
    this.#bytes[at + 1] = value >>> 16;
    this.#bytes[at + 2] = value >>> 8;
    this.#bytes[at + 3] = value;
  }

  variableByteInteger(value: number): void {
    const at = this.#reserve(variableByteIntegerSize(value));
    writeVariableByteInteger(this.#bytes, at, value);
  }

  string(text: string): void {
    const length = utf8Length(text);
    if (length > STRING_BYTES_MAX) throw new RangeError(`a string of ${length} bytes is longer than 65,535`);
    this.uint16(length);
    const at = this.#reserve(length);
    writeUtf8(this.#bytes, at, text);
  }

  binary(bytes: Uint8Array): void {
    if (bytes.length > STRING_BYTES_MAX)
      throw new RangeError(`binary data of ${bytes.length} bytes is longer than 65,535`);
    this.uint16(bytes.length);
    this.raw(bytes);
  }

  raw(bytes: Uint8Array): void {
    const at = this.#reserve(bytes.length);
    this.#bytes.set(bytes, at);
  }

  packetId(id: number): void {
    if (id === 0) throw new RangeError('the packet identifier is 0'); // [MQTT-2.3.1-1]
    this.uint16(id);
  }

  /** The bytes written so far, valid until the writer is used again. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.length);
  }

  /** Starts over. Views of earlier contents become invalid. */
  restart(): void {
    if (this.#bytes.length > KEPT_BYTES_MAX) this.#bytes = new Uint8Array(FIRST_BYTES);
    this.length = 0;
  }

  #reserve(more: number): number {
    const at = this.length;
    const needed = at + more;
    if (needed > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
      grown.set(this.view());
      this.#bytes = grown;
    }
    this.length = needed;
    return at;
  }
}

/** MQTT 5 section 1.5.5; also the Remaining Length of every version. */
export function variableByteIntegerSize(value: number): number {
  if (value < 128) return 1;
  if (value < 16_384) return 2;
  if (value < 2_097_152) return 3;
  if (value <= VARIABLE_BYTE_INTEGER_MAX) return 4;
  throw new RangeError(`${value} is more than a variable byte integer can hold`);
}

/** @returns the offset after the integer. */
export function writeVariableByteInteger(target: Uint8Array, offset: number, value: number): number {
  let at = offset;
  let rest = value;
  while (rest > 127) {
    target[at++] = (rest & 127) | 128;
    rest >>= 7;
  }
  target[at++] = rest;
  return at;
}

export function inRange(value: number, max: number, what: string): number {
  if (!Number.isInteger(value) || value < 0 || value > max) throw new RangeError(`${value} does not fit into ${what}`);
  return value;
}
