// The built command on one data directory, started and killed again and again.
import { readiness, startProgram } from '../hexmq-command.js';
import type { Program } from '../program.js';
import type { Address } from './packet-socket.js';

export class KillableBroker {
  #program: Program | undefined;

  constructor(readonly directory: string) {}

  /** `willGraceMs`: how long after a start the wills of those who were connected wait for them. */
  async start(willGraceMs: number): Promise<Address> {
    this.#program = this.#spawn(willGraceMs);
    return readiness(this.#program);
  }

  /** A start that is killed at whatever point it has reached then. */
  async stumble(willGraceMs: number, afterMs: number): Promise<void> {
    this.#program = this.#spawn(willGraceMs);
    await new Promise((resolve) => setTimeout(resolve, afterMs));
    await this.kill();
  }

  async kill(): Promise<void> {
    this.#running.kill('SIGKILL');
    await this.#dead((signal) => signal === 'SIGKILL');
  }

  /** Killed while it stops, or just after. */
  async killInStop(afterMs: number): Promise<void> {
    this.#running.kill('SIGTERM');
    await new Promise((resolve) => setTimeout(resolve, afterMs));
    this.#running.kill('SIGKILL');
    await this.#dead((signal, status) => signal === 'SIGKILL' || status === 0);
  }

  /** @returns its exit status. */
  async stop(): Promise<number | null> {
    this.#running.kill('SIGTERM');
    return (await this.#running.end()).status;
  }

  get #running(): Program {
    if (this.#program === undefined) throw new Error('the broker has not been started');
    return this.#program;
  }

  async #dead(isExpected: (signal: NodeJS.Signals | null, status: number | null) => boolean): Promise<void> {
    const { signal, status, stderr } = await this.#running.end();
    if (!isExpected(signal, status)) throw new Error(`the broker had ended by itself with ${signal ?? status}`);
    if (stderr !== '') throw new Error('the broker complained');
  }

  #spawn(willGraceMs: number): Program {
    const args = ['--port', '0', '--storage', 'file', '--data', this.directory, '--log-level', 'warn'];
    return startProgram(args, { env: { HEXMQ_LIMITS_WILL_GRACE_AFTER_RESTART_MS: String(willGraceMs) } });
  }
}
