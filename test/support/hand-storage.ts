// A storage that does nothing until a test says so: each commit and each read waits to be granted or refused by hand.
// Granted commits are in a model store, so that reads return them.
import type { Change, RestoredFact } from '../../src/domain/changes.js';
import type { Message } from '../../src/domain/messages/message.js';
import type { PageLimit } from '../../src/domain/effects.js';
import type { StoredEntry } from '../../src/domain/inputs.js';
import type { QueueId, Seq, TopicName } from '../../src/domain/identifiers.js';
import type { Durability, Storage, StorageTraits } from '../../src/ports/storage.js';
import { ModelStore } from './model-store.js';

export interface PendingCall {
  readonly what: string;
  readonly grant: () => void;
  readonly refuse: (error: Error) => void;
}

/** Lets promises that have settled be noticed. */
export async function noticed(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

export class HandStorage implements Storage {
  readonly store = new ModelStore();
  readonly traits: StorageTraits;
  /** The batch of every call of `commit`, in order. */
  readonly batches: (readonly Change[])[] = [];
  readonly durabilities: (Durability | undefined)[] = [];
  readonly commits: PendingCall[] = [];
  readonly reads: PendingCall[] = [];
  /** Whether reads are granted at once. */
  readsAtOnce = true;

  constructor(preferredBatchChanges = 10_000) {
    this.traits = { durable: true, fencing: true, preferredBatchChanges };
  }

  async open(): Promise<void> {
    await Promise.resolve();
  }

  async openReadOnly(): Promise<boolean> {
    return Promise.resolve(true);
  }

  async *load(): AsyncIterable<RestoredFact> {
    await Promise.resolve();
    yield* this.store.load();
  }

  commit(batch: readonly Change[], durability?: Durability): Promise<void> {
    this.batches.push([...batch]);
    this.durabilities.push(durability);
    return this.#pending('commit', this.commits, () => {
      for (const change of batch) this.store.apply(change);
    });
  }

  readQueue(queue: QueueId, from: Seq, limit: PageLimit): Promise<readonly StoredEntry[]> {
    return this.#read(`readQueue ${queue} #${from}`, () => this.store.readQueue(queue, from, limit));
  }

  readRetained(topics: readonly TopicName[]): Promise<readonly Message[]> {
    return this.#read(`readRetained ${topics.join(',')}`, () => this.store.readRetained(topics));
  }

  async close(): Promise<void> {
    await Promise.resolve();
  }

  /** The oldest commit under way succeeds. */
  async grantCommit(): Promise<void> {
    taken(this.commits, 'commit').grant();
    await noticed();
  }

  async refuseCommit(error: Error): Promise<void> {
    taken(this.commits, 'commit').refuse(error);
    await noticed();
  }

  async grantRead(): Promise<void> {
    taken(this.reads, 'read').grant();
    await noticed();
  }

  async refuseRead(error: Error): Promise<void> {
    taken(this.reads, 'read').refuse(error);
    await noticed();
  }

  #read<T>(what: string, answer: () => T): Promise<T> {
    if (this.readsAtOnce) return Promise.resolve(answer());
    return this.#pending(what, this.reads, answer);
  }

  #pending<T>(what: string, calls: PendingCall[], answer: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      calls.push({
        what,
        grant: () => {
          resolve(answer());
        },
        refuse: reject,
      });
    });
  }
}

function taken(calls: PendingCall[], what: string): PendingCall {
  const call = calls.shift();
  if (call === undefined) throw new Error(`no ${what} is under way`);
  return call;
}
