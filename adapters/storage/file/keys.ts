// Where a record stands in the store: its key. The first byte says what the record is; what follows is a number of
// fixed width or one name, always the last thing in the key, so that names of any bytes and any length sort and
// separate without escaping. What the records say is in `records.ts`; both are format, and the format's version is
// there.
//
// Numbers are big-endian, because the store sorts by bytes, in digits of seven bits, because a key without a byte over
// 0x7f is text: the engine's binding hands over text at half the price of bytes, and pages of a queue are read by the
// hundred thousand. Queues and clients have a number of their own under which everything of theirs is kept: the name,
// which may be 128 KiB long, stands in one record instead of in every entry, and to drop a queue is to forget its
// number.
//
// Fences: the engine finds the end of a range by going on to the next key that is there, over everything that was
// deleted and not yet compacted, whosoever it was. So each space begins with a key of its own, and what is kept under a
// number ends with one: a reader that comes to the end meets a fence at once instead of stepping over a neighbour's
// past.

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

/** Seven digits are 49 bits: more clients and queues than a store ever has. Eight hold any seq. */
const NUMBER_DIGITS = 7;
const SEQ_DIGITS = 8;
const PACKET_ID_DIGITS = 3;
const DIGIT = 0x80;
/** Above every first byte of a filter, a packet id and a seq. */
const FENCE = 0xff;
/** Of the space and a number. */
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

/** Follows the entry that it is about, so that one pass over a queue meets both: PUBREC has come. */
export function releasedKey(queue: number, seq: number): Buffer {
  const key = keyUnder(Space.entry, queue, SEQ_DIGITS + 1);
  writeDigits(key, seq, PREFIX_BYTES, SEQ_DIGITS);
  key[ENTRY_KEY_BYTES] = 1;
  return key;
}

/** The end of what is kept under a number. */
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
  // Bit operations are quicker, and know 32 bits.
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

/** Of a subscription or an inbound packet id. */
export const isFence = (key: Buffer): boolean => key.length === PREFIX_BYTES + 1 && key[PREFIX_BYTES] === FENCE;

// ---- keys of entries, read as text

/** For an iterator over entries, whose keys are then text. */
export const textRange = (gte: Buffer, lt: Buffer) =>
  ({ keyEncoding: 'utf8', gte: gte.toString('latin1'), lt: lt.toString('latin1') }) as const;

export function seqOf(key: string): number {
  let seq = 0;
  for (let at = PREFIX_BYTES; at < ENTRY_KEY_BYTES; at++) seq = seq * DIGIT + key.charCodeAt(at);
  return seq;
}

export const isReleasedKey = ({ length }: string | Buffer): boolean => length > ENTRY_KEY_BYTES;
/** Its last byte is no text, but is one character. */
export const isEntryFence = ({ length }: string): boolean => length < ENTRY_KEY_BYTES;

/** The beginnings of the spaces that have ranges, and the end of the last. */
export const spaceFences = (): Buffer[] =>
  Array.from({ length: Space.dropped - Space.client + 2 }, (_, i) => Buffer.of(Space.client + i));

/** Everything in a space. */
export const rangeOf = (space: Space): { gt: Buffer; lt: Buffer } => ({
  gt: spaceKey(space),
  lt: Buffer.of(space + 1),
});
/** Everything that is kept under a number, and the fence behind it. */
export const rangeUnder = (space: Space, number: number): { gte: Buffer; lt: Buffer } => ({
  gte: numberedKey(space, number),
  lt: numberedKey(space, number + 1),
});
