// Events of a running broker as lines for people: `2026-01-01T12:00:01.250Z warn  message dropped reason=queue-full`.
// Names that clients choose are made safe for a terminal.
import { printable } from '../printable.js';

const FIRST = new Set(['time', 'level', 'event', 'msg']);

/** The fields of a record but those that stand first, as `name=value`. */
export function fieldsOf(record: object, first: ReadonlySet<string> = FIRST): string[] {
  return Object.entries(record)
    .filter(([name, value]) => !first.has(name) && value !== undefined)
    .map(([name, value]) => `${name}=${valueOf(value)}`);
}

export function eventLine(record: object): string {
  const { time, level = '', event, msg } = record as Readonly<Record<string, string | undefined>>;
  return [time ?? '', level.padEnd(5), printable(msg ?? event ?? ''), ...fieldsOf(record)].join(' ');
}

/** Without quotes if it cannot be mistaken for something else. */
export function valueOf(value: unknown): string {
  if (typeof value !== 'string') return printable(JSON.stringify(value));
  return /^[\w.:/@+$#-]+$/.test(value) ? value : `"${printable(value)}"`;
}
