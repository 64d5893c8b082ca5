// The document `writer`, which counts openings (epochs) and has the checkpoint: how much of the journal has been
// applied. Only the last epoch may move the checkpoint. The document does not decide who may commit: the journal does,
// where each number can be taken once.
import type { Collections, WriterDocument } from './collections.js';
import { isDuplicateKey } from './errors.js';

/** The checkpoint did not move, because another epoch has begun. */
export class Superseded extends Error {
  override readonly name = 'Superseded';
}

const NEW: Omit<WriterDocument, '_id' | 'epoch'> = {
  checkpoint: 0,
  folding: false,
  doubtUntilMs: 0,
  lastMessageId: -1,
};

export class Writer {
  private constructor(
    readonly collections: Collections,
    readonly epoch: number,
    readonly before: Omit<WriterDocument, '_id' | 'epoch'>,
  ) {}

  /** Begins a new epoch. */
  static async begin(collections: Collections): Promise<Writer> {
    const meta = collections.meta;
    for (;;) {
      const found = (await meta.findOneAndUpdate(
        { _id: 'writer' },
        { $inc: { epoch: 1 } },
        { returnDocument: 'after' },
      )) as WriterDocument | null;
      if (found !== null) return new Writer(collections, found.epoch, found);
      try {
        await meta.insertOne({ _id: 'writer', epoch: 0, ...NEW });
      } catch (error) {
        // Another broker inserted it at the same moment.
        if (!isDuplicateKey(error)) throw error;
      }
    }
  }

  /** @throws Superseded if another epoch has begun. */
  async set(fields: Partial<Omit<WriterDocument, '_id' | 'epoch'>>): Promise<void> {
    const { matchedCount } = await this.collections.meta.updateOne(
      { _id: 'writer', epoch: this.epoch },
      { $set: fields },
    );
    if (matchedCount === 0) throw new Superseded('another epoch has begun');
  }
}
