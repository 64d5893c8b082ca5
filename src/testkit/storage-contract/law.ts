// What the laws of the contract share: how one is declared, and what most of them check.
import type { Change, QueueId, RestoredFact, Seq } from '../../ports/index.js';
import { differences } from '../compare.js';
import { comparableEntry, loadAll } from './subject.js';
import type { Subject } from './subject.js';

/** Declares one test on a new, empty store. */
export type Law = (text: string, body: (subject: Subject) => Promise<void>) => void;

/** Why a law is not asked. */
export const NOT_DURABLE = 'the adapter does not claim to be durable';
export const NO_SECOND = 'the factory provides no `second`';
export const NO_FAILURES = 'the factory provides no `failNextCommit`';
export const NO_SNAPSHOT = 'the adapter has no `snapshot`';

export const MEBIBYTE = 1024 * 1024;
export const EVERYTHING = { maxEntries: 100_000, maxBytes: 1024 * MEBIBYTE };

/** Commits each batch twice and compares everything: the law has to hold for repeated batches. */
export async function holdsWhenRepeated(subject: Subject, ...batches: readonly (readonly Change[])[]): Promise<void> {
  for (const batch of batches) {
    await subject.commit(...batch);
    await subject.verifyReads('after a batch');
    await subject.repeatLast();
    await subject.verifyReads('after the same batch again');
  }
  await subject.verify();
}

/** What is wrong with one page, compared with the model. */
export async function pageProblems(
  subject: Subject,
  queue: QueueId,
  from: number,
  maxEntries: number,
  maxBytes: number,
): Promise<string[]> {
  const limit = { maxEntries, maxBytes };
  const page = await subject.storage.readQueue(queue, from as Seq, limit);
  const expected = subject.model.page(queue, from as Seq, limit);
  const path = `page from ${String(from)}, at most ${String(maxEntries)} entries and ${String(maxBytes)} bytes`;
  const seqs = differences(
    expected.map((entry) => entry.seq),
    page.map((entry) => entry.seq),
    `${path}: seqs`,
  );
  return seqs.length > 0 ? seqs : differences(expected.map(comparableEntry), page.map(comparableEntry), path);
}

/** Crashes and restarts the process. @returns the facts that it loads. */
export async function reopenAndLoad(subject: Subject): Promise<RestoredFact[]> {
  subject.storage = await subject.under.reopen();
  await subject.openReopened();
  return loadAll(subject.storage);
}
