// The broker of Mosquitto, as it is installed, to compare it with hexmq.
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { temporaryDirectory } from './hexmq-command.js';
import { afterwards, Program } from './program.js';

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Mosquitto does not choose a port by itself. @param lines more of its configuration. @returns the port. */
export async function startMosquitto(lines: string): Promise<number> {
  const port = await freePort();
  const config = join(temporaryDirectory(), 'mosquitto.conf');
  writeFileSync(config, `listener ${String(port)} 127.0.0.1\nallow_anonymous true\nuser root\n${lines}\n`);
  const program = new Program('mosquitto', ['-c', config, '-v']);
  afterwards(() => {
    program.kill('SIGKILL');
  });
  await program.logs(/mosquitto version .* running/);
  return port;
}
