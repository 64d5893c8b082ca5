// The part of the storage contract that cannot be tested in one process: what was acknowledged is there after the
// process died. A program of the adapter's author commits, is killed, and the store is then read by another process:
// this one.
import type { Storage } from '../../ports/index.js';
import { askOnlyIf, reportTo, testOf, thenDisposed } from '../asking.js';
import type { NotAskedReport, TestBody } from '../asking.js';
import { ContractViolation, differences, ensure, report } from '../compare.js';
import { StorageModel, collectLoaded } from '../storage-contract/model.js';
import { topic } from '../storage-contract/samples.js';
import { comparableEntry, loadAll, readAll } from '../storage-contract/subject.js';
import { CRASH_QUEUES, LAST_TOPIC, batchOf, batchOfLast } from './batches.js';
import { runAndKill } from './killed-process.js';

/** What the author of an adapter provides, one for each test. */
export interface StoreUnderCrash {
  /**
   * How to start the program: the file, and its arguments, such as `[process.execPath, 'crash-program.js', directory]`.
   * The program calls `runUntilKilled` with a storage on this store. The same command is started several times.
   */
  readonly command: readonly string[];
  /** A storage on the same store, in this process. It is called when the program has died. */
  storage(): Storage;
  /** Removes the store. */
  dispose(): Promise<void>;
}

/** What the crash contract needs to test a storage adapter. */
export interface StorageCrashContractOptions {
  /** The adapter's name in the test report. */
  readonly name: string;
  /** Gives each test a new, empty store. */
  readonly factory: { create(): Promise<StoreUnderCrash> };
  /** Your test runner's function that groups tests. It has to call `body` at once. */
  readonly describe: (name: string, body: () => void) => void;
  /** Your test runner's function that declares a test. It has to await the promise of `body`. */
  readonly test: (name: string, body: TestBody) => void;
  /** Told of each law that was not asked. Default: a line on standard error. */
  readonly notAsked?: NotAskedReport;
  /** Limit in milliseconds for one run of the program. Default 20,000. */
  readonly timeoutMs?: number;
}

const DEFAULT_TIMEOUT_MS = 20_000;
/** How many batches are acknowledged before a kill: the process dies early, and in the middle of its work. */
const BATCHES = [1, 12, 90];
/** How often each store is killed: what a kill has left is killed again. */
const KILLS = 3;

/** Declares the tests. Every failing test throws a ContractViolation, or what the adapter threw. */
export function storageCrashContract(options: StorageCrashContractOptions): void {
  const { name, factory, describe, test, timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  const title = `storage crash contract: ${name}`;
  const { notAsked = reportTo(title) } = options;
  describe(title, () => {
    for (const batches of BATCHES) {
      const law = `a process killed after ${String(batches)} batches has lost none of them and left none in part`;
      const ask = async (): Promise<void> => {
        const under = await factory.create();
        await thenDisposed(
          () => under.dispose(),
          () => survivesKills(under, batches, timeoutMs),
        );
      };
      test(law, testOf(law, notAsked, ask));
    }
  });
}

async function survivesKills(under: StoreUnderCrash, batches: number, timeoutMs: number): Promise<void> {
  let first = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    const last = first + batches - 1;
    const { isDurable, acknowledged } = await runAndKill({ command: under.command, first, last, timeoutMs });
    askOnlyIf(isDurable, 'the adapter does not claim to be durable');
    first = (await lastStored(under.storage(), acknowledged)) + 1;
  }
}

/** Compares the whole store with the batches that were committed. @returns the last one that is there. */
async function lastStored(storage: Storage, acknowledged: number): Promise<number> {
  try {
    await storage.open();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ContractViolation(`a store whose process was killed cannot be opened: ${why}`, { cause: error });
  }
  return thenDisposed(
    () => storage.close(),
    async () => {
      const facts = await loadAll(storage);
      const [newest] = await storage.readRetained([topic(LAST_TOPIC)]);
      const last = newest === undefined ? -1 : batchOfLast(newest.id);
      ensure(
        last >= acknowledged,
        `the process had acknowledged batch ${String(acknowledged)} when it was killed, and the store has ` +
          (last < 0 ? 'none' : `only up to batch ${String(last)}`),
      );
      ensure(last <= acknowledged + 1, `the store has batch ${String(last)}, which cannot have been committed yet`);
      const model = new StorageModel();
      for (let k = 0; k <= last; k++) model.apply(batchOf(k));
      const problems = differences(model.loaded(), collectLoaded(facts).state);
      for (const queue of CRASH_QUEUES) {
        const { entries, problems: wrong } = await readAll(storage, queue);
        const expected = model.queue(queue).map(comparableEntry);
        problems.push(...wrong, ...differences(expected, entries.map(comparableEntry), `queue ${queue}`));
      }
      report(`after a kill with ${String(last + 1)} batches in the store, it differs from them`, problems);
      return last;
    },
  );
}
