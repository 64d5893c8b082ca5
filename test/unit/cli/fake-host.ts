// A process for the command, which records output, signals and exits.
import type { ProcessHost } from '../../../src/cli/process-host.js';

/** A guard against waiting forever for a broker that does not start. */
const READY_GUARD_MS = 20_000;

export class FakeHost implements ProcessHost {
  output = '';
  errors = '';
  input: AsyncIterable<Uint8Array> | undefined;
  /** The answers to prompts for a secret, in order; `undefined` for a process without a terminal. */
  secrets: string[] | undefined;
  readonly questions: string[] = [];
  isOutputJson = false;
  openFilesLimit = Infinity;
  showProgress: ((line: string) => void) | undefined;
  readonly exits: number[] = [];
  readonly signals: string[] = [];
  readonly pid = 4711;
  readonly #callbacks: (() => void)[] = [];
  readonly #reloads: (() => void)[] = [];

  constructor(readonly environment: Record<string, string> = {}) {}

  get askSecret(): ProcessHost['askSecret'] {
    const { secrets } = this;
    if (secrets === undefined) return undefined;
    return (question) => {
      this.questions.push(question);
      const secret = secrets.shift();
      return secret === undefined ? Promise.reject(new Error('one question too many')) : Promise.resolve(secret);
    };
  }

  print(text: string): void {
    this.output += text;
  }

  printError(text: string): void {
    this.errors += text;
  }

  async write(text: string): Promise<void> {
    this.output += text;
  }

  onStopRequest(callback: () => void): void {
    this.#callbacks.push(callback);
  }

  onReloadRequest(callback: () => void): void {
    this.#reloads.push(callback);
  }

  onOtherSignals(): void {
    // No test sends these signals.
  }

  signal(pid: number, signal: string): void {
    if (pid === this.pid) this.signals.push(signal);
    else throw Object.assign(new Error('kill ESRCH'), { code: 'ESRCH' });
  }

  whatIs(pid: number): 'broker' | 'gone' {
    return pid === this.pid ? 'broker' : 'gone';
  }

  serviceManager(): undefined {
    return undefined;
  }

  requestReload(): void {
    for (const callback of this.#reloads) callback();
  }

  exitNow(status: number): void {
    this.exits.push(status);
  }

  requestStop(): void {
    for (const callback of this.#callbacks) callback();
  }

  async untilReady(): Promise<void> {
    const guard = performance.now() + READY_GUARD_MS;
    while (!this.output.includes(' ready: ')) {
      if (performance.now() > guard) throw new Error(`the broker did not become ready: ${this.output}${this.errors}`);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }
}
