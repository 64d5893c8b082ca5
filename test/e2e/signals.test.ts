// The built command and its signals from the first moment on: a broker stops, reloads or goes on, and loses none.
import { expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ROOT, startBroker, startProgram, temporaryDirectory } from './hexmq-command.js';
import { Program, scene } from './program.js';
import { describeIf } from './tools.js';

const IN_MEMORY = ['--port', '0', '--storage', 'memory'];
const MAIN = resolve(ROOT, 'dist/src/cli/main.js');

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Resolves when the process handles its signals. SIGUSR2 is the witness: Node itself handles some of the others. */
async function handlesSignals({ pid }: { readonly pid: number | undefined }): Promise<void> {
  const SIGUSR2 = 12n;
  for (;;) {
    const [, mask = '0'] = /^SigCgt:\s*([0-9a-f]+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    if ((BigInt(`0x${mask}`) >> (SIGUSR2 - 1n)) & 1n) return;
    await pause(1);
  }
}

describeIf(process.platform === 'linux', 'Linux', 'signals while the command starts', () => {
  test('SIGTERM before the program is loaded ends it with status 0, without a ready line, and nothing is left', () =>
    scene(async () => {
      const directory = temporaryDirectory();
      const program = startProgram([...IN_MEMORY, '--pid-file', 'hexmq.pid'], { cwd: directory });
      await handlesSignals(program);
      program.kill('SIGTERM');
      expect(await program.end()).toEqual({ status: 0, signal: null, stdout: '', stderr: '' });
      expect(readdirSync(directory)).toEqual([]);
    }));

  test('SIGTERM at any later moment of a start ends it with status 0, and leaves no PID file and no lock', () =>
    scene(async () => {
      const directory = temporaryDirectory();
      const args = ['--port', '0', '--data', 'data', '--pid-file', 'hexmq.pid'];
      for (let delayMs = 0; delayMs <= 600; delayMs += 60) {
        const program = startProgram(args, { cwd: directory });
        await handlesSignals(program);
        await pause(delayMs);
        program.kill('SIGTERM');
        expect(await program.end()).toMatchObject({ status: 0, signal: null });
        expect(existsSync(join(directory, 'hexmq.pid'))).toBe(false);
      }
      const after = await startBroker(args, { cwd: directory });
      expect((await after.stop()).status).toBe(0);
    }));

  test('SIGHUP, SIGUSR1 and SIGUSR2 before the program is loaded do not end it, and the reload follows', () =>
    scene(async () => {
      const program = startProgram(IN_MEMORY, { cwd: temporaryDirectory() });
      await handlesSignals(program);
      for (const signal of ['SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const) program.kill(signal);
      await program.says(/ ready: /);
      await program.logs(/"event":"signal-ignored","signal":"SIGUSR2"/);
      await program.logs(/"event":"reloaded"/);
      program.kill('SIGTERM');
      expect(await program.end()).toMatchObject({ status: 0, signal: null });
      expect(program.stderr).not.toContain('Debugger');
    }));

  test('a command other than start ends at SIGTERM as programs do', () =>
    scene(async () => {
      const program = new Program(process.execPath, [MAIN, 'import', '--storage', 'memory']);
      await pause(100);
      program.kill('SIGTERM');
      expect((await program.end()).signal).toBe('SIGTERM');
    }));
});

const canUnshare = spawnSync('unshare', ['--pid', '--fork', 'true'], { stdio: 'ignore' }).status === 0;

describeIf(canUnshare, 'unshare and the right to use it', 'process 1', () => {
  test('SIGTERM to a broker that is process 1 and has just begun to start is not lost', () =>
    scene(async () => {
      const words = ['--pid', '--fork', '--kill-child', process.execPath, MAIN, 'start', ...IN_MEMORY];
      const outer = new Program('unshare', words, { cwd: temporaryDirectory() });
      const inner = await childOf(outer);
      await handlesSignals(inner);
      process.kill(inner.pid, 'SIGTERM');
      expect(await outer.end()).toMatchObject({ status: 0, stdout: '', stderr: '' });
    }));
});

async function childOf({ pid }: Program): Promise<{ readonly pid: number }> {
  for (;;) {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    if (children !== '') return { pid: Number(children) };
    await pause(1);
  }
}
