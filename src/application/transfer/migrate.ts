// From one store to another: both leases are held until the source has been read to its end, so nothing changes meanwhile.
import type { Storage } from '../../ports/storage.js';
import { readFacts } from './fact-reader.js';
import { fillStore } from './fill.js';
import type { FillTarget, TransferParts, TransferResult } from './fill.js';

/**
 * @param source unopened.
 * @throws TransferError, StorageError; the source is as it was, the target is marked as unfinished if anything had been written to it.
 */
export async function migrate(source: Storage, target: FillTarget, parts: TransferParts): Promise<TransferResult> {
  await source.open();
  try {
    let total: number | undefined;
    const onTotal = (facts: number): void => {
      total = facts;
    };
    return await fillStore(target, { facts: readFacts(source, { onTotal }), total: () => total }, parts);
  } finally {
    await source.close();
  }
}
