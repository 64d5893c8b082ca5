// Removes messages of the collection `messages` that no document refers to any more. A message gets all its references
// in the one batch that brings it, so once that batch is applied they only become fewer: no reference now means none
// ever. That needs no count, which a crash could leave wrong, and no list of owners, which could grow without bound. A
// chunk of messages is checked after each round of the checkpointer, oldest first, in an endless loop.
import type { Collections } from './collections.js';
import { partId } from './message-placement.js';

const CHUNK = 500;

export class GarbageCollector {
  /** The last message that was checked. */
  #checkedTo = '';

  constructor(readonly collections: Collections) {}

  /** @param checkpoint messages that are newer may not have all their references yet. */
  async collect(checkpoint: number): Promise<void> {
    const { messages } = this.collections;
    const chunk = await messages
      .find(
        { _id: { $gt: this.#checkedTo }, n: { $lte: checkpoint }, part: 0 },
        { projection: { parts: 1 }, sort: { _id: 1 }, limit: CHUNK },
      )
      .toArray();
    this.#checkedTo = chunk.length < CHUNK ? '' : (chunk.at(-1)?._id ?? '');
    if (chunk.length === 0) return;
    const referenced = await this.#referenced(chunk.map(({ _id }) => _id));
    const ids = chunk
      .filter(({ _id }) => !referenced.has(_id))
      .flatMap(({ _id, parts }) => Array.from({ length: parts }, (_, part) => partId(_id, part)));
    if (ids.length > 0) await messages.deleteMany({ _id: { $in: ids } });
  }

  async #referenced(ids: readonly string[]): Promise<ReadonlySet<string>> {
    const { queues, retained, wills } = this.collections;
    const filter = { shared: { $in: [...ids] } };
    const referenced = await Promise.all([
      queues.distinct('shared', filter),
      retained.distinct('shared', filter),
      wills.distinct('shared', filter),
    ]);
    return new Set(referenced.flat().filter((id) => id !== undefined));
  }
}
