// The file that says which process a broker is, for whoever wants to send it a signal.
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { FileError } from './report-error.js';
import type { ProcessHost } from './process-host.js';

export interface PidFileFlag {
  readonly pidFile?: string;
}

export const pidFileOf = ({ pidFile }: PidFileFlag, { environment }: ProcessHost): string | undefined =>
  pidFile ?? environment['HEXMQ_PID_FILE'];

/** @throws FileError */
export function writePidFile(path: string, pid: number): void {
  try {
    writeFileSync(path, `${pid}\n`);
  } catch (error) {
    throw new FileError(`the process id cannot be written to ${path}: ${(error as Error).message}`, { cause: error });
  }
}

/** Unless another broker has written its own since. */
export function removePidFile(path: string, pid: number): void {
  try {
    if (readPidFile(path) === pid) rmSync(path);
  } catch {
    // Somebody else has removed it.
  }
}

/** @throws FileError */
export function readPidFile(path: string): number {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const what =
      (error as NodeJS.ErrnoException).code === 'ENOENT'
        ? 'there is no such file: no broker runs that was started with it'
        : (error as Error).message;
    throw new FileError(`${path}: ${what}`, { cause: error });
  }
  if (!/^[1-9]\d{0,9}\s*$/.test(text))
    throw new FileError(`${path}: expected the number of a process, and nothing else`);
  return Number(text);
}
