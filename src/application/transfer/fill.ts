// Fills a store with facts, and reads back what it wrote before it reports success:
//
// 1. Check read-only that the store is empty. Opening it for writing would take it from the broker that has it.
// 2. Set the mark of an unfinished store, so that no broker starts on a part of the data.
// 3. Remove what is there, if `replace` says so. A store that has the mark already is from an attempt that was
//    interrupted: clear and fill it again, without asking.
// 4. Write the facts.
// 5. Open the store again, as a broker would, and read it. If the digest is that of what was written, remove the mark.
import type { Message } from '../../domain/messages/message.js';
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
import { thenClosed } from './then-closed.js';
import { markFinished, markUnfinished } from './unfinished.js';

export interface TransferProgress {
  readonly phase: 'clearing' | 'copying' | 'checking';
  readonly done: number;
  /** `undefined` as long as it is not known. */
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

/** A store to fill. */
export interface FillTarget {
  /** Returns a new storage, unopened, on the same store each time. */
  readonly make: () => Promise<Storage>;
  /** Whether to remove what is in the store. */
  readonly replace: boolean;
}

export interface FactSource {
  readonly facts: AsyncIterable<StoredFact>;
  readonly total: () => number | undefined;
}

/**
 * @throws TransferError if the target is not empty and not to be replaced, or if it does not hold afterwards what was
 * written.
 * @throws StorageError
 */
export async function fillStore(
  { make, replace }: FillTarget,
  source: FactSource,
  parts: TransferParts,
): Promise<TransferResult> {
  if (!replace) await checkIsFree(await make());
  const storage = await make();
  await storage.open();
  const written = await thenClosed(storage, async () => {
    const content = await surveyTarget(storage);
    if (!replace) refuseUnlessFree(content);
    const writer = new FactWriter(storage, parts.clock);
    await writer.change(markUnfinished(0 as Message['id']));
    await writer.flush();
    await clear(content, writer, parts);
    return writeAll(source, writer, parts);
  });
  await check(await make(), written, parts);
  return { counts: written.counts, digest: written.text };
}

function checkIsFree(storage: Storage): Promise<void> {
  return thenClosed(storage, async () => {
    if (await storage.openReadOnly()) refuseUnlessFree(await surveyTarget(storage));
  });
}

function refuseUnlessFree({ isEmpty, isUnfinished, sessions, queues, retained, wills }: TargetContent): void {
  if (isEmpty || isUnfinished) return;
  throw new TransferError(
    `the target is not empty (sessions: ${sessions}, queues: ${queues}, ` +
      `retained messages: ${retained}, wills: ${wills}): ` +
      'choose an empty one, or replace everything in it with --replace',
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
  await thenClosed(storage, async () => {
    const found = new Digest(hash);
    for await (const fact of readFacts(storage)) {
      found.add(fact);
      progress({ phase: 'checking', done: found.facts, total: written.facts });
    }
    if (found.text !== written.text) throw new TransferError(difference(written, found));
    const writer = new FactWriter(storage, clock);
    await writer.change(markFinished());
    await writer.flush();
  });
}

function difference(written: Digest, found: Digest): string {
  const kinds = Object.keys(written.counts) as (keyof Counts)[];
  const others = kinds.filter((kind) => written.counts[kind] !== found.counts[kind]);
  const counts = others
    .map((kind) => `${kind}: ${written.counts[kind]} written, ${found.counts[kind]} found`)
    .join('; ');
  return (
    `the target does not hold what was written (${counts === '' ? 'as many facts, but not the same' : counts}; ` +
    `digest ${written.text} written, ${found.text} found): it stays marked as unfinished, and no broker starts on it`
  );
}
