// The completion of bash, as bash runs it, and what all completions have: every command and option. That of fish and
// zsh is run in test/e2e/completion.test.ts.
import { expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { commandLine, run } from '../../../src/cli/command.js';
import { commandTree, withSubcommands } from '../../../src/cli/completion/command-tree.js';
import { completionOf } from '../../../src/cli/completion/completion-of.js';
import { KNOWN_WORDS } from '../../../src/cli/completion/known-words.js';
import { FakeHost } from './fake-host.js';

const PROGRAM = commandLine(new FakeHost());
const NODES = withSubcommands(commandTree(PROGRAM, KNOWN_WORDS));

/** What bash offers for lines of words, the last of which is being typed. */
function bash(...lines: string[][]): string[] {
  const asked = lines.map((words) => {
    const array = words.map((word) => `'${word}'`).join(' ');
    return `COMP_WORDS=(${array}); COMP_CWORD=${words.length - 1}; _hexmq; echo "\${COMPREPLY[*]}"`;
  });
  const { status, stdout, stderr } = spawnSync(
    'bash',
    // Where its input is a socket, it would read the settings of the machine.
    ['--norc', '-eu', '-c', [completionOf(PROGRAM, 'bash'), ...asked].join('\n')],
    {
      encoding: 'utf8',
    },
  );
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout.trimEnd().split('\n');
}

test('bash completes commands, options, and the words that options and parameters take', () => {
  const offered = bash(
    ['hexmq', 'se'],
    ['hexmq', 'acl', ''],
    ['hexmq', 'acl', 'explain', '-a', ''],
    ['hexmq', 'start', '--storage', 'm'],
    ['hexmq', 'start', '--ack'],
    ['hexmq', 'log-level', 'w'],
    ['hexmq', 'session', ''],
    ['hexmq', 'completion', ''],
  );
  expect(offered).toEqual([
    'session sessions',
    'explain',
    'publish subscribe receive',
    'memory mongodb',
    '--ack-level',
    'warn',
    'delete',
    'bash zsh fish',
  ]);
});

test('bash takes the value of an option for no command, and leaves names of files to its own completion', () => {
  const offered = bash(['hexmq', 'start', '--data', 'session', '--sto'], ['hexmq', 'start', '--config', '']);
  expect(offered).toEqual(['--storage']);
});

test.each(['bash', 'zsh', 'fish'] as const)('the completion of %s has every command and every option', (shell) => {
  const text = completionOf(PROGRAM, shell);
  for (const { path, options } of NODES) {
    expect(text).toContain(`'${path}'`);
    for (const name of options.flatMap(({ names }) => names))
      expect(text).toContain(
        shell === 'fish' ? ` ${name.startsWith('--') ? '-l' : '-s'} ${name.replace(/^-+/, '')}` : name,
      );
  }
});

test('each list of words that the completions add belongs to an option or a parameter', () => {
  const places = NODES.flatMap(({ path, options, parameters }) => [
    ...options.flatMap(({ names }) => names),
    ...parameters.map(({ term }) => `${path} ${term}`),
  ]);
  expect(Object.keys(KNOWN_WORDS).filter((key) => !places.includes(key))).toEqual([]);
});

test('the command prints the completion of a shell, and names the shells when it is another', async () => {
  const host = new FakeHost();
  expect(await run(['completion', 'zsh'], host)).toBe(0);
  expect(host.output).toBe(completionOf(PROGRAM, 'zsh'));
  expect(await run(['completion', 'tcsh'], host)).toBe(1);
  expect(host.errors).toContain('Allowed choices are bash, zsh, fish');
});
