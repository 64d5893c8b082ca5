// What process a number belongs to now. The number in a PID file outlives its process, and the system gives it to
// another one, which a signal may end.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename } from 'node:path';

/** `starting`: a broker that does not handle signals yet, so that one would end it. */
export type ProcessKind = 'gone' | 'broker' | 'starting' | 'other';

export interface FileIdentity {
  readonly dev: bigint;
  readonly ino: bigint;
}

/**
 * With a file, only the broker that has it open counts as one: a broker keeps its PID file open. Where the open files
 * of a process cannot be seen, its command line decides.
 */
export function whatIs(pid: number, file?: FileIdentity): ProcessKind {
  if (!isRunning(pid)) return 'gone';
  const isBroker = (file === undefined ? undefined : hasOpen(pid, file)) ?? isStart(commandLine(pid));
  if (!isBroker) return 'other';
  return catchesSighup(pid) ? 'broker' : 'starting';
}

/** Whether the process handles SIGHUP, if that can be seen. Node takes a moment before any program does. */
function catchesSighup(pid: number): boolean {
  try {
    const [, mask] = /^SigCgt:\s*([0-9a-f]+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return mask === undefined || (BigInt(`0x${mask}`) & 1n) === 1n;
  } catch {
    return true;
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** `undefined` if it cannot be seen: on other systems than Linux, and for processes of others. */
function hasOpen(pid: number, { dev, ino }: FileIdentity): boolean | undefined {
  const folder = `/proc/${pid}/fd`;
  try {
    return readdirSync(folder).some((fd) => {
      const stats = statSync(`${folder}/${fd}`, { bigint: true, throwIfNoEntry: false });
      return stats?.dev === dev && stats.ino === ino;
    });
  } catch {
    return undefined;
  }
}

function commandLine(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return (
      spawnSync('ps', ['-p', String(pid), '-o', 'args='], { encoding: 'utf8' })
        .stdout?.trim()
        .split(' ') ?? []
    );
  }
}

/** Whether this is Node with the command and `start`, whatever the command is called where it is installed. */
function isStart(words: readonly string[]): boolean {
  const start = words.indexOf('start');
  return start > 0 && /^(hexmq|main\.js)$/.test(basename(words[start - 1] as string));
}
