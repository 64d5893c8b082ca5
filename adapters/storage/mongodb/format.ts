// The format document, which a first opening writes before anything else: it says that the database is of hexmq, and of
// which version. Data of other programs is left alone, and their collections may well have the names of ours.
import type { Db } from 'mongodb';
import { StorageError } from 'hexmq/ports';
import { FORMAT_VERSION } from './collections.js';
import type { Collections, FormatDocument } from './collections.js';
import { isDuplicateKey } from './errors.js';

/**
 * @param place the server and the database, for error messages.
 * @returns the version of the format, or `undefined` if the database is empty.
 * @throws StorageError `corrupt` if it holds something that this version cannot read.
 */
export async function formatOf(db: Db, { meta }: Collections, place: string): Promise<number | undefined> {
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
    if (found === null) return undefined;
  }
  if (typeof found.version !== 'number') throw foreign(place);
  if (found.version > FORMAT_VERSION) {
    throw new StorageError(
      'corrupt',
      `the data in MongoDB at ${place} was written by a newer hexmq ` +
        `(format ${String(found.version)}, this one reads 1 to ${String(FORMAT_VERSION)}): ` +
        'use that version or a later one',
    );
  }
  return found.version;
}

/** Also in a store of an older format: from now on, older versions must not read it. */
export async function writeFormat({ meta }: Collections): Promise<void> {
  const { matchedCount } = await meta.updateOne({ _id: 'format' }, { $max: { version: FORMAT_VERSION } });
  if (matchedCount > 0) return;
  try {
    await meta.insertOne({ _id: 'format', version: FORMAT_VERSION });
  } catch (error) {
    // Another opening was faster.
    if (!isDuplicateKey(error)) throw error;
  }
}

const foreign = (place: string): StorageError =>
  new StorageError('corrupt', `the database ${place} holds data that is not of hexmq: choose another one`);
