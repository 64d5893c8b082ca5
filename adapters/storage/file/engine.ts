// The embedded store: LevelDB through classic-level, with the options that bound its memory.
import { ClassicLevel } from 'classic-level';
import type { ChainedBatch } from 'classic-level';

export type Database = ClassicLevel<Buffer, Buffer>;
/** The writes of one batch, which LevelDB applies all or not at all. */
export type Writes = ChainedBatch<Database, Buffer, Buffer>;

const MEBIBYTE = 1024 * 1024;

const OPTIONS = {
  keyEncoding: 'buffer',
  valueEncoding: 'buffer',
  /**
   * Writes that have not been sorted into a table yet: held in memory, twice while they are being sorted, and read back
   * from the log at the next opening.
   */
  writeBufferSize: 4 * MEBIBYTE,
  cacheSize: 4 * MEBIBYTE,
  /**
   * A table that is read is mapped into memory whole. This bounds the mapped memory, so that it does not grow with the
   * store.
   */
  maxFileSize: MEBIBYTE,
  maxOpenFiles: 74,
} as const;

/** The value of a record whose key says everything. */
export const EMPTY_VALUE = Buffer.alloc(0);

/** The engine opens itself soon after its construction. */
export const engineOf = (directory: string): Database => new ClassicLevel<Buffer, Buffer>(directory, OPTIONS);

/** An empty store for the sake of its lock. */
export const lockEngineOf = (folder: string): Database =>
  new ClassicLevel<Buffer, Buffer>(folder, { ...OPTIONS, writeBufferSize: 64 * 1024, cacheSize: 0 });
