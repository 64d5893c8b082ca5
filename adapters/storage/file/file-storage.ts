// Storage in a directory of this machine, on the embedded store LevelDB: for a broker that runs as one process on one
// disk. This file decides in which order things happen and what follows a failure; `opening.ts` decides who may open
// the directory, `batch-writer.ts` what is written for a change, `keys.ts` and `records/` how it looks.
//
// - A commit is one batch of the engine, synced if it is to be flushed: LevelDB appends it to its log as one record
//   with a checksum, so after a crash all of it is there or none.
// - After a write that failed the end of the log is unknown, and LevelDB would go on writing behind it. So the engine
//   is closed and opened again before anything else: that reads the log up to the last whole batch and begins a new
//   one. What was remembered of the store is loaded again as well, since the failed batch may or may not be there.
// - The lease is a lock on the directory that is held until the storage is closed or the process ends
//   (`directory-lock.ts`). Programs that do not know it, such as an earlier version, are kept out by the engine's own
//   lock, which is free for a moment while the engine is reopened: each opening has a number, and a broker that finds
//   another number than its own has lost the store.
// - Each second, with a commit, storage looks whether the directory is still the one that was opened (`identity.ts`):
//   if not, the batch went into files that have no name any more, and does not count.
// - Closing writes nothing: a store that was closed and one whose process was killed look the same to this adapter.
import { readdir } from 'node:fs/promises';
import { resolve } from 'node:path';
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
  StorageSnapshot,
  StorageTraits,
  StoredEntry,
  TopicName,
} from 'hexmq/ports';
import { StorageLifecycle, openedByAnother } from '../lifecycle/storage-lifecycle.js';
import { BatchWriter } from './batch-writer.js';
import { directoryProblem } from './directory-check.js';
import { makeDirectory, namesIn } from './directory.js';
import { DirectoryLock } from './directory-lock.js';
import type { Use } from './directory-lock.js';
import { engineOf } from './engine.js';
import type { Database } from './engine.js';
import { storageError } from './errors.js';
import { facts } from './facts.js';
import { FileSnapshot, reopenedMeanwhile } from './file-snapshot.js';
import { DirectoryIdentity } from './identity.js';
import { formatOf, hasEngineFiles, openEngine, refuseForeignFiles, reopenEngine, writeFormat } from './opening.js';
import { FORMAT_VERSION } from './records/index.js';
import { readPage, readRetained } from './pages.js';

/** Enough that one sync serves many clients, and so few that preparing a batch does not keep the others waiting. */
const PREFERRED_BATCH_CHANGES = 4096;

/** With every commit it would cost as much as a small commit that is not flushed. */
const LOOK_EVERY_MS = 1000;

export interface FileStorageOptions {
  readonly directory: string;
}

interface Engine {
  readonly db: Database;
  readonly writer: BatchWriter;
  readonly lock: DirectoryLock;
  readonly identity: DirectoryIdentity;
}

export class FileStorage implements Storage {
  readonly traits: StorageTraits = { durable: true, fencing: true, preferredBatchChanges: PREFERRED_BATCH_CHANGES };
  readonly #directory: string;
  readonly #makeEngine: (directory: string) => Database;
  readonly #lifecycle: StorageLifecycle;
  /** `undefined` until the store is opened, because the engine opens itself soon after its construction. */
  #opened: Engine | undefined;
  /** A write failed, or the reopening after one. */
  #needsReopening = false;
  /** The end of the line of commits, sweeps and reopenings, which run one after the other. */
  #line: Promise<unknown> = Promise.resolve();
  #isSweeping = false;
  /** The last one that was made; it may be closed. */
  #snapshot: FileSnapshot | undefined;
  readonly #nowMs: () => number;
  #lookedAtMs = -Infinity;

