// `hexmq import`: fills a storage from lines of JSON.
import { createReadStream } from 'node:fs';
import type { Command } from 'commander';
import { checkExport, importStore, TransferError } from '../composition/transfer.js';
import type { TransferResult } from '../composition/transfer.js';
import { describeStorage } from './describe-adapters.js';
import { FileError } from './report-error.js';
import { ProgressLine } from './progress-line.js';
import { addStoreFlags, readStoreConfig } from './store-settings.js';
import type { StoreFlags } from './store-settings.js';
import { describeResult } from './describe-result.js';
import type { ProcessHost } from './process-host.js';

const CHUNK_BYTES = 1024 * 1024;

interface ImportFlags extends StoreFlags {
  readonly input?: string;
  readonly replace?: boolean;
}

export function addImport(program: Command, host: ProcessHost): void {
  addStoreFlags(program.command('import'))
    .description('fill a storage from lines of JSON that hexmq export wrote; no broker may be using it')
    .option('-i, --input <file>', 'file to read; default: standard input')
    .option('--replace', 'delete everything that the storage holds first; without this flag it has to be empty')
    .action((flags: ImportFlags) => importAll(flags, host));
}

async function importAll({ input, replace = false, ...flags }: ImportFlags, host: ProcessHost): Promise<void> {
  const config = readStoreConfig(flags, host);
  const progress = new ProgressLine(host);
  const load = (chunks: AsyncIterable<Uint8Array>, total?: number): Promise<TransferResult> =>
    importStore(config, chunks, total, { replace, progress: progress.update });
  try {
    const result =
      input === undefined ? await withSource('standard input', load(inputOf(host))) : await fromFile(input, load);
    progress.end();
    host.print(`imported into ${describeStorage(config)}: ${describeResult(result)}\n`);
  } finally {
    progress.end();
  }
}

function inputOf({ input }: ProcessHost): AsyncIterable<Uint8Array> {
  if (input === undefined)
    throw new FileError('standard input is a terminal, expected an export on it, or a file after --input');
  return input;
}

/** Reads the file to its end before anything is written, so that an error in its last line changes nothing. */
async function fromFile(
  path: string,
  load: (chunks: AsyncIterable<Uint8Array>, total: number) => Promise<TransferResult>,
): Promise<TransferResult> {
  const read = (): AsyncIterable<Uint8Array> =>
    createReadStream(path, { highWaterMark: CHUNK_BYTES }) as AsyncIterable<Buffer>;
  try {
    const total = await withSource(path, checkExport(read()));
    return await load(read(), total);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall !== undefined)
      throw new FileError(`cannot read ${path}: ${(error as Error).message}`, { cause: error });
    throw error;
  }
}

/** Puts the name of the source before errors about a line of it. */
async function withSource<Result>(name: string, work: Promise<Result>): Promise<Result> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof TransferError && error.message.startsWith('line '))
      throw new TransferError(`${name}, ${error.message}`);
    throw error;
  }
}
