// Records about the store as a whole: its format, its counters, and the numbers of dropped queues and clients.
import { RecordReader, recordWriter } from './record-bytes.js';

/**
 * Version 1 had other keys, and cannot be read any more. Version 2 had whole messages in the records of wills; those
 * that are left of it are read, and replaced when a client connects with another will.
 */
export const FORMAT_VERSION = 3;
export const OLDEST_FORMAT_VERSION = 2;
const FORMAT_NAME = 'hexmq file storage';

export interface CounterRecord {
  readonly lastMessageId: number;
  /** The next number of a queue or client, and of a body. No number is given twice. */
  readonly nextNumber: number;
  readonly nextBody: number;
  /** How often the store has been opened: a broker that finds another number than its own has lost the store. */
  readonly opening: number;
}

export type DroppedOwner = 'client' | 'queue';

export const encodeFormat = (version = FORMAT_VERSION): Buffer =>
  recordWriter.begin().text(FORMAT_NAME).uint16(version).end();

/** @returns the version, or `undefined` if another program wrote the record. */
export function decodeFormat(bytes: Buffer): number | undefined {
  // Length and name stand first in every version; a later one may seal its records in another way.
  const isOurs =
    bytes.length > FORMAT_NAME.length && bytes.toString('latin1', 1, 1 + FORMAT_NAME.length) === FORMAT_NAME;
  return isOurs ? bytes.readUInt16BE(1 + FORMAT_NAME.length) : undefined;
}

/** Says what the dropped number belonged to, and so in which spaces records are left. */
export const encodeDropped = (owner: DroppedOwner): Buffer =>
  recordWriter
    .begin()
    .byte(owner === 'client' ? 1 : 0)
    .end();
export const decodeDropped = (record: Buffer): DroppedOwner =>
  new RecordReader(record).byte() === 1 ? 'client' : 'queue';

/** The last message id is written plus one, so that -1 (no message yet) is 0. */
export const encodeCounters = ({ lastMessageId, nextNumber, nextBody, opening }: CounterRecord): Buffer =>
  recordWriter
    .begin()
    .uint53(lastMessageId + 1)
    .uint48(nextNumber)
    .uint48(nextBody)
    .uint48(opening)
    .end();

export function decodeCounters(bytes: Buffer): CounterRecord {
  const reader = new RecordReader(bytes);
  return {
    lastMessageId: reader.uint53() - 1,
    nextNumber: reader.uint48(),
    nextBody: reader.uint48(),
    opening: reader.uint48(),
  };
}
