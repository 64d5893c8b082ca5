// The key of each record. The first byte says what the record is; then follow numbers of fixed width, and at most one
// name, always at the end, so that names of any bytes and any length sort and stay distinct without escaping.
// `records/` has the values; keys and values are one format with one version.
//
// Numbers are big-endian, because the store sorts by bytes, and have digits of seven bits, because a key without a byte
// above 0x7f is text: the engine's binding returns text at half the cost of bytes, and pages of a queue are read by the
// hundred thousand. Queues and clients have numbers under which everything of theirs is stored: the name, which may be
// 128 KiB long, stands in one record instead of in every entry, and dropping a queue means forgetting its number.
//
// Fences: the engine finds the end of a range by going on to the next key that exists, over everything that was deleted
// and not compacted yet. So each space begins with a key of its own, and the range under each number ends with one: a
// reader meets a fence at once instead of stepping over deleted keys of the next range.

export const Space = {
  format: 0x00,
  counters: 0x01,
  client: 0x02,
  queue: 0x03,
  subscription: 0x04,
  inbound: 0x05,
  entry: 0x06,
  body: 0x07,
  references: 0x08,
  retained: 0x09,
  will: 0x0a,
  dropped: 0x0b,
} as const;

export type Space = (typeof Space)[keyof typeof Space];

/** Seven digits are 49 bits, enough for the clients and queues of any store. Eight hold every seq. */
const NUMBER_DIGITS = 7;
const SEQ_DIGITS = 8;
const PACKET_ID_DIGITS = 3;
const DIGIT = 0x80;
/** Above every first byte of a filter, a packet id and a seq. */
const FENCE = 0xff;
/** The space and a number. */
const PREFIX_BYTES = 1 + NUMBER_DIGITS;
const ENTRY_KEY_BYTES = PREFIX_BYTES + SEQ_DIGITS;

export const spaceKey = (space: Space): Buffer => Buffer.of(space);

export function namedKey(space: Space, name: string): Buffer {
  const key = Buffer.allocUnsafe(1 + Buffer.byteLength(name));
  key[0] = space;
  key.write(name, 1);
  return key;
}

export const numberedKey = (space: Space, number: number): Buffer => keyUnder(space, number, 0);

export function subscriptionKey(client: number, filter: string): Buffer {
  const key = keyUnder(Space.subscription, client, Buffer.byteLength(filter));
  key.write(filter, PREFIX_BYTES);
  return key;
}

export function inboundKey(client: number, packetId: number): Buffer {
  const key = keyUnder(Space.inbound, client, PACKET_ID_DIGITS);
  writeDigits(key, packetId, PREFIX_BYTES, PACKET_ID_DIGITS);
  return key;
}

export function entryKey(queue: number, seq: number): Buffer {
  const key = keyUnder(Space.entry, queue, SEQ_DIGITS);
  writeDigits(key, seq, PREFIX_BYTES, SEQ_DIGITS);
  return key;
}

/** Marks an entry as released (PUBREC has arrived). Follows the entry, so that one pass over a queue meets both. */
export function releasedKey(queue: number, seq: number): Buffer {
  const key = keyUnder(Space.entry, queue, SEQ_DIGITS + 1);
  writeDigits(key, seq, PREFIX_BYTES, SEQ_DIGITS);
  key[ENTRY_KEY_BYTES] = 1;
  return key;
}

/** The end of the range under a number. */
export function fenceKey(space: Space, number: number): Buffer {
  const key = keyUnder(space, number, 1);
  key[PREFIX_BYTES] = FENCE;
  return key;
}

function keyUnder(space: Space, number: number, more: number): Buffer {
  const key = Buffer.allocUnsafe(PREFIX_BYTES + more);
  key[0] = space;
  writeDigits(key, number, 1, NUMBER_DIGITS);
  return key;
}

function writeDigits(key: Buffer, value: number, from: number, digits: number): void {
  let rest = value;
  let at = from + digits - 1;
  // Bit operations are faster, but limited to 32 bits.
  for (; rest >= 0x8000_0000; at--) {
    const above = Math.floor(rest / DIGIT);
    key[at] = rest - above * DIGIT;
    rest = above;
  }
  for (; at >= from; at--) {
    key[at] = rest & (DIGIT - 1);
    rest >>= 7;
  }
}

const readDigits = (key: Buffer, from: number, digits: number): number => {
  let value = 0;
  for (let at = from; at < from + digits; at++) value = value * DIGIT + (key[at] as number);
  return value;
};

export const numberOf = (key: Buffer): number => readDigits(key, 1, NUMBER_DIGITS);
export const nameOf = (key: Buffer): string => key.toString('utf8', 1);
export const filterOf = (key: Buffer): string => key.toString('utf8', PREFIX_BYTES);
export const packetIdOf = (key: Buffer): number => readDigits(key, PREFIX_BYTES, PACKET_ID_DIGITS);

/** Whether the key is a fence, among keys of subscriptions or inbound ids. */
export const isFence = (key: Buffer): boolean => key.length === PREFIX_BYTES + 1 && key[PREFIX_BYTES] === FENCE;

// ---- keys of entries, read as text

/** A range for an iterator over entries that returns keys as text. */
export const textRange = (gte: Buffer, lt: Buffer) =>
  ({ keyEncoding: 'utf8', gte: gte.toString('latin1'), lt: lt.toString('latin1') }) as const;

export function seqOf(key: string): number {
  let seq = 0;
  for (let at = PREFIX_BYTES; at < ENTRY_KEY_BYTES; at++) seq = seq * DIGIT + key.charCodeAt(at);
  return seq;
}

export const isReleasedKey = ({ length }: string | Buffer): boolean => length > ENTRY_KEY_BYTES;
/** The last byte of a fence is not text, but read as text it is one character. */
export const isEntryFence = ({ length }: string): boolean => length < ENTRY_KEY_BYTES;

/** The beginnings of the spaces that have ranges, and the end of the last. */
export const spaceFences = (): Buffer[] =>
  Array.from({ length: Space.dropped - Space.client + 2 }, (_, i) => Buffer.of(Space.client + i));

/** Everything in a space. */
export const rangeOf = (space: Space): { gt: Buffer; lt: Buffer } => ({
  gt: spaceKey(space),
  lt: Buffer.of(space + 1),
});
/** Everything under a number, and the fence behind it. */
export const rangeUnder = (space: Space, number: number): { gte: Buffer; lt: Buffer } => ({
  gte: numberedKey(space, number),
  lt: numberedKey(space, number + 1),
});
