// The built command whose log or output cannot be written or is not read: it serves, says what is missing when it can,
// and ends.
import { describe, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { existsSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ROOT, startBroker, startProgram, temporaryDirectory } from '../hexmq-command.js';
import type { RunningBroker } from '../hexmq-command.js';
import { Program, scene } from '../program.js';
import type { OutputOfProgram } from '../program.js';
import { connected, overSocket } from '../raw-socket.js';
import { describeIf, describeWith } from '../tools.js';

const FULL_DISK = '/dev/full';
const IN_MEMORY = ['--port', '0', '--storage', 'memory'];
const MAIN = resolve(ROOT, 'dist/src/cli/main.js');

const fullDisk = (): number => openSync(FULL_DISK, 'w');

/** Connections with identifiers that make for long lines of the log: 1 MB of them. */
async function makeItLog(address: Pick<RunningBroker, 'host' | 'port'>): Promise<void> {
  for (let index = 0; index < 64; index++) {
    const client = await connected(address, { clientId: `${index}`.padEnd(16_000, '.') });
    client.socket.destroy();
  }
}

async function expectService(address: Pick<RunningBroker, 'host' | 'port'>): Promise<void> {
  const client = await connected(address, { clientId: 'served' });
  expect(await client.subscribe(['weather/#', 0])).toEqual([0]);
  await client.publish({ topic: 'plant/7', payload: 'x', qos: 1 });
  client.socket.destroy();
}

async function expectEnd(program: Program): Promise<void> {
  program.kill('SIGTERM');
  const { status, signal } = await program.end();
  expect({ status, signal }).toEqual({ status: 0, signal: null });
}

describeIf(existsSync(FULL_DISK), FULL_DISK, 'a disk that is full from the start', () => {
  test('a broker that cannot write its log serves, and ends at SIGTERM with status 0', () =>
    scene(async () => {
      const broker = await startBroker(IN_MEMORY, { stderr: fullDisk() });
      await makeItLog(broker);
      await expectService(broker);
      await expectEnd(broker.program);
    }));

  test('a broker that cannot write its ready line serves, and ends at SIGTERM with status 0', () =>
    scene(async () => {
      const program = startProgram(IN_MEMORY, { cwd: temporaryDirectory(), stdout: fullDisk() });
      const address = await addressIn(program);
      await expectService(address);
      await expectEnd(program);
    }));

  test('a start that is refused ends with status 1 although nothing can be printed', () =>
    scene(async () => {
      const program = startProgram(['--port', 'high'], { stdout: fullDisk(), stderr: fullDisk() });
      expect(await program.end()).toMatchObject({ status: 1, signal: null });
    }));
});

async function addressIn(program: Program): Promise<{ host: string; port: number }> {
  const [, host = '', port = ''] = await program.logs(/"event":"listening",.*"address":"([\d.]+):(\d+)"/);
  return { host, port: Number(port) };
}

describeWith('prlimit', 'a disk that is full later', () => {
  const LIMIT_BYTES = 64 * 1024;

  test('a broker whose log reaches a limit serves, and logs how many lines are missing when there is room again', () =>
    scene(async () => {
      const log = join(temporaryDirectory(), 'log');
      const broker = await startBroker(IN_MEMORY, { stderr: openSync(log, 'a') });
      const limit = (bytes: string): void => {
        expect(spawnSync('prlimit', ['--pid', String(broker.program.pid), `--fsize=${bytes}`]).status).toBe(0);
      };
      limit(`${LIMIT_BYTES}:unlimited`);
      // More than is kept until there is room.
      for (let round = 0; round < 6; round++) await makeItLog(broker);
      expect(readFileSync(log).byteLength).toBe(LIMIT_BYTES);
      await expectService(broker);
      limit('unlimited');
      const lines = await linesWith(log, '"event":"log-lines-dropped"');
      const dropped = lines.find(({ event }) => event === 'log-lines-dropped');
      expect(dropped).toMatchObject({ level: 'warn', cause: 'EFBIG', count: expect.any(Number) });
      await expectEnd(broker.program);
    }));
});

/** The lines of the log, each of them whole, once one of them has the text. */
async function linesWith(path: string, text: string): Promise<readonly Record<string, unknown>[]> {
  const guard = performance.now() + 20_000;
  while (!readFileSync(path, 'utf8').includes(text)) {
    if (performance.now() > guard) throw new Error(`the log did not come to say ${text}`);
    await pause(20);
  }
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('a pipe that is not read', () => {
  test.each(['stderr', 'stdout'] as const)('a broker whose %s is not read serves, and ends at SIGTERM', (stream) =>
    scene(async () => {
      const unread: OutputOfProgram = 'unread';
      const program = startProgram(IN_MEMORY, {
        cwd: temporaryDirectory(),
        ...(stream === 'stderr' ? { stderr: unread } : { stdout: unread }),
      });
      const address = stream === 'stderr' ? await readyAddress(program) : await addressIn(program);
      await makeItLog(address);
      await expectService(address);
      await expectEnd(program);
    }),
  );

  test('a log that is read late holds a bounded part of the lines, and the count of the others', () =>
    scene(async () => {
      const broker = await startBroker(IN_MEMORY, { stderr: 'unread' });
      for (let round = 0; round < 6; round++) await makeItLog(broker);
      await expectService(broker);
      broker.program.readStderr();
      await broker.program.logs(/"event":"log-lines-dropped","count":\d+,/);
      expect(broker.program.stderr.length).toBeLessThan(5 * 1024 * 1024);
      await expectEnd(broker.program);
    }));
});

async function readyAddress(program: Program): Promise<{ host: string; port: number }> {
  const [, host = '', port = ''] = await program.says(/\bhexmq \S+ ready: tcp ([\d.]+):(\d+),/m);
  return { host, port: Number(port) };
}

describe('a stream that is closed', () => {
  test.each([
    ['standard error', '2>&-'],
    ['standard output', '>&-'],
    ['every standard stream', '<&- >&- 2>&-'],
  ])('a broker that is started without %s serves, and ends at SIGTERM', (_what, redirections) =>
    scene(async () => {
      const directory = temporaryDirectory();
      const config = join(directory, 'hexmq.yaml');
      const path = join(directory, 'socket');
      const listeners = [{ type: 'unix', path }];
      writeFileSync(config, JSON.stringify({ listeners, storage: { adapter: 'memory' } }));
      const words = [process.execPath, MAIN, 'start', '--config', config];
      const program = new Program('sh', ['-c', `exec "$@" ${redirections}`, 'sh', ...words], { cwd: directory });
      while (!existsSync(path)) await pause(5);
      const client = await overSocket(path);
      await client.publish({ topic: 'plant/7', payload: 'x', qos: 1 });
      await expectEnd(program);
    }),
  );

  test.each(['stderr', 'stdout'] as const)(
    'a broker whose %s has lost its reader serves, and ends at SIGTERM',
    (stream) =>
      scene(async () => {
        const broker = await startBroker(IN_MEMORY);
        broker.program.loseReader(stream);
        await makeItLog(broker);
        await expectService(broker);
        await expectEnd(broker.program);
      }),
  );

  test('a broker whose output has lost its reader before the ready line serves, and ends at SIGTERM', () =>
    scene(async () => {
      const program = startProgram(IN_MEMORY, { cwd: temporaryDirectory() });
      program.loseReader('stdout');
      await expectService(await addressIn(program));
      await expectEnd(program);
    }));
});

describeWith('script', 'a terminal that is stopped', () => {
  test('a broker on a terminal that takes no output serves, and ends at SIGTERM', () =>
    scene(async () => {
      const directory = temporaryDirectory();
      // The port of one that has stopped is free.
      const before = await startBroker();
      await before.stop();
      const { host, port } = before;
      const pidFile = join(directory, 'hexmq.pid');
      const command = `exec ${process.execPath} ${MAIN} start --port ${port} --storage memory --pid-file ${pidFile}`;
      const env = { SHELL: '/bin/sh' };
      new Program('script', ['-qec', command, '/dev/null'], { cwd: directory, env, stdout: 'unread' });
      while (!existsSync(pidFile)) await pause(5);
      for (let index = 0; index < 20; index++)
        (await connected({ host, port }, { clientId: `${index}`.padEnd(16_000, '.') })).socket.destroy();
      const client = await connected({ host, port }, { clientId: 'served' });
      await client.publish({ topic: 'plant/7', payload: 'x', qos: 1 });
      process.kill(Number(readFileSync(pidFile, 'utf8')), 'SIGTERM');
      await client.gone();
      while (existsSync(pidFile)) await pause(5);
    }));
});

const pause = (ms: number): Promise<void> => new Promise((next) => setTimeout(next, ms));
