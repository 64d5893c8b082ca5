// Verifies the checksums of LevelDB's tables: classic-level reads without verifying them, and a damaged key hides its
// record together with its seal. In a large store only those blocks are verified that decide whether a record is found
// (index and filter) and those that a start reads anyway, because a start must not take longer with a larger backlog.
// Damage to queued messages is then detected by the seals of records and the bounds of queues when they are read.
//
// A table, as LevelDB's doc/table_format.md describes it: blocks, each followed by a type and a checksum; at the end of
// the file two handles (offset and length of a block), of the index of filters and of the index of blocks. An index is
// a block whose values are handles.
import { join } from 'node:path';
import { maskedCrc32c } from './crc-32c.js';
import { FileWindow } from './file-window.js';
import { Space } from './keys.js';
import { uncompress } from './snappy.js';

/** Stores up to this size are verified completely, which takes less than a second. */
const WHOLE_BYTES_MAX = 128 * 1024 * 1024;
const FOOTER_BYTES = 48;
const MAGIC = Buffer.from('57fb808b247547db', 'hex');
/** Type and checksum. */
const TRAILER_BYTES = 5;
const SNAPPY = 1;

interface Handle {
  readonly offset: number;
  readonly length: number;
}

/** The table differs from what LevelDB wrote. */
class DamagedTable extends Error {}

/**
 * @param names the tables that were there before the engine was opened. Those that it removed were not in use.
 * @returns what is wrong, or `undefined` if nothing is.
 */
export async function damageInTables(directory: string, names: readonly string[]): Promise<string | undefined> {
  let sizes = 0;
  for (const name of names)
    sizes += (await FileWindow.of(join(directory, name), ({ size }) => Promise.resolve(size))) ?? 0;
  for (const name of names) {
    try {
      await FileWindow.of(join(directory, name), (table) => inspect(table, sizes <= WHOLE_BYTES_MAX));
    } catch (error) {
      // Reading behind the end of an index is a RangeError of Node.
      if (error instanceof DamagedTable || (error as Error).name === 'RangeError')
        return `a damaged table, ${name}: ${(error as Error).message}`;
      throw error;
    }
  }
  return undefined;
}

async function inspect(table: FileWindow, isWhole: boolean): Promise<void> {
  const footer = await table.read(Math.max(0, table.size - FOOTER_BYTES), FOOTER_BYTES);
  if (footer.length < FOOTER_BYTES || !footer.subarray(-MAGIC.length).equals(MAGIC))
    throw new DamagedTable('its end is missing');
  const handles = new VarintReader(Buffer.from(footer));
  const [filters, blocks] = [handles.handle(), handles.handle()];
  for (const { handle } of entriesOf(await blockAt(table, filters))) await blockAt(table, handle);
  let isBeforeQueued = false;
  for (const { key, handle } of entriesOf(await blockAt(table, blocks))) {
    // The key is at or above the last of the block, and below the first of the next.
    const isQueued = isOfQueued(key);
    if (isWhole || !isBeforeQueued || !isQueued) await checked(table, handle);
    isBeforeQueued = isQueued;
  }
}

const isOfQueued = (key: Buffer): boolean =>
  key[0] === Space.entry || key[0] === Space.body || key[0] === Space.references;

async function checked(table: FileWindow, { offset, length }: Handle): Promise<Buffer> {
  const block = await table.read(offset, length + TRAILER_BYTES);
  if (block.length < length + TRAILER_BYTES) throw new DamagedTable('it is too short');
  if (block.readUInt32LE(length + 1) !== maskedCrc32c(block, 0, length + 1))
    throw new DamagedTable(`the checksum of the block at ${String(offset)} is wrong`);
  return block;
}

/** The contents of a block, in memory of their own. */
async function blockAt(table: FileWindow, handle: Handle): Promise<Buffer> {
  const block = await checked(table, handle);
  const contents = block.subarray(0, handle.length);
  return block[handle.length] === SNAPPY ? uncompress(contents) : Buffer.from(contents);
}

/** The entries of an index. Each key says how many bytes it shares with the one before it. */
function* entriesOf(block: Buffer): Generator<{ readonly key: Buffer; readonly handle: Handle }> {
  const restarts = block.readUInt32LE(block.length - 4);
  const reader = new VarintReader(block.subarray(0, block.length - 4 - 4 * restarts));
  let key = Buffer.alloc(0);
  while (!reader.isAtEnd) {
    const repeated = reader.varint();
    const added = reader.varint();
    reader.varint();
    key = Buffer.concat([key.subarray(0, repeated), reader.bytes(added)]);
    yield { key, handle: reader.handle() };
  }
}

class VarintReader {
  #at = 0;

  constructor(readonly buffer: Buffer) {}

  get isAtEnd(): boolean {
    return this.#at >= this.buffer.length;
  }

  varint(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.buffer.readUInt8(this.#at++);
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
  }

  handle(): Handle {
    return { offset: this.varint(), length: this.varint() };
  }

  bytes(length: number): Buffer {
    this.#at += length;
    return this.buffer.subarray(this.#at - length, this.#at);
  }
}
