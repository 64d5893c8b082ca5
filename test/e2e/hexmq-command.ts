// The built command, as a user starts it.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { within } from '../clients/within.js';
import { afterwards, Program, run, scene } from './program.js';
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

export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'hexmq-e2e-'));
  afterwards(() => {
    rmSync(directory, { recursive: true, force: true });
  });
  return directory;
}

function built(): string {
  if (!existsSync(MAIN))
    throw new Error(`${MAIN} is missing: these tests run the built command, so build it first (npm run build)`);
  return MAIN;
}

export function hexmq(args: readonly string[], options?: ProgramOptions): Promise<ProgramEnd> {
  return run(process.execPath, [built(), ...args], options);
}

/** Starts the command without waiting until it is ready. */
export function startProgram(args: readonly string[], options?: ProgramOptions): Program {
  return startCommand(['start', ...args], options);
}

/** Starts a command that does not end by itself. */
export function startCommand(args: readonly string[], options?: ProgramOptions): Program {
  return new Program(process.execPath, [built(), ...args], options);
}

/** Starts a broker on a free port, with memory storage, in a new directory; the arguments may change that. */
export async function startBroker(
  args: readonly string[] = ['--port', '0', '--storage', 'memory'],
  options?: ProgramOptions,
): Promise<RunningBroker> {
  // Data that it stores by default must not be found by another broker.
  const program = startProgram(args, { cwd: temporaryDirectory(), ...options });
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
  const [, host = '', port = ''] = await program.says(
    /\bhexmq \S+ ready: tcp ([\d.]+):(\d+), storage .+, authentication .+$/m,
  );
  return { host, port: Number(port) };
}

/** Runs a test with a new broker, which has to stop cleanly after it. */
export function withBroker(
  body: (broker: RunningBroker) => Promise<void>,
  args?: readonly string[] | (() => readonly string[]),
): Promise<void> {
  return scene(async () => {
    const broker = await startBroker(typeof args === 'function' ? args() : args);
    afterwards(() => {
      broker.program.kill('SIGKILL');
    });
    await body(broker);
    const { status, signal, stderr } = await within(broker.stop(), 'the broker to stop');
    if (status !== 0) throw new Error(`the broker ended with ${signal ?? status}`);
    if (/"level":"(error|fatal)"(?!.*"event":"reload-failed")|^hexmq: /m.test(stderr))
      throw new Error('the broker logged an error');
  });
}
