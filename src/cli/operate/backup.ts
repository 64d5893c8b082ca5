// `hexmq backup`: a copy of everything that a running broker stores, in a file. The command writes the file, not the
// broker, so it is the caller's, with the caller's rights. Under its own name the file is there only when it is
// complete, on the disk, and checked as an import checks it.
import { createReadStream } from 'node:fs';
import { link, lstat, open, rename, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Command } from 'commander';
import { checkExport, TransferError } from '../../composition/transfer.js';
import type { TransferResult } from '../../composition/transfer.js';
import { describeResult } from '../describe-result.js';
import type { ProcessHost } from '../process-host.js';
import { FileError } from '../report-error.js';
import { addJsonFlag, printAnswer } from './output.js';
import { addBrokerFlags, runningBroker } from './running-broker.js';
import type { BrokerFlags } from './running-broker.js';

interface BackupFlags extends BrokerFlags {
  readonly json?: boolean;
  readonly replace?: boolean;
}

const CHUNK_BYTES = 1024 * 1024;
/** More than the last line has. */
const TAIL_BYTES = 8192;

export function addBackup(program: Command, host: ProcessHost): void {
  addJsonFlag(addBrokerFlags(program.command('backup')))
    .description('write everything that a running broker stores, as of one moment, to a file that hexmq import reads')
    .argument('<file>', 'file to create; while it is not complete, its name ends in .partial')
    .option('--replace', 'replace the file if it exists')
    .action((file: string, flags: BackupFlags) => backup(file, flags, host));
}

async function backup(path: string, { replace = false, ...flags }: BackupFlags, host: ProcessHost): Promise<void> {
  if (!replace && (await isThere(path))) throw existsAlready(path);
  const broker = await runningBroker(flags, host);
  const parts = await broker.backup();
  const partial = `${path}.partial`;
  try {
    const file = await createFile(partial);
    const end = await writeAll(file, parts);
    const result = await checked(partial, end);
    await giveName(partial, path, replace);
    printAnswer({ file: path, ...result }, `backed up to ${path}: ${describeResult(result)}`, flags, host);
  } catch (error) {
    await rm(partial, { force: true }).catch(() => undefined);
    if (isSystemError(error)) throw new FileError(`cannot write ${path}: ${error.message}`, { cause: error });
    throw error;
  }
}

const existsAlready = (path: string): FileError =>
  new FileError(`${path} exists already, expected a name that is free, or --replace`);

const isThere = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    () => false,
  );

/** Readable by its owner alone, because it contains payloads. */
async function createFile(path: string): Promise<FileHandle> {
  // What a command that was killed has left. The name is then that of a new file, and never a link to another.
  await rm(path, { force: true });
  return open(path, 'wx', 0o600);
}

/**
 * @returns the last line, when everything is on the disk.
 * @throws TransferError with the broker's reason, if it gave one.
 */
async function writeAll(file: FileHandle, parts: AsyncIterable<Uint8Array>): Promise<Ending> {
  let tail = Buffer.alloc(0);
  try {
    for await (const part of parts) {
      await file.writeFile(part);
      tail = Buffer.concat([tail, part.subarray(-TAIL_BYTES)]).subarray(-TAIL_BYTES);
    }
    await file.sync();
  } catch (error) {
    if (isSystemError(error)) throw error;
    throw new TransferError(endingOf(tail)?.reason ?? (error as Error).message, { cause: error });
  } finally {
    await file.close();
  }
  return endingOf(tail) ?? {};
}

/** What the last line of a backup says, or the line in its place. */
interface Ending extends Partial<TransferResult> {
  readonly reason?: string;
}

function endingOf(tail: Buffer): Ending | undefined {
  const [line = ''] = tail.toString().trimEnd().split('\n').slice(-1);
  try {
    const ending = JSON.parse(line) as Ending & { readonly kind?: string };
    return ending.kind === 'end' || ending.kind === 'failed' ? ending : undefined;
  } catch {
    return undefined;
  }
}

/** Reads the file as an import would, from the disk. */
async function checked(path: string, { counts, digest, reason }: Ending): Promise<TransferResult> {
  if (reason !== undefined) throw new TransferError(reason);
  await checkExport(createReadStream(path, { highWaterMark: CHUNK_BYTES }) as AsyncIterable<Buffer>);
  if (counts === undefined || digest === undefined) throw new TransferError('the backup has no end');
  return { counts, digest };
}

/** Never takes the place of a file that came meanwhile, unless that is wanted. */
async function giveName(partial: string, path: string, replace: boolean): Promise<void> {
  if (replace) await rename(partial, path);
  else {
    try {
      await link(partial, path);
      await rm(partial);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EEXIST') throw existsAlready(path);
      // A file system without hard links.
      if (!(code === 'EPERM' || code === 'ENOTSUP' || code === 'ENOSYS')) throw error;
      if (await isThere(path)) throw existsAlready(path);
      await rename(partial, path);
    }
  }
  const directory = await open(dirname(path), 'r');
  await directory.sync().finally(() => directory.close());
}

const isSystemError = (error: unknown): error is NodeJS.ErrnoException =>
  error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === 'string';
