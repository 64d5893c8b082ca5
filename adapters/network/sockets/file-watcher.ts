// Notices changed files, however they change: written in place, replaced by a rename, or through a redirected symbolic
// link on the path, as Kubernetes updates mounted secrets. It watches directories instead of files, because a watch on
// a replaced file would never fire again. The caller finds out what has changed, if anything.
import { readlinkSync, watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

/** Collects related events: a certificate and its key are written one after the other, often in several writes. */
const SETTLING_MS = 250;

export class FileWatcher {
  readonly #watchers = new Map<string, FSWatcher>();
  #timer: NodeJS.Timeout | undefined;

  constructor(
    readonly paths: readonly string[],
    /** Something changed in a watched directory; the files themselves may be unchanged. */
    readonly onChange: () => void,
    readonly onError: (error: Error) => void,
  ) {}

  start(): void {
    const directories = new Set<string>();
    for (const path of this.paths) addDirectories(resolve(path), directories, new Set());
    for (const [directory, watcher] of this.#watchers) {
      if (directories.has(directory)) continue;
      watcher.close();
      this.#watchers.delete(directory);
    }
    for (const directory of directories) if (!this.#watchers.has(directory)) this.#watch(directory);
  }

  stop(): void {
    clearTimeout(this.#timer);
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  #watch(directory: string): void {
    try {
      const watcher = watch(directory, { persistent: false }, () => {
        this.#schedule();
      });
      watcher.on('error', (error) => {
        watcher.close();
        this.#watchers.delete(directory);
        this.onError(error);
      });
      this.#watchers.set(directory, watcher);
    } catch (error) {
      this.onError(error as Error);
    }
  }

  /** Delays from the first event, not the last, so that a directory with constant activity is handled too. */
  #schedule(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      // Symbolic links may lead to other directories now.
      this.start();
      this.onChange();
    }, SETTLING_MS).unref();
  }
}

/** Collects the directory of the file, and of each symbolic link on its path. */
function addDirectories(path: string, directories: Set<string>, seen: Set<string>): void {
  if (seen.has(path)) return;
  seen.add(path);
  directories.add(dirname(path));
  for (let at = path; at !== dirname(at); at = dirname(at)) {
    const target = linkAt(at);
    if (target === undefined) continue;
    directories.add(dirname(at));
    addDirectories(join(resolve(dirname(at), target), relative(at, path)), directories, seen);
  }
}

function linkAt(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
