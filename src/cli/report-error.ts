// What becomes of a failure: what is told, and the exit status.
import { CommanderError } from 'commander';
import { ConfigError } from '../composition/config-error.js';
import { TransferError } from '../composition/transfer.js';
import { NetworkError, StorageError } from '../ports/index.js';
import type { ProcessHost } from './process-host.js';

export const ExitStatus = {
  done: 0,
  /** The user can mend it: a flag, a configuration, a port in use, a storage that cannot be opened. */
  refused: 1,
  /** The question was answered with no: `acl explain`. */
  denied: 3,
  /** A fault of hexmq's own (EX_SOFTWARE of sysexits.h). */
  fault: 70,
  /** A second request to stop came before the first was done (128 + SIGINT). */
  interrupted: 130,
} as const;

/** A file that the user named and the system refused. */
export class FileError extends Error {
  override readonly name = 'FileError';
}

/** The answer was no, and has been printed: nothing failed, and a script can tell by the status. */
export class Denied extends Error {
  override readonly name = 'Denied';
}

export function reportError(error: unknown, host: ProcessHost): number {
  // Commander has printed its own messages, help and version among them.
  if (error instanceof CommanderError) return error.exitCode === 0 ? ExitStatus.done : ExitStatus.refused;
  if (error instanceof Denied) return ExitStatus.denied;
  if (error instanceof ConfigError) {
    for (const problem of error.problems) host.printError(`hexmq: ${problem}\n`);
    return ExitStatus.refused;
  }
  if (
    error instanceof NetworkError ||
    error instanceof StorageError ||
    error instanceof TransferError ||
    error instanceof FileError
  ) {
    host.printError(`hexmq: ${error.message}\n`);
    return ExitStatus.refused;
  }
  if (isOutputClosed(error)) {
    host.printError('hexmq: nobody reads the output any more: what has been written is not whole\n');
    return ExitStatus.refused;
  }
  reportCrash(error, host);
  return ExitStatus.fault;
}

export function reportCrash(error: unknown, host: Pick<ProcessHost, 'printError'>): void {
  const details = error instanceof Error ? (error.stack ?? error.message) : String(error);
  host.printError(`hexmq: fatal: an unexpected error, a fault of hexmq or of an adapter: ${details}\n`);
}

export const isOutputClosed = (error: unknown): boolean =>
  error instanceof Error && (error as NodeJS.ErrnoException).code === 'EPIPE';
