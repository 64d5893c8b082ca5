// Errors of the command: what is printed for each, and the exit status.
import { CommanderError } from 'commander';
import { ConfigError } from '../composition/config-error.js';
import { TransferError } from '../composition/transfer.js';
import { isWorkingDirectoryGone } from '../composition/working-directory.js';
import { AdministrationError, NetworkError, StorageError } from '../ports/index.js';
import type { ProcessHost } from './process-host.js';

export const ExitStatus = {
  done: 0,
  /** For the user to correct: a flag, the configuration, a port in use, a storage that cannot be opened. */
  refused: 1,
  /** `acl explain` answered no, or `status --exit-code` that the broker is not ready. */
  denied: 3,
  /** A bug in hexmq or in an adapter (EX_SOFTWARE of sysexits.h). */
  fault: 70,
  /** A second SIGTERM or SIGINT while stopping (128 + SIGINT). */
  interrupted: 130,
} as const;

/** A file that the user named and that cannot be read or written. */
export class FileError extends Error {
  override readonly name = 'FileError';
}

/** Not an error: the answer no, which has been printed, as an exit status for scripts. */
export class Denied extends Error {
  override readonly name = 'Denied';
}

/** Prints the error. @returns the exit status. */
export function reportError(error: unknown, host: ProcessHost): number {
  // Commander has printed its own messages, help and version among them.
  if (error instanceof CommanderError) return error.exitCode === 0 ? ExitStatus.done : ExitStatus.refused;
  if (error instanceof Denied) return ExitStatus.denied;
  if (error instanceof ConfigError) {
    for (const problem of error.problems) host.printError(`hexmq: ${problem}\n`);
    return ExitStatus.refused;
  }
  if (
    error instanceof AdministrationError ||
    error instanceof NetworkError ||
    error instanceof StorageError ||
    error instanceof TransferError ||
    error instanceof FileError
  ) {
    host.printError(`hexmq: ${error.message}\n`);
    return ExitStatus.refused;
  }
  if (isWorkingDirectoryGone(error)) {
    host.printError(
      'hexmq: the working directory has been deleted, expected one that exists, or absolute paths for everything\n',
    );
    return ExitStatus.refused;
  }
  if (isOutputClosed(error)) {
    host.printError('hexmq: the reader closed the output before everything was written (EPIPE)\n');
    return ExitStatus.refused;
  }
  reportCrash(error, host);
  return ExitStatus.fault;
}

/** Prints an unexpected error with its stack. */
export function reportCrash(error: unknown, host: Pick<ProcessHost, 'printError'>): void {
  const details = error instanceof Error ? (error.stack ?? error.message) : String(error);
  host.printError(`hexmq: fatal: an unexpected error, a bug in hexmq or in an adapter: ${details}\n`);
}

export const isOutputClosed = (error: unknown): boolean =>
  error instanceof Error && (error as NodeJS.ErrnoException).code === 'EPIPE';
