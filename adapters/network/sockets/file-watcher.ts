// Notices that files have changed, however that is done: written in place, replaced by a rename, or by turning a link on the way to them, as
// Kubernetes does for mounted secrets. It watches the directories that the names are looked up in, not the files: a file that was replaced would
// be watched in vain. What has changed, if anything, is for others to find out.
import { readlinkSync, watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

/** Several files are seldom written in one go; and whoever writes one often touches it more than once. */
const SETTLING_MS = 250;

export class FileWatcher {
  readonly #watchers = new Map<string, FSWatcher>();
  #timer: NodeJS.Timeout | undefined;

  constructor(
    readonly paths: readonly string[],
    /** Something has happened near the files; there may be nothing new in them. */
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

  /** Counted from the first event: a directory in which something happens all the time is looked at all the same. */
  #schedule(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      // Where the links lead now.
      this.start();
      this.onChange();
    }, SETTLING_MS).unref();
  }
}

/** That of the file, and that of each link on the way to it. */
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
