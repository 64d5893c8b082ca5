// Text and payloads of clients on a terminal, which must not interpret them.
import { describe, expect, test } from '@jest/globals';
import { jsonOf, preview, printable, shortened } from '../../../src/cli/printable.js';
import { ProgressLine } from '../../../src/cli/progress-line.js';
import { Table } from '../../../src/cli/table.js';

test('JSON has no character that a terminal takes for a command, and means the same', () => {
  const value = { clientId: 'a\u001b[2J\u009b2J\u202eb\u2028\u{e0001}c\\u0041é😀' };
  const json = jsonOf(value);
  expect(json).toBe('{"clientId":"a\\u001b[2J\\u009b2J\\u202eb\\u2028\\udb40\\udc01c\\\\u0041é😀"}');
  expect(JSON.parse(json)).toEqual(value);
});

describe('printable', () => {
  test.each([
    ['', '""'],
    ['sensor/7 é 😀', 'sensor/7 é 😀'],
    ['a\u001b[31mb', 'a\\u{1b}[31mb'],
    ['a\r\nb\u0000\u007f\u0085', 'a\\u{d}\\u{a}b\\u{0}\\u{7f}\\u{85}'],
    // Line separators, a right-to-left override, and characters of no width.
    ['\u2028\u2029\u202e\u200b\ufeff', '\\u{2028}\\u{2029}\\u{202e}\\u{200b}\\u{feff}'],
    ['\ud800', '\\u{d800}'],
    ['\\u{1b}', '\\\\u{1b}'],
  ])('the text %j is shown without control characters', (text, expected) => {
    expect(printable(text)).toBe(expected);
  });

  test('printable text has no control character, and different texts have different forms', () => {
    const seen = new Set<string>();
    for (let code = 0; code < 0x3000; code++) {
      const shown = printable(String.fromCodePoint(code));
      expect(shown).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
      seen.add(shown);
    }
    expect(seen.size).toBe(0x3000);
  });
});

test('shortened cuts a long name between characters', () => {
  expect(shortened('x'.repeat(64))).toBe('x'.repeat(64));
  expect(shortened('x'.repeat(65))).toBe(`${'x'.repeat(64)}…`);
  expect(shortened('😀'.repeat(70), 3)).toBe('😀😀😀…');
});

test.each([
  [Buffer.from('21.5'), '21.5'],
  [Buffer.alloc(0), ''],
  [Buffer.from('\u001b[2J'), '\\u{1b}[2J'],
  [Buffer.of(0xff, 0x00, 0x10), '0xff0010'],
  [Buffer.from('x'.repeat(33)), `${'x'.repeat(32)}…`],
  [Buffer.from(`${'x'.repeat(31)}é`), `${'x'.repeat(31)}…`],
  [Buffer.alloc(40, 0xfe), `0x${'fe'.repeat(32)}…`],
  // Cut off by its sender, not by the preview: this is not text.
  [Buffer.of(0x61, 0xc3), '0x61c3'],
])('a payload is shown by its beginning (%j)', (payload, expected) => {
  expect(preview(payload)).toBe(expected);
});

describe('a table', () => {
  const written = async (rows: readonly (readonly string[])[]): Promise<string[]> => {
    const pieces: string[] = [];
    const table = new Table(['NAME', 'N'], async (text) => {
      pieces.push(text);
    });
    for (const row of rows) await table.add(row);
    await table.end();
    return pieces;
  };

  test('a table has columns as wide as their content', async () => {
    expect(
      await written([
        ['a longer name', '1'],
        ['b', ''],
      ]),
    ).toEqual(['NAME           N\na longer name  1\nb\n']);
    expect(await written([])).toEqual(['NAME  N\n']);
  });

  test('a table is written row by row after the first hundred rows', async () => {
    const pieces = await written(Array.from({ length: 1000 }, (_, i) => [String(i), 'x']));
    expect(pieces).toHaveLength(901);
    expect(pieces.join('').split('\n')).toHaveLength(1002);
    expect(pieces.at(-1)).toBe('999   x\n');
  });
});

describe('progress', () => {
  test('progress is shown on a terminal, and its line is cleared at the end', () => {
    const lines: string[] = [];
    const shown = new ProgressLine({ showProgress: (line) => lines.push(line) });
    shown.update({ phase: 'copying', done: 5000, total: 10_000 });
    shown.end();
    expect(lines).toEqual(['copying [###############---------------] 5,000 of 10,000', '']);
    lines.length = 0;
    const early = new ProgressLine({ showProgress: (line) => lines.push(line) });
    early.update({ phase: 'copying', done: 7, total: undefined });
    expect(lines).toEqual(['copying 7']);
  });

  test('progress is not shown without a terminal', () => {
    const unseen = new ProgressLine({ showProgress: undefined });
    expect(() => {
      unseen.update({ phase: 'checking', done: 1, total: 0 });
      unseen.end();
    }).not.toThrow();
  });
});
