// `hexmq passwd`: prompts, output, and the resulting file.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../../../src/cli/command.js';
import { FakeHost } from './fake-host.js';

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'hexmq-passwd-'));
  path = join(directory, 'passwd');
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

const QUICK = ['--cost', '10'];

async function* chunksOf(text: string): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < text.length; at += 3) yield Buffer.from(text.slice(at, at + 3));
}

interface Said {
  readonly status: number;
  readonly output: string;
  readonly errors: string;
  readonly questions: readonly string[];
}

async function passwd(
  args: readonly string[],
  { typed, piped }: { readonly typed?: string[]; readonly piped?: string } = {},
): Promise<Said> {
  const host = new FakeHost();
  host.secrets = typed;
  host.input = piped === undefined ? undefined : chunksOf(piped);
  const status = await run(['passwd', path, ...args], host);
  return { status, output: host.output, errors: host.errors, questions: host.questions };
}

const users = (): string[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split(':')[0] ?? '');

describe('hexmq passwd', () => {
  test('hexmq passwd asks twice on a terminal, creates the file, and changes a password', async () => {
    expect(await passwd(['alice', ...QUICK], { typed: ['secret', 'secret'] })).toEqual({
      status: 0,
      output: `alice added to ${path}\n`,
      errors: '',
      questions: ['Password:', 'Repeat the password:'],
    });
    const before = readFileSync(path, 'utf8');
    expect((await passwd(['alice', ...QUICK], { typed: ['other', 'other'] })).output).toBe(
      `alice changed in ${path}\n`,
    );
    expect(readFileSync(path, 'utf8')).not.toBe(before);
    expect(readFileSync(path, 'utf8')).not.toContain('other');
    expect(users()).toEqual(['alice']);
  });

  test('hexmq passwd changes nothing if the two passwords differ', async () => {
    expect(await passwd(['alice'], { typed: ['secret', 'secrte'] })).toMatchObject({
      status: 1,
      errors: 'hexmq: the two passwords differ; nothing was changed\n',
    });
    expect(existsSync(path)).toBe(false);
  });

  test('hexmq passwd reads the password from a pipe, with or without --stdin', async () => {
    for (const [name, piped, flags] of [
      ['a', 'secret', []],
      ['b', 'secret\n', ['--stdin']],
      ['c', 'secret\r\n', []],
      ['d', 'with space ', []],
    ] as const) {
      expect(await passwd([name, ...flags, ...QUICK], { piped })).toMatchObject({
        status: 0,
        errors: '',
        output: `${name} added to ${path}\n`,
      });
    }
    expect(users()).toEqual(['a', 'b', 'c', 'd']);
    expect((await passwd(['e', '--stdin'], { typed: [] })).errors).toBe(
      'hexmq: --stdin: standard input is a terminal, expected a file or a pipe; without --stdin hexmq asks for the password\n',
    );
  });

  test.each([
    [
      '',
      'standard input is no terminal and holds nothing, expected a terminal to type the password on, or the password',
    ],
    ['\n', 'the password is empty, expected at least one character'],
    ['one\ntwo\n', 'standard input has more than one line, expected the password alone'],
    ['nu\0ll', 'the password contains a null character'],
    ['x'.repeat(65_536), 'the password is too long, expected 65535 bytes at most'],
  ])('hexmq passwd refuses the password %j', async (piped, problem) => {
    const { status, errors } = await passwd(['alice'], { piped });
    expect({ status, isReported: errors.startsWith(`hexmq: ${problem}`) }).toEqual({ status: 1, isReported: true });
    expect(existsSync(path)).toBe(false);
  });

  test('hexmq passwd refuses user names that no file can contain, before it asks for a password', async () => {
    for (const name of ['a:b', 'a\nb', ' a', '#a', '']) {
      const { status, errors, questions } = await passwd([name], { typed: ['x', 'x'] });
      expect({ status, questions }).toEqual({ status: 1, questions: [] });
      expect(errors).toMatch(/^hexmq: the user name .+ is not valid: it .+\n$/);
    }
  });

  test('hexmq passwd refuses a password as an argument', async () => {
    const { status, errors } = await passwd(['alice', 'secret'], { piped: 'x' });
    expect(status).toBe(1);
    expect(errors).toContain('too many arguments');
  });

  test('hexmq passwd prints the names of the users and nothing else with --list', async () => {
    writeFileSync(path, '# comment\nalice:$6$a$b\nodd\u0007name:x\n');
    expect(await passwd(['--list'])).toMatchObject({ status: 0, output: 'alice\nodd\\u{7}name\n', errors: '' });
    expect((await passwd(['--list', 'alice'])).errors).toBe('error: passwd: --list takes no user, got alice\n');
  });

  test('hexmq passwd deletes a user, and refuses a user that does not exist', async () => {
    writeFileSync(path, '# comment\nalice:$6$a$b\n');
    expect(await passwd(['alice', '--delete'])).toMatchObject({ status: 0, output: `alice deleted from ${path}\n` });
    expect(readFileSync(path, 'utf8')).toBe('# comment\n');
    expect(await passwd(['alice', '--delete'])).toMatchObject({
      status: 1,
      errors: `hexmq: ${path} has no user alice, expected one that --list prints\n`,
    });
    expect(await passwd(['alice', '--delete', '--stdin'], { piped: 'x' })).toMatchObject({
      status: 1,
      errors: 'error: passwd: --delete takes no password\n',
    });
  });

  test('hexmq passwd reports a file that does not exist or cannot be read or written', async () => {
    const missing = `hexmq: ${path} does not exist; hexmq passwd ${path} <user> creates it\n`;
    expect((await passwd(['--list'])).errors).toBe(missing);
    expect((await passwd(['alice', '--delete'])).errors).toBe(missing);
    expect((await passwd([])).errors).toBe('error: passwd: the user name is missing\n');
    path = directory;
    expect(await passwd(['alice'], { piped: 'x' })).toMatchObject({
      status: 1,
      errors: expect.stringContaining(`hexmq: cannot read ${directory}: it is a directory, expected a regular file`),
    });
    path = join(directory, 'none', 'passwd');
    expect(await passwd(['alice', ...QUICK], { piped: 'x' })).toMatchObject({
      status: 1,
      errors: expect.stringContaining(`hexmq: cannot write ${path}: ENOENT`),
    });
  });

  test('hexmq passwd refuses a cost that is out of range', async () => {
    for (const cost of ['9', '19', 'high', '12.5', '']) {
      expect((await passwd(['alice', '--cost', cost], { piped: 'x' })).errors).toMatch(
        /^hexmq: --cost: .+ is not valid, expected a whole number from 10 to 18\n$/,
      );
    }
  });
});

