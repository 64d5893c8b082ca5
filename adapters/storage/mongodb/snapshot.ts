// A store at one moment, for opening it read-only: no epoch is begun, no number of the journal taken, nothing applied.
// The collections may be behind the journal, and a live writer may move them on to where the journal was at that
// moment; neither matters, because they are read together with a plan of the journal's tail (`journal-tail.ts`). When
// the writer commits something new, or another broker opens the store, the snapshot has expired and every read is
// refused.
//
// Whether it has expired is checked after each read. A change enters the journal first, and when it leaves the journal
// the checkpoint has moved: so the check looks at the journal before the checkpoint, and misses no change that the read
// could have seen.
import type { RestoredFact } from 'hexmq/ports';
import { changedWhileRead } from '../lifecycle/storage-lifecycle.js';
import { decodeBatch } from './batch-bytes.js';
import { CheckpointPlan } from './checkpoint-plan.js';
import type { Collections, WriterDocument } from './collections.js';
import { Documents } from './documents.js';
import { DamagedDocument } from './errors.js';
import { Journal } from './journal.js';
import { DocumentsWithTail } from './journal-tail.js';
import { facts } from './facts.js';

/** Attempts while the checkpointer of a live writer moves the checkpoint. */
const ATTEMPTS_MAX = 5;

type Position = Pick<WriterDocument, 'epoch' | 'checkpoint' | 'lastMessageId'>;

/** The position of a store whose first opening was cut off. */
const START: Position = { epoch: 0, checkpoint: 0, lastMessageId: -1 };

export class Snapshot {
  /** The check that has not begun yet, if reads wait for one. */
  #nextCheck: Promise<void> | undefined;
  #check: Promise<void> = Promise.resolve();

  private constructor(
    readonly subject: string,
    readonly collections: Collections,
    readonly documents: Documents,
    readonly lastMessageId: number,
    /** The epoch and the last number of the journal at that moment. */
    readonly epoch: number,
    readonly last: number,
  ) {}

  /**
   * @param subject the store in error messages.
   * @throws StorageError `unavailable` if a live writer keeps moving the checkpoint.
   */
  static async take(collections: Collections, subject: string): Promise<Snapshot> {
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
      const snapshot = await Snapshot.#try(collections, subject);
      if (snapshot !== undefined) return snapshot;
    }
    throw changedWhileRead(subject);
  }

  /** @returns `undefined` if the checkpoint moved meanwhile. */
  static async #try(collections: Collections, subject: string): Promise<Snapshot | undefined> {
    const before = await positionOf(collections);
    const newest = await collections.journal.findOne({}, { sort: { _id: -1 }, projection: { _id: 1 } });
    const last = Math.max(before.checkpoint, newest?._id ?? 0);
    const plan = new CheckpointPlan();
    let isEmpty = true;
    let damage: DamagedDocument | undefined;
    try {
      for await (const batch of new Journal(collections.journal, before.epoch, subject).batches(before.checkpoint)) {
        isEmpty = false;
        plan.add(batch.last, await decodeBatch(batch.bytes));
      }
    } catch (error) {
      if (!(error instanceof DamagedDocument)) throw error;
      damage = error;
    }
    const after = await positionOf(collections);
    if (after.epoch !== before.epoch || after.checkpoint !== before.checkpoint) return undefined;
    if (damage !== undefined) throw damage;
    const documents = isEmpty ? new Documents(collections) : new DocumentsWithTail(collections, plan);
    return new Snapshot(
      subject,
      collections,
      documents,
      Math.max(before.lastMessageId, plan.lastMessageId),
      before.epoch,
      last,
    );
  }

  async *facts(): AsyncGenerator<RestoredFact> {
    try {
      yield* facts(this.documents, this.lastMessageId);
    } finally {
      await this.refuseIfExpired();
    }
  }

  /** Reads, and refuses the result if the snapshot has expired. */
  async read<Result>(read: (documents: Documents) => Promise<Result>): Promise<Result> {
    try {
      return await read(this.documents);
    } finally {
      // Also after a failure: what is missing may have been removed since.
      await this.refuseIfExpired();
    }
  }

  /** One check serves all reads before it. @throws StorageError `unavailable` if the snapshot has expired. */
  refuseIfExpired(): Promise<void> {
    return (this.#nextCheck ??= this.#check
      .catch(() => undefined)
      .then(() => {
        this.#nextCheck = undefined;
        return (this.#check = this.#checkAgain());
      }));
  }

  async #checkAgain(): Promise<void> {
    const newer = await this.collections.journal.findOne({ _id: { $gt: this.last } }, { projection: { _id: 1 } });
    const { epoch, checkpoint } = await positionOf(this.collections);
    if (newer !== null || epoch !== this.epoch || checkpoint > this.last) throw changedWhileRead(this.subject);
  }
}

const positionOf = async ({ meta }: Collections): Promise<Position> =>
  ((await meta.findOne({ _id: 'writer' })) as WriterDocument | null) ?? START;
