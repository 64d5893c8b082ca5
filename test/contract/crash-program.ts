// The program that the crash contract kills, with the storage that its arguments name. Run by `storage-crash.test.ts`.
import type { Change, Storage } from 'hexmq/ports';
import { FileStorage } from '../../adapters/storage/file/index.js';
import { MemoryStorage, MemoryStore } from '../../adapters/storage/memory/index.js';
import { runUntilKilled } from '../../src/testkit/storage-crash/program.js';

/** Acknowledges a batch before it is stored. */
class Hasty extends FileStorage {
  #last: Promise<void> = Promise.resolve();

  override commit(batch: readonly Change[]): Promise<void> {
    const copy = structuredClone(batch);
    this.#last = this.#last.then(() => super.commit(copy));
    return Promise.resolve();
  }
}

/** Stores a batch in two parts. */
class InParts extends FileStorage {
  override async commit(batch: readonly Change[]): Promise<void> {
    await super.commit(batch.slice(0, 7));
    await super.commit(batch.slice(7));
  }
}

const [kind = '', directory = ''] = process.argv.slice(2);

const STORAGES: Readonly<Record<string, () => Storage>> = {
  file: () => new FileStorage({ directory }),
  // In one process it looks durable, because the store outlives the storage.
  map: () => new MemoryStorage({ store: new MemoryStore() }),
  forgetful: () => new MemoryStorage(),
  hasty: () => new Hasty({ directory }),
  parts: () => new InParts({ directory }),
};

const create = STORAGES[kind];
if (create === undefined) throw new Error('no storage of this kind');
await runUntilKilled(create());
