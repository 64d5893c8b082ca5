// The built command with Eclipse Paho for Python. The checks are programs in `paho/`, which exit with 0 on success.
import { expect, test } from '@jest/globals';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { withBroker } from './hexmq-command.js';
import type { RunningBroker } from './hexmq-command.js';
import { afterwards, Program, run } from './program.js';
import { describeWith, PYTHON } from './tools.js';

const SCRIPTS = resolve(import.meta.dirname, 'paho');
/** No compiled files beside the scripts. */
const QUIETLY = { env: { PYTHONDONTWRITEBYTECODE: '1' } };

function python(script: string, { host, port }: RunningBroker): Program {
  return new Program(PYTHON ?? 'python3', [resolve(SCRIPTS, script), host, String(port)], QUIETLY);
}

async function expectSuccess(check: Program): Promise<void> {
  expect(await check.end()).toMatchObject({ status: 0, stderr: '', stdout: expect.stringContaining('as expected') });
}

/**
 * The example connects to port 1883, so it needs an address whose port 1883 is free; every 127.x.y.z is this machine.
 */
async function addressWithPort1883Free(): Promise<string> {
  for (const host of ['127.0.0.1', '127.0.0.2', '127.18.83.1', '127.18.83.2'])
    if (await isFree(host, 1883)) return host;
  throw new Error('port 1883 is in use on every loopback address tried');
}

function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolveFree) => {
    const server = createServer();
    server.once('error', () => {
      resolveFree(false);
    });
    server.listen({ host, port, exclusive: true }, () => {
      server.close(() => {
        resolveFree(true);
      });
    });
  });
}

/** The file is the published example with a shorter sleep. The host may have to change as well. */
function exampleFor(host: string): string {
  const example = readFileSync(resolve(SCRIPTS, 'complete_example.py'), 'utf8');
  const directory = mkdtempSync(join(tmpdir(), 'hexmq-e2e-'));
  afterwards(() => {
    rmSync(directory, { recursive: true });
  });
  const path = join(directory, 'complete_example.py');
  writeFileSync(path, example.replace('client.connect("localhost", 1883,', `client.connect("${host}", 1883,`));
  return path;
}

describeWith('paho', 'Eclipse Paho for Python', () => {
  test('Paho runs the complete example, and every message of it arrives', async () => {
    const address = await addressWithPort1883Free();
    await withBroker(
      async (broker) => {
        const watcher = python('watch_example.py', broker);
        await watcher.says(/^watching$/m);
        const { status, stdout, stderr } = await run(PYTHON ?? 'python3', [exampleFor(address)], QUIETLY);
        expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
        await expectSuccess(watcher);

        // It hears itself from the moment it is subscribed, in order.
        const [greeting, ...received] = stdout.trimEnd().split('\n');
        expect(greeting).toBe('Connected successfully');
        const all = Array.from(
          { length: 10 },
          (_, i) => `Received: sensors/temperature = ${(20 + i * 0.5).toFixed(1)}`,
        );
        expect(received).toEqual(all.filter((line) => received.includes(line)));
        expect(received).not.toEqual([]);
      },
      ['--host', address, '--port', '1883'],
    );
  });

  test('Paho publishes and receives with QoS 0, 1 and 2 in MQTT 3.1 and 3.1.1', () =>
    withBroker((broker) => expectSuccess(python('qos.py', broker))));

  test('the will of a Paho client is published when its connection is lost', () =>
    withBroker((broker) => expectSuccess(python('will.py', broker))));

  test('Paho has its stored session after a reconnect', () =>
    withBroker((broker) => expectSuccess(python('persistent_session.py', broker))));
});
