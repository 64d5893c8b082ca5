// A store as it is at one moment, for somebody who only looks: no epoch is begun, no number of the journal taken, nothing folded. The collections may be
// behind the journal, and a writer that lives may move them on to where the journal was at that moment; either makes no difference to who reads them together
// with a plan of the rest (`unfolded.ts`). When the writer commits something new, or another opens the store, the moment is over, and every read is refused.
//
// Whether it is over is looked at after each read: a change comes into the journal first, and when it has left the journal the checkpoint has moved. So the
// journal is looked at before the checkpoint, and whatever could have been seen of a change is found out.
import { StorageError } from 'hexmq/ports';
import type { RestoredFact } from 'hexmq/ports';
import { decodeBatch } from './batch-bytes.js';
import type { Collections, WriterDocument } from './collections.js';
import { Documents } from './documents.js';
import { DamagedDocument } from './errors.js';
import { FoldPlan } from './fold-plan.js';
import { Journal } from './journal.js';
import { facts } from './reading.js';
import { UnfoldedDocuments } from './unfolded.js';

/** A writer that is just folding is waited for so often. */
const ATTEMPTS_MAX = 5;

type Position = Pick<WriterDocument, 'epoch' | 'checkpoint' | 'lastMessageId'>;

/** Of a store whose first opening was cut off. */
const BEGINNING: Position = { epoch: 0, checkpoint: 0, lastMessageId: -1 };

export class Snapshot {
  /** A look whether the moment is over that has not begun. */
  #nextLook: Promise<void> | undefined;
  #look: Promise<void> = Promise.resolve();

  private constructor(
    readonly collections: Collections,
    readonly documents: Documents,
    readonly lastMessageId: number,
    /** The epoch, and the last number of the journal, that it is of. */
    readonly epoch: number,
    readonly last: number,
  ) {}

  /** @throws StorageError `unavailable` when a writer is at work. */
  static async take(collections: Collections): Promise<Snapshot> {
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
      const snapshot = await Snapshot.#try(collections);
      if (snapshot !== undefined) return snapshot;
    }
    throw inUse();
  }

  /** `undefined`: the journal was folded on while it was read. */
  static async #try(collections: Collections): Promise<Snapshot | undefined> {
    const before = await positionOf(collections);
    const newest = await collections.journal.findOne({}, { sort: { _id: -1 }, projection: { _id: 1 } });
    const last = Math.max(before.checkpoint, newest?._id ?? 0);
    const plan = new FoldPlan();
    let isEmpty = true;
    let damage: DamagedDocument | undefined;
    try {
      for await (const batch of new Journal(collections.journal, before.epoch).batches(before.checkpoint)) {
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
    const documents = isEmpty ? new Documents(collections) : new UnfoldedDocuments(collections, plan);
    return new Snapshot(collections, documents, Math.max(before.lastMessageId, plan.lastMessageId), before.epoch, last);
  }

  async *facts(): AsyncGenerator<RestoredFact> {
    try {
      yield* facts(this.documents, this.lastMessageId);
    } finally {
      await this.refuseIfOver();
    }
  }

  /** What was found, unless the moment is over. */
  async read<Result>(read: (documents: Documents) => Promise<Result>): Promise<Result> {
    try {
      return await read(this.documents);
    } finally {
      // Before anything is made of a failure too: what is missing may have been taken away.
      await this.refuseIfOver();
    }
  }

  /** One look serves all who have read before it. @throws StorageError `unavailable` */
  refuseIfOver(): Promise<void> {
    return (this.#nextLook ??= this.#look
      .catch(() => undefined)
      .then(() => {
        this.#nextLook = undefined;
        return (this.#look = this.#lookAgain());
      }));
  }

  async #lookAgain(): Promise<void> {
    const newer = await this.collections.journal.findOne({ _id: { $gt: this.last } }, { projection: { _id: 1 } });
    const { epoch, checkpoint } = await positionOf(this.collections);
    if (newer !== null || epoch !== this.epoch || checkpoint > this.last) throw inUse();
  }
}

const positionOf = async ({ meta }: Collections): Promise<Position> =>
  ((await meta.findOne({ _id: 'writer' })) as WriterDocument | null) ?? BEGINNING;

const inUse = (): StorageError =>
  new StorageError(
    'unavailable',
    'the database was changed while it was read: a hexmq uses it, stop that one and try again',
  );
