// The PID file: the process id of a running broker, for commands and scripts that send it a signal.
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
    throw new FileError(`cannot write the process id to ${path}: ${(error as Error).message}`, { cause: error });
  }
}

/** Removes the file unless another broker has replaced it. */
export function removePidFile(path: string, pid: number): void {
  try {
    if (readPidFile(path) === pid) rmSync(path);
  } catch {
    // Already removed.
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
        ? 'no such file, so no broker that was started with it is running'
        : (error as Error).message;
    throw new FileError(`${path}: ${what}`, { cause: error });
  }
  if (!/^[1-9]\d{0,9}\s*$/.test(text)) throw new FileError(`${path}: expected a process id and nothing else`);
  return Number(text);
}
