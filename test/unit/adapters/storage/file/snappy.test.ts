// Snappy decompression: blocks of LevelDB's tables, and damaged input.
import { describe, expect, test } from '@jest/globals';
import { uncompress } from '../../../../../adapters/storage/file/snappy.js';

const bytes = (...parts: (number | string | Buffer)[]): Buffer =>
  Buffer.concat(parts.map((part) => (typeof part === 'number' ? Buffer.of(part) : Buffer.from(part as string))));

describe('snappy', () => {
  test.each<[string, Buffer, string]>([
    ['no bytes', bytes(0), ''],
    ['literal bytes', bytes(5, 4 << 2, 'hello'), 'hello'],
    ['a near reference that overlaps what it writes', bytes(10, 0, 'a', ((9 - 4) << 2) | 1, 1), 'a'.repeat(10)],
    [
      'a near reference with a high bit of its distance',
      bytes(0x88, 0x02, 61 << 2, 3, 1, 'x'.repeat(260), ((4 - 4) << 2) | 1 | (1 << 5), 4),
      'x'.repeat(264),
    ],
    ['a far reference', bytes(9, 4 << 2, 'abcde', ((4 - 1) << 2) | 2, 5, 0), 'abcdeabcd'],
    ['a very far reference', bytes(9, 4 << 2, 'abcde', ((4 - 1) << 2) | 3, 5, 0, 0, 0), 'abcdeabcd'],
    ['a literal longer than a tag can express', bytes(0xc8, 0x01, 60 << 2, 199, 'y'.repeat(200)), 'y'.repeat(200)],
  ])('a block with %s is decompressed', (_, compressed, text) => {
    expect(uncompress(compressed).toString()).toBe(text);
  });

  test.each<[string, Buffer]>([
    ['no length', bytes()],
    ['a missing literal', bytes(5, 1 << 2, 'he')],
    ['a literal that is too long', bytes(2, 4 << 2, 'hello')],
    ['a literal that ends too early', bytes(5, 4 << 2, 'he')],
    ['a reference to before the beginning', bytes(10, 0, 'a', ((9 - 4) << 2) | 1, 2)],
    ['a reference of distance 0', bytes(10, 0, 'a', ((9 - 4) << 2) | 1, 0)],
    ['a truncated reference', bytes(10, 0, 'a', ((9 - 4) << 2) | 2, 1)],
  ])('a block with %s throws a RangeError', (_, compressed) => {
    let name = 'none';
    try {
      uncompress(compressed);
    } catch (error) {
      ({ name } = error as Error);
    }
    expect(name).toBe('RangeError');
  });
});
