// A working directory that is deleted: a broker that needs nothing from it serves, and one that does says so.
import { describe, expect, test } from '@jest/globals';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import * as raw from '../../clients/raw-packets.js';
import { readiness, ROOT, startBroker, temporaryDirectory } from '../hexmq-command.js';
import { Program, scene } from '../program.js';
import { connected } from '../raw-socket.js';

const MAIN = resolve(ROOT, 'dist/src/cli/main.js');
const GONE =
  'hexmq: the working directory has been deleted, expected one that exists, or absolute paths for everything\n';

/** Starts the command in a directory that is deleted before it begins. */
function startInDeleted(...args: readonly string[]): Program {
  const directory = join(temporaryDirectory(), 'deleted');
  mkdirSync(directory);
  const words = [process.execPath, MAIN, 'start', '--port', '0', ...args];
  return new Program('sh', ['-c', 'rmdir "$PWD" && exec "$@"', 'sh', ...words], { cwd: directory });
}

describe('a working directory that was deleted before the start', () => {
  test('a broker that stores in memory, or in a directory with an absolute path, serves and ends at SIGTERM', () =>
    scene(async () => {
      for (const storage of [
        ['--storage', 'memory'],
        ['--data', join(temporaryDirectory(), 'data')],
      ]) {
        const program = startInDeleted(...storage);
        const client = await connected(await readiness(program), { clientId: 'served' });
        await client.publish({ topic: 'plant/7', payload: 'x', qos: 1 });
        program.kill('SIGTERM');
        expect(await program.end()).toMatchObject({ status: 0, signal: null });
      }
    }));

  test.each([
    ['the directory of storage', []],
    ['a package that is looked for there', ['--storage', 'hexmq-storage-of-others']],
  ])('a start that needs it for %s says so, with status 1', (_what, args) =>
    scene(async () => {
      expect(await startInDeleted(...args).end()).toMatchObject({ status: 1, stdout: '', stderr: GONE });
    }),
  );

  test('a start that needs it for a Unix socket says so, with status 1', () =>
    scene(async () => {
      const config = join(temporaryDirectory(), 'hexmq.yaml');
      writeFileSync(
        config,
        '{ listeners: [{ type: tcp }, { type: unix, path: a.sock }], storage: { adapter: memory } }',
      );
      const program = startInDeleted('--config', config);
      expect(await program.end()).toMatchObject({ status: 1, stdout: '', stderr: GONE });
    }));
});

describe('a working directory that is deleted while a broker serves', () => {
  test('the broker serves, survives a reload, and ends at SIGTERM with status 0', () =>
    scene(async () => {
      const directory = temporaryDirectory();
      writeFileSync(
        join(directory, 'hexmq.yaml'),
        '{ listeners: [{ type: tcp, port: 0 }], storage: { adapter: memory } }',
      );
      const broker = await startBroker(['--config', 'hexmq.yaml', '--pid-file', 'hexmq.pid'], { cwd: directory });
      rmSync(directory, { recursive: true });
      broker.program.kill('SIGHUP');
      await broker.program.logs(/"event":"reload-failed","what":"the configuration"/);
      const client = await connected(broker, { clientId: 'served' });
      await client.publish({ topic: 'plant/7', payload: 'x', qos: 1 });
      expect((await broker.stop()).status).toBe(0);
    }));

  test('a broker whose store was in it acknowledges nothing more, and ends by itself with a sentence', () =>
    scene(async () => {
      const directory = temporaryDirectory();
      const broker = await startBroker(['--port', '0', '--data', 'data'], { cwd: directory });
      const client = await connected(broker, { clientId: 'served' });
      rmSync(directory, { recursive: true });
      client.send(raw.publish({ topic: 'plant/7', payload: 'x', qos: 1, packetId: 1, retain: true }));
      await client.gone();
      expect(client.nextType()).toBeUndefined();
      const { status, stderr } = await broker.program.end();
      expect(status).toBe(1);
      expect(stderr).toMatch(/^hexmq: the data directory .* /m);
    }));
});
