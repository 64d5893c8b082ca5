// Where a record stands in the store: its key. The first byte says what the record is; what follows is a number of fixed width or one name,
// always the last thing in the key, so that names of any bytes and any length sort and separate without escaping. What the records say is in
// `records.ts`; both are format, and the format's version is there.
//
// Numbers are big-endian, because the store sorts by bytes. Queues and clients have a number of their own under which everything of theirs is kept:
// the name, which may be 128 KiB long, stands in one record instead of in every entry, and to drop a queue is to forget its number.
//
// Fences: the engine finds the end of a range by going on to the next key that is there, over everything that was deleted and not yet compacted,
// whosoever it was. So each space begins with a key of its own, and what is kept under a number ends with one: a reader that comes to the
// end meets a fence at once instead of stepping over a neighbour's past.

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

const TWO_32 = 0x1_0000_0000;
/** Above every first byte of a filter, a packet id and a seq. */
const FENCE = 0xff;
/** Of the space and a number. */
const PREFIX_BYTES = 7;
const ENTRY_KEY_BYTES = PREFIX_BYTES + 8;

export const spaceKey = (space: Space): Buffer => Buffer.of(space);

export function namedKey(space: Space, name: string): Buffer {
  const key = Buffer.allocUnsafe(1 + Buffer.byteLength(name));
  key[0] = space;
  key.write(name, 1);
  return key;
}

export function numberedKey(space: Space, number: number): Buffer {
  const key = Buffer.allocUnsafe(PREFIX_BYTES);
  key[0] = space;
  key.writeUIntBE(number, 1, 6);
  return key;
}

export function subscriptionKey(client: number, filter: string): Buffer {
  const key = Buffer.allocUnsafe(PREFIX_BYTES + Buffer.byteLength(filter));
  key[0] = Space.subscription;
  key.writeUIntBE(client, 1, 6);
  key.write(filter, PREFIX_BYTES);
  return key;
}

export function inboundKey(client: number, packetId: number): Buffer {
  const key = Buffer.allocUnsafe(PREFIX_BYTES + 3);
  key[0] = Space.inbound;
  key.writeUIntBE(client, 1, 6);
  key.writeUIntBE(packetId, PREFIX_BYTES, 3);
  return key;
}

export function entryKey(queue: number, seq: number): Buffer {
  const key = Buffer.allocUnsafe(ENTRY_KEY_BYTES);
  writeEntryKey(key, queue, seq);
  return key;
}

/** Follows the entry that it is about, so that one pass over a queue meets both: PUBREC has come. */
export function releasedKey(queue: number, seq: number): Buffer {
  const key = Buffer.allocUnsafe(ENTRY_KEY_BYTES + 1);
  writeEntryKey(key, queue, seq);
  key[ENTRY_KEY_BYTES] = 1;
  return key;
}

export const isReleasedKey = (key: Buffer): boolean => key.length > ENTRY_KEY_BYTES;

function writeEntryKey(key: Buffer, queue: number, seq: number): void {
  key[0] = Space.entry;
  key.writeUIntBE(queue, 1, 6);
  key.writeUInt32BE(Math.floor(seq / TWO_32), PREFIX_BYTES);
  key.writeUInt32BE(seq % TWO_32, PREFIX_BYTES + 4);
}

export const numberOf = (key: Buffer): number => key.readUIntBE(1, 6);
export const nameOf = (key: Buffer): string => key.toString('utf8', 1);
export const filterOf = (key: Buffer): string => key.toString('utf8', PREFIX_BYTES);
export const packetIdOf = (key: Buffer): number => key.readUIntBE(PREFIX_BYTES, 3);
export const seqOf = (key: Buffer): number => key.readUInt32BE(PREFIX_BYTES) * TWO_32 + key.readUInt32BE(PREFIX_BYTES + 4);

/** The end of what is kept under a number. */
export function fenceKey(space: Space, number: number): Buffer {
  const key = Buffer.allocUnsafe(PREFIX_BYTES + 1);
  key[0] = space;
  key.writeUIntBE(number, 1, 6);
  key[PREFIX_BYTES] = FENCE;
  return key;
}

export const isFence = (key: Buffer): boolean => key.length === PREFIX_BYTES + 1 && key[PREFIX_BYTES] === FENCE;

/** The beginnings of the spaces that have ranges, and the end of the last. */
export const spaceFences = (): Buffer[] => Array.from({ length: Space.dropped - Space.client + 2 }, (_, i) => Buffer.of(Space.client + i));

/** Everything in a space. */
export const rangeOf = (space: Space): { gt: Buffer; lt: Buffer } => ({ gt: spaceKey(space), lt: Buffer.of(space + 1) });
/** Everything that is kept under a number, and the fence behind it. */
export const rangeUnder = (space: Space, number: number): { gte: Buffer; lt: Buffer } => ({
  gte: numberedKey(space, number),
  lt: numberedKey(space, number + 1),
});
