// The limit of open files (`ulimit -n`): what clients take of it must leave enough for storage.
import { describe, expect, test } from '@jest/globals';
import { resolve } from 'node:path';
import { within } from '../../clients/within.js';
import { readiness, ROOT, temporaryDirectory } from '../hexmq-command.js';
import { connect } from '../mqtt-js.js';
import { afterwards, Program, scene } from '../program.js';
import { open } from '../raw-socket.js';

/** Starts the command in a process that may open so many files. */
function startWith(files: number): Program {
  const main = resolve(ROOT, 'dist/src/cli/main.js');
  const command = [process.execPath, main, 'start', '--port', '0', '--storage', 'file', '--data', temporaryDirectory()];
  const program = new Program('sh', ['-c', `ulimit -n ${files}; exec "$@"`, 'sh', ...command]);
  afterwards(() => {
    program.kill('SIGKILL');
  });
  return program;
}

describe('a process that may open few files', () => {
  test('clients that open as many connections as they can leave storage what it needs', () =>
    scene(async () => {
      const program = startWith(300);
      const address = await readiness(program);
      const client = await connect({ url: `mqtt://${address.host}:${address.port}` }, { clientId: 'a', clean: false });
      await client.mqtt.subscribeAsync('t', { qos: 1 });
      const crowd = await Promise.all(Array.from({ length: 150 }, () => open(address)));
      // The broker closes those that are too many, and says why.
      await program.logs(/"event":"connection-refused",.*"reason":"too-many-open-files"/);
      const refused = crowd.slice(99);
      for (const { gone } of refused.map((one) => ({ gone: one.gone() }))) await within(gone, 'a refusal');
      expect(crowd.slice(0, 90).filter(({ isClosed }) => isClosed)).toEqual([]);
      // Enough for several new files of the store.
      const payload = Buffer.alloc(100_000, 'x');
      for (let i = 0; i < 150; i++)
        await within(client.mqtt.publishAsync('t', payload, { qos: 1 }), 'the acknowledgement of a message');
      for (const { wire } of crowd) wire.destroy();
      program.kill('SIGTERM');
      expect(await within(program.end(), 'the end')).toMatchObject({ status: 0 });
    }));

  test('a start says how many clients fit if that is less than the configuration allows', () =>
    scene(async () => {
      const program = startWith(300);
      await readiness(program);
      await program.logs(
        /this process may open 300 files \(ulimit -n\), so 100 connections are admitted, not the 100000 of limits\.maxConnections/,
      );
    }));

  test('a start with too few says how many it needs', () =>
    scene(async () => {
      const { status, stderr } = await within(startWith(128).end(), 'the end');
      expect(status).toBe(1);
      expect(stderr).toBe(
        'hexmq: this process may open 128 files (ulimit -n); hexmq needs at least 256: 200 for storage, logs and ' +
          'listeners, and one for each client\n',
      );
    }));
});
