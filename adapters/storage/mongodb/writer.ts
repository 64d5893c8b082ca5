// Whose the store is. The document `writer` counts openings (epochs) and says how far the journal has been folded; only the last epoch may move it. It
// does not decide who may commit: that is the journal's affair, where each number can be taken once.
import type { Collections, WriterDocument } from './collections.js';
import { isDuplicateKey } from './errors.js';

/** The last checkpoint did not move because another epoch has begun. */
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
        // Another made it at the same moment.
        if (!isDuplicateKey(error)) throw error;
      }
    }
  }

  /** @throws Superseded when another epoch has begun. */
  async set(fields: Partial<Omit<WriterDocument, '_id' | 'epoch'>>): Promise<void> {
    const { matchedCount } = await this.collections.meta.updateOne(
      { _id: 'writer', epoch: this.epoch },
      { $set: fields },
    );
    if (matchedCount === 0) throw new Superseded('another epoch has begun');
  }
}
