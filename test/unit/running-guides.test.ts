// The guides to installing and running: every event, reason, limit, command and format version that they name exists.
import { expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { FORMAT_VERSION as MONGODB } from '../../adapters/storage/mongodb/collections.js';
import { FORMAT_VERSION as FILE, OLDEST_FORMAT_VERSION } from '../../adapters/storage/file/records/index.js';
import { FORMAT_VERSION as EXPORT } from '../../src/application/transfer/export-format.js';
import { commandLine } from '../../src/cli/command.js';
import { commandTree, withSubcommands } from '../../src/cli/completion/command-tree.js';
import { LIMIT_KEYS } from '../../src/composition/config-schema.js';
import { FakeHost } from './cli/fake-host.js';

const page = (name: string): string => readFileSync(resolve(import.meta.dirname, '../../docs', name), 'utf8');
const GUIDES = ['install.md', 'run-in-production.md', 'sizing.md', 'troubleshoot.md'].map(page);
const EVENTS = page('events.md');

const all = (pattern: RegExp): string[] =>
  GUIDES.flatMap((text) => [...text.matchAll(pattern)].map(([, name = '']) => name));

test('every event and reason in the tables of troubleshooting is on the page of events', () => {
  // Three columns follow: the event, its cause, what to do.
  const cells = [...page('troubleshoot.md').matchAll(/^\| [^|]+ \| ([^|]+) \|/gm)].map(([, cell = '']) => cell);
  const names = cells.flatMap((cell) => [...cell.matchAll(/`([a-z][a-z\d-]+)`/g)].map(([, name = '']) => name));
  expect(names.length).toBeGreaterThan(40);
  const isThere = (name: string): boolean => EVENTS.includes(`### ${name}\n`) || EVENTS.includes(`| \`${name}\` |`);
  // A kind of failing storage, which is a field.
  expect(names.filter((name) => !isThere(name) && name !== 'full')).toEqual([]);
});

test('every limit that the guides name exists', () => {
  const limits = all(/`limits\.(\w+)`/g);
  expect(limits.length).toBeGreaterThan(5);
  expect(limits.filter((name) => !(LIMIT_KEYS as readonly string[]).includes(name))).toEqual([]);
});

test('every command that the guides show exists', () => {
  const tree = commandTree(commandLine(new FakeHost()), {});
  const names = new Set(withSubcommands(tree).map(({ path }) => path.split(' ')[1]));
  const shown = all(/(?:^|[`;(] ?|exec hexmq )hexmq ([a-z][a-z-]+)/gm);
  expect(shown.length).toBeGreaterThan(15);
  expect(shown.filter((name) => !names.has(name))).toEqual([]);
});

test('the table of format versions has those of the code', () => {
  const rows = [...page('run-in-production.md').matchAll(/^\| (files|MongoDB|export) \| (\d+) \| (\d+)/gm)].map(
    ([, data, version, oldest]) => [data, Number(version), Number(oldest)],
  );
  expect(rows).toEqual([
    ['files', FILE, OLDEST_FORMAT_VERSION],
    ['MongoDB', MONGODB, 1],
    ['export', EXPORT, 1],
  ]);
});