describe('hexmq passwd --scram', () => {
  const SCRAM = ['--scram', '--iterations', '4096'];

  test('hexmq passwd --scram writes keys for both methods, and the secret for unknown users once', async () => {
    expect(await passwd(['alice', ...SCRAM], { piped: 'secret\n' })).toMatchObject({
      status: 0,
      output: `alice added to ${path}\n`,
    });
    await passwd(['bob', ...SCRAM], { piped: 'other' });
    const before = readFileSync(path, 'utf8');
    expect(before.match(/^:DECOY\$/gm)).toHaveLength(1);
    expect(before.match(/^(alice|bob):SCRAM-SHA-(256|512)\$4096:/gm)).toHaveLength(4);
    expect((await passwd(['alice', ...SCRAM], { piped: 'new' })).output).toBe(`alice changed in ${path}\n`);
    expect(readFileSync(path, 'utf8').split('\n')).toHaveLength(before.split('\n').length);
    expect(readFileSync(path, 'utf8')).not.toBe(before);
    expect((await passwd(['--list'])).output).toBe('alice\nbob\n');
    expect((await passwd(['alice', '--delete'])).output).toBe(`alice deleted from ${path}\n`);
    expect(users()).toEqual(['', 'bob', 'bob']);
  });

  test('hexmq passwd keeps password files and files of SCRAM credentials apart', async () => {
    await passwd(['alice', ...QUICK], { piped: 'secret' });
    expect((await passwd(['bob', ...SCRAM], { piped: 'secret' })).errors).toMatch(
      /is a password file, expected one of/,
    );
    writeFileSync(path, '');
    await passwd(['alice', ...SCRAM], { piped: 'secret' });
    expect((await passwd(['bob', ...QUICK], { piped: 'secret' })).errors).toMatch(/holds SCRAM credentials, expected/);
  });

  test('hexmq passwd --scram refuses iterations, names and passwords that are not permitted', async () => {
    expect((await passwd(['a', '--scram', '--iterations', '4095'], { piped: 'x' })).errors).toMatch(/from 4096 to/);
    expect((await passwd(['a\u0007', ...SCRAM], { piped: 'x' })).errors).toMatch(
      /RFC 4013 \(SASLprep\) does not permit/,
    );
    expect((await passwd(['a', ...SCRAM], { piped: 'x\u0007' })).errors).toMatch(
      /text that RFC 4013 \(SASLprep\) permits/,
    );
    expect((await passwd(['a', ...SCRAM, '--cost', '10'], { piped: 'x' })).errors).toMatch(/--iterations with --scram/);
    expect(existsSync(path)).toBe(false);
  });
});
