// `hexmq export`: all that a storage holds as lines of JSON.
import { open, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import type { Command } from 'commander';
import { exportStore } from '../composition/transfer.js';
import { FileError } from './report-error.js';
import { ProgressLine } from './progress-line.js';
import { addStoreFlags, readStoreConfig } from './store-settings.js';
import type { StoreFlags } from './store-settings.js';
import { describeResult } from './describe-result.js';
import type { ProcessHost } from './process-host.js';

interface ExportFlags extends StoreFlags {
  readonly output?: string;
}

export function addExport(program: Command, host: ProcessHost): void {
  addStoreFlags(program.command('export'))
    .description('write all that a storage holds as lines of JSON (docs/export-format.md), and change nothing in it')
    .option('-o, --output <file>', 'file to make; standard output without it')
    .action((flags: ExportFlags) => exportAll(flags, host));
}

async function exportAll({ output, ...flags }: ExportFlags, host: ProcessHost): Promise<void> {
  const config = readStoreConfig(flags, host);
  const progress = new ProgressLine(host);
  try {
    const result =
      output === undefined
        ? await exportStore(config, (text) => host.write(text), progress.update)
        : await toFile(output, (file) =>
            exportStore(config, async (text) => void (await file.writeFile(text)), progress.update),
          );
    progress.end();
    // Standard output may be the export itself.
    host.printError(`exported ${describeResult(result)}\n`);
  } finally {
    progress.end();
  }
}

/** On the disk when it resolves; not there at all when it fails. */
async function toFile<Result>(path: string, write: (file: FileHandle) => Promise<Result>): Promise<Result> {
  const file = await make(path);
  try {
    const result = await write(file);
    await file.sync();
    await file.close();
    return result;
  } catch (error) {
    await file.close().catch(() => undefined);
    await rm(path, { force: true });
    if (isOfFiles(error)) throw new FileError(`cannot write ${path}: ${error.message}`, { cause: error });
    throw error;
  }
}

/** Payloads are nobody else's affair. */
async function make(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'wx', 0o600);
  } catch (error) {
    const isThere = (error as NodeJS.ErrnoException).code === 'EEXIST';
    throw new FileError(
      isThere
        ? `${path} is there already: choose another name, or remove it`
        : `cannot write ${path}: ${(error as Error).message}`,
      { cause: error },
    );
  }
}

const isOfFiles = (error: unknown): error is NodeJS.ErrnoException =>
  error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === 'string';
