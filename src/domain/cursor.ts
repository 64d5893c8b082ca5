// The point at which a query stopped. A query examines a bounded number of things at a time and continues from its
// cursor, so that no question, however broad, holds up the clients, and a search that finds nothing stops as well.

/** A part of an answer. */
export interface Page<View> {
  readonly items: readonly View[];
  /** To be passed to the same query for the next page, which may be empty; `undefined` on the last page. */
  readonly next: Cursor<View> | undefined;
}

/**
 * Valid while the broker runs, however much changes meanwhile: what is there from the first page to the last is
 * examined once, what comes or goes in between may be in the answer or not. A cursor that is no longer needed is
 * dropped; keep few of them, since each keeps a position in the broker's tables.
 */
export class Cursor<View> {
  /** One step for each thing examined; `undefined` for one that is not part of the answer. */
  readonly #views: Iterator<View | undefined>;

  constructor(views: Iterable<View | undefined>) {
    this.#views = views[Symbol.iterator]();
  }

  /**
   * Examines up to `budget` things.
   * @throws RangeError unless `budget` is at least 1.
   */
  read(budget: number): Page<View> {
    if (!(budget >= 1)) throw new RangeError(`a query examines at least one thing, not ${budget}`);
    const items: View[] = [];
    for (let left = budget; left >= 1; left--) {
      const step = this.#views.next();
      if (step.done === true) return { items, next: undefined };
      if (step.value !== undefined) items.push(step.value);
    }
    return { items, next: this };
  }
}
