// The incoming frames of a WebSocket (RFC 6455, section 5.2) as a stream. MQTT reads the contents of binary frames as
// one stream of bytes [MQTT-6.0.0-2], so nothing is kept until a message is complete: what has arrived is unmasked in
// its chunk, moved together over the headers between, and handed on. Only a header that is cut off is kept, at most 13
// bytes. Control frames, and whatever breaks the protocol, go to the WebSocket library as they came.

export interface FrameSink {
  /** Contents of binary messages. */
  data(bytes: Buffer): void;
  /** Control frames, or parts of them; and everything from the first frame on that breaks the protocol. */
  control(bytes: Buffer): void;
  /** A text message has begun. */
  text(): void;
  /** A message has begun in the middle of another. */
  interleaved(): void;
}

const FIN = 0x80;
const RESERVED = 0x70;
const MASKED = 0x80;
const Opcode = { continuation: 0, text: 1, binary: 2, close: 8, pong: 10 } as const;
const MASK_BYTES = 4;

export class FrameReader {
  /** A header that is cut off. */
  #cut: Buffer | undefined;
  /** Of the present frame: what has not arrived. */
  #left = 0;
  #isControl = false;
  /** The mask, rotated so that its first byte, the highest, is for the next byte. */
  #mask = 0;
  #isInMessage = false;
  #isBroken = false;

  constructor(readonly sink: FrameSink) {}

  /** Takes over the chunk, and changes it. */
  read(chunk: Buffer): void {
    const bytes = this.#cut === undefined ? chunk : Buffer.concat([this.#cut, chunk]);
    this.#cut = undefined;
    // What is unmasked and not handed on yet.
    let begin = 0;
    let end = 0;
    let at = 0;
    while (at < bytes.length) {
      if (this.#isBroken || (this.#isControl && this.#left > 0)) {
        const next = this.#isBroken ? bytes.length : Math.min(at + this.#left, bytes.length);
        this.#handOn(bytes, begin, end);
        this.#left -= next - at;
        this.sink.control(bytes.subarray(at, next));
        begin = end = at = next;
      } else if (this.#left > 0) {
        if (begin === end) begin = end = at;
        const next = Math.min(at + this.#left, bytes.length);
        this.#unmask(bytes, at, next, end);
        end += next - at;
        this.#left -= next - at;
        at = next;
      } else {
        const size = headerBytes(bytes, at);
        if (size === 0) {
          this.#cut = Buffer.from(bytes.subarray(at));
          break;
        }
        if (this.#begins(bytes, at, size)) at += size;
        // The library gets the header as well.
        else if (!this.#isBroken) this.#left += size;
      }
    }
    this.#handOn(bytes, begin, end);
  }

  /** @returns whether it is the header of a data frame, whose contents follow. */
  #begins(bytes: Buffer, at: number, size: number): boolean {
    const first = bytes[at] as number;
    const opcode = first & 0x0f;
    const isContinuation = opcode === Opcode.continuation;
    this.#left = lengthOf(bytes, at);
    this.#isControl = opcode >= Opcode.close && opcode <= Opcode.pong;
    const isData = opcode <= Opcode.binary && (!isContinuation || this.#isInMessage);
    const isMasked = ((bytes[at + 1] as number) & MASKED) !== 0;
    this.#isBroken = (first & RESERVED) !== 0 || !isMasked || !(isData || this.#isControl);
    if (this.#isBroken || this.#isControl) return false;
    if (opcode === Opcode.text) this.sink.text();
    if (!isContinuation && this.#isInMessage) this.sink.interleaved();
    this.#isInMessage = (first & FIN) === 0;
    this.#mask = bytes.readInt32BE(at + size - MASK_BYTES);
    return true;
  }

  #unmask(bytes: Buffer, from: number, to: number, target: number): void {
    let mask = this.#mask;
    let out = target;
    for (let i = from; i < to; i++) {
      bytes[out++] = (bytes[i] as number) ^ (mask >>> 24);
      mask = (mask << 8) | (mask >>> 24);
    }
    this.#mask = mask;
  }

  #handOn(bytes: Buffer, begin: number, end: number): void {
    if (begin < end) this.sink.data(bytes.subarray(begin, end));
  }
}

/** Size of the header at `at`; 0 if it is cut off. */
function headerBytes(bytes: Buffer, at: number): number {
  if (at + 2 > bytes.length) return 0;
  const second = bytes[at + 1] as number;
  const length = second & 0x7f;
  const size = 2 + (length === 126 ? 2 : length === 127 ? 8 : 0) + ((second & MASKED) === 0 ? 0 : MASK_BYTES);
  return at + size > bytes.length ? 0 : size;
}

function lengthOf(bytes: Buffer, at: number): number {
  const length = (bytes[at + 1] as number) & 0x7f;
  if (length === 126) return bytes.readUInt16BE(at + 2);
  return length === 127 ? bytes.readUInt32BE(at + 2) * 2 ** 32 + bytes.readUInt32BE(at + 6) : length;
}
