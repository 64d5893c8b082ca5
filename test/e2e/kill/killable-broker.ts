// The built command, started and killed again and again on one store; and with it the storage server or the power of
// the disk, where there is one.
import { readiness, startProgram } from '../hexmq-command.js';
import type { Program } from '../program.js';
import { complaintIn } from './complaints.js';
import type { Address } from '../../clients/packet-socket.js';
import type { KillableServer, StoragePlace } from './storage-place.js';

const FAILING_WRITE = /"event":"storage-failing","operation":"write"/;
const RECOVERED_WRITE = /"event":"storage-recovered","operation":"write"/;

/** The victims in the middle of a round, in turn. At the end of a round it is always the broker. */
const VICTIMS = ['broker', 'server', 'both'] as const;

export type Victim = (typeof VICTIMS)[number];

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export class KillableBroker {
  #program: Program | undefined;
  /** Whether the server was killed during the life of the current process. */
  #hadOutage = false;
  #startMs = 0;
  #turn = 0;
  readonly #counts: Record<Victim, number> = { broker: 0, server: 0, both: 0 };

  constructor(readonly place: StoragePlace) {}

  nextVictim(): Victim {
    const victim = this.place.server === undefined ? 'broker' : (VICTIMS[this.#turn++ % VICTIMS.length] as Victim);
    this.#counts[victim]++;
    return victim;
  }

  /** How often each was killed, of those that exist here. */
  get victims(): Readonly<Partial<Record<Victim, number>>> {
    return this.place.server === undefined ? { broker: this.#counts.broker } : this.#counts;
  }

  /** @param willGraceMs `limits.willGraceAfterRestartMs`. */
  async start(willGraceMs: number): Promise<Address> {
    const sinceMs = performance.now();
    const program = this.#spawn(willGraceMs);
    const address = await readiness(program);
    this.#startMs = performance.now() - sinceMs;
    return address;
  }

  /**
   * Starts the broker and kills it after this fraction of the time that the last start took. @returns that time in ms.
   */
  async stumble(willGraceMs: number, part: number): Promise<number> {
    const afterMs = Math.round(part * this.#startMs);
    this.#spawn(willGraceMs);
    await pause(afterMs);
    await this.kill();
    return afterMs;
  }

  async kill(): Promise<void> {
    this.#running.kill('SIGKILL');
    await this.#dead((signal) => signal === 'SIGKILL');
  }

  /** Kills the broker while it stops, or just after. */
  async killInStop(afterMs: number): Promise<void> {
    this.#running.kill('SIGTERM');
    await pause(afterMs);
    this.#running.kill('SIGKILL');
    await this.#dead((signal, status) => signal === 'SIGKILL' || status === 0);
  }

  /** Kills the server and, after this many milliseconds, the broker; then restarts the server. */
  async killWithServer(afterMs: number): Promise<void> {
    this.#hadOutage = true;
    const serverDead = this.#server.kill();
    await pause(afterMs);
    await Promise.all([serverDead, this.kill()]);
    await this.#server.restart();
  }

  /** Kills only the server, calls `gone`, and restarts the server after this many milliseconds. */
  async loseServer(forMs: number, gone: () => void = () => undefined): Promise<void> {
    this.#hadOutage = true;
    await this.#server.kill();
    gone();
    await pause(forMs);
    await this.#server.restart();
  }

  /** What is known of the server, for a failure. */
  async describeServer(): Promise<string> {
    return (await this.place.server?.describe?.()) ?? 'nothing is known of the server';
  }

  /** Resolves when the broker has logged that writes succeed again, if it had logged that they fail. */
  async recovered(): Promise<void> {
    if (FAILING_WRITE.test(this.#running.stderr)) await this.#running.logs(RECOVERED_WRITE);
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

  get #server(): KillableServer {
    if (this.place.server === undefined) throw new Error('there is no server here that may be killed');
    return this.place.server;
  }

  async #dead(isExpected: (signal: NodeJS.Signals | null, status: number | null) => boolean): Promise<void> {
    const { signal, status, stderr } = await this.#running.end();
    if (!isExpected(signal, status)) throw new Error(`the broker had ended by itself with ${signal ?? status}`);
    const complaint = complaintIn(stderr, this.#hadOutage);
    if (complaint !== undefined) throw new Error(`the broker complained: ${complaint}`);
    this.place.disk?.cutPower();
  }

  #spawn(willGraceMs: number): Program {
    this.#hadOutage = false;
    const args = ['--port', '0', ...this.place.args, '--log-level', 'warn'];
    this.#program = startProgram(args, {
      ...(this.place.cwd === undefined ? {} : { cwd: this.place.cwd }),
      env: {
        ...this.place.disk?.env,
        HEXMQ_LIMITS_WILL_GRACE_AFTER_RESTART_MS: String(willGraceMs),
        // The process of the tests, which the clients are in, may stand still for a while on a busy machine.
        HEXMQ_LIMITS_CONNECT_TIMEOUT_MS: '120000',
      },
    });
    return this.#program;
  }
}
