// Copies one store to another. The source is only read, at one moment (see `Storage.openReadOnly`).
import type { Storage } from '../../ports/storage.js';
import { readFacts } from './fact-reader.js';
import { fillStore } from './fill.js';
import type { FillTarget, TransferParts, TransferResult } from './fill.js';
import { refuseUnfinishedStore } from './unfinished.js';

/**
 * @param source opened read-only.
 * @throws TransferError
 * @throws StorageError in both cases the target stays marked as unfinished if anything was written to it.
 */
export async function migrate(source: Storage, target: FillTarget, parts: TransferParts): Promise<TransferResult> {
  // Before anything is removed from the target.
  await refuseUnfinishedStore(source);
  let total: number | undefined;
  const facts = readFacts(source, (all) => {
    total = all;
  });
  return fillStore(target, { facts, total: () => total }, parts);
}
