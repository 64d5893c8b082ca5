// The directory of file storage, apart from what the engine does in it: created, listed, synced, and cleared of a
// creation that was cut off.
import { mkdir, open, readFile, readdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** The names in the directory; none if there is no directory. */
export async function namesIn(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return [];
    throw error;
  }
}

/** What clients have sent is not for other users of the machine to read. */
export const PRIVATE = { mode: 0o700 };

/**
 * Creates the directory and those above it. Each name is synced before anything is created below it: what is synced in
 * a directory is lost with the directory's name. Node's own recursion never ends where a file system says ENOENT
 * although the directory above is there, as /proc does.
 */
export async function makeDirectory(directory: string): Promise<void> {
  const above = dirname(directory);
  try {
    await mkdir(directory, PRIVATE);
  } catch (error) {
    const { code } = error as { code?: string };
    // Reading it will tell whether it is a directory.
    if (code === 'EEXIST' || code === 'EISDIR') {
      await syncNamesIfAllowed(above);
      return;
    }
    if (code !== 'ENOENT' || above === directory) throw error;
    await makeDirectory(above);
    await mkdir(directory, PRIVATE);
  }
  await syncNames(above);
}

/**
 * For a directory that was there, made by another program or by a start that was cut off. A user who may not open the
 * directory above did not create it.
 */
async function syncNamesIfAllowed(directory: string): Promise<void> {
  try {
    await syncNames(directory);
  } catch (error) {
    const { code } = error as { code?: string };
    if (code !== 'EACCES' && code !== 'EPERM') throw error;
  }
}

/** Makes the names in a directory durable. */
export async function syncNames(directory: string): Promise<void> {
  // Windows cannot sync a directory.
  if (process.platform === 'win32') return;
  const handle = await open(directory);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Removes what a loss of power leaves of a first opening: LevelDB does not sync its first manifest, and CURRENT names
 * that one until there is another. Nothing has been stored then, and LevelDB treats the directory as new. The logs go
 * first: without CURRENT they would be taken for the rest of a damaged store.
 */
export async function clearUnfinishedCreation(directory: string, names: readonly string[]): Promise<void> {
  if (
    !names.includes('CURRENT') ||
    !names.includes('MANIFEST-000001') ||
    names.some((name) => /\.(ldb|sst)$/.test(name))
  )
    return;
  if ((await readFile(join(directory, 'CURRENT'), 'latin1')) !== 'MANIFEST-000001\n') return;
  const logs = names.filter((name) => name.endsWith('.log'));
  for (const name of ['MANIFEST-000001', ...logs]) if ((await stat(join(directory, name))).size > 0) return;
  for (const name of [...logs, 'CURRENT']) await rm(join(directory, name));
}
