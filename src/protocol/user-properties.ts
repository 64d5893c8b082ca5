// The User Properties of a packet (MQTT 5, section 3.3.2.3.7). A broker checks them and passes them on in order, but
// does not look into them, so they stay encoded: as strings they would take many times their bytes, and eight of them
// would cost more than everything else about a message.
import { ByteReader, truncated } from './byte-reader.js';
import { ByteWriter } from './byte-writer.js';
import { viewOf, wordsOf } from './chunk-views.js';
import { isPlain, skipPlain, validateUtf8 } from './utf8.js';

export const USER_PROPERTY_ID = 0x26;

/** A name and its value. */
export type UserProperty = readonly [name: string, value: string];

/** A list of names and values, in order. The same name may occur more than once. */
export class UserProperties implements Iterable<UserProperty> {
  /** @param bytes checked properties, each with its identifier, as they stand in a packet. */
  private constructor(readonly bytes: Uint8Array) {}

  /** @throws RangeError for a name or value that is not a valid MQTT string (section 1.5.4). */
  static of(pairs: Iterable<UserProperty>): UserProperties {
    const writer = new ByteWriter();
    for (const [name, value] of pairs) {
      writer.byte(USER_PROPERTY_ID);
      writer.string(name);
      writer.string(value);
    }
    return new UserProperties(writer.view().slice());
  }

  /**
   * Reads all that follow each other from the position of `reader` on.
   * @param isView whether they remain part of the bytes of the reader.
   * @throws MalformedPacketError for text that is not a valid MQTT string.
   */
  static read(reader: ByteReader, isView: boolean): UserProperties {
    const { bytes, position, end } = reader;
    reader.position = skipProperties(bytes, position, end);
    const view = viewOf(bytes, position, reader.position);
    return new UserProperties(isView ? view : view.slice());
  }

  *[Symbol.iterator](): Generator<UserProperty> {
    const reader = new ByteReader(this.bytes, 0, this.bytes.length);
    while (reader.remaining > 0) {
      reader.byte();
      yield [reader.string(), reader.string()];
    }
  }

  /** These and then the others. */
  followedBy({ bytes }: UserProperties): UserProperties {
    const all = new Uint8Array(this.bytes.length + bytes.length);
    all.set(this.bytes);
    all.set(bytes, this.bytes.length);
    return new UserProperties(all);
  }

  /** The same properties in bytes of their own, if these are part of a larger buffer. */
  detached(): UserProperties {
    const { bytes } = this;
    return bytes.byteLength === bytes.buffer.byteLength ? this : new UserProperties(bytes.slice());
  }

  /** As pairs of text. */
  toJSON(): readonly UserProperty[] {
    return [...this];
  }
}

/** @returns the offset after the last User Property of those that follow each other from `from` on. */
function skipProperties(bytes: Uint8Array, from: number, end: number): number {
  const words = wordsOf(bytes);
  let at = from;
  while (at < end && bytes[at] === USER_PROPERTY_ID)
    at = skipString(bytes, words, skipString(bytes, words, at + 1, end), end);
  return at;
}

/** Checks the string at `at` without making it. @returns the offset after it. */
function skipString(bytes: Uint8Array, words: DataView, at: number, end: number): number {
  const from = at + 2;
  if (from > end) throw truncated();
  const to = from + (((bytes[at] as number) << 8) | (bytes[at + 1] as number));
  if (to > end) throw truncated();
  if (!isPlain(words, from, to)) validateUtf8(bytes, skipPlain(bytes, from, to), to); // [MQTT5-1.5.7-1]
  return to;
}
