// Programs as a user runs them: started, their output read as it arrives, ended. Programs that a test leaves running
// are killed after it, and the output of every program is part of the message when the test fails.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { GUARD_MS, within } from '../clients/within.js';

export interface ProgramEnd {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ProgramOptions {
  readonly cwd?: string;
  /** Added to the environment of the tests, without its `HEXMQ_` variables. */
  readonly env?: Readonly<Record<string, string>>;
  /** Whether the program gets a process group, which `kill` ends as a whole. */
  readonly isGroup?: boolean;
  /** The bound for waiting, in milliseconds, of a slow program. Default: 25,000. */
  readonly patienceMs?: number;
  /** Default: a pipe, which is read as output arrives. */
  readonly stdout?: OutputOfProgram;
  readonly stderr?: OutputOfProgram;
}

/** A file descriptor, or a pipe that is not read until `readStderr` is called. */
export type OutputOfProgram = number | 'unread';

const running = new Set<Program>();
let recent: Program[] = [];
let cleanups: (() => void)[] = [];

/** Registers a cleanup for the end of the current `scene`. Cleanups run in reverse order. */
export function afterwards(cleanup: () => void): void {
  cleanups.push(cleanup);
}

/** Runs the body of a test, and adds the output of its programs to the message of a failure. */
export async function scene(body: () => Promise<void>): Promise<void> {
  recent = [];
  cleanups = [];
  try {
    await body();
  } catch (error) {
    if (error instanceof Error) error.message += `\n\n${recent.map((program) => program.told()).join('\n')}`;
    throw error;
  } finally {
    for (const cleanup of cleanups.reverse()) cleanup();
    for (const program of running) program.kill('SIGKILL');
  }
}

export class Program {
  readonly ended: Promise<ProgramEnd>;
  readonly #words: readonly string[];
  readonly #process: ChildProcess;
  readonly #isGroup: boolean;
  readonly #patienceMs: number;
  readonly #watchers = new Set<() => void>();
  #stdout = '';
  #stderr = '';
  #end: ProgramEnd | undefined;

  constructor(
    command: string,
    args: readonly string[],
    { cwd, env, isGroup = false, patienceMs = GUARD_MS, stdout, stderr }: ProgramOptions = {},
  ) {
    this.#words = [command, ...args];
    this.#patienceMs = patienceMs;
    this.#isGroup = isGroup;
    this.#process = spawn(command, args, {
      env: { ...foreignEnvironment(), ...env },
      stdio: ['pipe', typeof stdout === 'number' ? stdout : 'pipe', typeof stderr === 'number' ? stderr : 'pipe'],
      detached: isGroup,
      ...(cwd === undefined ? {} : { cwd }),
    });
    this.#process.stdin?.on('error', () => undefined);
    if (stdout !== 'unread')
      this.#process.stdout?.setEncoding('utf8').on('data', (text: string) => {
        this.#stdout += text;
        this.#changed();
      });
    if (stderr !== 'unread') this.readStderr();
    running.add(this);
    recent.push(this);
    this.ended = new Promise((resolve) => {
      const end = (status: number | null, signal: NodeJS.Signals | null): void => {
        running.delete(this);
        this.#end ??= { status, signal, stdout: this.#stdout, stderr: this.#stderr };
        resolve(this.#end);
        this.#changed();
      };
      // Output that is not read would hold back the `close`.
      this.#process.on(stdout === 'unread' || stderr === 'unread' ? 'exit' : 'close', end);
      this.#process.on('error', (error) => {
        this.#stderr += error.message;
        end(null, null);
      });
    });
  }

  readStderr(): void {
    this.#process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
      this.#changed();
    });
  }

  /** Closes the reading end of the pipe: the next write of the program fails with EPIPE. */
  loseReader(stream: 'stdout' | 'stderr'): void {
    this.#process[stream]?.destroy();
  }

  /** `undefined` if the program could not be started. */
  get pid(): number | undefined {
    return this.#process.pid;
  }

  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  /** Resolves when standard output matches. */
  says(pattern: RegExp): Promise<RegExpMatchArray> {
    return this.#waitFor(pattern, () => this.#stdout);
  }

  /** Resolves when standard error matches. */
  logs(pattern: RegExp): Promise<RegExpMatchArray> {
    return this.#waitFor(pattern, () => this.#stderr);
  }

  end(): Promise<ProgramEnd> {
    return within(this.ended, `the end of ${this.#words.join(' ')}`, this.#patienceMs);
  }

  kill(signal: NodeJS.Signals): void {
    const { pid } = this.#process;
    if (this.#end !== undefined || pid === undefined) return;
    if (this.#isGroup) process.kill(-pid, signal);
    else this.#process.kill(signal);
  }

  type(text: string): void {
    this.#process.stdin?.write(text);
  }

  closeInput(text = ''): void {
    this.#process.stdin?.end(text);
  }

  told(): string {
    const end = this.#end === undefined ? 'still running' : `ended with ${this.#end.signal ?? this.#end.status}`;
    return `$ ${this.#words.join(' ')}   (${end})\n${excerpt(this.#stdout)}${excerpt(this.#stderr)}`;
  }

  #waitFor(pattern: RegExp, output: () => string): Promise<RegExpMatchArray> {
    const heard = new Promise<RegExpMatchArray>((resolve, reject) => {
      const look = (): void => {
        const match = pattern.exec(output());
        if (match === null && this.#end === undefined) return;
        this.#watchers.delete(look);
        if (match === null) reject(new Error(`${this.#words.join(' ')} ended without saying ${String(pattern)}`));
        else resolve(match);
      };
      this.#watchers.add(look);
      look();
    });
    return within(heard, `${this.#words.join(' ')} to say ${String(pattern)}`, this.#patienceMs);
  }

  #changed(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }
}

export function run(command: string, args: readonly string[], options?: ProgramOptions): Promise<ProgramEnd> {
  const program = new Program(command, args, options);
  program.closeInput();
  return program.end();
}

function excerpt(text: string): string {
  return text.length > 10_000 ? `…${text.slice(-10_000)}` : text;
}

/** Without Jest's options for Node, and without configuration of a broker. */
function foreignEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => name !== 'NODE_OPTIONS' && !name.startsWith('HEXMQ_')),
  );
}
