// A storage adapter to break on purpose, and the storage contract run on it: for the tests that show what the contract
// finds out.
import * as fastCheck from 'fast-check';
import { StorageError } from 'hexmq/ports';
import type {
  Change,
  Durability,
  Message,
  PageLimit,
  QueueId,
  RestoredFact,
  Seq,
  Storage,
  StorageTraits,
  StoredEntry,
  TopicName,
} from 'hexmq/ports';
import { storageContract } from 'hexmq/testkit';
import type { StorageUnderTest } from 'hexmq/testkit';
import { MemoryStorage, MemoryStore } from '../../adapters/storage/memory/index.js';

/** A storage that works, for others to break. Its process can die: whatever it does later is lost. */
export class Sound implements Storage {
  readonly inner: MemoryStorage;
  dead = false;
  /** How the next commit ends. */
  failing: 'before' | 'after' | undefined;

  constructor(readonly store: MemoryStore) {
    this.inner = new MemoryStorage({ store });
  }

  get traits(): StorageTraits {
    return this.inner.traits;
  }

  open(): Promise<void> {
    return this.inner.open();
  }

  openReadOnly(): Promise<boolean> {
    return this.inner.openReadOnly();
  }

  load(): AsyncIterable<RestoredFact> {
    return this.inner.load();
  }

  async commit(batch: readonly Change[], _durability?: Durability): Promise<void> {
    const how = this.failing;
    this.failing = undefined;
    if (how !== 'before') await this.inner.commit(batch);
    if (how !== undefined) throw new StorageError('unavailable', 'the store cannot be reached');
  }

  readQueue(queue: QueueId, from: Seq, limit: PageLimit): Promise<readonly StoredEntry[]> {
    return this.inner.readQueue(queue, from, limit);
  }

  readRetained(topics: readonly TopicName[]): Promise<readonly Message[]> {
    return this.inner.readRetained(topics);
  }

  close(): Promise<void> {
    return this.inner.close();
  }
}

export type SoundClass = new (store: MemoryStore) => Sound;

function underTest(Broken: SoundClass): Promise<StorageUnderTest> {
  const store = new MemoryStore();
  const living: Sound[] = [];
  const make = (): Sound => {
    const storage = new Broken(store);
    living.push(storage);
    return storage;
  };
  return Promise.resolve({
    storage: make(),
    reopen: () => {
      for (const storage of living) storage.dead = true;
      return Promise.resolve(make());
    },
    second: () => Promise.resolve(make()),
    failNextCommit: (how) => {
      (living.at(-1) as Sound).failing = how;
    },
    dispose: () => Promise.resolve(),
  });
}

/** Runs some laws of the kit on an adapter, and gives the names and errors of those that fail. */
export async function failuresOf(Broken: SoundClass, takes: (law: string) => boolean): Promise<Map<string, Error>> {
  const tests: { name: string; body: () => Promise<void> }[] = [];
  const path: string[] = [];
  storageContract({
    name: Broken.name,
    fastCheck,
    model: { runs: 100, seed: 4711 },
    describe: (name, body) => {
      path.push(name);
      body();
      path.pop();
    },
    test: (name, body) => tests.push({ name: [...path, name].join(' › '), body }),
    factory: { create: () => underTest(Broken) },
  });
  const failed = new Map<string, Error>();
  for (const { name, body } of tests) {
    if (!takes(name)) continue;
    try {
      await body();
    } catch (error) {
      failed.set(name, error as Error);
    }
  }
  return failed;
}
