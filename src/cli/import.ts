// `hexmq import`: lines of JSON into a storage.
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
    .description('fill a storage from lines of JSON that hexmq export wrote; no broker may run on it')
    .option('-i, --input <file>', 'file to read; standard input without it')
    .option('--replace', 'take away everything that the storage holds; without it, it has to be empty')
    .action((flags: ImportFlags) => importAll(flags, host));
}

async function importAll({ input, replace = false, ...flags }: ImportFlags, host: ProcessHost): Promise<void> {
  const config = readStoreConfig(flags, host);
  const progress = new ProgressLine(host);
  const load = (chunks: AsyncIterable<Uint8Array>, total?: number): Promise<TransferResult> =>
    importStore(config, chunks, total, { replace, progress: progress.update });
  try {
    const result =
      input === undefined ? await named('standard input', load(inputOf(host))) : await fromFile(input, load);
    progress.end();
    host.print(`imported into ${describeStorage(config)}: ${describeResult(result)}\n`);
  } finally {
    progress.end();
  }
}

function inputOf({ input }: ProcessHost): AsyncIterable<Uint8Array> {
  if (input === undefined) throw new FileError('expected an export on standard input, or its name after --input');
  return input;
}

/** Read to its end before anything is written: a file that is wrong in its last line changes nothing. */
async function fromFile(
  path: string,
  load: (chunks: AsyncIterable<Uint8Array>, total: number) => Promise<TransferResult>,
): Promise<TransferResult> {
  const read = (): AsyncIterable<Uint8Array> =>
    createReadStream(path, { highWaterMark: CHUNK_BYTES }) as AsyncIterable<Buffer>;
  try {
    const total = await named(path, checkExport(read()));
    return await load(read(), total);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall !== undefined)
      throw new FileError(`cannot read ${path}: ${(error as Error).message}`, { cause: error });
    throw error;
  }
}

async function named<Result>(name: string, work: Promise<Result>): Promise<Result> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof TransferError && error.message.startsWith('line '))
      throw new TransferError(`${name}, ${error.message}`);
    throw error;
  }
}
