// The built command, as a user starts it.
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterwards, Program, run, scene, within } from './program.js';
import type { ProgramEnd, ProgramOptions } from './program.js';

export const ROOT = resolve(import.meta.dirname, '../..');
const MAIN = resolve(ROOT, 'dist/src/cli/main.js');

export interface RunningBroker {
  readonly host: string;
  readonly port: number;
  readonly url: string;
  readonly program: Program;
  stop(): Promise<ProgramEnd>;
}

function built(): string {
  if (!existsSync(MAIN)) throw new Error(`${MAIN} is missing: these tests run the built command, so build it first (npm run build)`);
  return MAIN;
}

export function hexmq(args: readonly string[], options?: ProgramOptions): Promise<ProgramEnd> {
  return run(process.execPath, [built(), ...args], options);
}

/** On a free port, unless the arguments say otherwise. */
export async function startBroker(args: readonly string[] = ['--port', '0'], options?: ProgramOptions): Promise<RunningBroker> {
  const program = new Program(process.execPath, [built(), 'start', ...args], options);
  const { host, port } = await readiness(program);
  return {
    host,
    port,
    url: `mqtt://${host}:${port}`,
    program,
    stop: () => {
      program.kill('SIGTERM');
      return program.end();
    },
  };
}

export async function readiness(program: Program): Promise<{ host: string; port: number }> {
  const [, host = '', port = ''] = await program.says(/^hexmq \S+ ready: tcp ([\d.]+):(\d+), storage .+, authentication .+$/m);
  return { host, port: Number(port) };
}

/** A test with a broker of its own, which has to stop cleanly after it. */
export function withBroker(body: (broker: RunningBroker) => Promise<void>, args?: readonly string[]): Promise<void> {
  return scene(async () => {
    const broker = await startBroker(args);
    afterwards(() => {
      broker.program.kill('SIGKILL');
    });
    await body(broker);
    const { status, signal, stderr } = await within(broker.stop(), 'the broker to stop');
    if (status !== 0) throw new Error(`the broker ended with ${signal ?? status}`);
    if (/"level":"(error|fatal)"|^hexmq: /m.test(stderr)) throw new Error('the broker logged an error');
  });
}
