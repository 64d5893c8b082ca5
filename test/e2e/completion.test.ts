// The completions of fish and zsh, in these shells. That of bash is tested in test/unit/cli/completion.test.ts.
import { expect, test } from '@jest/globals';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hexmq, temporaryDirectory } from './hexmq-command.js';
import { run, scene } from './program.js';
import { describeWith } from './tools.js';

/** A file with the completion. */
async function completion(shell: string): Promise<string> {
  const path = join(temporaryDirectory(), `completion.${shell}`);
  const { status, stdout } = await hexmq(['completion', shell]);
  expect(status).toBe(0);
  writeFileSync(path, stdout);
  return path;
}

describeWith('fish', 'the completion of fish', () => {
  test('fish completes commands, options, and the words that options and parameters take', () =>
    scene(async () => {
      const lines = [
        'hexmq sessi',
        'hexmq start --storage ',
        'hexmq start --data session --ac',
        'hexmq session ',
        'hexmq acl ',
      ];
      const asked = lines.map((line) => `complete -C '${line}'`).join('; ');
      const { stdout } = await run('fish', ['--no-config', '-c', `source ${await completion('fish')}; ${asked}`]);
      const words = stdout
        .trimEnd()
        .split('\n')
        .map((line) => line.split('\t')[0]);
      expect(words).toEqual(['session', 'sessions', 'file', 'memory', 'mongodb', '--ack-level', 'delete', 'explain']);
    }));
});

/** In place of what only a terminal has: they print what they are given. */
const STUBS = `
compdef() { : }
_describe() { local name=\${@[-1]}; print -l -- \${\${(P)name}%%:*} }
_files() { print "files$*" }
compadd() { shift; print -l -- "$@" }
at() { words=("$@"); CURRENT=$#; PREFIX=$words[-1]; _hexmq }`;

describeWith('zsh', 'the completion of zsh', () => {
  test('zsh completes commands, options, and the words that options and parameters take', () =>
    scene(async () => {
      const asked = [
        'at hexmq acl ""',
        'at hexmq start --storage ""',
        'at hexmq start --data session --config ""',
        'at hexmq session ""',
        'at hexmq acl -',
      ];
      const script = [STUBS, `source ${await completion('zsh')}`, ...asked].join('\n');
      const { stdout, stderr } = await run('zsh', ['-f', '-c', script]);
      expect(stderr).toBe('');
      const words = ['explain', 'memory', 'file', 'mongodb', 'files', 'delete', '--help', '-h'];
      expect(stdout.trimEnd().split('\n')).toEqual(words);
    }));
});
