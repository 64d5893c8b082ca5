// Detects what LevelDB silently skips when it opens a directory: damaged batches of its log with intact ones behind
// them, and missing files. LevelDB recovers what is left and goes on, which is right after a loss of power, where the
// end of the log may be torn, and wrong in every other case, because the lost batches had been acknowledged. (LevelDB
// has the option `paranoid_checks` for that; classic-level does not offer it.)
//
// The log, as LevelDB's doc/log_format.md describes it: blocks of 32 KiB; in a block, pieces with a checksum (of type
// and bytes), a length and a type, then bytes. A batch is one whole piece, or a first one, middle ones and a last one.
// The rest of a block that is too short for the head of a piece is zero.
import { join } from 'node:path';
import { maskedCrc32c } from './crc-32c.js';
import { FileWindow } from './file-window.js';

const BLOCK_BYTES = 32_768;
const HEAD_BYTES = 7;
/** Types of pieces; the first two begin a batch. */
const WHOLE = 1;
const FIRST = 2;
const LAST = 4;
/** The head of a batch: its number, and the count of its changes. */
const BATCH_HEAD_BYTES = 12;
/** How far ahead the number of a batch behind a damaged one may be. Any bytes in a payload may look like a batch. */
const PLAUSIBLE_CHANGES = 2n ** 32n;

/** @returns what is wrong with the directory, or `undefined` if a crash or a loss of power explains what is there. */
export async function damageInLogs(directory: string, names: readonly string[]): Promise<string | undefined> {
  const hasCurrent = names.includes('CURRENT');
  const logs = names.filter((name) => name.endsWith('.log')).sort((a, b) => parseInt(a, 10) - parseInt(b, 10));
  // Created in this order: MANIFEST-000001, CURRENT, a log, and once that is open the next manifest.
  if (!hasCurrent && names.some((name) => /\.(log|ldb|sst)$/.test(name))) return 'the file CURRENT is missing';
  if (hasCurrent && !names.some((name) => name.startsWith('MANIFEST-'))) return 'the file MANIFEST-NNNNNN is missing';
  if (hasCurrent && logs.length === 0 && !names.includes('MANIFEST-000001'))
    return 'the log, a file NNNNNN.log, is missing';
  const inspection = new LogInspection();
  for (const name of logs) {
    const damage = await FileWindow.of(join(directory, name), (log) => inspection.read(log, name));
    if (damage !== undefined) return damage;
  }
  return undefined;
}

class LogInspection {
  /** The position of bytes that are no batch. As long as no batch begins behind them, they are the torn end. */
  #damage: string | undefined;
  /** The number of the next batch of this log, or `undefined` if it is not known. */
  #nextNumber: bigint | undefined;

  async read(log: FileWindow, name: string): Promise<string | undefined> {
    this.#nextNumber = undefined;
    for (let offset = 0; offset < log.size; offset += BLOCK_BYTES) {
      const block = await log.read(offset, BLOCK_BYTES);
      if (this.#hasBatchBehindDamage(block, `${name}, in the block at ${String(offset)}`)) return this.#damage;
    }
    return undefined;
  }

  #hasBatchBehindDamage(block: Buffer, where: string): boolean {
    for (let at = 0; at + HEAD_BYTES <= block.length;) {
      const piece = pieceAt(block, at);
      if (piece === undefined) {
        this.#damage ??= `a damaged batch in ${where}`;
        // Its length may be damaged, so the search continues at every position.
        at++;
        continue;
      }
      if (piece.type === WHOLE || piece.type === FIRST) {
        if (this.#damage !== undefined) {
          if (this.#isLater(piece.bytes)) return true;
        } else if (this.#isOutOfSequence(piece.bytes)) {
          this.#damage = `a batch is missing before one in ${where}`;
          return true;
        }
      }
      at += HEAD_BYTES + piece.bytes.length;
    }
    return false;
  }

  #isOutOfSequence(batch: Buffer): boolean {
    // A head that is cut by the end of a block is not joined for this.
    const expected = this.#nextNumber;
    this.#nextNumber = undefined;
    if (batch.length < BATCH_HEAD_BYTES) return false;
    const number = batch.readBigUInt64LE(0);
    this.#nextNumber = number + BigInt(batch.readUInt32LE(8));
    return expected !== undefined && number !== expected;
  }

  #isLater(batch: Buffer): boolean {
    if (batch.length < BATCH_HEAD_BYTES || this.#nextNumber === undefined) return true;
    const number = batch.readBigUInt64LE(0);
    return number > this.#nextNumber && number < this.#nextNumber + PLAUSIBLE_CHANGES;
  }
}

function pieceAt(block: Buffer, at: number): { readonly type: number; readonly bytes: Buffer } | undefined {
  const type = block[at + 6] as number;
  if (type < WHOLE || type > LAST) return undefined;
  const end = at + HEAD_BYTES + block.readUInt16LE(at + 4);
  if (end > block.length || block.readUInt32LE(at) !== maskedCrc32c(block, at + 6, end)) return undefined;
  return { type, bytes: block.subarray(at + HEAD_BYTES, end) };
}
