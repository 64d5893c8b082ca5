// The process, as far as the command needs one; handed in, so that the command can be tested without one.
import type { Environment } from '../composition/environment.js';

export interface ProcessHost {
  readonly environment: Environment;
  print(text: string): void;
  printError(text: string): void;
  /** To standard output; resolves when it has been taken. @throws when nobody reads it any more (EPIPE). */
  write(text: string): Promise<void>;
  /** Standard input; `undefined`: a terminal, where nobody types an export. */
  readonly input: AsyncIterable<Uint8Array> | undefined;
  /** Asks on the terminal for what nobody else is to read; `undefined`: there is none. */
  readonly askSecret: ((question: string) => Promise<string>) | undefined;
  /** Shows a line in place of the one before, the empty one at last; `undefined`: nobody looks. */
  readonly showProgress: ((line: string) => void) | undefined;
  /** Calls back for each request to stop (SIGTERM, SIGINT). */
  onStopRequest(callback: () => void): void;
  /** Calls back for each request to read again what has changed (SIGHUP). */
  onReloadRequest(callback: () => void): void;
  /** From now on these signals, which would end the process or open Node's debugger, do nothing but call back. */
  onOtherSignals(callback: (signal: 'SIGUSR1' | 'SIGUSR2') => void): void;
  /** Sends another process a signal. @throws as `process.kill`. */
  signal(pid: number, signal: 'SIGHUP'): void;
  readonly pid: number;
  /** Ends the process without waiting for anything. */
  exitNow(status: number): void;
}