  /**
   * @param makeEngine for tests in which a disk fails.
   * @param nowMs only differences count.
   */
  constructor({ directory }: FileStorageOptions, makeEngine = engineOf, nowMs = (): number => performance.now()) {
    this.#directory = resolve(directory);
    this.#makeEngine = makeEngine;
    this.#nowMs = nowMs;
    this.#lifecycle = new StorageLifecycle(`the data directory ${this.#directory}`);
  }

  async problems(): Promise<readonly string[]> {
    const problem = await directoryProblem(this.#directory);
    return problem === undefined ? [] : [problem];
  }

  async open(): Promise<void> {
    await this.#attempt(async () => {
      await makeDirectory(this.#directory);
      refuseForeignFiles(this.#directory, await readdir(this.#directory));
      await this.#openEngine('writes', async (db, writer) => {
        if ((await formatOf(db, this.#directory)) !== FORMAT_VERSION) await writeFormat(db);
        await writer.load();
        await writer.counters.claim();
        return true;
      });
    });
    this.#lifecycle.opened();
    this.#needsReopening = false;
  }

  /** Takes the locks: the engine can be opened in no other way, and puts its files in order as at every opening. */
  async openReadOnly(): Promise<boolean> {
    const isThere = await this.#attempt(async () => {
      const names = await namesIn(this.#directory);
      if (!hasEngineFiles(names)) return false;
      refuseForeignFiles(this.#directory, names);
      return this.#openEngine('reads', async (db, writer) => {
        if ((await formatOf(db, this.#directory)) === undefined) return false;
        await writer.load();
        return true;
      });
    });
    if (isThere) this.#lifecycle.openedReadOnly();
    return isThere;
  }

  async *load(): AsyncGenerator<RestoredFact> {
    this.#lifecycle.requireOpen();
    const { db, writer } = this.#engine;
    try {
      for await (const chunk of facts(db, writer.sweeper.dropped, writer.counters.lastMessageId))
        for (const fact of chunk) yield fact;
    } catch (error) {
      throw storageError(error, this.#directory);
    }
    // What an earlier run left to sweep waits until everything has been read.
    if (this.#lifecycle.isOpenForWriting) this.#sweepLater();
  }

  async commit(batch: readonly Change[], durability: Durability = 'flushed'): Promise<void> {
    this.#lifecycle.requireWritable();
    await this.#inLine(async () => {
      await this.#reopenIfNeeded();
      // While the batch is written: if the directory goes just afterwards, it is gone with the batch.
      const change = this.#isLookDue() ? this.#engine.identity.change() : undefined;
      await this.#write((writer) => writer.commit(batch, durability === 'flushed'));
      await this.#loseIf(await change);
    });
    this.#sweepLater();
  }

  readQueue(queue: QueueId, from: Seq, limit: PageLimit): Promise<readonly StoredEntry[]> {
    return this.#read(({ db, writer }) => readPage(db, writer.queues, queue, from, limit));
  }

  readRetained(topics: readonly TopicName[]): Promise<readonly Message[]> {
    return this.#read(({ db }) => readRetained(db, topics));
  }

  /** Between two commits, so that what is remembered of the store agrees with it. */
  async snapshot(): Promise<StorageSnapshot> {
    this.#lifecycle.requireWritable();
    return this.#inLine(async () => {
      await this.#reopenIfNeeded();
      const { db, writer } = this.#engine;
      return (this.#snapshot = new FileSnapshot(db, writer.counters.lastMessageId, this.#directory));
    });
  }

  async close(): Promise<void> {
    this.#lifecycle.closed();
    await this.#line;
    const closed = this.#lifecycle.refusal();
    if (closed !== undefined) this.#snapshot?.end(closed);
    await this.#attempt(() => this.#letGo());
  }

  async #letGo(): Promise<void> {
    try {
      await this.#opened?.db.close();
    } finally {
      await this.#opened?.lock.release();
    }
  }

  #isLookDue(): boolean {
    const nowMs = this.#nowMs();
    if (nowMs - this.#lookedAtMs < LOOK_EVERY_MS) return false;
    this.#lookedAtMs = nowMs;
    return true;
  }

  /** @throws the loss, if there is one: permanent, since what is in the directory now is not known here. */
  async #loseIf(loss: StorageError | undefined): Promise<void> {
    if (loss === undefined) return;
    this.#lifecycle.lost(loss);
    await this.#letGo().catch(() => undefined);
    throw loss;
  }

