// The journal: documents with ascending numbers, each of them a part of a batch or the claim of an opening. Inserting a document is the commit, and the
// number is the lock: a number can be taken once.
//
// - A writer knows the number after the last one. An opening claims that number for itself, and the claim stays for good: whatever an earlier writer still
//   sends, now or when it wakes up in a week, goes to that number and finds it taken. There is nothing to time out and nobody to ask.
// - An insert whose outcome nobody knows is sent again under the same number: what is found there is one's own, or another's claim.
// - A batch larger than a document counts when its last part is there. What a crash left of one is followed by a claim, and means nothing.
// - What has been folded is removed, claims apart: a claim is some 60 bytes, one for each start of the broker.
import type { Collection } from 'mongodb';
import { StorageError } from 'hexmq/ports';
import type { Durability } from 'hexmq/ports';
import type { JournalDocument } from './collections.js';
import { DamagedDocument, isDuplicateKey } from './errors.js';

/** A document may have 16 MiB. */
const PART_BYTES_MAX = 8 * 1024 * 1024;

/** How long a majority may take; a batch whose outcome is unknown costs no more than being sent again. */
const WRITE_MS_MAX = 10_000;

/** On the disks of a majority, and in the memory of a majority. Both survive the broker; the first survives a loss of power everywhere at once. */
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
  #isTaken = false;

  constructor(
    readonly collection: Collection<JournalDocument>,
    readonly epoch: number,
    readonly partBytesMax = PART_BYTES_MAX,
  ) {}

  /** The number that the next document gets. */
  get next(): number {
    return this.#next;
  }

  /** Makes every number from here on this epoch's. @param checkpoint nothing up to here is free. @throws StorageError `fenced` */
  async claim(checkpoint: number): Promise<void> {
    for (;;) {
      const last = await this.collection.findOne({}, { sort: { _id: -1 }, projection: { epoch: 1 } });
      if (last !== null && last.epoch > this.epoch) throw this.#fenced();
      const number = Math.max(checkpoint, last?._id ?? 0) + 1;
      try {
        await this.collection.insertOne({ _id: number, epoch: this.epoch, claim: true });
        this.#next = number + 1;
        return;
      } catch (error) {
        // The writer before was faster, or another opening.
        if (!isDuplicateKey(error)) throw error;
      }
    }
  }

  /** A batch with the numbers it will have; they stay its own until it has been appended, however often that is tried. */
  batchOf(bytes: Uint8Array): JournalBatch {
    const parts = Math.max(1, Math.ceil(bytes.byteLength / this.partBytesMax));
    return { first: this.#next, last: this.#next + parts - 1, bytes };
  }

  /** @throws StorageError `fenced` when the store is another's. Anything else: it may or may not be there, and has to be appended again. */
  async append({ first, last, bytes }: JournalBatch, durability: Durability = 'flushed'): Promise<void> {
    if (this.#isTaken) throw this.#fenced();
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
        await this.#refuseStranger(document._id);
      }
    }
    this.#taken(last);
  }

  /** Whether the batch is there, as far as can be told now. If it is, it is as good as appended. */
  async has({ last }: JournalBatch): Promise<boolean> {
    if (!(await this.#isOwn(last))) return false;
    this.#taken(last);
    return true;
  }

  /** The whole batches after the checkpoint, in order. */
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

  /** Takes away what has been folded. */
  async removeThrough(checkpoint: number): Promise<void> {
    await this.collection.deleteMany({ _id: { $lte: checkpoint }, claim: { $ne: true } });
  }

  /** Who asked whether a batch is there may hear of it when others are there too: no number is given twice. */
  #taken(last: number): void {
    this.#next = Math.max(this.#next, last + 1);
  }

  async #refuseStranger(number: number): Promise<void> {
    // Own, and the reply to an earlier attempt was lost.
    if (await this.#isOwn(number)) return;
    this.#isTaken = true;
    throw this.#fenced();
  }

  /** A write, though it changes nothing: unlike a read it waits until what it found is as durable as an insert. */
  async #isOwn(number: number): Promise<boolean> {
    const { matchedCount } = await this.collection.updateOne(
      { _id: number, epoch: this.epoch },
      { $set: { epoch: this.epoch } },
    );
    return matchedCount === 1;
  }

  #fenced(): StorageError {
    return new StorageError('fenced', 'another hexmq has opened the database: only one may use it, stop one of them');
  }
}
