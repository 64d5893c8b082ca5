// Signals at every moment of a broker's life: SIGTERM and SIGINT end it once and for all, the others never do.
import { expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { hexmq, readiness, ROOT, startBroker, startProgram, temporaryDirectory } from '../hexmq-command.js';
import { Program, scene } from '../program.js';
import { connected } from '../raw-socket.js';
import { describeIf } from '../tools.js';
import { folderWith } from './hanging-adapters.js';
import type { Hanging } from './hanging-adapters.js';

const IN_MEMORY = ['--port', '0', '--storage', 'memory'];
const MAIN = resolve(ROOT, 'dist/src/cli/main.js');
const OTHERS = ['SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGPIPE'] as const;

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

/** A broker at a moment of its life. */
type Moment = () => Promise<Program>;

async function beforeLoading(): Promise<Program> {
  const program = startProgram(IN_MEMORY, { cwd: temporaryDirectory() });
  await handlesSignals(program);
  return program;
}

const whileHanging = (what: Hanging) => async (): Promise<Program> => {
  const program = startProgram(['--config', 'hexmq.yaml'], { cwd: folderWith(what) });
  await program.logs(/^hanging$/m);
  return program;
};

/** It has answered a client. */
async function serving(): Promise<Program> {
  const { program, ...address } = await startBroker(IN_MEMORY);
  const client = await connected(address, { clientId: 'served' });
  await client.publish({ topic: 'plant/7', payload: 'x', qos: 1 });
  return program;
}

const MOMENTS: readonly (readonly [string, Moment])[] = [
  ['before the program is loaded', beforeLoading],
  ...(
    [
      'the package of an adapter is being loaded',
      'an adapter looks at what a start needs',
      'an authenticator starts',
      'an authorizer starts',
      'storage opens',
      'storage is read',
    ] as const
  ).map((what) => [`while ${what}, which never ends`, whileHanging(what)] as const),
  ['while it serves', serving],
];

describeIf(process.platform === 'linux', 'Linux', 'a signal to a broker', () => {
  test.each([
    ['before the program is loaded', beforeLoading],
    ['while an authenticator starts, which never ends', whileHanging('an authenticator starts')],
    ['while it serves', serving],
  ])('%s: one SIGINT ends it with status 0', (_name, moment) =>
    scene(async () => {
      const program = await moment();
      program.kill('SIGINT');
      expect(await program.end()).toMatchObject({ status: 0, signal: null });
    }),
  );

  test.each(MOMENTS)('%s: SIGHUP, SIGUSR1, SIGUSR2 and SIGPIPE do not end it, and one SIGTERM does', (_name, moment) =>
    scene(async () => {
      const program = await moment();
      for (const signal of OTHERS) program.kill(signal);
      program.kill('SIGTERM');
      const { status, signal, stderr } = await program.end();
      expect({ status, signal }).toEqual({ status: 0, signal: null });
      expect(stderr).not.toContain('Debugger');
    }),
  );

  test.each([
    ['an authenticator stops', /"event":"stopping"/],
    ['storage closes', /^hanging$/m],
  ] as const)('a second SIGTERM while %s, which never ends, ends it with status 130', (what, begun) =>
    scene(async () => {
      const program = startProgram(['--config', 'hexmq.yaml'], { cwd: folderWith(what) });
      await readiness(program);
      program.kill('SIGTERM');
      await program.logs(begun);
      for (const signal of OTHERS) program.kill(signal);
      await program.logs(/^hanging$/m);
      program.kill('SIGTERM');
      expect(await program.end()).toMatchObject({ status: 130, signal: null });
    }),
  );

  test('one SIGTERM to a broker with an authenticator that never stops ends it, and the log names the adapter', () =>
    scene(async () => {
      const program = startProgram(['--config', 'hexmq.yaml'], { cwd: folderWith('an authenticator stops') });
      await readiness(program);
      program.kill('SIGTERM');
      const { status, stderr } = await program.end();
      expect(status).toBe(0);
      expect(stderr).toMatch(/"event":"close-failed","adapter":"hanging"/);
    }));

  test('a start that fails says why, and ends, although storage never closes', () =>
    scene(async () => {
      const taken = await startBroker(IN_MEMORY);
      const args = ['start', '--config', 'hexmq.yaml', '--port', String(taken.port)];
      const { status, stderr } = await hexmq(args, { cwd: folderWith('storage closes') });
      expect(status).toBe(1);
      expect(stderr).toMatch(/^hexmq: .*the port is in use/m);
    }));

  test('a broker that waits for storage to close says so by the name of the adapter', () =>
    scene(async () => {
      const program = startProgram(['--config', 'hexmq.yaml'], { cwd: folderWith('storage closes') });
      await readiness(program);
      program.kill('SIGTERM');
      await program.logs(/"event":"stop-waits","waitsFor":"storage\.adapter: close\(\) of hanging"/);
      program.kill('SIGTERM');
      expect((await program.end()).status).toBe(130);
    }));
});

describeIf(process.platform === 'linux', 'Linux', 'signals while the command starts', () => {
  test('SIGTERM before the program is loaded leaves no ready line, and no file', () =>
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

  test('SIGHUP, SIGUSR1 and SIGUSR2 before the program is loaded are kept, and the reload follows', () =>
    scene(async () => {
      const program = await beforeLoading();
      for (const signal of ['SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const) program.kill(signal);
      await program.says(/ ready: /);
      await program.logs(/"event":"signal-ignored","signal":"SIGUSR2"/);
      await program.logs(/"event":"reloaded"/);
      program.kill('SIGTERM');
      expect(await program.end()).toMatchObject({ status: 0, signal: null });
    }));

  test('reload sends nothing to a broker that would be ended, because it does not handle signals yet', () =>
    scene(async () => {
      // The arguments of a start, in a process that handles nothing.
      const program = new Program(process.execPath, ['-e', 'setInterval(() => undefined, 1000)', 'hexmq', 'start']);
      const { status, stderr } = await hexmq(['reload', '--pid', String(program.pid)]);
      expect(status).toBe(1);
      expect(stderr).toBe(
        `hexmq: process ${program.pid} has only just begun to start, so it gets no signal: try again\n`,
      );
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
  const startAsFirst = async (): Promise<{ outer: Program; inner: number }> => {
    const words = ['--pid', '--fork', '--kill-child', process.execPath, MAIN, 'start', ...IN_MEMORY];
    const outer = new Program('unshare', words, { cwd: temporaryDirectory() });
    return { outer, inner: await childOf(outer) };
  };

  test('SIGTERM to a broker that is process 1 and has just begun to start is not lost', () =>
    scene(async () => {
      const { outer, inner } = await startAsFirst();
      await handlesSignals({ pid: inner });
      process.kill(inner, 'SIGTERM');
      expect(await outer.end()).toMatchObject({ status: 0, stdout: '', stderr: '' });
    }));

  test.each(['SIGTERM', 'SIGINT'] as const)(
    'a broker that is process 1 serves through the other signals, and %s ends it',
    (signal) =>
      scene(async () => {
        const { outer, inner } = await startAsFirst();
        const address = await readiness(outer);
        for (const other of OTHERS) process.kill(inner, other);
        await outer.logs(/"event":"reloaded"/);
        const client = await connected(address, { clientId: 'served' });
        await client.publish({ topic: 'plant/7', payload: 'x', qos: 1 });
        process.kill(inner, signal);
        expect(await outer.end()).toMatchObject({ status: 0, signal: null });
      }),
  );
});

async function childOf({ pid }: Program): Promise<number> {
  for (;;) {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    if (children !== '') return Number(children);
    await pause(1);
  }
}
