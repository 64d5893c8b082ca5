// docs/events.md has every event of the log. `HEXMQ_WRITE_DOCS=1` writes it.
import { expect, test } from '@jest/globals';
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { CATALOG, OWN_LINES } from './catalog.js';
import { eventsPage, reasonsOf } from './page.js';

const ROOT = resolve(import.meta.dirname, '../../..');
const PATH = resolve(ROOT, 'docs/events.md');
const sourceOf = (path: string): string => readFileSync(resolve(ROOT, path), 'utf8');

/** The strings of a union, as the source has it. */
function unionIn(source: string, name: string): string[] {
  const body = new RegExp(`^export type ${name} =([^;]*?);`, 'm').exec(source.replaceAll(/\/\/.*$/gm, ''))?.[1] ?? '';
  return [...body.matchAll(/'([a-z0-9-]+)'/g)].map(([, text = '']) => text);
}

test('the events page is the one that the events make', () => {
  const page = eventsPage();
  if (process.env['HEXMQ_WRITE_DOCS'] === '1') writeFileSync(PATH, page);
  expect(readFileSync(PATH, 'utf8')).toBe(page);
});

test('the events page has every event of the sources and no other', () => {
  const kinds = ['src/domain/events.ts', 'src/ports/telemetry.ts'].flatMap((path) =>
    [...sourceOf(path).matchAll(/readonly kind: '([a-z-]+)'/g)].map(([, kind = '']) => kind),
  );
  expect(kinds.length).toBeGreaterThan(30);
  expect(Object.keys(CATALOG).sort()).toEqual(kinds.sort());
});

test.each([
  ['connection-ended', 'src/domain/reasons.ts', 'EndReason'],
  ['connection-refused', 'src/domain/reasons.ts', 'RefusalReason'],
  ['message-dropped', 'src/domain/reasons.ts', 'DropReason'],
  ['handshake-failed', 'src/ports/telemetry.ts', 'HandshakeFailure'],
])('the events page has every reason of %s and no other', (kind, path, type) => {
  const reasons = unionIn(sourceOf(path), type);
  expect(reasons.length).toBeGreaterThan(3);
  expect([...reasonsOf(kind)].sort()).toEqual(reasons.sort());
});

test('the events page has every line of the log and of start that is no event of the port', () => {
  const sources = ['adapters/observability/log/index.ts', 'src/cli/start.ts'].map(sourceOf).join('');
  const own = [...sources.matchAll(/\bevent: '([a-z-]+)'/g)].map(([, event = '']) => event);
  expect(OWN_LINES.map(([event]) => event).sort()).toEqual(own.filter((event) => event !== 'warning').sort());
});
