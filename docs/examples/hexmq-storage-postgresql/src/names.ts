// Names as keys of tables. PostgreSQL indexes no more than 2,704 bytes, and a name of MQTT has up to 65,535 (that of a
// queue 131,080): a short name is its own key, so that the tables can be read, and a long one is found by its digest.
import { createHash } from 'node:crypto';

/** Two of them fit into one entry of an index. */
const SHORT_BYTES_MAX = 400;

/** What is named: the same text may name one of each. */
export type Named = 'client' | 'queue' | 'topic' | 'will' | 'filter';

export interface Key {
  readonly key: string;
  /** Set if the key does not show the name, so that it has to be stored beside it. */
  readonly longName: string | undefined;
}

export function keyOf(named: Named, name: string): Key {
  if (Buffer.byteLength(name) <= SHORT_BYTES_MAX) return { key: `=${name}`, longName: undefined };
  return { key: `#${named}:${createHash('sha256').update(name).digest('hex')}`, longName: name };
}

/** @param longName the name that is stored for the key, if there is one. */
export function nameOf(key: string, longName: string | null): string | undefined {
  return key.startsWith('=') ? key.slice(1) : (longName ?? undefined);
}
