// A MongoDB server of the tests' own: on a free port of the loopback interface, with a temporary directory. It can be
// killed and started again with what it had stored, at the same port.
import { MongoClient } from 'mongodb';
import { execFile, spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from '../databases/free-port.js';

export interface ServerProcess {
  /** Resolves with its URI when it answers. */
  start(): Promise<string>;
  /** SIGKILL; resolves when nothing of it runs. */
  kill(): Promise<void>;
  /** The end of what it has written. */
  log(): string;
  /** Ends the server and removes its data. */
  remove(): Promise<void>;
}

const SCRIPT = join(import.meta.dirname, 'server.sh');

/** A bound for every wait; nothing is expected to take this long. */
const GUARD_MS = 60_000;

/** Directories whose servers a test run must not leave behind, each with what kills its server. */
const left = new Map<string, () => void>();
process.once('exit', () => {
  for (const [directory, kill] of left) {
    kill();
    rmSync(directory, { recursive: true, force: true });
  }
});

function newDirectory(kill: (directory: string) => void): string {
  const directory = mkdtempSync(join(tmpdir(), 'hexmq-mongodb-'));
  left.set(directory, () => {
    kill(directory);
  });
  return directory;
}

function removeDirectory(directory: string): void {
  rmSync(directory, { recursive: true, force: true });
  left.delete(directory);
}

export async function ping(uri: string, timeoutMs: number): Promise<void> {
  const client = new MongoClient(uri, { serverSelectionTimeoutMS: timeoutMs });
  try {
    await client.db('admin').command({ ping: 1 });
  } finally {
    await client.close();
  }
}

const endOf = (path: string): string => readFileSync(path, 'utf8').slice(-3000);

export class Mongod implements ServerProcess {
  readonly #binary: string;
  readonly #directory: string;
  #port: number | undefined;
  #process: ChildProcess | undefined;

  constructor(binary: string) {
    this.#binary = binary;
    this.#directory = newDirectory(() => this.#process?.kill('SIGKILL'));
  }

  async start(): Promise<string> {
    const port = (this.#port ??= await freePort());
    const log = join(this.#directory, 'mongod.log');
    const output = openSync(log, 'a');
    const args = ['--dbpath', this.#directory, '--port', String(port), '--bind_ip', '127.0.0.1', '--nounixsocket'];
    const child = spawn(this.#binary, args, { stdio: ['ignore', output, output] });
    closeSync(output);
    this.#process = child;
    let hasEnded = false;
    const end = (): void => {
      hasEnded = true;
    };
    child.once('error', end).once('exit', end);
    const uri = `mongodb://127.0.0.1:${port}/`;
    for (const guard = Date.now() + GUARD_MS; !hasEnded && Date.now() < guard;) {
      try {
        await ping(uri, 500);
        return uri;
      } catch {
        // Not yet.
      }
    }
    await this.kill();
    throw new Error(`${this.#binary} ${args.join(' ')} does not answer:\n${readFileSync(log, 'utf8').slice(-2_000)}`);
  }

  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    await exit;
  }

  log(): string {
    return endOf(join(this.#directory, 'mongod.log'));
  }

  async remove(): Promise<void> {
    await this.kill();
    removeDirectory(this.#directory);
  }
}

/** FerretDB over PostgreSQL, where it was installed: see docs/testing.md. */
export class ScriptedServer implements ServerProcess {
  static canRun(): boolean {
    return spawnSync(SCRIPT, ['check'], { stdio: 'ignore' }).status === 0;
  }

  readonly #directory = newDirectory((directory) =>
    spawnSync(SCRIPT, ['kill', '--directory', directory], { stdio: 'ignore' }),
  );

  async start(): Promise<string> {
    return (await this.#run('start')).trim();
  }

  async kill(): Promise<void> {
    await this.#run('kill');
  }

  log(): string {
    return endOf(join(this.#directory, 'log'));
  }

  async remove(): Promise<void> {
    await this.#run('kill');
    removeDirectory(this.#directory);
  }

  async #run(command: 'start' | 'kill'): Promise<string> {
    const { stdout } = await promisify(execFile)(SCRIPT, [command, '--directory', this.#directory], {
      timeout: GUARD_MS,
      // A test run that is killed cannot end its server itself.
      env: { ...process.env, HEXMQ_SERVER_OWNER: String(process.pid) },
    });
    return stdout;
  }
}