  async #read<Result>(read: (engine: Engine) => Promise<Result>): Promise<Result> {
    this.#lifecycle.requireOpen();
    if (this.#needsReopening) await this.#inLine(() => this.#reopenIfNeeded());
    return this.#attempt(() => read(this.#engine));
  }

  #inLine<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#line.then(async () => {
      this.#lifecycle.requireOpen();
      return this.#attempt(work);
    });
    this.#line = result.catch(() => undefined);
    return result;
  }

  async #write(write: (writer: BatchWriter) => Promise<void>): Promise<void> {
    try {
      await write(this.#engine.writer);
    } catch (error) {
      this.#needsReopening = true;
      throw error;
    }
  }

  async #reopenIfNeeded(): Promise<void> {
    if (!this.#needsReopening) return;
    const { db, writer, identity } = this.#engine;
    this.#snapshot?.end(reopenedMeanwhile(this.#directory));
    await db.close();
    await this.#loseIf(await identity.change());
    try {
      await reopenEngine(db, this.#directory);
      await writer.load();
      if (!writer.counters.isLastOpening) throw openedByAnother(this.#lifecycle.subject);
    } catch (error) {
      const failure = storageError(error, this.#directory);
      if (failure instanceof StorageError && failure.kind === 'fenced') await this.#loseIf(failure);
      throw failure;
    }
    this.#needsReopening = false;
  }

  /** Sweeps a little at a time, with room for a commit in between. */
  #sweepLater(): void {
    if (this.#isSweeping || this.#engine.writer.sweeper.dropped.size === 0) return;
    this.#isSweeping = true;
    setImmediate(() => {
      this.#inLine(async () => {
        if (!this.#needsReopening) await this.#write((writer) => writer.sweeper.sweep());
      }).then(
        () => {
          this.#isSweeping = false;
          if (!this.#needsReopening) this.#sweepLater();
        },
        () => {
          // No caller waits for a sweep. The next commit repairs what can be repaired, or reports what cannot, and
          // starts the sweep again.
          this.#isSweeping = false;
        },
      );
    });
  }

  get #engine(): Engine {
    if (this.#opened === undefined) throw this.#lifecycle.refusal() ?? new Error('the engine was never opened');
    return this.#opened;
  }

  /**
   * Locks the directory and opens the engine in it.
   * @param begin reads what has to be known from the start, and returns whether the store is to be used: if not, the
   * engine is closed.
   * @returns whether the store is in use now.
   */
  async #openEngine(use: Use, begin: (db: Database, writer: BatchWriter) => Promise<boolean>): Promise<boolean> {
    const lock = await DirectoryLock.take(this.#directory, use);
    let db: Database | undefined;
    try {
      db = await openEngine(this.#directory, await readdir(this.#directory), this.#makeEngine);
      const writer = new BatchWriter(db);
      if (await begin(db, writer)) {
        this.#opened = { db, writer, lock, identity: await DirectoryIdentity.of(this.#directory) };
        return true;
      }
    } catch (error) {
      await letGoOf(db, lock);
      throw error;
    }
    await letGoOf(db, lock);
    return false;
  }

  /** Does the work, and turns a failure of the engine or the file system into a StorageError. */
  async #attempt<Result>(work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (error) {
      throw storageError(error, this.#directory);
    }
  }
}

/** A failure here must not replace the one before it. */
async function letGoOf(db: Database | undefined, lock: DirectoryLock): Promise<void> {
  await db?.close().catch(() => undefined);
  await lock.release().catch(() => undefined);
}
