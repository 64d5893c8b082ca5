// A process that is killed at the moment of an acknowledgement.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { ContractViolation, ensure } from '../compare.js';
import { FIRST_BATCH } from './program.js';

const STDERR_SHOWN = 2000;

export interface Run {
  readonly command: readonly string[];
  readonly first: number;
  /** It is killed when it has acknowledged this batch. */
  readonly last: number;
  readonly timeoutMs: number;
}

export interface Killed {
  readonly isDurable: boolean;
  /** The last batch that the process acknowledged; it may be later than the one at which it was killed. */
  readonly acknowledged: number;
}

/**
 * Starts the program and kills it, so that the system gives it no time for anything.
 * @throws ContractViolation if it ends by itself, or does not get as far as that.
 */
export async function runAndKill({ command: [file = '', ...args], first, last, timeoutMs }: Run): Promise<Killed> {
  const child = spawn(file, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, [FIRST_BATCH]: String(first) },
  });
  const gone = new Promise<string>((resolve) => {
    child.once('error', ({ message }) => {
      resolve(`could not be started: ${message}`);
    });
    child.once('close', (status, signal) => {
      resolve(signal === null ? `ended by itself with status ${String(status)}` : `was ended by ${signal}`);
    });
  });
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => (errors = (errors + chunk.toString()).slice(-STDERR_SHOWN)));
  let isKilled = false;
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    child.kill('SIGKILL');
  }, timeoutMs);
  let isDurable = true;
  let acknowledged = first - 1;
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      if (line.startsWith('durable ')) isDurable = line === 'durable true';
      else acknowledged = Number(line);
      if (!isKilled && (acknowledged >= last || !isDurable)) isKilled = child.kill('SIGKILL');
    }
    const how = await gone;
    const said = errors === '' ? '' : `; it wrote:\n${errors}`;
    if (isLate)
      throw new ContractViolation(
        `the program had acknowledged ${String(acknowledged + 1 - first)} of ${String(last + 1 - first)} batches ` +
          `after ${String(timeoutMs)} ms${said}`,
      );
    ensure(isKilled, `the program ${how} before it was killed${said}`);
  } finally {
    clearTimeout(timer);
    child.kill('SIGKILL');
  }
  return { isDurable, acknowledged };
}
