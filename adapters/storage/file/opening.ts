// Opens the engine in a directory, or refuses to: a directory of another program, a store that is damaged, a format
// that this version does not know.
//
// LevelDB checks few of its checksums, so they are checked here (`log-inspection.ts`, `table-inspection.ts`): a store
// that has lost something must not open as if it had not.
import { StorageError } from 'hexmq/ports';
import { clearUnfinishedCreation, syncNames } from './directory.js';
import { EMPTY_VALUE } from './engine.js';
import type { Database } from './engine.js';
import { damaged } from './errors.js';
import { Space, spaceFences, spaceKey } from './keys.js';
import { damageInLogs } from './log-inspection.js';
import { FORMAT_VERSION, OLDEST_FORMAT_VERSION, decodeFormat, encodeFormat } from './records/index.js';
import { damageInTables } from './table-inspection.js';

/**
 * The files of LevelDB, and what a file system or an operating system puts into any directory. The folder of the lock
 * (`directory-lock.ts`) has such a name as well.
 */
const OWN_FILES = /^(CURRENT|LOCK|LOG|LOG\.old|MANIFEST-\d+|\d+\.(log|ldb|sst|dbtmp)|lost\+found|admin\.sock|\..*)$/;

const READ_VERSIONS = `${String(OLDEST_FORMAT_VERSION)} to ${String(FORMAT_VERSION)}`;

/**
 * Whether the engine was ever opened in the directory, even if that was cut off. Without CURRENT, and with any of the
 * others, it is damaged.
 */
export const hasEngineFiles = (names: readonly string[]): boolean =>
  names.some((name) => /^CURRENT$|\.(log|ldb|sst)$/.test(name));

/** @param names what is in the directory, read while it is locked. */
export async function openEngine(
  directory: string,
  names: readonly string[],
  makeEngine: (directory: string) => Database,
): Promise<Database> {
  refuseDamage(directory, await damageInLogs(directory, names));
  await clearUnfinishedCreation(directory, names);
  const db = makeEngine(directory);
  try {
    await startEngine(db, directory);
    // Opening removes the tables that a crash left unfinished, so they are checked afterwards.
    refuseDamage(
      directory,
      await damageInTables(
        directory,
        names.filter((name) => /\.(ldb|sst)$/.test(name)),
      ),
    );
    return db;
  } catch (error) {
    await db.close().catch(() => undefined);
    throw error;
  }
}

/**
 * Opens the engine. LevelDB syncs its files but not the last name it gives:
 * CURRENT, which says which of its manifests counts. With the CURRENT of before, what is then synced in the log might
 * not be found; that of a new store is not even synced itself.
 */
export async function startEngine(db: Database, directory: string): Promise<void> {
  await db.open();
  await syncNames(directory);
}

/** Opens the engine again after a failure. There is a store: a new one must not take its place. */
export async function reopenEngine(db: Database, directory: string): Promise<void> {
  await db.open({ createIfMissing: false });
  await syncNames(directory);
}

/**
 * @returns the version of the format, or `undefined` if the store is empty.
 * @throws StorageError `corrupt` if it holds something else than this version writes and reads.
 */
export async function formatOf(db: Database, directory: string): Promise<number | undefined> {
  const record = await db.get(spaceKey(Space.format));
  if (record === undefined) {
    const [key] = await db.keys({ limit: 1 }).all();
    if (key !== undefined) throw foreignStore(directory);
    return undefined;
  }
  const version = decodeFormat(record);
  if (version === undefined) throw foreignStore(directory);
  const found = `(format ${String(version)}, this one reads ${READ_VERSIONS})`;
  if (version > FORMAT_VERSION) {
    throw new StorageError(
      'corrupt',
      `the data in ${directory} was written by a newer hexmq ${found}: use that version or a later one`,
    );
  }
  if (version < OLDEST_FORMAT_VERSION) {
    throw new StorageError(
      'corrupt',
      `the data in ${directory} was written by hexmq before its first release ${found}: ` +
        'export it with the hexmq that wrote it, and import it here',
    );
  }
  return version;
}

/** Also in a store of an older format that this version reads: from now on, older versions must not. */
export async function writeFormat(db: Database): Promise<void> {
  const fences = spaceFences().map((fence) => ({ type: 'put' as const, key: fence, value: EMPTY_VALUE }));
  await db.batch([{ type: 'put', key: spaceKey(Space.format), value: Buffer.from(encodeFormat()) }, ...fences], {
    sync: true,
  });
}

/** LevelDB would write its files among those that are there. */
export function refuseForeignFiles(directory: string, names: readonly string[]): void {
  const foreign = names.find((name) => !OWN_FILES.test(name));
  if (foreign === undefined) return;
  throw new StorageError(
    'corrupt',
    `the data directory ${directory} holds a file that is not of hexmq ("${foreign}"): choose an empty one`,
  );
}

function refuseDamage(directory: string, damage: string | undefined): void {
  if (damage !== undefined) throw damaged(directory, damage);
}

const foreignStore = (directory: string): StorageError =>
  new StorageError(
    'corrupt',
    `the data directory ${directory} holds a database that is not of hexmq: choose an empty one`,
  );
