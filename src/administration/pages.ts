// Pages of an answer. What one page costs is bounded three ways: by the items that the caller wants, by the things that
// are looked at to find them, and by the bytes of what is found.
import type { Page, Cursor } from '../ports/index.js';
import type { Continuation, Found } from './kept-cursors.js';

/** The most things that one page looks at: about a millisecond. */
export const EXAMINED_MAX = 2000;
/** Looked at between two checks of the size. */
const CHUNK = 16;
/** Of names in the items of a page, in characters; the last chunk may exceed it. */
const CHARACTERS_MAX = 1_048_576;

/** Asks the core for a part of an answer. */
export type Ask<View> = (examine: number, cursor: Cursor<View> | undefined) => Page<View>;

/** @param show makes the item of the answer. */
export function inPages<View, Item extends object | number>(
  ask: Ask<View>,
  show: (view: View) => Item,
  from?: Cursor<View>,
): Continuation<Item> {
  return (limit) => {
    const items: Item[] = [];
    let cursor = from;
    let characters = 0;
    for (let examined = 0; items.length < limit && examined < EXAMINED_MAX && characters < CHARACTERS_MAX;) {
      const examine = Math.min(CHUNK, limit - items.length, EXAMINED_MAX - examined);
      const page = ask(examine, cursor);
      for (const view of page.items) {
        const item = show(view);
        items.push(item);
        characters += charactersIn(item);
      }
      if (page.next === undefined) return { items, next: undefined };
      cursor = page.next;
      examined += examine;
    }
    return { items, next: inPages(ask, show, cursor) };
  };
}

/**
 * Pages that hold the largest of what each of them looks at, the largest first: a caller that reads all of them
 * has seen everything, and each answer is small.
 */
export function largestInPages<View, Item>(
  ask: Ask<View>,
  show: (view: View) => Item,
  isLarger: (one: View, other: View) => number,
  from?: Cursor<View>,
): Continuation<Item> {
  return (limit): Found<Item> => {
    const page = ask(EXAMINED_MAX, from);
    const items = [...page.items].sort(isLarger).slice(0, limit).map(show);
    return { items, next: page.next === undefined ? undefined : largestInPages(ask, show, isLarger, page.next) };
  };
}

/** Of all text in it. */
export function charactersIn(item: object | number): number {
  let sum = 0;
  if (typeof item === 'object')
    for (const value of Object.values(item) as unknown[]) {
      if (typeof value === 'string') sum += value.length;
      else if (typeof value === 'object' && value !== null) sum += charactersIn(value);
    }
  return sum;
}
