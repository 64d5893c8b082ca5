// The built command that logs to a file: rotation by a signal, and files that cannot be written.
import { describe, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hexmq, startBroker, temporaryDirectory } from '../hexmq-command.js';
import type { RunningBroker } from '../hexmq-command.js';
import { scene } from '../program.js';
import { connected } from '../raw-socket.js';
import { describeWith } from '../tools.js';

type Line = Readonly<Record<string, unknown>>;

/** Starts a broker that logs to a file in a new directory. */
async function logging(more: object = {}): Promise<{ broker: RunningBroker; log: string }> {
  const directory = temporaryDirectory();
  const log = join(directory, 'hexmq.log');
  const config = join(directory, 'hexmq.yaml');
  writeFileSync(config, JSON.stringify({ storage: { adapter: 'memory' }, logging: { file: log, ...more } }));
  return { broker: await startBroker(['--config', config, '--port', '0'], { cwd: directory }), log };
}

const linesOf = (path: string): readonly Line[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Line);

const pause = (ms: number): Promise<void> => new Promise((next) => setTimeout(next, ms));

/** The lines of the file once one of them is of this event. */
async function linesWith(path: string, event: string): Promise<readonly Line[]> {
  const guard = performance.now() + 20_000;
  while (!existsSync(path) || !readFileSync(path, 'utf8').includes(`"event":"${event}"`)) {
    if (performance.now() > guard) throw new Error(`${path} did not come to have ${event}`);
    await pause(10);
  }
  return linesOf(path);
}

async function connectAndLeave(broker: RunningBroker, clientId: string): Promise<void> {
  (await connected(broker, { clientId })).socket.destroy();
}

async function expectEnd(broker: RunningBroker): Promise<string> {
  const { status, signal, stderr } = await broker.stop();
  expect({ status, signal }).toEqual({ status: 0, signal: null });
  return stderr;
}

describe('a log in a file', () => {
  test('has every line as JSON, is readable by its owner and group only, and is appended to by the next start', () =>
    scene(async () => {
      const { broker, log } = await logging();
      await connectAndLeave(broker, 'first');
      expect(await expectEnd(broker)).toBe('');
      expect(linesOf(log).map(({ event }) => event)).toEqual(
        expect.arrayContaining(['ready', 'client-connected', 'stopped']),
      );
      expect(statSync(log).mode & 0o777).toBe(0o640);
      const args = ['--port', '0', '--storage', 'memory'];
      const again = await startBroker(args, { env: { HEXMQ_LOG_FILE: log, HEXMQ_LOG_FORMAT: 'text' } });
      await expectEnd(again);
      expect(readFileSync(log, 'utf8')).toMatch(/"event":"stopped".*\n[^]*Z info {2}ready sessions=0/);
    }));

  test('continues in a new file after a rename and SIGUSR1, and loses no line', () =>
    scene(async () => {
      const { broker, log } = await logging();
      for (let index = 0; index < 5; index++) {
        await connectAndLeave(broker, `before-${index}`);
        renameSync(log, `${log}.${index}`);
        await connectAndLeave(broker, `between-${index}`);
        broker.program.kill('SIGUSR1');
        const [first] = await linesWith(log, 'log-reopened');
        expect(first).toMatchObject({ level: 'info' });
      }
      await expectEnd(broker);
      const lines = [0, 1, 2, 3, 4].flatMap((index) => linesOf(`${log}.${index}`)).concat(linesOf(log));
      const names = lines.filter(({ event }) => event === 'client-connected').map(({ clientId }) => clientId);
      expect(names).toEqual([0, 1, 2, 3, 4].flatMap((index) => [`before-${index}`, `between-${index}`]));
    }));

  test('continues in the previous file, and says so there and on standard error, if it cannot be opened again', () =>
    scene(async () => {
      const { broker, log } = await logging();
      renameSync(log, `${log}.1`);
      mkdirSync(log);
      broker.program.kill('SIGUSR1');
      await broker.program.logs(/"event":"log-reopen-failed","file":"[^"]+","error":"EISDIR/);
      await connectAndLeave(broker, 'served');
      await linesWith(`${log}.1`, 'log-reopen-failed');
      rmdirSync(log);
      broker.program.kill('SIGUSR1');
      await linesWith(log, 'log-reopened');
      await expectEnd(broker);
      expect(linesOf(`${log}.1`).map(({ event }) => event)).toContain('client-connected');
      expect(linesOf(log).map(({ event }) => event)).toContain('stopped');
    }));
});

describeWith('prlimit', 'a log file on a disk that becomes full', () => {
  test('is reported on standard error once, while the broker serves, and goes on when there is room', () =>
    scene(async () => {
      const { broker, log } = await logging();
      const limit = (bytes: string): void => {
        expect(spawnSync('prlimit', ['--pid', String(broker.program.pid), `--fsize=${bytes}`]).status).toBe(0);
      };
      limit(`${statSync(log).size}:unlimited`);
      await connectAndLeave(broker, 'on-the-full-disk');
      await broker.program.logs(/"level":"error",[^\n]*"event":"log-failing","error":"EFBIG/);
      await connectAndLeave(broker, 'later');
      limit('unlimited');
      await linesWith(log, 'connection-ended');
      const stderr = await expectEnd(broker);
      expect(stderr.match(/log-failing/g)).toHaveLength(1);
      const names = linesOf(log).filter(({ event }) => event === 'client-connected');
      expect(names.map(({ clientId }) => clientId)).toEqual(['on-the-full-disk', 'later']);
    }));
});

describe('a log file that cannot be written', () => {
  test.each([
    ['in a directory that does not exist', (directory: string) => join(directory, 'missing/hexmq.log'), 'ENOENT'],
    ['that is a directory', (directory: string) => directory, 'is not a file, expected a file to append to'],
    ['that is a device', () => '/dev/null', 'is not a file, expected a file to append to'],
  ])('%s is refused by check-config and by start, with the key', (_what, pathIn, problem) =>
    scene(async () => {
      const directory = temporaryDirectory();
      const config = join(directory, 'hexmq.yaml');
      writeFileSync(config, JSON.stringify({ storage: { adapter: 'memory' }, logging: { file: pathIn(directory) } }));
      for (const command of ['check-config', 'start']) {
        const { status, stderr } = await hexmq([command, '--config', config], { cwd: directory });
        expect({ status, stderr }).toEqual({
          status: 1,
          stderr: expect.stringMatching(new RegExp(`^hexmq: logging\\.file: .*${problem}`)),
        });
      }
    }),
  );

  test('is not made by check-config', () =>
    scene(async () => {
      const directory = temporaryDirectory();
      const config = join(directory, 'hexmq.yaml');
      const log = join(directory, 'hexmq.log');
      writeFileSync(config, JSON.stringify({ storage: { adapter: 'memory' }, logging: { file: log } }));
      expect(await hexmq(['check-config', '--config', config], { cwd: directory })).toMatchObject({ status: 0 });
      expect(existsSync(log)).toBe(false);
    }));
});
