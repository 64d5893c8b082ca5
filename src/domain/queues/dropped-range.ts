// The entries of a queue that were dropped in storage, without being read: a page that was requested before may still
// show them. They are dropped in the order of the queue, so one range is enough: when another one begins, the reader
// has passed the one before.
export class DroppedRange {
  #from = 0;
  #below = 0;

  /** The seq behind the entry that was dropped last. */
  get below(): number {
    return this.#below;
  }

  add(seq: number): void {
    // A page has shown it, and those behind it that were dropped before.
    if (seq < this.#below) return;
    if (seq !== this.#below) this.#from = seq;
    this.#below = seq + 1;
  }

  /** Whether this entry, the next one that a page shows, is one of them. Then it is not any more. */
  take(seq: number): boolean {
    if (seq < this.#from || seq >= this.#below) return false;
    this.#from = seq + 1;
    return true;
  }
}
