// Storage in a directory of this machine, on the embedded store LevelDB: for a broker that runs as one process on one
// disk. This file decides in which order things happen and what follows a failure; `opening.ts` decides who may open
// the directory, `batch-writer.ts` what is written for a change, `keys.ts` and `records/` how it looks.
//
// - A commit is one batch of the engine, synced if it is to be flushed: LevelDB appends it to its log as one record
//   with a checksum, so after a crash all of it is there or none.
// - After a write that failed the end of the log is unknown, and LevelDB would go on writing behind it. So the engine
//   is closed and opened again before anything else: that reads the log up to the last whole batch and begins a new
//   one. What was remembered of the store is loaded again as well, since the failed batch may or may not be there.
// - The lease is the engine's lock on the directory. It ends with the process, and while it is held no other process
//   can open. While the engine is reopened the lock is free for a moment: each opening has a number, and a broker that
//   finds another number than its own has lost the store.
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
  StorageTraits,
  StoredEntry,
  TopicName,
} from 'hexmq/ports';
import { StorageLifecycle, openedByAnother } from '../lifecycle/storage-lifecycle.js';
import { BatchWriter } from './batch-writer.js';
import { makeDirectory, namesIn } from './directory.js';
import { engineOf } from './engine.js';
import type { Database } from './engine.js';
import { storageError } from './errors.js';
import { facts } from './facts.js';
import { hasEngineFiles, hasFormat, openEngine, startEngine, writeFormat } from './opening.js';
import { readPage, readRetained } from './pages.js';

/** Enough that one sync serves many clients, and so few that preparing a batch does not keep the others waiting. */
const PREFERRED_BATCH_CHANGES = 4096;

export interface FileStorageOptions {
  readonly directory: string;
}

interface Engine {
  readonly db: Database;
  readonly writer: BatchWriter;
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

  /** @param makeEngine for tests in which a disk fails. */
  constructor({ directory }: FileStorageOptions, makeEngine = engineOf) {
    this.#directory = resolve(directory);
    this.#makeEngine = makeEngine;
    this.#lifecycle = new StorageLifecycle(`the data directory ${this.#directory}`);
  }

  async open(): Promise<void> {
    await this.#attempt(async () => {
      await makeDirectory(this.#directory);
      await this.#openEngine(await readdir(this.#directory), async (db, writer) => {
        if (!(await hasFormat(db, this.#directory))) await writeFormat(db);
        await writer.load();
        await writer.counters.claim();
        return true;
      });
    });
    this.#lifecycle.opened();
    this.#needsReopening = false;
  }

  /**
   * Takes the engine's lock: there is no other way to open it, and it puts its own files in order as at every opening.
   */
  async openReadOnly(): Promise<boolean> {
    const isThere = await this.#attempt(async () => {
      const names = await namesIn(this.#directory);
      if (!hasEngineFiles(names)) return false;
      return this.#openEngine(names, async (db, writer) => {
        if (!(await hasFormat(db, this.#directory))) return false;
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
      await this.#write((writer) => writer.commit(batch, durability === 'flushed'));
    });
    this.#sweepLater();
  }

  readQueue(queue: QueueId, from: Seq, limit: PageLimit): Promise<readonly StoredEntry[]> {
    return this.#read(({ db, writer }) => readPage(db, writer.queues, queue, from, limit));
  }

  readRetained(topics: readonly TopicName[]): Promise<readonly Message[]> {
    return this.#read(({ db }) => readRetained(db, topics));
  }

  async close(): Promise<void> {
    this.#lifecycle.closed();
    await this.#line;
    await this.#attempt(async () => this.#opened?.db.close());
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
    const { db, writer } = this.#engine;
    await db.close();
    try {
      await startEngine(db, this.#directory);
      await writer.load();
      if (!writer.counters.isLastOpening) throw openedByAnother(this.#lifecycle.subject);
    } catch (error) {
      const failure = storageError(error, this.#directory);
      if (failure instanceof StorageError && failure.kind === 'fenced') {
        // Permanent: what the other broker has stored, this one does not know.
        this.#lifecycle.lost();
        await db.close();
      }
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
   * Opens the engine.
   * @param begin reads what has to be known from the start, and returns whether the store is to be used: if not, the
   * engine is closed.
   * @returns whether the store is in use now.
   */
  async #openEngine(
    names: readonly string[],
    begin: (db: Database, writer: BatchWriter) => Promise<boolean>,
  ): Promise<boolean> {
    const db = await openEngine(this.#directory, names, this.#makeEngine);
    const writer = new BatchWriter(db);
    let isUsed = false;
    try {
      isUsed = await begin(db, writer);
    } finally {
      if (isUsed) this.#opened = { db, writer };
      else await db.close().catch(() => undefined);
    }
    return isUsed;
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
