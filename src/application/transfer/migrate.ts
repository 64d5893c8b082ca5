// From one store to another. The source is only read, and all of it as it was at one moment (see `Storage.openReadOnly`).
import type { Storage } from '../../ports/storage.js';
import { readFacts } from './fact-reader.js';
import { fillStore } from './fill.js';
import type { FillTarget, TransferParts, TransferResult } from './fill.js';
import { refuseUnfinishedStore } from './unfinished.js';

/**
 * @param source opened to be read.
 * @throws TransferError, StorageError; the target is marked as unfinished if anything had been written to it.
 */
export async function migrate(source: Storage, target: FillTarget, parts: TransferParts): Promise<TransferResult> {
  // Before the target loses anything.
  await refuseUnfinishedStore(source);
  let total: number | undefined;
  const facts = readFacts(source, (all) => {
    total = all;
  });
  return fillStore(target, { facts, total: () => total }, parts);
}
