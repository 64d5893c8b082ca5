// The next level below a topic, from pages of the topics under it: the broker has lists, the page shows a tree.
import { ApiError, call } from '../api.js';
import type { ItemOf } from '../api.js';

export interface Level {
  /** Without the levels above. */
  readonly name: string;
  readonly topic: string;
  /** The retained message of the topic itself. */
  readonly message: ItemOf<'retained'> | undefined;
  /** Topics below it that were seen. */
  readonly below: number;
}

export interface Levels {
  readonly levels: ReadonlyMap<string, Level>;
  /** How many topics were looked at. */
  readonly seen: number;
  /** For more of them. */
  readonly cursor: string | undefined;
}

export const NO_LEVELS: Levels = { levels: new Map(), seen: 0, cursor: undefined };

const PAGE = 1000;
/** Pages in one go. */
const PAGES_MAX = 3;
/** Of one level; a filter finds the others. */
export const LEVELS_MAX = 1000;

/** @param prefix with `/` at its end; empty: all topics of the filter. */
export async function lookBelow(prefix: string, filter: string, from: Levels = NO_LEVELS): Promise<Levels> {
  const topicFilter = prefix === '' ? filter : `${prefix}#`;
  const levels = new Map(from.levels);
  let { seen, cursor } = from;
  for (let pages = 0; pages < PAGES_MAX && levels.size < LEVELS_MAX; pages++) {
    const page = await call('retained', { topicFilter, limit: PAGE, ...(cursor === undefined ? {} : { cursor }) });
    for (const item of page.items) add(levels, prefix, item);
    seen += page.items.length;
    cursor = page.cursor;
    if (cursor === undefined) break;
  }
  return { levels, seen, cursor };
}

/** A filter that ends in `/#` matches the level above as well, which is no level below it. */
function add(levels: Map<string, Level>, prefix: string, item: ItemOf<'retained'>): void {
  if (!item.topic.startsWith(prefix)) return;
  const rest = item.topic.slice(prefix.length);
  const end = rest.indexOf('/');
  const name = end < 0 ? rest : rest.slice(0, end);
  const before = levels.get(name) ?? { name, topic: prefix + name, message: undefined, below: 0 };
  levels.set(name, end < 0 ? { ...before, message: item } : { ...before, below: before.below + 1 });
}

export const isGone = (error: unknown): boolean => error instanceof ApiError && error.kind === 'gone';
