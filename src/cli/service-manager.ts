// The service manager that started the broker, such as systemd, by its protocol sd_notify: it learns when the broker
// serves, reloads and stops, and that its event loop still runs. Node has no datagram sockets of the Unix domain, so a
// small shell sends the messages with `systemd-notify`; see docs/decisions/0039-systemd-notify-in-a-shell.md.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import type { Environment } from '../composition/environment.js';

export interface ServiceManager {
  /** Clients can connect, or a reload is done. */
  ready(): void;
  reloading(): void;
  stopping(): void;
}

/** One message per line, its assignments separated by spaces. It ends with the broker, at the end of its input. */
const SENDER = `
trap '' TERM INT HUP USR1 USR2
command -v systemd-notify > /dev/null || { echo 'the command systemd-notify is missing'; exit 0; }
while read -r message; do systemd-notify $message 2>&1; done`;
/** Bytes of messages that the shell has not read. Beyond it, it hangs, and more of the same would not help. */
const UNSENT_MAX = 4096;
/** A problem is reported once; this bounds how much is remembered of it. */
const PROBLEM_LENGTH_MAX = 500;

/**
 * `undefined` without `NOTIFY_SOCKET`, which a manager sets that wants messages.
 * @param onProblem called with what went wrong, at most once: the broker serves all the same.
 */
export function serviceManagerOf(
  environment: Environment,
  onProblem: (problem: string) => void,
): ServiceManager | undefined {
  if ((environment['NOTIFY_SOCKET'] ?? '') === '') return undefined;
  return new Systemd(environment, onProblem);
}

class Systemd implements ServiceManager {
  readonly #shell: ChildProcess;
  /** 0 without a watchdog. */
  readonly #watchdogMs: number;
  #watchdog: NodeJS.Timeout | undefined;
  #onProblem: ((problem: string) => void) | undefined;

  constructor(environment: Environment, onProblem: (problem: string) => void) {
    this.#onProblem = onProblem;
    this.#watchdogMs = watchdogMs(environment);
    // Started once, while the process is small: to fork a process of gigabytes for each message would stop the broker.
    this.#shell = spawn('/bin/sh', ['-c', SENDER], { stdio: ['pipe', 'pipe', 'ignore'] });
    this.#shell.on('error', ({ message }) => {
      this.#problem(message);
    });
    this.#shell.stdin?.on('error', () => undefined);
    this.#shell.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#problem(text.trim());
    });
    // The broker ends when it is done, and the shell with it.
    this.#shell.unref();
    for (const pipe of [this.#shell.stdin, this.#shell.stdout]) (pipe as { unref?: () => void } | null)?.unref?.();
  }

  ready(): void {
    this.#send('READY=1');
    if (this.#watchdogMs === 0) return;
    this.#watchdog ??= setInterval(() => {
      this.#send('WATCHDOG=1');
    }, this.#watchdogMs / 2).unref();
  }

  reloading(): void {
    // systemd tells by its clock whether this is an answer to its signal.
    this.#send(`RELOADING=1 MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`);
  }

  stopping(): void {
    this.#send('STOPPING=1');
  }

  #send(message: string): void {
    const { stdin } = this.#shell;
    if (stdin !== null && stdin.writable && stdin.writableLength < UNSENT_MAX) stdin.write(`${message}\n`);
  }

  #problem(problem: string): void {
    this.#onProblem?.(`the service manager gets no messages: ${problem.slice(0, PROBLEM_LENGTH_MAX)}`);
    this.#onProblem = undefined;
  }
}

/** How often the manager expects a sign of life of this process; 0 if it expects none. */
function watchdogMs({ WATCHDOG_USEC: usec = '', WATCHDOG_PID: pid }: Environment): number {
  if (pid !== undefined && pid !== String(process.pid)) return 0;
  return /^[1-9]\d{0,15}$/.test(usec) ? Number(usec) / 1000 : 0;
}
