// Tests of the contract about snapshots: for each law a storage with one defect that it finds out.
import { describe, expect, test } from '@jest/globals';
import { StorageError } from 'hexmq/ports';
import type {
  Change,
  Message,
  PageLimit,
  QueueId,
  RestoredFact,
  Seq,
  StorageSnapshot,
  StoredEntry,
  TopicName,
} from 'hexmq/ports';
import { ContractViolation } from 'hexmq/testkit';
import type { MemoryStore } from '../../adapters/storage/memory/index.js';
import { failuresOf, Sound } from './broken-storage.js';
import type { SoundClass } from './broken-storage.js';

const QUEUE = 'c:a' as QueueId;
const ALL: PageLimit = { maxEntries: 1000, maxBytes: 1e9 };

/** A storage with snapshots, for others to break. */
class WithSnapshots extends Sound {
  snapshot(): Promise<StorageSnapshot> {
    return this.inner.snapshot();
  }
}

/** A snapshot that passes everything on, for others to break. */
class Passing implements StorageSnapshot {
  constructor(readonly inner: StorageSnapshot) {}

  load(): AsyncIterable<RestoredFact> {
    return this.inner.load();
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

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const unavailable = (): StorageError => new StorageError('unavailable', 'there is a snapshot');

interface Case {
  readonly wrong: string;
  readonly Broken: SoundClass;
  /** A part of the name of the law that has to fail; others may. */
  readonly caughtBy: string;
  /** Text that its error has to contain. */
  readonly says: string;
}

const CASES: readonly Case[] = [
  {
    wrong: 'shows the queues as they are now',
    Broken: class ReadsLive extends WithSnapshots {
      override async snapshot(): Promise<StorageSnapshot> {
        const snapshot = new Passing(await super.snapshot());
        snapshot.readQueue = (queue, from, limit) => this.readQueue(queue, from, limit);
        return snapshot;
      }
    },
    caughtBy: 'shows the store as it was',
    says: 'a snapshot differs from the store at its moment',
  },
  {
    wrong: 'ends the reading of a snapshot at the next commit',
    Broken: class EndsEarly extends WithSnapshots {
      #commits = 0;

      override commit(batch: readonly Change[]): Promise<void> {
        this.#commits++;
        return super.commit(batch);
      }

      override async snapshot(): Promise<StorageSnapshot> {
        const snapshot = new Passing(await super.snapshot());
        const commits = (): number => this.#commits;
        snapshot.load = async function* () {
          const before = commits();
          for await (const fact of this.inner.load()) {
            if (commits() > before) return;
            yield fact;
          }
        };
        return snapshot;
      }
    },
    caughtBy: 'whose reading has begun is not disturbed',
    says: 'a snapshot that was read during commits',
  },
  {
    wrong: 'makes a snapshot of a batch that is written in part',
    Broken: class InHalves extends WithSnapshots {
      override async commit(batch: readonly Change[]): Promise<void> {
        const half = Math.ceil(batch.length / 2);
        const rest = batch.slice(half);
        await super.commit(batch.slice(0, half));
        for (let i = 0; i < 3; i++) await turn();
        if (!this.dead) await super.commit(rest);
      }
    },
    caughtBy: 'made during a commit',
    says: 'a snapshot made during a commit',
  },
  {
    wrong: 'does not make another snapshot',
    Broken: class OnlyOne extends WithSnapshots {
      #isMade = false;

      override snapshot(): Promise<StorageSnapshot> {
        if (this.#isMade) return Promise.reject(unavailable());
        this.#isMade = true;
        return super.snapshot();
      }
    },
    caughtBy: 'another one can follow',
    says: 'there is a snapshot',
  },
  {
    wrong: 'answers from a snapshot that was closed',
    Broken: class StaysOpen extends WithSnapshots {
      override async snapshot(): Promise<StorageSnapshot> {
        const snapshot = new Passing(await super.snapshot());
        let isClosed = false;
        snapshot.load = async function* () {
          if (!isClosed) yield* this.inner.load();
        };
        snapshot.close = () => {
          isClosed = true;
          return snapshot.inner.close();
        };
        return snapshot;
      }
    },
    caughtBy: 'that was closed refuses reads',
    says: 'loading a snapshot that was closed must be rejected, but resolved with []',
  },
  {
    wrong: 'finds the snapshot of a process that died in its way',
    Broken: class LeavesMark extends WithSnapshots {
      static readonly marked = new WeakSet<MemoryStore>();

      override async snapshot(): Promise<StorageSnapshot> {
        const { marked } = LeavesMark;
        if (marked.has(this.store)) throw unavailable();
        const snapshot = new Passing(await super.snapshot());
        marked.add(this.store);
        snapshot.close = () => {
          marked.delete(this.store);
          return snapshot.inner.close();
        };
        return snapshot;
      }
    },
    caughtBy: 'a crash while there is a snapshot',
    says: 'there is a snapshot',
  },
  {
    wrong: 'takes a queue away while it makes a snapshot',
    Broken: class MovesQueue extends WithSnapshots {
      override async snapshot(): Promise<StorageSnapshot> {
        const entries = await this.inner.readQueue(QUEUE, 0 as Seq, ALL);
        await this.inner.commit([{ kind: 'queue.drop', queue: QUEUE }]);
        for (let i = 0; i < 3; i++) await turn();
        if (this.dead) throw unavailable();
        await this.inner.commit(entries.map((entry): Change => ({ kind: 'queue.append', queue: QUEUE, ...entry })));
        return super.snapshot();
      }
    },
    caughtBy: 'made while a crash comes',
    says: 'after a crash, load differs',
  },
];

const isAboutSnapshots = (law: string): boolean => law.includes('snapshots › ');

describe('the storage contract about snapshots', () => {
  test('the laws about snapshots pass for an adapter whose snapshots are right', async () => {
    expect([...(await failuresOf(WithSnapshots, isAboutSnapshots))]).toEqual([]);
  });

  test.each(CASES)('the storage contract fails for an adapter that $wrong', async ({ Broken, caughtBy, says }) => {
    const found = await failuresOf(Broken, isAboutSnapshots);
    const [, error] = [...found].find(([law]) => law.includes(caughtBy)) ?? [];
    expect(error instanceof ContractViolation || error instanceof StorageError).toBe(true);
    expect(error?.message).toContain(says);
  });

  test('each law about snapshots fails for one of these adapters', async () => {
    const laws: string[] = [];
    await failuresOf(WithSnapshots, (law) => {
      if (isAboutSnapshots(law)) laws.push(law);
      return false;
    });
    expect(laws.length).toBe(CASES.length);
    expect(laws.filter((law) => !CASES.some(({ caughtBy }) => law.includes(caughtBy)))).toEqual([]);
  });
});
