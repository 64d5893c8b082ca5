// The option reader: valid values, defaults, and the messages for invalid options.
import { describe, expect, test } from '@jest/globals';
import { OptionReader } from '../../../src/ports/option-reader.js';

const options = (given: unknown, environment = {}): OptionReader => new OptionReader(given, '', environment);

describe('the option reader', () => {
  test('an option that is left out has its default', () => {
    for (const nothing of [undefined, null, {}, { limit: undefined }]) {
      const read = options(nothing);
      expect(read.integer('limit', { min: 1, max: 9, fallback: 4 })).toBe(4);
      expect(read.boolean('on', true)).toBe(true);
      expect(read.oneOf('way', ['a', 'b'], 'b')).toBe('b');
      expect([read.string('name'), read.secret('key'), read.strings('names'), read.has('limit')]).toEqual([
        undefined,
        undefined,
        undefined,
        false,
      ]);
      expect(() => {
        read.rejectUnknown();
      }).not.toThrow();
    }
  });

  test('an option has the value that was given', () => {
    const read = options({
      limit: 9,
      on: false,
      way: 'a',
      name: 'x',
      names: ['x', 'y'],
      one: 'z',
      inner: { limit: 2 },
    });
    expect(read.integer('limit', { min: 1, max: 9, fallback: 4 })).toBe(9);
    expect([read.boolean('on', true), read.oneOf('way', ['a', 'b'], 'b'), read.requireString('name')]).toEqual([
      false,
      'a',
      'x',
    ]);
    expect([read.strings('names'), read.strings('one')]).toEqual([['x', 'y'], ['z']]);
    expect(read.mapping('inner').integer('limit', { min: 1, max: 9, fallback: 4 })).toBe(2);
    expect(read.mapping('nowhere').keys).toEqual([]);
  });

  test.each<[string, (read: OptionReader) => unknown, unknown, string]>([
    [
      'a number out of range',
      (read) => read.integer('limit', { min: 1, max: 9, fallback: 4 }),
      { limit: 10 },
      'limit: 10 is out of range, expected a whole number from 1 to 9',
    ],
    [
      'a fraction',
      (read) => read.integer('limit', { min: 1, max: 9, fallback: 4 }),
      { limit: 1.5 },
      'limit: 1.5 is not valid, expected a whole number from 1 to 9',
    ],
    [
      'a number that is text',
      (read) => read.integer('limit', { min: 1, max: 9, fallback: 4 }),
      { limit: 'two' },
      'limit: "two" is not valid, expected a whole number from 1 to 9',
    ],
    [
      'a flag that is none',
      (read) => read.boolean('on', true),
      { on: 'yes' },
      'on: "yes" is not valid, expected true or false',
    ],
    [
      'another word',
      (read) => read.oneOf('way', ['a', 'b'], 'b'),
      { way: 'c' },
      'way: "c" is not valid, expected one of a, b',
    ],
    ['an empty text', (read) => read.string('name'), { name: '' }, 'name: "" is not valid, expected a string'],
    [
      'a text that is a list',
      (read) => read.string('name', 'a path'),
      { name: [] },
      'name: a list is not valid, expected a path',
    ],
    ['a missing text', (read) => read.requireString('name', 'a path'), {}, 'name: missing, expected a path'],
    ['a missing secret', (read) => read.requireSecret('key'), {}, 'key: missing, expected a string'],
    [
      'an empty list',
      (read) => read.strings('names'),
      { names: [] },
      'names: an empty list is not valid, expected a string or a list of strings',
    ],
    [
      'a list of other things',
      (read) => read.strings('names'),
      { names: ['a', {}] },
      'names: a mapping is not valid, expected a string or a list of strings',
    ],
    [
      'a mapping that is none',
      (read) => read.mapping('inner'),
      { inner: 'x' },
      'inner: "x" is not valid, expected a mapping of options',
    ],
    [
      'a wrong value inside',
      (read) => read.mapping('inner').boolean('on', true),
      { inner: { on: 1 } },
      'inner.on: 1 is not valid, expected true or false',
    ],
    [
      'a long text',
      (read) => read.boolean('on', true),
      { on: 'x'.repeat(99) },
      `on: "${'x'.repeat(57)}..." is not valid`,
    ],
  ])('an option that is %s is refused with its key, value and what was expected', (_what, ask, given, message) => {
    expect(() => ask(options(given))).toThrow(TypeError);
    expect(() => ask(options(given))).toThrow(message);
  });

  test('an option that was never read is refused', () => {
    const read = options({ limit: 1, limitt: 2 });
    read.integer('limit', { min: 1, max: 9, fallback: 4 });
    expect(() => {
      read.rejectUnknown();
    }).toThrow('limitt: unknown key, expected limit');
    expect(() => {
      options({ limit: 1 }).rejectUnknown();
    }).toThrow('limit: unknown key, expected none');
    expect(() => options(['a'])).toThrow('a list is not valid, expected a mapping of options');
  });

  test('the reader names everything that is wrong at once, in the order of reading, and each problem once', () => {
    const read = options({ limit: 0, on: 'yes', way: 'c', extra: 1, more: 2, inner: { limit: 0, odd: 1 } });
    const way = (): string => read.oneOf('way', ['a', 'b'], 'b');
    const inner = read.mapping('inner');
    let problem: unknown;
    try {
      read.readAll({
        limit: () => read.integer('limit', { min: 1, max: 9, fallback: 4 }),
        on: () => read.boolean('on', true),
        way,
        again: () => read.part(['more'], () => [way(), read.string('more')]),
        inner: () => inner.readAll({ limit: () => inner.integer('limit', { min: 1, max: 9, fallback: 4 }) }),
      });
    } catch (error) {
      problem = error;
    }
    expect(problem).toBeInstanceOf(AggregateError);
    expect((problem as AggregateError).errors.map(({ message }: Error) => message)).toEqual([
      'limit: 0 is out of range, expected a whole number from 1 to 9',
      'on: "yes" is not valid, expected true or false',
      'way: "c" is not valid, expected one of a, b',
      'inner.limit: 0 is out of range, expected a whole number from 1 to 9',
      'inner.odd: unknown key, expected limit',
      'extra: unknown key, expected inner, limit, on, way, more',
    ]);
    expect((problem as AggregateError).message.split('\n')).toHaveLength(6);
  });

  test('what is valid is read all at once, by the names of the reads', () => {
    const read = options({ limit: 3 });
    const reads = {
      max: () => read.integer('limit', { min: 1, max: 9, fallback: 4 }),
      on: () => read.boolean('on', true),
    };
    expect(read.readAll(reads)).toEqual({ max: 3, on: true });
    expect(() => options({ limit: 0 }).readEach({ one: () => options({ limit: 0 }).string('limit') })).toThrow(
      TypeError,
    );
  });

  test('a secret may refer to environment variables and is never shown', () => {
    const read = options(
      { key: 'Bearer ${ENV:TOKEN}!', gone: '${ENV:GONE}', plain: '$ENV:TOKEN', wrong: { hush: 'hush' } },
      { TOKEN: '$& hush' },
    );
    expect([read.secret('key'), read.secret('plain')]).toEqual(['Bearer $& hush!', '$ENV:TOKEN']);
    expect(() => read.secret('gone')).toThrow(
      'gone: the environment variable GONE is not set, expected a string in it',
    );
    expect(() => read.secret('wrong')).toThrow(/^wrong: not valid, expected a string$/);
  });
});

describe('URLs', () => {
  const urlOf = (url: string, allowHttp = false): string => options({ url }).requireUrl('url', allowHttp).href;

  test('a URL is accepted with https, to this machine, or if http is allowed', () => {
    for (const url of ['https://auth.example/a?b=c', 'http://127.0.0.1:8080/', 'http://localhost/', 'http://[::1]/'])
      expect(urlOf(url)).toBe(url);
    expect(urlOf('http://auth.example/', true)).toBe('http://auth.example/');
    for (const host of ['auth.example', '127.0.0.1.auth.example', '128.0.0.1', 'localhost.auth.example']) {
      expect(() => urlOf(`http://${host}/`)).toThrow(
        `url: http to ${host} can be read and changed in transit, expected https, or allowHttp: true`,
      );
    }
  });

  test.each([
    'nonsense',
    'ftp://auth.example/',
    'https://ann:hush@auth.example/',
    'https://auth.example/#hush',
    '/hush',
  ])('a URL such as %p is refused and not shown', (url) => {
    expect(() => urlOf(url)).toThrow(/^url: .*expected a URL such as/);
    expect(() => urlOf(url)).toThrow(expect.objectContaining({ message: expect.not.stringContaining('hush') }));
  });
});
