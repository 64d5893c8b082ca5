// Migrating, exporting, importing and inspecting the stores that configurations name.
import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { requireTraits } from '../application/storage-checks.js';
import { exportText } from '../application/transfer/export-format.js';
import type { Counts } from '../application/transfer/digest.js';
import { readFacts } from '../application/transfer/fact-reader.js';
import { fillStore } from '../application/transfer/fill.js';
import type { TransferParts, TransferProgress, TransferResult } from '../application/transfer/fill.js';
import { importFacts } from '../application/transfer/import-format.js';
import { linesOf } from '../application/transfer/lines.js';
import { migrate } from '../application/transfer/migrate.js';
import { TransferError } from '../application/transfer/transfer-error.js';
import { thenClosed } from '../application/transfer/then-closed.js';
import { WallTimeStorage } from '../application/transfer/wall-time-storage.js';
import { refuseUnfinishedStore } from '../application/transfer/unfinished.js';
import { Storage } from '../ports/index.js';
import { BUILT_IN_ADAPTERS, STORAGE_ADAPTERS, describeAdapter } from './adapter-table.js';
import { withoutPlugins } from './config.js';
import type { Config } from './config.js';
import { ConfigError } from './config-error.js';
import { createContainer } from './container.js';
import { callOf, settled } from './settling.js';

export {
  inspectQueue,
  inspectRetained,
  inspectSession,
  inspectSessions,
  inspectTotals,
} from '../application/transfer/inspection.js';
export { TransferError };
export type { Counts, TransferProgress, TransferResult };

export interface TransferOptions {
  /** Whether to remove everything that the target holds. */
  readonly replace: boolean;
  readonly progress: (progress: TransferProgress) => void;
}

const hash = (text: string): string => createHash('sha256').update(text).digest('hex');

/**
 * Copies the store of one configuration to that of another.
 * @throws ConfigError
 * @throws TransferError
 * @throws StorageError
 */
export async function migrateStore(
  from: Config,
  to: Config,
  { replace, progress }: TransferOptions,
): Promise<TransferResult> {
  if (isDeepStrictEqual(placeOf(from), placeOf(to)))
    throw new TransferError('--from and --to are the same storage, expected two');
  const parts = await partsWith(progress);
  return withStore(from, (source) => migrate(source, { make: () => storageOf(to), replace }, parts));
}

/**
 * Writes the store as an export.
 * @param write resolves when it can take more text.
 */
export async function exportStore(
  from: Config,
  write: (text: string) => Promise<void>,
  progress: TransferOptions['progress'],
): Promise<TransferResult> {
  const { clock } = await partsWith(progress);
  return withStore(from, async (storage) => {
    await refuseUnfinishedStore(storage);
    let total: number | undefined;
    const facts = readFacts(storage, (all) => (total = all));
    let result: TransferResult | undefined;
    for await (const { text, digest } of exportText(facts, hash, clock.wallMs())) {
      await write(text);
      progress({ phase: 'copying', done: digest.facts, total });
      result = { counts: digest.counts, digest: digest.text };
    }
    if (result === undefined) throw new Error('an export has at least a header');
    return result;
  });
}

/**
 * Reads an export to its end.
 * @returns the number of facts in it.
 * @throws TransferError with the number of the first line that is wrong.
 */
export async function checkExport(chunks: AsyncIterable<Uint8Array>): Promise<number> {
  let facts = 0;
  for await (const { kind } of importFacts(linesOf(chunks), hash)) if (kind !== 'last-message-id') facts++;
  return facts;
}

/**
 * Fills the store from an export.
 * @param total the number of facts, if it is known.
 */
export async function importStore(
  to: Config,
  chunks: AsyncIterable<Uint8Array>,
  total: number | undefined,
  { replace, progress }: TransferOptions,
): Promise<TransferResult> {
  const source = { facts: importFacts(linesOf(chunks), hash), total: () => total };
  return fillStore({ make: () => storageOf(to), replace }, source, await partsWith(progress));
}

const placeOf = ({ storage: { adapter, options } }: Config): unknown => ({ adapter, options });

/**
 * Opens the store read-only for the duration of a call. Its times are those of the wall clock.
 * @throws TransferError if there is none.
 */
export async function withStore<Result>(config: Config, use: (storage: Storage) => Promise<Result>): Promise<Result> {
  const storage = await storageOf(config);
  if (!(await settled(storage.openReadOnly(), callOf('openReadOnly', config.storage.adapter, 'storage')))) {
    throw new TransferError(
      `there is no store in ${describeAdapter(STORAGE_ADAPTERS, config.storage)}, expected one that a broker has used`,
    );
  }
  return thenClosed(storage, async () => use(await WallTimeStorage.of(storage)));
}

async function storageOf(config: Config): Promise<Storage> {
  const { storage } = config;
  const container = await createContainer(withoutPlugins(config), { telemetry: [] });
  const made = await container.getAsync(Storage);
  requireTraits(made);
  if (!made.traits.durable)
    throw new ConfigError([
      `storage.adapter: ${storage.adapter} keeps nothing when its process ends, expected a storage that does`,
    ]);
  return made;
}

async function partsWith(progress: TransferOptions['progress']): Promise<TransferParts> {
  return { clock: await BUILT_IN_ADAPTERS.clock(), hash, progress };
}
