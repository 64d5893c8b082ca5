// Text on the wire: which bytes are an MQTT string, and which strings can be sent. Strict in every version: overlong
// forms, surrogates, code points above U+10FFFF and U+0000 are refused, and nothing is ever replaced by U+FFFD. What a
// string means (a topic, a filter, a name) is decided elsewhere.
import { MalformedPacketError } from './malformed.js';

export const STRING_BYTES_MAX = 65_535;

/** The two slice methods of Buffer used here; they take any Uint8Array as `this` and make flat strings in one call. */
type Slice = (this: Uint8Array, from: number, to: number) => string;
interface Slices {
  readonly latin1Slice: Slice;
  readonly utf8Slice: Slice;
}
/** Node's, declared here: the core computes sizes of packets, and compiles without the types of Node. */
declare const Buffer: { readonly prototype: Slices };
const { latin1Slice, utf8Slice } = Buffer.prototype;

/** The string in `bytes[from..to)`. */
export function decodeUtf8(bytes: Uint8Array, from: number, to: number): string {
  if (from === to) return '';
  const plainTo = skipPlain(bytes, from, to);
  if (plainTo === to) return latin1Slice.call(bytes, from, to);
  validateUtf8(bytes, plainTo, to);
  // Not TextDecoder: it would drop a leading U+FEFF, which is an ordinary character here. [MQTT-1.5.3-3]
  return utf8Slice.call(bytes, from, to);
}

/** @returns the offset of the first byte in `bytes[from..to)` that is 0 or not ASCII, or `to`. */
export function skipPlain(bytes: Uint8Array, from: number, to: number): number {
  let i = from;
  // One comparison for both: 0 becomes 255.
  while (i < to && (((bytes[i] as number) - 1) & 0xff) < 0x7f) i++;
  return i;
}

/**
 * Whether the bytes in `words[from..to)` are all ASCII and not 0, four at a time: much faster than `skipPlain`, where
 * nearly all are.
 */
export function isPlain(words: DataView, from: number, to: number): boolean {
  const last = to - 4;
  if (last < from) {
    for (let i = from; i < to; i++) if (((words.getUint8(i) - 1) & 0xff) >= 0x7f) return false;
    return true;
  }
  // Bytes that were compared already may be part of the last word.
  for (let i = from; i < last; i += 4) if (!isPlainWord(words.getInt32(i, true))) return false;
  return isPlainWord(words.getInt32(last, true));
}

/** A byte from 0x80 on has its highest bit set, and 0 has it set when 1 is subtracted. */
const isPlainWord = (word: number): boolean => ((word | (word - 0x01010101)) & 0x80808080) === 0;

/** Throws unless `bytes[from..to)` is well-formed (the table of RFC 3629, section 4) and free of U+0000. */
export function validateUtf8(bytes: Uint8Array, from: number, to: number): void {
  let i = from;
  while (i < to) {
    const lead = bytes[i++] as number;
    if (lead < 0x80) {
      if (lead === 0) throw nullCharacter();
      continue;
    }
    // The range of the second byte excludes overlong forms, surrogates and code points that are too large.
    let more: number;
    let low = 0x80;
    let high = 0xbf;
    if (lead >= 0xc2 && lead <= 0xdf) more = 1;
    else if (lead >= 0xe0 && lead <= 0xef) {
      more = 2;
      if (lead === 0xe0) low = 0xa0;
      else if (lead === 0xed) high = 0x9f; // D800 to DFFF [MQTT-1.5.3-1]
    } else if (lead >= 0xf0 && lead <= 0xf4) {
      more = 3;
      if (lead === 0xf0) low = 0x90;
      else if (lead === 0xf4) high = 0x8f;
    } else throw illFormed();
    if (to - i < more) throw illFormed();
    const second = bytes[i++] as number;
    if (second < low || second > high) throw illFormed();
    for (; more > 1; more--) {
      if (((bytes[i++] as number) & 0xc0) !== 0x80) throw illFormed();
    }
  }
}

/** The number of bytes that `text` takes. @throws RangeError if it is not a valid MQTT string. */
export function utf8Length(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) {
      if (unit === 0) throw new RangeError('a string holds U+0000'); // [MQTT-1.5.3-2]
    } else if (unit < 0x800) bytes += 1;
    else if (unit < 0xd800 || unit > 0xdfff) bytes += 2;
    else {
      const next = i + 1 < text.length ? text.charCodeAt(i + 1) : 0;
      // [MQTT-1.5.3-1]
      if (unit > 0xdbff || next < 0xdc00 || next > 0xdfff) throw new RangeError('a string holds half a surrogate pair');
      bytes += 2; // two units, four bytes
      i++;
    }
  }
  return bytes;
}

/** Writes `text`, which `utf8Length` has checked. @returns the offset after it. */
export function writeUtf8(target: Uint8Array, offset: number, text: string): number {
  let at = offset;
  for (let i = 0; i < text.length; i++) {
    let point = text.charCodeAt(i);
    if (point < 0x80) {
      target[at++] = point;
      continue;
    }
    if (point < 0x800) {
      target[at++] = 0xc0 | (point >> 6);
    } else {
      if (point >= 0xd800 && point <= 0xdbff) {
        point = 0x10000 + ((point - 0xd800) << 10) + (text.charCodeAt(++i) - 0xdc00);
        target[at++] = 0xf0 | (point >> 18);
        target[at++] = 0x80 | ((point >> 12) & 0x3f);
      } else {
        target[at++] = 0xe0 | (point >> 12);
      }
      target[at++] = 0x80 | ((point >> 6) & 0x3f);
    }
    target[at++] = 0x80 | (point & 0x3f);
  }
  return at;
}

/** @throws RangeError if `text` is not a valid MQTT string or takes more bytes than its length prefix can express. */
export function encodeUtf8(text: string): Uint8Array {
  const length = utf8Length(text);
  if (length > STRING_BYTES_MAX) throw new RangeError(`a string of ${length} bytes is longer than 65,535`);
  const bytes = new Uint8Array(length);
  writeUtf8(bytes, 0, text);
  return bytes;
}

function illFormed(): MalformedPacketError {
  // [MQTT-1.5.3-1], [MQTT5-1.5.4-1]
  return new MalformedPacketError('utf8-invalid', 'a string is not well-formed UTF-8');
}

function nullCharacter(): MalformedPacketError {
  return new MalformedPacketError('utf8-null-character', 'a string holds U+0000'); // [MQTT-1.5.3-2], [MQTT5-1.5.4-2]
}
