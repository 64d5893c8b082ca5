// Storage in a directory of this machine, on the embedded store LevelDB: what the broker uses where one process and one disk are enough. It
// decides who may open the directory, in which order things happen, and what becomes of a failure; what is written for a change is in
// `ledger.ts`, how it looks in `keys.ts` and `records.ts`.
//
// - A commit is one batch of the engine, synced if it is to be flushed: LevelDB appends it to its log as one record with a checksum, so after a
//   crash all of it is there or none.
// - After a write that failed nobody knows what the log ends with, and LevelDB would go on writing behind it. So the engine is closed and opened
//   again before anything else is done: that reads the log up to the last whole batch and begins a new one. What had been remembered
//   of the store is read anew as well, since the failed batch may or may not be there.
// - The lease is the engine's lock on the directory. It goes with the process, and while it is held nobody else can open. During a reopening it
//   is free for a moment: each opening has a number, and who finds another than its own afterwards has lost the store.
// - What was stored is not missed in silence: LevelDB looks at few of its checksums, so they are looked at here when a directory is opened
//   (`log-inspection.ts`, `table-inspection.ts`), and records are sealed.
// - Closing writes nothing: a store that was closed and one whose process was killed differ in nothing that this adapter looks at.
import { readdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { ClassicLevel } from 'classic-level';
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
import { clearUnfinishedBeginning, makeDirectory, namesIn, syncNames } from './directory.js';
import { damaged, storageError } from './errors.js';
import { Space, spaceFences, spaceKey } from './keys.js';
import { Ledger } from './ledger.js';
import type { Database } from './ledger.js';
import { damageInLogs } from './log-inspection.js';
import { facts, page, retained } from './reading.js';
import { FORMAT_VERSION, decodeFormat, encodeFormat } from './records.js';
import { damageInTables } from './table-inspection.js';

const MEBIBYTE = 1024 * 1024;

const ENGINE_OPTIONS = {
  keyEncoding: 'buffer',
  valueEncoding: 'buffer',
  /**
   * What was written last and is not yet sorted into a table: held in memory, twice while it is being sorted, and read back from the log at the next
   * opening.
   */
  writeBufferSize: 4 * MEBIBYTE,
  cacheSize: 4 * MEBIBYTE,
  /** Tables that are read are mapped into memory whole: this many of this size at most, so that what is mapped does not grow with the store. */
  maxFileSize: MEBIBYTE,
  maxOpenFiles: 74,
} as const;

/** Enough that one sync serves many clients, and little enough that a batch is prepared without keeping the others waiting. */
const PREFERRED_BATCH_CHANGES = 4096;

/** What LevelDB puts into its directory, and what a file system or an operating system puts into any. */
const OWN_FILES = /^(CURRENT|LOCK|LOG|LOG\.old|MANIFEST-\d+|\d+\.(log|ldb|sst|dbtmp)|lost\+found|\..*)$/;

/** It opens itself soon after it is made. */
export const engineOf = (directory: string): Database => new ClassicLevel<Buffer, Buffer>(directory, ENGINE_OPTIONS);

export interface FileStorageOptions {
  readonly directory: string;
}

export class FileStorage implements Storage {
  readonly traits: StorageTraits = { durable: true, fencing: true, preferredBatchChanges: PREFERRED_BATCH_CHANGES };
  readonly #directory: string;
  readonly #makeEngine: (directory: string) => Database;
  /** Made by `open`: the engine opens itself soon after it is made. */
  #engine: { readonly db: Database; readonly ledger: Ledger } | undefined;
  #state: 'new' | 'open' | 'reading' | 'closed' | 'lost' = 'new';
  /** A write failed, or the reopening after one. */
  #needsReopening = false;
  /** Commits, sweeps and reopenings, one after the other. */
  #line: Promise<unknown> = Promise.resolve();
  #isSweeping = false;

  /** @param makeEngine for tests in which a disk fails. */
  constructor({ directory }: FileStorageOptions, makeEngine = engineOf) {
    this.#directory = resolve(directory);
    this.#makeEngine = makeEngine;
  }

  async open(): Promise<void> {
    let db: Database | undefined;
    try {
      await makeDirectory(this.#directory);
      db = await this.#openEngine(await readdir(this.#directory));
      if (!(await this.#isOurFormat(db))) await makeFormat(db);
      const ledger = new Ledger(db);
      await ledger.begin();
      await ledger.claim();
      this.#engine = { db, ledger };
    } catch (error) {
      await db?.close().catch(() => undefined);
      throw storageError(error, this.#directory);
    }
    this.#state = 'open';
    this.#needsReopening = false;
  }

  /** With the engine's lock: it has no other way to be opened, and puts its own files in order as it does at every opening. */
  async openReadOnly(): Promise<boolean> {
    let db: Database | undefined;
    try {
      const names = await namesIn(this.#directory);
      if (!isWithEngine(names)) return false;
      db = await this.#openEngine(names);
      if (!(await this.#isOurFormat(db))) {
        await db.close();
        return false;
      }
      const ledger = new Ledger(db);
      await ledger.begin();
      this.#engine = { db, ledger };
    } catch (error) {
      await db?.close().catch(() => undefined);
      throw storageError(error, this.#directory);
    }
    this.#state = 'reading';
    return true;
  }

  async *load(): AsyncGenerator<RestoredFact> {
    this.#refuseIfNotOpen();
    try {
      for await (const lot of facts(this.#db, this.#ledger.dropped, this.#ledger.lastMessageId))
        for (const fact of lot) yield fact;
    } catch (error) {
      throw storageError(error, this.#directory);
    }
    // What was left from the time before: not until everything has been read.
    if (this.#state === 'open') this.#sweepLater();
  }

  async commit(batch: readonly Change[], durability: Durability = 'flushed'): Promise<void> {
    if (this.#state === 'reading')
      throw new StorageError(
        'fenced',
        `the data directory ${this.#directory} was opened to be read, not to be written`,
      );
    await this.#inLine(async () => {
      await this.#reopenIfNeeded();
      try {
        await this.#ledger.prepare(batch);
        const writes = this.#db.batch();
        await this.#ledger.apply(batch, writes);
        await writes.write({ sync: durability === 'flushed' });
        this.#ledger.settled();
      } catch (error) {
        this.#needsReopening = true;
        throw error;
      }
    });
    if (this.#ledger.dropped.size > 0) this.#sweepLater();
  }

  readQueue(queue: QueueId, from: Seq, limit: PageLimit): Promise<readonly StoredEntry[]> {
    return this.#read(() => page(this.#db, this.#ledger, queue, from, limit));
  }

  readRetained(topics: readonly TopicName[]): Promise<readonly Message[]> {
    return this.#read(() => retained(this.#db, topics));
  }

  async close(): Promise<void> {
    this.#state = 'closed';
    await this.#line;
    try {
      await this.#engine?.db.close();
    } catch (error) {
      throw storageError(error, this.#directory);
    }
  }

  async #read<Result>(read: () => Promise<Result>): Promise<Result> {
    this.#refuseIfNotOpen();
    if (this.#needsReopening) await this.#inLine(() => this.#reopenIfNeeded());
    try {
      return await read();
    } catch (error) {
      throw storageError(error, this.#directory);
    }
  }

  #inLine<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#line.then(async () => {
      this.#refuseIfNotOpen();
      try {
        return await work();
      } catch (error) {
        throw storageError(error, this.#directory);
      }
    });
    this.#line = result.catch(() => undefined);
    return result;
  }

  async #reopenIfNeeded(): Promise<void> {
    if (!this.#needsReopening) return;
    await this.#db.close();
    try {
      await this.#begin(this.#db);
      await this.#ledger.begin();
      if (!this.#ledger.isOurs) throw this.#lost();
    } catch (error) {
      const failure = storageError(error, this.#directory);
      if (failure instanceof StorageError && failure.kind === 'fenced') {
        // For good: what the other one has stored, this broker does not know.
        this.#state = 'lost';
        await this.#db.close();
      }
      throw failure;
    }
    this.#needsReopening = false;
  }

  /** A little at a time, and with room for a commit in between. */
  #sweepLater(): void {
    if (this.#isSweeping || this.#ledger.dropped.size === 0) return;
    this.#isSweeping = true;
    setImmediate(() => {
      this.#inLine(async () => {
        if (this.#needsReopening) return;
        try {
          await this.#ledger.sweep();
        } catch (error) {
          this.#needsReopening = true;
          throw error;
        }
      }).then(
        () => {
          this.#isSweeping = false;
          if (!this.#needsReopening) this.#sweepLater();
        },
        () => {
          // Nobody waits for it. The next commit mends what can be mended, or says what cannot, and begins the sweep again.
          this.#isSweeping = false;
        },
      );
    });
  }

  get #db(): Database {
    return this.#opened().db;
  }

  get #ledger(): Ledger {
    return this.#opened().ledger;
  }

  #opened(): { readonly db: Database; readonly ledger: Ledger } {
    if (this.#engine === undefined)
      throw new StorageError('fenced', `the data directory ${this.#directory} is not open: open it first`);
    return this.#engine;
  }

  #refuseIfNotOpen(): void {
    if (this.#state === 'open' || this.#state === 'reading') return;
    if (this.#state === 'lost') throw this.#lost();
    throw new StorageError(
      'fenced',
      `the data directory ${this.#directory} is not open: ${this.#state === 'new' ? 'open it first' : 'it was closed'}`,
    );
  }

  #lost(): StorageError {
    return new StorageError(
      'fenced',
      `the data directory ${this.#directory} was opened by another hexmq: only one may use it, stop one of them`,
    );
  }

  /** LevelDB would make its files among whatever is there. */
  #refuseForeignDirectory(names: readonly string[]): void {
    const foreign = names.find((name) => !OWN_FILES.test(name));
    if (foreign === undefined) return;
    throw new StorageError(
      'corrupt',
      `the data directory ${this.#directory} has something in it that is not of hexmq ("${foreign}"): choose an empty one`,
    );
  }

  #refuseDamage(damage: string | undefined): void {
    if (damage !== undefined) throw damaged(this.#directory, damage);
  }

  async #openEngine(names: readonly string[]): Promise<Database> {
    this.#refuseForeignDirectory(names);
    this.#refuseDamage(await damageInLogs(this.#directory, names));
    await clearUnfinishedBeginning(this.#directory, names);
    const db = this.#makeEngine(this.#directory);
    try {
      await this.#begin(db);
      // Opening takes away the tables that a crash left unfinished.
      this.#refuseDamage(
        await damageInTables(
          this.#directory,
          names.filter((name) => /\.(ldb|sst)$/.test(name)),
        ),
      );
      return db;
    } catch (error) {
      await db.close().catch(() => undefined);
      throw error;
    }
  }

  /**
   * LevelDB syncs what its files say, but not the name that it gives last: CURRENT, which says which of its manifests counts. With that of before, what
   * is then synced in the log might not be found, and that of a new store is not even synced itself.
   */
  async #begin(db: Database): Promise<void> {
    await db.open();
    await syncNames(this.#directory);
  }

  /** @returns false when there is nothing in it yet. @throws StorageError when there is, and it is not what this version writes or knows how to read. */
  async #isOurFormat(db: Database): Promise<boolean> {
    const record = await db.get(spaceKey(Space.format));
    if (record === undefined) {
      const [key] = await db.keys({ limit: 1 }).all();
      if (key !== undefined) throw this.#foreignStore();
      return false;
    }
    const version = decodeFormat(record);
    if (version === undefined) throw this.#foreignStore();
    if (version > FORMAT_VERSION) {
      throw new StorageError(
        'corrupt',
        `the data in ${this.#directory} was written by a newer hexmq (format ${String(version)}, this one knows up to ${String(FORMAT_VERSION)}): use that version or a later one`,
      );
    }
    if (version < FORMAT_VERSION) {
      throw new StorageError(
        'corrupt',
        `the data in ${this.#directory} was written by hexmq before its first release (format ${String(version)}, this one reads ${String(FORMAT_VERSION)}): export it with the hexmq that wrote it, and import it here`,
      );
    }
    return true;
  }

  #foreignStore(): StorageError {
    return new StorageError(
      'corrupt',
      `the data directory ${this.#directory} has a database in it that is not of hexmq: choose an empty one`,
    );
  }
}

async function makeFormat(db: Database): Promise<void> {
  const beginnings = spaceFences().map((fence) => ({ type: 'put' as const, key: fence, value: Buffer.alloc(0) }));
  await db.batch([{ type: 'put', key: spaceKey(Space.format), value: Buffer.from(encodeFormat()) }, ...beginnings], {
    sync: true,
  });
}

/** Whether an engine was ever opened in the directory, to its end or not. Without CURRENT and with any of the others it is damaged. */
const isWithEngine = (names: readonly string[]): boolean =>
  names.some((name) => /^CURRENT$|\.(log|ldb|sst)$/.test(name));
