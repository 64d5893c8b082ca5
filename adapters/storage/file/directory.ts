// The directory of file storage, apart from what the engine does in it: made, listed, its names synced, and tidied where an engine was never begun.
import { mkdir, open, readFile, readdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** What is in the directory; nothing, if there is none. */
export async function namesIn(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return [];
    throw error;
  }
}

/** What clients have sent is for no other user of the machine to read. */
const OF_THE_BROKER = { mode: 0o700 };

/**
 * With those above it. Each name is synced before anything is made below it: what is synced in a directory is lost with the directory's name. Node's
 * own recursion never ends where a file system says ENOENT although the directory above is there, as /proc does.
 */
export async function makeDirectory(directory: string): Promise<void> {
  const above = dirname(directory);
  try {
    await mkdir(directory, OF_THE_BROKER);
  } catch (error) {
    const { code } = error as { code?: string };
    // Whether what is there is a directory is found out by reading it.
    if (code === 'EEXIST' || code === 'EISDIR') {
      await syncNamesIfAllowed(above);
      return;
    }
    if (code !== 'ENOENT' || above === directory) throw error;
    await makeDirectory(above);
    await mkdir(directory, OF_THE_BROKER);
  }
  await syncNames(above);
}

/** Of a directory that somebody else made, or a start that did not get further. Who may not look at the directory above did not make it. */
async function syncNamesIfAllowed(directory: string): Promise<void> {
  try {
    await syncNames(directory);
  } catch (error) {
    const { code } = error as { code?: string };
    if (code !== 'EACCES' && code !== 'EPERM') throw error;
  }
}

/** Which names are in a directory, and for what, is from now on on the disk. */
export async function syncNames(directory: string): Promise<void> {
  // Windows has no such thing.
  if (process.platform === 'win32') return;
  const handle = await open(directory);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Takes away what a loss of power leaves of a first opening: LevelDB does not sync its first manifest, and CURRENT says that this one counts until
 * there is another. Nothing has been stored then, and LevelDB takes the directory for a new one. The logs go first: without CURRENT they would be taken
 * for the rest of a store.
 */
export async function clearUnfinishedBeginning(directory: string, names: readonly string[]): Promise<void> {
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
