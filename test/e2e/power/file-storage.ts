// File storage on a disk whose power is cut with every kill of the broker: the next start finds what was synced, and
// nothing that was only in the operating system's cache. `lossy-disk.c` says what counts as durable, and when.
import { cpSync, mkdirSync, realpathSync, renameSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { StoragePlace } from '../kill/storage-place.js';
import { temporaryDirectory } from '../hexmq-command.js';
import { run } from '../program.js';

const SOURCE = resolve(import.meta.dirname, 'lossy-disk.c');

/** On the disk. Neither this directory nor its parent exists at the beginning. */
const DATA = 'made/data';

export interface Options {
  readonly ackLevel?: 'flushed' | 'stored';
  /** A pattern of paths whose syncs the disk ignores while it reports success. */
  readonly ignoring?: string;
}

export async function fileStorageOnLossyDisk({ ackLevel = 'flushed', ignoring }: Options = {}): Promise<StoragePlace> {
  const room = realpathSync(temporaryDirectory());
  const library = join(room, 'lossy-disk.so');
  const { status, stderr } = await run('cc', [
    '-shared',
    '-fPIC',
    '-O2',
    '-pthread',
    '-Wall',
    '-Wextra',
    '-o',
    library,
    SOURCE,
    '-ldl',
  ]);
  if (status !== 0 || stderr !== '') throw new Error(`lossy-disk.c cannot be compiled:\n${stderr}`);
  const disk = join(room, 'disk');
  const durable = join(room, 'durable');
  const names = join(durable, 'names');
  const plugIn = (): void => {
    mkdirSync(join(durable, 'contents'), { recursive: true });
    cpSync(disk, names, { recursive: true });
  };
  mkdirSync(disk);
  plugIn();
  return {
    args: ['--storage', 'file', '--data', join(disk, DATA), '--ack-level', ackLevel],
    disk: {
      env: {
        LD_PRELOAD: library,
        LOSSY_DISK: disk,
        LOSSY_DISK_DURABLE: durable,
        ...(ignoring === undefined ? {} : { LOSSY_DISK_IGNORES: ignoring }),
        // I/O through io_uring would bypass libc.
        UV_USE_IO_URING: '0',
      },
      cutPower: () => {
        rmSync(disk, { recursive: true });
        renameSync(names, disk);
        rmSync(durable, { recursive: true });
        plugIn();
      },
    },
  };
}
