// The contract of the storage port as tests, for any adapter and under any test runner. Each law of the port is one
// test, so that a run lists everything an adapter gets wrong and not only the first thing. The traits that an adapter
// claims decide which laws apply, in both directions: claiming less than is true fails too. How an adapter works is not
// tested, and neither is its speed.
import { reportTo, testOf, thenDisposed } from '../asking.js';
import type { NotAskedReport, TestBody } from '../asking.js';
import { batchLaws } from './batch-laws.js';
import { contentLaws } from './content-laws.js';
import { crashLaws } from './crash-laws.js';
import { factLaws } from './fact-laws.js';
import { failureLaws } from './failure-laws.js';
import { lifeCycleLaws } from './life-cycle-laws.js';
import { runAgainstModel } from './model-run.js';
import type { FastCheck } from './fast-check.js';
import type { ModelRunOptions } from './model-run.js';
import { pageLaws } from './page-laws.js';
import { queueLaws } from './queue-laws.js';
import { findsNoStore, readOnlyLaws } from './read-only-laws.js';
import { snapshotLaws } from './snapshot-laws.js';
import { Subject } from './subject.js';
import type { StorageFactory } from './subject.js';
import { traitLaws } from './trait-laws.js';

/** What the contract needs to test a storage adapter. */
export interface StorageContractOptions {
  /** The adapter's name in the test report. */
  readonly name: string;
  /** Gives each test a store of its own. */
  readonly factory: StorageFactory;
  /** Your test runner's function that groups tests. It has to call `body` at once. */
  readonly describe: (name: string, body: () => void) => void;
  /** Your test runner's function that declares a test. It has to await the promise of `body`. */
  readonly test: (name: string, body: TestBody) => void;
  /** The module `fast-check`, which generates the random histories. */
  readonly fastCheck: FastCheck;
  /** How many random histories, how long, and from which seed. */
  readonly model?: ModelRunOptions;
  /**
   * Told of each law that was not asked, because the adapter does not claim what it is about, or the factory provides
   * nothing to ask it with. Default: a line on standard error.
   */
  readonly notAsked?: NotAskedReport;
  /** Limit in milliseconds for opening a store again. Default 4000, because a runner's time-out says no reason. */
  readonly reopenTimeoutMs?: number;
}

/**
 * Declares the tests of the storage contract. Every failing test throws a ContractViolation, or what the adapter threw.
 */
export function storageContract(options: StorageContractOptions): void {
  const { name, factory, describe, test, fastCheck, model } = options;
  const title = `storage contract: ${name}`;
  const { notAsked = reportTo(title) } = options;
  const law = (text: string, body: (subject: Subject) => Promise<void>): void => {
    const ask = async (): Promise<void> => {
      const subject = await Subject.create(factory, options.reopenTimeoutMs);
      await thenDisposed(
        () => subject.dispose(),
        () => body(subject),
      );
    };
    test(text, testOf(text, notAsked, ask));
  };

  describe(title, () => {
    describe('facts', () => {
      factLaws(law);
    });
    describe('queues', () => {
      queueLaws(law);
    });
    describe('pages', () => {
      pageLaws(law);
    });
    describe('batches', () => {
      batchLaws(law);
      crashLaws(law);
    });
    describe('failures', () => {
      failureLaws(law);
    });
    describe('names and contents', () => {
      contentLaws(law);
    });
    describe('life cycle', () => {
      lifeCycleLaws(law);
    });
    describe('read-only access', () => {
      readOnlyLaws(law);
      test('a store that does not exist is reported as missing by openReadOnly, and not made', () =>
        findsNoStore(factory));
    });
    describe('snapshots', () => {
      snapshotLaws(law);
    });
    describe('traits', () => {
      traitLaws(law);
    });
    describe('model', () => {
      test('a random history with crashes and repeated batches reads as the model says after every step', () =>
        runAgainstModel(fastCheck, factory, { ...model, reopenTimeoutMs: options.reopenTimeoutMs }));
    });
  });
}
