// The journal: documents with ascending numbers, each of them a part of a batch or the claim of an opening. Inserting a
// document is the commit, and the number is the lock: each number can be taken once.
//
// - A writer knows the number after the last one. An opening claims that number for itself, and the claim is never
//   removed: whatever an earlier writer still sends, now or when it wakes up in a week, goes to that number and finds
//   it taken. No lease has to expire.
// - An insert whose outcome is unknown is sent again under the same number: what is found there is the writer's own
//   document or another's claim.
// - A batch larger than a document counts when its last part is there. An incomplete batch that a crash left is
//   followed by a claim, and is ignored.
// - What has been applied to the collections is removed, except claims: a claim is some 60 bytes, one for each start of
//   the broker.
import type { Collection } from 'mongodb';
import type { Durability } from 'hexmq/ports';
import { openedByAnother } from '../lifecycle/storage-lifecycle.js';
import type { JournalDocument } from './collections.js';
import { DamagedDocument, isDuplicateKey } from './errors.js';

/** MongoDB limits a document to 16 MiB. */
const PART_BYTES_MAX = 8 * 1024 * 1024;

/** How long a majority may take. A batch whose outcome is unknown costs no more than being sent again. */
const WRITE_MS_MAX = 10_000;

/**
 * `FLUSHED`: on the disks of a majority; `STORED`: in the memory of a majority. Both survive the broker; the first
 * survives a loss of power of all members at once.
 */
export const FLUSHED = { w: 'majority', journal: true, wtimeoutMS: WRITE_MS_MAX } as const;
const STORED = { w: 'majority', journal: false, wtimeoutMS: WRITE_MS_MAX } as const;

export interface JournalBatch {
  /** The numbers of its first and last document. */
  readonly first: number;
  readonly last: number;
  readonly bytes: Uint8Array;
}

export class Journal {
  #next = 0;
  /** Another broker has claimed the journal. */
  #isLost = false;

  constructor(
    readonly collection: Collection<JournalDocument>,
    readonly epoch: number,
    /** The store, for error messages. */
    readonly subject: string,
    readonly partBytesMax = PART_BYTES_MAX,
  ) {}

  /** The number that the next document gets. */
  get next(): number {
    return this.#next;
  }

  /**
   * Claims every number from here on for this epoch.
   * @param checkpoint no number up to here is free.
   * @throws StorageError `fenced` if a later epoch has claimed them.
   */
  async claim(checkpoint: number): Promise<void> {
    for (;;) {
      const last = await this.collection.findOne({}, { sort: { _id: -1 }, projection: { epoch: 1 } });
      if (last !== null && last.epoch > this.epoch) throw openedByAnother(this.subject);
      const number = Math.max(checkpoint, last?._id ?? 0) + 1;
      try {
        await this.collection.insertOne({ _id: number, epoch: this.epoch, claim: true });
        this.#next = number + 1;
        return;
      } catch (error) {
        // The earlier writer was faster, or another opening.
        if (!isDuplicateKey(error)) throw error;
      }
    }
  }

  /** Assigns numbers to a batch. They stay its own until it has been appended, however often that is tried. */
  batchOf(bytes: Uint8Array): JournalBatch {
    const parts = Math.max(1, Math.ceil(bytes.byteLength / this.partBytesMax));
    return { first: this.#next, last: this.#next + parts - 1, bytes };
  }

  /**
   * @throws StorageError `fenced` if another broker owns the store. After any other error the batch may be there, and
   * has to be appended again.
   */
  async append({ first, last, bytes }: JournalBatch, durability: Durability = 'flushed'): Promise<void> {
    if (this.#isLost) throw openedByAnother(this.subject);
    const parts = last - first + 1;
    for (let part = 0; part < parts; part++) {
      const document: JournalDocument = {
        _id: first + part,
        epoch: this.epoch,
        first,
        part,
        parts,
        bytes: bytes.subarray(part * this.partBytesMax, (part + 1) * this.partBytesMax),
      };
      try {
        await this.collection.insertOne(document, { writeConcern: durability === 'flushed' ? FLUSHED : STORED });
      } catch (error) {
        if (!isDuplicateKey(error)) throw error;
        await this.#requireOwn(document._id);
      }
    }
    this.#advance(last);
  }

  /** Whether a batch whose outcome is unknown is there by now. If it is, it counts as appended. */
  async has({ last }: JournalBatch): Promise<boolean> {
    if (!(await this.#isOwn(last))) return false;
    this.#advance(last);
    return true;
  }

  /** The complete batches after the checkpoint, in order. */
  async *batches(checkpoint: number): AsyncGenerator<JournalBatch> {
    let pieces: Uint8Array[] = [];
    let expected = checkpoint + 1;
    let first = 0;
    for await (const document of this.collection.find(
      { _id: { $gt: checkpoint } },
      { sort: { _id: 1 }, batchSize: 100 },
    )) {
      if (document._id !== expected) throw new DamagedDocument(`the journal document ${String(expected)} is missing`);
      expected++;
      if (document.claim === true) {
        pieces = [];
        continue;
      }
      const { part = -1, parts = 0, bytes } = document;
      if (part === 0) {
        pieces = [];
        first = document._id;
      }
      if (bytes === undefined || part !== pieces.length || document.first !== first) {
        throw new DamagedDocument(`the journal document ${String(document._id)} does not follow the one before it`);
      }
      pieces.push(bytes);
      if (part < parts - 1) continue;
      yield { first, last: document._id, bytes: pieces.length === 1 ? bytes : Buffer.concat(pieces) };
      pieces = [];
    }
  }

  /** Removes batches that have been applied to the collections. */
  async removeThrough(checkpoint: number): Promise<void> {
    await this.collection.deleteMany({ _id: { $lte: checkpoint }, claim: { $ne: true } });
  }

  /** Never goes back: `has` may find a batch after later ones were appended, and no number is assigned twice. */
  #advance(last: number): void {
    this.#next = Math.max(this.#next, last + 1);
  }

  async #requireOwn(number: number): Promise<void> {
    // Its own document: the reply to an earlier attempt was lost.
    if (await this.#isOwn(number)) return;
    this.#isLost = true;
    throw openedByAnother(this.subject);
  }

  /** A write that changes nothing: unlike a read it waits until what it found is as durable as an insert. */
  async #isOwn(number: number): Promise<boolean> {
    const { matchedCount } = await this.collection.updateOne(
      { _id: number, epoch: this.epoch },
      { $set: { epoch: this.epoch } },
    );
    return matchedCount === 1;
  }
}
