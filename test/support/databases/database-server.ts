// A server of a database of the tests' own: on a free port of the loopback interface, with its data in a directory that
// is removed. It can be killed and started again with what it had stored, at the same port.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.js';

/** A bound for every wait; nothing is expected to take this long. */
const GUARD_MS = 60_000;
const ATTEMPT_PAUSE_MS = 50;

export interface ServerCommand {
  /** The program and its arguments. */
  readonly command: (port: number, directory: string) => readonly [string, ...string[]];
  /** Before the first start. */
  readonly prepare?: (directory: string) => void;
  /** Rejects while the server does not answer. */
  readonly ping: (port: number) => Promise<unknown>;
}

/** What a killed test run must not leave behind. */
const left = new Set<DatabaseServer>();
process.once('exit', () => {
  for (const server of left) server.removeNow();
});

export class DatabaseServer {
  readonly #directory: string;
  #process: ChildProcess | undefined;

  private constructor(
    readonly port: number,
    readonly how: ServerCommand,
  ) {
    this.#directory = mkdtempSync(join(roomFor(), 'hexmq-database-'));
    left.add(this);
  }

  /** Resolves when the server answers. */
  static async start(how: ServerCommand): Promise<DatabaseServer> {
    const server = new DatabaseServer(await freePort(), how);
    try {
      how.prepare?.(server.#directory);
      await server.restart();
      return server;
    } catch (error) {
      await server.remove();
      throw error;
    }
  }

  /** Starts the killed server on its data. Resolves when it answers. */
  async restart(): Promise<void> {
    const log = join(this.#directory, 'log');
    for (const guard = Date.now() + GUARD_MS; Date.now() < guard;) {
      if (this.#process === undefined) this.#spawn(log);
      try {
        await this.how.ping(this.port);
        return;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, ATTEMPT_PAUSE_MS));
      }
    }
    await this.kill();
    throw new Error(`the server does not answer:\n${readFileSync(log, 'utf8').slice(-2_000)}`);
  }

  /** SIGKILL for all of its processes; resolves when the first one is gone. */
  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    this.#killAll(child.pid);
    await exit;
  }

  async remove(): Promise<void> {
    await this.kill();
    this.removeNow();
  }

  removeNow(): void {
    left.delete(this);
    if (this.#process?.pid !== undefined) this.#killAll(this.#process.pid);
    rmSync(this.#directory, { recursive: true, force: true, maxRetries: 5 });
  }

  #killAll(pid: number): void {
    for (const each of [pid, ...childrenOf(pid)])
      try {
        process.kill(each, 'SIGKILL');
      } catch {
        // It has ended.
      }
  }

  #spawn(log: string): void {
    const [program, ...args] = this.how.command(this.port, this.#directory);
    const output = openSync(log, 'a');
    const child = spawn(program, args, { stdio: ['ignore', output, output], cwd: this.#directory });
    closeSync(output);
    this.#process = child;
    // What a killed server leaves may keep the next one from starting for a moment: it is then started again.
    const gone = (): void => {
      if (this.#process === child) this.#process = undefined;
    };
    child.once('error', gone).once('exit', gone);
  }
}

/** In memory where that is possible: what is killed are processes, and not machines. */
function roomFor(): string {
  try {
    accessSync('/dev/shm', constants.W_OK);
    return '/dev/shm';
  } catch {
    return tmpdir();
  }
}

function childrenOf(pid: number): readonly number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}
