// The program that the crash contract starts and kills: it commits batch after batch and says of each that it is there.
import { writeSync } from 'node:fs';
import type { Storage } from '../../ports/index.js';
import { commitLikeTheShell, loadAll } from '../storage-contract/subject.js';
import { batchOf } from './batches.js';

/** The number of the first batch, as the contract passes it. */
export const FIRST_BATCH = 'HEXMQ_CRASH_FIRST_BATCH';

/** Commits to the storage until the process is killed. Call it in a program of its own: see `storageCrashContract`. */
export async function runUntilKilled(storage: Storage): Promise<never> {
  await storage.open();
  await loadAll(storage);
  say(`durable ${String(storage.traits.durable)}`);
  for (let k = Number(process.env[FIRST_BATCH] ?? 0); ; k++) {
    await commitLikeTheShell(storage, batchOf(k), k % 3 === 0 ? 'stored' : 'flushed');
    say(String(k));
  }
}

/** At once and not when the process next has the time: it may be killed before. */
function say(line: string): void {
  writeSync(1, `${line}\n`);
}
