// Records as bytes: fixed-width big-endian numbers, lengths as variable byte integers, text as UTF-8. The other files
// of this folder decide on the order of the fields.
//
// Each record ends with a seal, the CRC-32 of all before it: LevelDB has checksums in its tables, but the classic-level
// binding cannot make it check them when it reads.
import { crc32 } from 'node:zlib';
import { DamagedRecord } from '../errors.js';

const SCRATCH_BYTES_MIN = 64 * 1024;
/** A buffer that has grown beyond this is replaced after its record. */
const SCRATCH_BYTES_KEPT_MAX = 1024 * 1024;
const TWO_32 = 0x1_0000_0000;
const SEAL_BYTES = 4;

export class RecordWriter {
  #bytes = Buffer.allocUnsafeSlow(SCRATCH_BYTES_MIN);
  #at = 0;

  begin(): this {
    if (this.#bytes.length > SCRATCH_BYTES_KEPT_MAX) this.#bytes = Buffer.allocUnsafeSlow(SCRATCH_BYTES_MIN);
    this.#at = 0;
    return this;
  }

  /** Seals the record. @returns a view of the buffer, valid until the next `begin`. */
  end(): Buffer {
    this.uint32(crc32(this.#bytes.subarray(0, this.#at)));
    return this.#bytes.subarray(0, this.#at);
  }

  byte(value: number): this {
    this.#need(1);
    this.#bytes[this.#at++] = value;
    return this;
  }

  uint16(value: number): this {
    this.#need(2);
    this.#at = this.#bytes.writeUInt16BE(value, this.#at);
    return this;
  }

  uint32(value: number): this {
    this.#need(4);
    this.#at = this.#bytes.writeUInt32BE(value, this.#at);
    return this;
  }

  /** Up to 2^48 - 1: for the numbers that this adapter assigns. */
  uint48(value: number): this {
    this.#need(6);
    this.#at = this.#bytes.writeUIntBE(value, this.#at, 6);
    return this;
  }

  /** Up to 2^53 - 1, in eight bytes. */
  uint53(value: number): this {
    this.#need(8);
    this.#at = this.#bytes.writeUInt32BE(Math.floor(value / TWO_32), this.#at);
    this.#at = this.#bytes.writeUInt32BE(value % TWO_32, this.#at);
    return this;
  }

  /** Milliseconds, with the fractions that the clock may give. */
  time(value: number): this {
    this.#need(8);
    this.#at = this.#bytes.writeDoubleBE(value, this.#at);
    return this;
  }

  length(value: number): this {
    this.#need(5);
    let rest = value;
    while (rest > 0x7f) {
      this.#bytes[this.#at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#bytes[this.#at++] = rest;
    return this;
  }

  text(value: string): this {
    const length = Buffer.byteLength(value);
    this.length(length).#need(length);
    this.#at += this.#bytes.write(value, this.#at, length);
    return this;
  }

  binary(value: Uint8Array): this {
    return this.length(value.byteLength).rest(value);
  }

  /** The last field of a record, which needs no length: it ends where the record ends. */
  rest(value: Uint8Array): this {
    // With room for the seal: a large record is not copied once more for it.
    this.#need(value.byteLength + SEAL_BYTES);
    this.#bytes.set(value, this.#at);
    this.#at += value.byteLength;
    return this;
  }

  #need(more: number): void {
    const needed = this.#at + more;
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2));
    this.#bytes.copy(larger, 0, 0, this.#at);
    this.#bytes = larger;
  }
}

/** The one writer: its buffer serves all records, one after the other. */
export const recordWriter = new RecordWriter();

/** @throws DamagedRecord if the seal is broken, or if a field does not fit into the rest of the record. */
export class RecordReader {
  readonly #bytes: Buffer;
  readonly #end: number;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#end = bytes.length - SEAL_BYTES;
    if (this.#end < 0 || bytes.readUInt32BE(this.#end) !== crc32(bytes.subarray(0, this.#end)))
      throw new DamagedRecord('a record does not match its checksum');
  }

  byte(): number {
    return this.#bytes.readUInt8(this.#skip(1));
  }

  uint16(): number {
    return this.#bytes.readUInt16BE(this.#skip(2));
  }

  uint32(): number {
    return this.#bytes.readUInt32BE(this.#skip(4));
  }

  uint48(): number {
    return this.#bytes.readUIntBE(this.#skip(6), 6);
  }

  uint53(): number {
    return this.uint32() * TWO_32 + this.uint32();
  }

  time(): number {
    return this.#bytes.readDoubleBE(this.#skip(8));
  }

  length(): number {
    let value = 0;
    for (let factor = 1; factor <= 2 ** 28; factor *= 128) {
      const byte = this.byte();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
    throw new DamagedRecord('a length has more than five bytes');
  }

  text(): string {
    const start = this.#skip(this.length());
    return this.#bytes.toString('utf8', start, this.#at);
  }

  /** A view of the record. */
  binary(): Uint8Array {
    return this.#view(this.length());
  }

  rest(): Uint8Array {
    return this.#view(this.#end - this.#at);
  }

  #view(length: number): Uint8Array {
    const start = this.#skip(length);
    return new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset + start, length);
  }

  #skip(length: number): number {
    const start = this.#at;
    if (start + length > this.#end) throw new DamagedRecord('a record ends too early');
    this.#at = start + length;
    return start;
  }
}
