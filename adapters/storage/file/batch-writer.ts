// Turns a batch of changes into one batch of the engine: first it fetches what has to be known (usually nothing,
// because it was used recently), then it applies the changes one by one, then it writes what changes once for a batch,
// however often it was touched.
//
// Memory does not grow with the store: headers, reference counts and the sizes of entries are remembered for what was
// used recently, and fetched when they are needed again.
import type { Change } from 'hexmq/ports';
import { Bodies } from './bodies.js';
import { ruleOf } from './change-rules.js';
import type { Tables } from './change-rules.js';
import { CHUNK, yieldToEventLoop } from './chunks.js';
import { Clients } from './clients.js';
import { Counters } from './counters.js';
import type { Database, Writes } from './engine.js';
import { EntryPass } from './entry-pass.js';
import { BodyPass, SlotPass } from './needs.js';
import type { Pass } from './needs.js';
import { Queues } from './queues.js';
import { RetainedTable } from './retained-table.js';
import { Sweeper } from './sweeper.js';

export class BatchWriter implements Tables {
  readonly counters: Counters;
  readonly queues: Queues;
  readonly clients: Clients;
  readonly retained: RetainedTable;
  readonly sweeper: Sweeper;
  readonly #db: Database;
  readonly #bodies: Bodies;
  readonly #passes: readonly Pass[];

  /** @param knownBytesMax what is remembered of entries, over all queues. */
  constructor(db: Database, knownBytesMax?: number) {
    this.#db = db;
    this.counters = new Counters(db);
    this.#bodies = new Bodies(db, this.counters);
    this.sweeper = new Sweeper(db, this.#bodies);
    this.queues = new Queues(db, this.counters, this.#bodies, this.sweeper, knownBytesMax);
    this.clients = new Clients(db, this.counters, this.sweeper);
    this.retained = new RetainedTable(db, this.counters, this.#bodies);
    this.#passes = [
      new SlotPass(this.queues, this.clients, this.retained, this.#bodies),
      new EntryPass(db, this.queues),
      new BodyPass(this.queues, this.retained, this.#bodies),
    ];
  }

  /** Forgets everything, and begins with what the store says. */
  async load(): Promise<void> {
    this.queues.clear();
    this.clients.clear();
    this.retained.slots.clear();
    this.#bodies.clear();
    await this.counters.load();
    await this.sweeper.load();
  }

  /** Writes the batch, all or not at all. After a failure only `load` may follow. */
  async commit(batch: readonly Change[], isSynced: boolean): Promise<void> {
    this.#endBatch();
    for (const pass of this.#passes) {
      for (let i = 0; i < batch.length; i++) {
        const change = batch[i] as Change;
        ruleOf(change).needs(change, pass);
      }
      await pass.fetch();
    }
    const writes = this.#db.batch();
    await this.#apply(batch, writes);
    await writes.write({ sync: isSynced });
    this.queues.committed();
    this.#endBatch();
    this.queues.slots.evict();
    this.clients.slots.evict();
    this.retained.slots.evict();
    this.#bodies.evict();
  }

  async #apply(batch: readonly Change[], writes: Writes): Promise<void> {
    for (let from = 0; from < batch.length; from += CHUNK) {
      if (from > 0) await yieldToEventLoop();
      const end = Math.min(batch.length, from + CHUNK);
      for (let i = from; i < end; i++) {
        const change = batch[i] as Change;
        const pending = ruleOf(change).apply(change, this, writes);
        if (pending !== undefined) await pending;
      }
    }
    await this.queues.finish(writes);
    this.clients.finish(writes);
    this.#bodies.finish(writes);
    this.counters.finish(writes);
  }

  #endBatch(): void {
    this.queues.endBatch();
    this.clients.endBatch();
    this.#bodies.endBatch();
    this.counters.endBatch();
  }
}
