// docs/loss-matrix.md has a row for every cell, and the command that measures the cells works.
import { describe, expect, test } from '@jest/globals';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, temporaryDirectory } from './hexmq-command.js';
import { brokenPromises, CELLS, cellName, promises } from './loss-matrix/cells.js';
import type { Cell } from './loss-matrix/cells.js';
import { isKept, rowOf } from './loss-matrix/page.js';
import type { Counts } from './loss-matrix/tally.js';
import { Program, scene } from './program.js';
import type { ProgramEnd } from './program.js';

const PAGE = join(ROOT, 'docs/loss-matrix.md');

describe('docs/loss-matrix.md', () => {
  test.each(CELLS.map((cell) => [cellName(cell), cell] as const))(
    'docs/loss-matrix.md has a row of %s, in which the promise is kept',
    (_, cell) => {
      const row = rowOf(readFileSync(PAGE, 'utf8'), cell);
      expect(row).toHaveLength(9);
      if (promises(cell)) expect(isKept(row ?? [])).toBe(true);
    },
  );
});

describe('promises of a cell', () => {
  const counts = (change: Partial<Counts>): Counts => ({
    acknowledged: { 1: 9, 2: 9 },
    lost: { away: { 1: 0, 2: 0 }, online: { 1: 0, 2: 0 } },
    twice: { away: { 1: 0, 2: 0 }, online: { 1: 0, 2: 0 } },
    ...change,
  });
  const flushed: Cell = { storage: 'file', ackLevel: 'flushed', event: 'broker-killed' };
  const lossy = counts({ lost: { away: { 1: 3, 2: 0 }, online: { 1: 0, 2: 0 } } });

  test('a lost message, a QoS 2 message that arrives twice and a lost session break the promise of a cell', () => {
    expect(brokenPromises(flushed, lossy, [])).toEqual([
      'file/flushed/broker-killed: 3 acknowledged messages at QoS 1 were lost to the subscriber that was away',
    ]);
    const repeated = counts({ twice: { away: { 1: 0, 2: 0 }, online: { 1: 0, 2: 1 } } });
    expect(brokenPromises({ ...flushed, ackLevel: 'stored' }, repeated, [])).toEqual([
      'file/stored/broker-killed: 1 messages at QoS 2 arrived twice at the subscriber that was online',
    ]);
    expect(brokenPromises(flushed, counts({}), ['round 1: away got Session Present 0'])).toHaveLength(1);
  });

  test('a repetition at QoS 1 breaks no promise, and a cell without a promise cannot break it', () => {
    expect(brokenPromises(flushed, counts({ twice: { away: { 1: 5, 2: 0 }, online: { 1: 5, 2: 0 } } }), [])).toEqual(
      [],
    );
    expect(brokenPromises({ ...flushed, ackLevel: 'received' }, lossy, [])).toEqual([]);
    expect(brokenPromises({ ...flushed, storage: 'memory' }, lossy, [])).toEqual([]);
  });
});

describe('npm run loss-matrix', () => {
  function lossMatrix(args: readonly string[]): Promise<ProgramEnd> {
    const script = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
      readonly scripts: Readonly<Record<string, string>>;
    };
    const [command = '', ...words] = (script.scripts['loss-matrix'] ?? '').split(' ');
    const program = new Program(command === 'node' ? process.execPath : command, [...words, ...args], { cwd: ROOT });
    program.closeInput();
    return program.ended;
  }

  test(
    'npm run loss-matrix measures a cell and replaces only the table of the page',
    () =>
      scene(async () => {
        const page = join(temporaryDirectory(), 'page.md');
        writeFileSync(page, readFileSync(PAGE, 'utf8'));
        const { status, stdout, stderr } = await lossMatrix([
          '--rounds',
          '2',
          '--only',
          'file/flushed/broker-killed',
          '--page',
          page,
        ]);
        expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
        expect(stdout).toMatch(/^file\/flushed\/broker-killed: /);
        const written = readFileSync(page, 'utf8');
        expect(written).toMatch(/^hexmq \S+, Node \S+, 2 rounds a row, seed 1\. /m);
        const row = rowOf(written, { storage: 'file', ackLevel: 'flushed', event: 'broker-killed' }) ?? [];
        expect(isKept(row)).toBe(true);
        // At least a hundred in each of the two rounds.
        expect(
          (row[4] ?? '').split(' + ').reduce((sum, count) => sum + Number(count.replace(',', '')), 0),
        ).toBeGreaterThanOrEqual(200);
        expect(rowOf(written, { storage: 'memory', ackLevel: 'stored', event: 'stopped' })).toBeUndefined();
        const [, behind] = readFileSync(PAGE, 'utf8').split('## How to read it');
        expect(written.endsWith(behind ?? 'nothing')).toBe(true);
      }),
    120_000,
  );

  test('npm run loss-matrix refuses an unknown cell and an invalid number with status 2', () =>
    scene(async () => {
      expect(await lossMatrix(['--only', 'tape'])).toMatchObject({
        status: 2,
        stderr: expect.stringMatching(
          /^--only: no cell begins with "tape"; there are memory\/received\/broker-killed, /,
        ) as unknown,
      });
      expect(await lossMatrix(['--rounds', '0'])).toMatchObject({
        status: 2,
        stderr: '--rounds is a whole number from 1 on, not "0"\n',
      });
    }));
});
