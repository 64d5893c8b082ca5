// The lock on a data directory for as long as this process uses it. The engine's own lock is not enough: it goes
// whenever the engine is closed, also between two attempts after a failed write. This one is held by a second, empty
// store of the same engine in a folder of its own, to which nothing is ever written: the operating system releases
// such a lock with the process, so it is never left behind by a crash, and it works between containers.
//
// Beside it stands who holds it, for the message to the process that comes second. Only the lock decides: that file
// may be missing, or be of a process that is gone.
import { mkdir, readFile, readdir, realpath, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { StorageError } from 'hexmq/ports';
import { lockEngineOf } from './engine.js';
import { PRIVATE } from './directory.js';
import { hasCode, inUse } from './errors.js';

/** Starts with a dot, as what is not of the store may be in its directory; earlier versions ignore it. */
export const LOCK_FOLDER = '.lock';
const HOLDER = 'holder';
const HOST_NAME_LENGTH_MAX = 255;

export type Use = 'writes' | 'reads';

export class DirectoryLock {
  private constructor(private readonly db: ReturnType<typeof lockEngineOf>) {}

  /** @throws StorageError `fenced` that names the holder, or what the engine or the file system throws. */
  static async take(directory: string, use: Use): Promise<DirectoryLock> {
    // The same lock by whichever path: the engine knows what this process has locked by its name.
    const folder = join(await realpath(directory), LOCK_FOLDER);
    await mkdir(folder, PRIVATE).catch(unlessThere);
    let lock: DirectoryLock;
    try {
      lock = await DirectoryLock.#open(folder);
    } catch (error) {
      if (hasCode(error, 'LEVEL_LOCKED')) throw await heldByAnother(directory, folder, error);
      // A loss of power may have damaged the empty store. Its files do not matter, only the one that is locked does.
      for (const name of await readdir(folder)) if (name !== 'LOCK') await rm(join(folder, name), { recursive: true });
      lock = await DirectoryLock.#open(folder).catch(async (reason: unknown) => {
        throw hasCode(reason, 'LEVEL_LOCKED') ? await heldByAnother(directory, folder, reason) : reason;
      });
    }
    await describeHolder(folder, use);
    return lock;
  }

  static async #open(folder: string): Promise<DirectoryLock> {
    const db = lockEngineOf(folder);
    try {
      await db.open();
    } catch (error) {
      await db.close().catch(() => undefined);
      throw error;
    }
    return new DirectoryLock(db);
  }

  async release(): Promise<void> {
    await this.db.close();
  }
}

function unlessThere(error: unknown): void {
  if ((error as { code?: string }).code !== 'EEXIST') throw error;
}

/** Without this file that message says less; a disk that is too full for it is reported by the engine. */
async function describeHolder(folder: string, use: Use): Promise<void> {
  const path = join(folder, HOLDER);
  const text = JSON.stringify({ pid: process.pid, host: hostname(), use });
  await rm(path, { force: true }).catch(() => undefined);
  await writeFile(path, text, { mode: 0o600, flag: 'wx' }).catch(() => undefined);
}

async function heldByAnother(directory: string, folder: string, cause: unknown): Promise<StorageError> {
  return inUse(directory, (await holderIn(folder)) ?? 'it is locked', cause);
}

async function holderIn(folder: string): Promise<string | undefined> {
  try {
    const { pid, host, use } = JSON.parse(await readFile(join(folder, HOLDER), 'utf8')) as Record<string, unknown>;
    if (!Number.isSafeInteger(pid) || typeof host !== 'string' || host.length > HOST_NAME_LENGTH_MAX) return undefined;
    const purpose = use === 'reads' ? ', which only reads it' : '';
    return `held by process ${String(pid)} on ${host.replace(/[^\w.-]/g, '?')}${purpose}`;
  } catch {
    return undefined;
  }
}
