// The PID file of the built command: it is that of a broker that serves, and of no other process.
import { expect, test } from '@jest/globals';
import { readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hexmq, startBroker, temporaryDirectory } from '../hexmq-command.js';
import { Program, scene } from '../program.js';
import { describeIf } from '../tools.js';

const IN_MEMORY = ['--port', '0', '--storage', 'memory'];

describeIf(process.platform === 'linux', 'Linux', 'the PID file', () => {
  const start = (directory: string, ...args: string[]): readonly string[] => [
    ...IN_MEMORY,
    '--pid-file',
    join(directory, 'hexmq.pid'),
    ...args,
  ];

  test('the PID file is there with the ready line and names the broker, and is gone when it has stopped', () =>
    scene(async () => {
      const directory = temporaryDirectory();
      const broker = await startBroker(start(directory));
      expect(readFileSync(join(directory, 'hexmq.pid'), 'utf8')).toBe(`${broker.program.pid}\n`);
      expect((await broker.stop()).status).toBe(0);
      expect(readdirSync(directory)).toEqual([]);
    }));

  test('a start that is refused leaves the PID file of the running broker, which reload still finds', () =>
    scene(async () => {
      const directory = temporaryDirectory();
      const pidFile = join(directory, 'hexmq.pid');
      const broker = await startBroker(start(directory));
      const other = await hexmq(['start', ...start(directory)]);
      expect(other).toMatchObject({ status: 1, stdout: '' });
      expect(other.stderr).toBe(
        `hexmq: ${pidFile} is the PID file of a running broker, process ${broker.program.pid}: stop it, or choose another file\n`,
      );
      expect(await hexmq(['reload', '--pid-file', pidFile])).toMatchObject({ status: 0 });
      await broker.program.logs(/"event":"reloaded"/);
      expect((await broker.stop()).status).toBe(0);
    }));

  test('a start that cannot listen writes no PID file, and a stale one stays as it was', () =>
    scene(async () => {
      const directory = temporaryDirectory();
      const taken = await startBroker();
      writeFileSync(join(directory, 'hexmq.pid'), '4194304\n');
      const refused = await hexmq(['start', ...start(directory, '--port', String(taken.port))]);
      expect(refused.status).toBe(1);
      expect(readFileSync(join(directory, 'hexmq.pid'), 'utf8')).toBe('4194304\n');
      expect(readdirSync(directory)).toEqual(['hexmq.pid']);
    }));

  test('the file of a broker that was killed is taken over, also when its number is that of another process now', () =>
    scene(async () => {
      const directory = temporaryDirectory();
      const killed = await startBroker(start(directory));
      killed.program.kill('SIGKILL');
      await killed.program.end();
      const next = await startBroker(start(directory));
      next.program.kill('SIGKILL');
      await next.program.end();
      writeFileSync(join(directory, 'hexmq.pid'), `${process.pid}\n`);
      const last = await startBroker(start(directory));
      expect(readFileSync(join(directory, 'hexmq.pid'), 'utf8')).toBe(`${last.program.pid}\n`);
      expect(readdirSync(directory)).toEqual(['hexmq.admin.sock', 'hexmq.pid']);
      expect((await last.stop()).status).toBe(0);
    }));

  test('reload signals neither a program that is no broker, whether the file or --pid names it, nor a broker that has another file', () =>
    scene(async () => {
      const directory = temporaryDirectory();
      const other = new Program('sleep', ['100']);
      const broker = await startBroker();
      const file = join(directory, 'stale.pid');
      for (const pid of [other.pid, broker.program.pid]) {
        writeFileSync(file, `${pid}\n`);
        expect(await hexmq(['reload', '--pid-file', file])).toMatchObject({
          status: 1,
          stderr: `hexmq: ${file}: process ${pid} is not the broker that wrote this file, so it gets no signal\n`,
        });
      }
      expect((await hexmq(['reload', '--pid', String(other.pid)])).stderr).toBe(
        `hexmq: process ${other.pid} is no hexmq broker, so it gets no signal\n`,
      );
      expect((await hexmq(['reload', '--pid', String(broker.program.pid)])).status).toBe(0);
      await broker.program.logs(/"event":"reloaded"/);
      other.kill('SIGTERM');
      expect((await other.end()).signal).toBe('SIGTERM');
      expect((await broker.stop()).stderr.match(/"event":"reloaded"/g)).toHaveLength(1);
    }));

  test('a broker whose PID file cannot be removed when it stops, because its directory is gone, ends with status 0', () =>
    scene(async () => {
      const directory = temporaryDirectory();
      const broker = await startBroker(start(directory));
      rmSync(directory, { recursive: true });
      expect((await broker.stop()).status).toBe(0);
    }));

  test('a symbolic link, and a file that is no PID file, are refused and stay as they were', () =>
    scene(async () => {
      const directory = temporaryDirectory();
      const precious = join(directory, 'precious');
      const link = join(directory, 'link.pid');
      writeFileSync(precious, 'all that matters\n');
      symlinkSync(precious, link);
      for (const [path, words] of [
        [link, 'symbolic link'],
        [precious, 'expected a process id and nothing else'],
        [directory, 'not a file'],
        [join(directory, 'missing', 'hexmq.pid'), 'no such file'],
        // Nothing can be written there, not even by the superuser.
        ['/proc/self/hexmq.pid', 'cannot write the process id'],
      ] as const) {
        const { status, stderr } = await hexmq(['start', ...IN_MEMORY, '--pid-file', path]);
        expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringContaining(words) });
        expect(stderr).toContain(path);
      }
      expect(readFileSync(precious, 'utf8')).toBe('all that matters\n');
    }));
});
