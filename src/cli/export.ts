// `hexmq export`: writes everything that a storage holds as lines of JSON.
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
    .description(
      'write everything that a storage holds as lines of JSON (docs/export-format.md); does not change the storage',
    )
    .option('-o, --output <file>', 'file to create; default: standard output')
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
    // Not to standard output, which may be the export itself.
    host.printError(`exported ${describeResult(result)}\n`);
  } finally {
    progress.end();
  }
}

/** The file is on the disk when this resolves, and does not exist when it rejects. */
async function toFile<Result>(path: string, write: (file: FileHandle) => Promise<Result>): Promise<Result> {
  const file = await createFile(path);
  try {
    const result = await write(file);
    await file.sync();
    await file.close();
    return result;
  } catch (error) {
    await file.close().catch(() => undefined);
    await rm(path, { force: true });
    if (isSystemError(error)) throw new FileError(`cannot write ${path}: ${error.message}`, { cause: error });
    throw error;
  }
}

/** Readable by its owner alone, because it contains payloads. @throws FileError, also when the file exists. */
async function createFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'wx', 0o600);
  } catch (error) {
    const isThere = (error as NodeJS.ErrnoException).code === 'EEXIST';
    throw new FileError(
      isThere
        ? `${path} exists already, expected a name that is free`
        : `cannot write ${path}: ${(error as Error).message}`,
      { cause: error },
    );
  }
}

const isSystemError = (error: unknown): error is NodeJS.ErrnoException =>
  error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === 'string';
