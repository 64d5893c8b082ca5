// Takes away messages that nobody has any more. A message of `messages` gets all who have it in the one batch that brings it, so once that is folded they
// only become fewer: whoever finds none will find none ever. That needs no count, which a crash could leave wrong, and no list of owners, which could grow
// without end. A lot of messages is looked at after each round, oldest first, again and again.
import type { Collections } from './collections.js';
import { partId } from './fold-plan.js';

const LOT = 500;

export class Collector {
  /** The last message that was looked at. */
  #at = '';

  constructor(readonly collections: Collections) {}

  /** @param checkpoint what is newer may not have all its owners yet. */
  async collect(checkpoint: number): Promise<void> {
    const { messages } = this.collections;
    const lot = await messages
      .find(
        { _id: { $gt: this.#at }, n: { $lte: checkpoint }, part: 0 },
        { projection: { parts: 1 }, sort: { _id: 1 }, limit: LOT },
      )
      .toArray();
    this.#at = lot.length < LOT ? '' : (lot.at(-1)?._id ?? '');
    if (lot.length === 0) return;
    const owned = await this.#owned(lot.map(({ _id }) => _id));
    const ids = lot
      .filter(({ _id }) => !owned.has(_id))
      .flatMap(({ _id, parts }) => Array.from({ length: parts }, (_, part) => partId(_id, part)));
    if (ids.length > 0) await messages.deleteMany({ _id: { $in: ids } });
  }

  async #owned(ids: readonly string[]): Promise<ReadonlySet<string>> {
    const { queues, retained, wills } = this.collections;
    const filter = { shared: { $in: [...ids] } };
    const owned = await Promise.all([
      queues.distinct('shared', filter),
      retained.distinct('shared', filter),
      wills.distinct('shared', filter),
    ]);
    return new Set(owned.flat().filter((id) => id !== undefined));
  }
}
