// File storage on a disk whose power is cut whenever the broker is killed: the next start finds what had been synced,
// and nothing that was only with the operating system. What that is, and what is taken for durable when, is in
// `platter.c`.
import { cpSync, mkdirSync, realpathSync, renameSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { StoragePlace } from '../kill/storage-place.js';
import { temporaryDirectory } from '../hexmq-command.js';
import { run } from '../program.js';

const SOURCE = resolve(import.meta.dirname, 'platter.c');

/** On the disk; neither it nor the one above it is there at the beginning. */
const DATA = 'made/data';

export interface Options {
  readonly ackLevel?: 'flushed' | 'stored';
  /** What the disk does not sync although it says that it has: a pattern of paths. */
  readonly deafTo?: string;
}

export async function unpluggableFileStorage({ ackLevel = 'flushed', deafTo }: Options = {}): Promise<StoragePlace> {
  const room = realpathSync(temporaryDirectory());
  const library = join(room, 'platter.so');
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
  if (status !== 0 || stderr !== '') throw new Error(`platter.c cannot be compiled:\n${stderr}`);
  const disk = join(room, 'disk');
  const platter = join(room, 'platter');
  const names = join(platter, 'names');
  const plugIn = (): void => {
    mkdirSync(join(platter, 'contents'), { recursive: true });
    cpSync(disk, names, { recursive: true });
  };
  mkdirSync(disk);
  plugIn();
  return {
    args: ['--storage', 'file', '--data', join(disk, DATA), '--ack-level', ackLevel],
    disk: {
      env: {
        LD_PRELOAD: library,
        PLATTER_DISK: disk,
        PLATTER: platter,
        ...(deafTo === undefined ? {} : { PLATTER_DEAF_TO: deafTo }),
        // What goes through that goes past libc.
        UV_USE_IO_URING: '0',
      },
      cutPower: () => {
        rmSync(disk, { recursive: true });
        renameSync(names, disk);
        rmSync(platter, { recursive: true });
        plugIn();
      },
    },
  };
}
