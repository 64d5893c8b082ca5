// Fills a store with facts from wherever they come, and does not call it done before it has read back what it wrote:
//
// 1. It is looked whether the store is free: to open one is to take it from the broker that has it, and a store that is not to be touched is not opened.
// 2. The mark of an unfinished store is set, so that no broker starts on a part.
// 3. What was there is taken away, if that was asked for. A store that bears the mark already is from an attempt that was broken off: it is cleared and
//    filled anew, without asking.
// 4. The facts are written.
// 5. The store is opened again, as a broker would, and read. If its digest is that of what was written, the mark goes.
import type { Message } from '../../domain/delivery/message.js';
import type { Clock } from '../../ports/clock.js';
import type { Storage } from '../../ports/storage.js';
import { Digest } from './digest.js';
import type { Counts, Hash } from './digest.js';
import { readFacts } from './fact-reader.js';
import { FactWriter } from './fact-writer.js';
import type { StoredFact } from './stored-fact.js';
import { surveyTarget } from './target.js';
import type { TargetContent } from './target.js';
import { TransferError } from './transfer-error.js';
import { markFinished, markUnfinished } from './unfinished.js';

export interface TransferProgress {
  readonly phase: 'clearing' | 'copying' | 'checking';
  readonly done: number;
  /** `undefined`: not known yet. */
  readonly total: number | undefined;
}

export interface TransferParts {
  readonly clock: Clock;
  readonly hash: Hash;
  readonly progress: (progress: TransferProgress) => void;
}

export interface TransferResult {
  readonly counts: Counts;
  readonly digest: string;
}

/** Something to fill: `make` gives a new storage on the same store each time, unopened. */
export interface FillTarget {
  readonly make: () => Promise<Storage>;
  /** What is in the store already is taken away. */
  readonly replace: boolean;
}

export interface FactSource {
  readonly facts: AsyncIterable<StoredFact>;
  readonly total: () => number | undefined;
}

/**
 * @throws TransferError when the target holds something and is not to be replaced, or does not hold afterwards what was written.
 * @throws StorageError
 */
export async function fillStore(
  { make, replace }: FillTarget,
  source: FactSource,
  parts: TransferParts,
): Promise<TransferResult> {
  if (!replace) await lookWhetherFree(await make());
  const storage = await make();
  await storage.open();
  let written: Digest;
  try {
    const content = await surveyTarget(storage);
    if (!replace) refuseUnlessFree(content);
    const writer = new FactWriter(storage, parts.clock);
    await writer.change(markUnfinished(0 as Message['id']));
    await writer.flush();
    await clear(content, writer, parts);
    written = await writeAll(source, writer, parts);
  } finally {
    await storage.close();
  }
  await check(await make(), written, parts);
  return { counts: written.counts, digest: written.text };
}

async function lookWhetherFree(storage: Storage): Promise<void> {
  try {
    if (await storage.openReadOnly()) refuseUnlessFree(await surveyTarget(storage));
  } finally {
    await storage.close();
  }
}

function refuseUnlessFree({ isEmpty, isUnfinished, sessions, queues, retained, wills }: TargetContent): void {
  if (isEmpty || isUnfinished) return;
  throw new TransferError(
    `the target is not empty (sessions: ${sessions}, queues: ${queues}, retained messages: ${retained}, wills: ${wills}): ` +
      'choose an empty one, or give --replace to have everything in it replaced',
  );
}

async function clear({ removal }: TargetContent, writer: FactWriter, { progress }: TransferParts): Promise<void> {
  let done = 0;
  for (const change of removal) {
    await writer.change(change);
    progress({ phase: 'clearing', done: ++done, total: removal.length });
  }
  await writer.flush();
}

async function writeAll(
  { facts, total }: FactSource,
  writer: FactWriter,
  { hash, progress }: TransferParts,
): Promise<Digest> {
  const digest = new Digest(hash);
  let lastMessageId = 0 as Message['id'];
  for await (const fact of facts) {
    if (fact.kind === 'last-message-id') lastMessageId = fact.id;
    digest.add(fact);
    await writer.write(fact);
    progress({ phase: 'copying', done: digest.facts, total: total() });
  }
  await writer.change(markUnfinished(lastMessageId));
  await writer.flush();
  return digest;
}

async function check(storage: Storage, written: Digest, { clock, hash, progress }: TransferParts): Promise<void> {
  await storage.open();
  try {
    const found = new Digest(hash);
    for await (const fact of readFacts(storage)) {
      found.add(fact);
      progress({ phase: 'checking', done: found.facts, total: written.facts });
    }
    if (found.text !== written.text) throw new TransferError(difference(written, found));
    const writer = new FactWriter(storage, clock);
    await writer.change(markFinished());
    await writer.flush();
  } finally {
    await storage.close();
  }
}

function difference(written: Digest, found: Digest): string {
  const kinds = Object.keys(written.counts) as (keyof Counts)[];
  const others = kinds.filter((kind) => written.counts[kind] !== found.counts[kind]);
  const counts = others
    .map((kind) => `${kind}: ${written.counts[kind]} written, ${found.counts[kind]} found`)
    .join('; ');
  return (
    `the target does not hold what was written (${counts === '' ? 'as many facts, but not the same' : counts}; digest ${written.text} written, ` +
    `${found.text} found): it stays marked as unfinished and no broker starts on it`
  );
}
