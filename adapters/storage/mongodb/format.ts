// The format document, which a first opening writes before anything else: it says that the database is of hexmq, and of
// which version. Data of other programs is left alone, and their collections may well have the names of ours.
import type { Db } from 'mongodb';
import { StorageError } from 'hexmq/ports';
import { FORMAT_VERSION } from './collections.js';
import type { Collections, FormatDocument } from './collections.js';
import { isDuplicateKey } from './errors.js';

/**
 * @param place the server and the database, for error messages.
 * @returns false if the database is empty.
 * @throws StorageError `corrupt` if it holds something that this version cannot read.
 */
export async function hasFormat(db: Db, { meta }: Collections, place: string): Promise<boolean> {
  const read = async (): Promise<FormatDocument | null> =>
    (await meta.findOne({ _id: 'format' })) as FormatDocument | null;
  let found = await read();
  if (found === null) {
    const names = await db.listCollections({}, { nameOnly: true }).toArray();
    const hasForeignData =
      names.some(({ name }) => name !== 'meta' && !name.startsWith('system.')) || (await meta.findOne({})) !== null;
    // Again, because another first opening may have been faster.
    found = await read();
    if (found === null && hasForeignData) throw foreign(place);
    if (found === null) return false;
  }
  if (typeof found.version !== 'number') throw foreign(place);
  if (found.version > FORMAT_VERSION) {
    throw new StorageError(
      'corrupt',
      `the data in MongoDB at ${place} was written by a newer hexmq ` +
        `(format ${String(found.version)}, this one reads ${String(FORMAT_VERSION)}): use that version or a later one`,
    );
  }
  return true;
}

export async function writeFormat({ meta }: Collections): Promise<void> {
  try {
    await meta.insertOne({ _id: 'format', version: FORMAT_VERSION });
  } catch (error) {
    // Another opening was faster.
    if (!isDuplicateKey(error)) throw error;
  }
}

const foreign = (place: string): StorageError =>
  new StorageError('corrupt', `the database ${place} holds data that is not of hexmq: choose another one`);
