// The process that the command runs in, as an interface, so that tests can run the command without one.
import type { Environment } from '../composition/environment.js';
import type { FileIdentity, ProcessKind } from './process-kind.js';
import type { ServiceManager } from './service-manager.js';

export interface ProcessHost {
  readonly environment: Environment;
  print(text: string): void;
  printError(text: string): void;
  /** Whether what `start` prints is read by programs: the log is JSON, and standard output is no terminal. */
  readonly isOutputJson: boolean;
  /** How many files the process may have open (`ulimit -n`). */
  readonly openFilesLimit: number;
  /** Writes to standard output; resolves when it can take more. @throws when its reader has gone (EPIPE). */
  write(text: string): Promise<void>;
  /** Standard input, or `undefined` if it is a terminal. */
  readonly input: AsyncIterable<Uint8Array> | undefined;
  /** Asks for a secret on the terminal without showing it; `undefined` without a terminal. */
  readonly askSecret: ((question: string) => Promise<string>) | undefined;
  /** Replaces the progress line on the terminal; an empty line clears it. `undefined` without a terminal. */
  readonly showProgress: ((line: string) => void) | undefined;
  /** Calls back on each SIGTERM and SIGINT. */
  onStopRequest(callback: () => void): void;
  /** Calls back on each SIGHUP. */
  onReloadRequest(callback: () => void): void;
  /** Calls back on these signals, which would otherwise end the process or open Node's debugger. */
  onOtherSignals(callback: (signal: 'SIGUSR1' | 'SIGUSR2') => void): void;
  /** Sends a signal to another process. @throws as `process.kill` does. */
  signal(pid: number, signal: 'SIGHUP'): void;
  /** What another process is; with a file, `broker` means the one that has this file open. */
  whatIs(pid: number, file?: FileIdentity): ProcessKind;
  readonly pid: number;
  /** The manager that started this process and wants to hear of it, if one did. */
  serviceManager(onProblem: (problem: string) => void): ServiceManager | undefined;
  /** Exits at once. */
  exitNow(status: number): void;
}
