// The storage under test, side by side with a model of what it should hold: every commit to the one is applied to the
// other, and everything that can be read from the one is compared with the other. The laws decide what to commit.
import { StorageError } from '../../ports/index.js';
import type {
  Change,
  Durability,
  MessageDraft,
  PageLimit,
  QueueId,
  RestoredFact,
  Seq,
  Storage,
  StorageReader,
  StorageSnapshot,
  StoredEntry,
  TopicName,
} from '../../ports/index.js';
import { NotAsked } from '../asking.js';
import { ContractViolation, differences, ensure, report, show } from '../compare.js';
import { StorageModel, collectLoaded } from './model.js';

/** What the author of an adapter provides, one for each test. The kit gets every storage unopened. */
export interface StorageUnderTest {
  /** A storage on a new, empty store. */
  readonly storage: Storage;
  /**
   * Crash: abandons every storage provided so far without closing it, as if its process had died, and returns another
   * one on the same store. What an abandoned storage was doing must not reach the store later, and a lock that it holds
   * in this process must be gone, as after a death. The kit also calls it
   * after a `close`, to open the store again.
   */
  reopen(): Promise<Storage>;
  /** Returns a second storage on the same store while the first is in use. Needed if fencing is claimed. */
  readonly second?: () => Promise<Storage>;
  /**
   * Makes the next `commit` of the storage provided last fail as your store does when it is full or cannot be reached:
   * before anything of the batch is stored, or after all of it is stored and only the answer is missing. Without it the
   * laws about failures are not asked.
   */
  readonly failNextCommit?: (how: 'before' | 'after') => void;
  /** Removes the store and everything else that the test left. */
  dispose(): Promise<void>;
}

/** Creates a store for each test. */
export interface StorageFactory {
  /** Creates a new, empty store. */
  create(): Promise<StorageUnderTest>;
}

const READ_ALL: PageLimit = { maxEntries: 1000, maxBytes: 4 * 1024 * 1024 };
/**
 * Bytes around each payload, so that it is a view of a larger chunk; the chunk is overwritten when the commit has
 * settled.
 */
const CHUNK_PADDING = 64;

/** Shorter than test runners wait, because a time-out of theirs would not say what was waited for. */
const REOPEN_TIMEOUT_MS = 4000;

const cannotReopen = (what: string): string =>
  `the store cannot be opened by the storage that \`reopen\` returned: ${what}. \`reopen\` stands for a crash: if ` +
  'the storage before it holds a lock, the factory has to end it, as the death of its process would';

export class Subject {
  model = new StorageModel();
  storage: Storage;
  readonly #queues = new Set<QueueId>();
  readonly #topics = new Set<TopicName>();
  #lastBatch: readonly Change[] = [];

  private constructor(
    readonly under: StorageUnderTest,
    readonly reopenTimeoutMs: number,
  ) {
    this.storage = under.storage;
  }

  /** Opens a new store, and checks that it is empty. */
  static async create(factory: StorageFactory, reopenTimeoutMs = REOPEN_TIMEOUT_MS): Promise<Subject> {
    const subject = new Subject(await factory.create(), reopenTimeoutMs);
    try {
      await subject.#open('a new store');
    } catch (error) {
      // The first failure is the one to report.
      await subject.dispose().catch(() => undefined);
      throw error;
    }
    return subject;
  }

  get durable(): boolean {
    return this.storage.traits.durable;
  }

  async commit(...batch: readonly Change[]): Promise<void> {
    this.expect(batch);
    this.#lastBatch = batch;
    await commitLikeTheShell(this.storage, batch);
  }

  /** As `commit`, with another durability than the default. */
  async commitAs(durability: Durability, ...batch: readonly Change[]): Promise<void> {
    this.expect(batch);
    this.#lastBatch = batch;
    await commitLikeTheShell(this.storage, batch, durability);
  }

  /** Commits an earlier batch once more. When all later ones have been repeated as well, nothing may have changed. */
  async repeat(batch: readonly Change[]): Promise<void> {
    await commitLikeTheShell(this.storage, batch);
  }

  /** Applies a batch to the model that was committed by other means. */
  expect(batch: readonly Change[]): void {
    this.model.apply(batch);
    this.watch(batch);
  }

  /** Compares the queues and topics of the batch from now on, whether or not it was committed. */
  watch(batch: readonly Change[]): void {
    for (const change of batch) {
      if ('queue' in change) this.#queues.add(change.queue);
      if (change.kind === 'retained.put') this.#topics.add(change.message.topic);
    }
  }

  /** Commits the last batch again, as the shell does when it does not know whether the batch arrived. */
  async repeatLast(): Promise<void> {
    if (this.#lastBatch.length > 0) await commitLikeTheShell(this.storage, this.#lastBatch);
  }

  /** Crashes and restarts the process. */
  async crash(): Promise<void> {
    await this.#reopen('after a crash');
  }

  /** Stops cleanly and starts again. */
  async restart(): Promise<void> {
    await this.storage.close();
    await this.#reopen('after closing and opening again');
  }

  /** Crashes the process, and opens the store read-only in another one. */
  async crashAndOpenReadOnly(): Promise<void> {
    this.storage = await this.under.reopen();
    ensure(await this.storage.openReadOnly(), 'openReadOnly reports no store, but one was opened before');
    await this.#verifyLoaded('opened read-only');
  }

  /**
   * Opens the storage that `reopen` has returned. An abandoned one that lives on in this process may still have a lock
   * that the death of its process would have ended, and then this would fail, or wait for it.
   */
  async openReopened(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const isLate = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        reject(new ContractViolation(cannotReopen(`open has not settled within ${String(this.reopenTimeoutMs)} ms`)));
      }, this.reopenTimeoutMs);
    });
    try {
      await Promise.race([this.storage.open(), isLate]);
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      throw new ContractViolation(cannotReopen(`it was refused as ${error.kind}: ${error.message}`), { cause: error });
    } finally {
      clearTimeout(timer);
    }
  }

  /** Compares what can be read from the running storage. */
  async verifyReads(when: string): Promise<void> {
    const problems: string[] = [];
    for (const queue of this.#queues) problems.push(...(await queueProblems(this.model, this.storage, queue)));
    problems.push(...(await retainedProblems(this.model, this.storage, this.#topics)));
    report(`${when}, reads differ from what was committed`, problems);
  }

  /** Makes a snapshot, and what it has to show from now on. */
  async takeSnapshot(): Promise<KnownSnapshot> {
    const model = this.model.copy();
    return new KnownSnapshot(await snapshotOf(this.storage), model, new Set(this.#queues), new Set(this.#topics));
  }

  /** Compares everything: what can be read now, and what remains after a crash. */
  async verify(): Promise<void> {
    await this.verifyReads('while running');
    await this.crash();
    await this.verifyReads('after a crash');
  }

  async dispose(): Promise<void> {
    try {
      await this.storage.close();
    } catch {
      // The test may have closed, crashed or fenced the storage. The factory removes what remains.
    }
    await this.under.dispose();
  }

  async #reopen(when: string): Promise<void> {
    this.storage = await this.under.reopen();
    this.model.restarted();
    // A store that is not durable is not compared, and has no batch to repeat.
    if (!this.durable) {
      this.model = new StorageModel();
      this.#lastBatch = [];
    }
    await this.#open(when);
  }

  async #open(when: string): Promise<void> {
    if (when === 'a new store') await this.storage.open();
    else await this.openReopened();
    if (this.durable || when === 'a new store') return this.#verifyLoaded(when);
    await loadAll(this.storage);
    this.#queues.clear();
    this.#topics.clear();
  }

  async #verifyLoaded(when: string): Promise<void> {
    report(`${when}, load differs from what was committed`, loadedProblems(this.model, await loadAll(this.storage)));
  }
}

/** A snapshot, side by side with the model of the moment that it shows. */
export class KnownSnapshot {
  constructor(
    readonly snapshot: StorageSnapshot,
    readonly model: StorageModel,
    readonly queues: ReadonlySet<QueueId>,
    readonly topics: ReadonlySet<TopicName>,
  ) {}

  async verify(when: string): Promise<void> {
    const problems = loadedProblems(this.model, await loadAll(this.snapshot));
    for (const queue of this.queues) problems.push(...(await queueProblems(this.model, this.snapshot, queue)));
    problems.push(...(await retainedProblems(this.model, this.snapshot, this.topics)));
    report(`${when}, a snapshot differs from the store at its moment`, problems);
  }

  close(): Promise<void> {
    return this.snapshot.close();
  }
}

/** Not asked if the adapter has no snapshots. */
export async function snapshotOf(storage: Storage): Promise<StorageSnapshot> {
  if (storage.snapshot === undefined) throw new NotAsked('the adapter has no `snapshot`');
  return storage.snapshot();
}

function loadedProblems(model: StorageModel, facts: readonly RestoredFact[]): string[] {
  const { state, lastMessageId, problems } = collectLoaded(facts);
  problems.push(...orderProblems(facts), ...differences(model.loaded(), state));
  const min = model.highestStoredMessageId();
  const max = model.highestMessageId;
  if (lastMessageId === undefined && min >= 0)
    problems.push(`the last message id is missing, ${String(min)} is stored`);
  if (lastMessageId !== undefined && (lastMessageId < min || lastMessageId > max)) {
    problems.push(
      `the last message id is ${String(lastMessageId)}; ` +
        `it must be at least ${String(min)}, which is stored, and at most ${String(max)}, the highest ever`,
    );
  }
  return problems;
}

async function queueProblems(
  model: StorageModel,
  reader: Pick<StorageReader, 'readQueue'>,
  queue: QueueId,
): Promise<string[]> {
  const { entries, problems } = await readAll(reader, queue);
  const expected = model.queue(queue);
  const path = `queue ${show(queue)}`;
  const seqs = differences(expected.map(seqOf), entries.map(seqOf), `${path}: seqs`);
  // With a missing or an additional entry, comparing the others by position would only add noise.
  return [
    ...problems,
    ...(seqs.length > 0 ? seqs : differences(expected.map(comparableEntry), entries.map(comparableEntry), path)),
  ];
}

async function retainedProblems(
  model: StorageModel,
  reader: Pick<StorageReader, 'readRetained'>,
  names: ReadonlySet<TopicName>,
): Promise<string[]> {
  if (names.size === 0) return [];
  const topics = [...names];
  const expected = topics.flatMap((topic) => model.retained.get(topic) ?? []);
  return differences(expected, await reader.readRetained(topics), 'retained');
}

/**
 * Commits the batch as the shell does: payloads are views of larger chunks, a message that occurs twice is one object,
 * and when the commit has settled the memory is reused for other things.
 */
export async function commitLikeTheShell(
  storage: Storage,
  batch: readonly Change[],
  durability?: Durability,
): Promise<void> {
  const chunks: Uint8Array[] = [];
  const passed = new Map<MessageDraft, MessageDraft>();
  const inChunk = <Passed extends MessageDraft>(message: Passed): Passed => {
    let copy = passed.get(message);
    if (copy === undefined) {
      const chunk = new Uint8Array(message.payload.byteLength + 2 * CHUNK_PADDING);
      chunk.set(message.payload, CHUNK_PADDING);
      chunks.push(chunk);
      copy = { ...message, payload: chunk.subarray(CHUNK_PADDING, CHUNK_PADDING + message.payload.byteLength) };
      passed.set(message, copy);
    }
    return copy as Passed;
  };
  const passedBatch = batch.map((change): Change => {
    if (change.kind === 'queue.append' || change.kind === 'retained.put')
      return { ...change, message: inChunk(change.message) };
    return change.kind === 'will.put'
      ? { ...change, will: { ...change.will, message: inChunk(change.will.message) } }
      : change;
  });
  try {
    await storage.commit(passedBatch, durability);
  } finally {
    passedBatch.length = 0;
    for (const chunk of chunks) chunk.fill(0xee);
  }
}

export async function loadAll(storage: Pick<StorageReader, 'load'>): Promise<RestoredFact[]> {
  const facts: RestoredFact[] = [];
  for await (const fact of storage.load()) facts.push(fact);
  return facts;
}

/** A whole queue, page by page, and what is wrong with the pages. */
export async function readAll(
  storage: Pick<StorageReader, 'readQueue'>,
  queue: QueueId,
  limit = READ_ALL,
): Promise<{ entries: StoredEntry[]; problems: string[] }> {
  const entries: StoredEntry[] = [];
  const problems: string[] = [];
  for (let from = 0; ;) {
    const page = await storage.readQueue(queue, from as Seq, limit);
    if (page.length === 0) return { entries, problems };
    for (const entry of page) {
      if (entry.seq < from)
        problems.push(
          `queue ${show(queue)}: entry ${String(entry.seq)} is returned where ${String(from)} or higher is expected`,
        );
      from = Math.max(from, entry.seq + 1);
    }
    entries.push(...page);
    if (problems.length > 0) return { entries, problems };
  }
}

const seqOf = ({ seq }: StoredEntry): Seq => seq;

/** The part of an entry that the port defines: whether a released entry keeps its payload is up to the store. */
export function comparableEntry(entry: StoredEntry): unknown {
  return entry.released ? { ...entry, message: { ...entry.message, payload: undefined } } : entry;
}

/**
 * @returns the StorageError that a promise is rejected with.
 * @throws ContractViolation if it is not: the shell acts on no other class.
 */
export async function rejectionOf(promise: Promise<unknown>, what: string): Promise<StorageError> {
  let result: unknown;
  try {
    result = await promise;
  } catch (error) {
    if (error instanceof StorageError) return error;
    const name = error instanceof Error ? `${error.name}: ${error.message}` : show(error);
    throw new ContractViolation(`${what} must be rejected with a StorageError, not with ${name}`, { cause: error });
  }
  throw new ContractViolation(`${what} must be rejected, but resolved with ${show(result)}`);
}

/**
 * Sessions come before their other facts, and subscriptions before queues, because a shared group is known by its
 * subscriptions.
 */
function orderProblems(facts: readonly RestoredFact[]): string[] {
  const problems: string[] = [];
  const firstOf = (...kinds: RestoredFact['kind'][]): number => facts.findIndex(({ kind }) => kinds.includes(kind));
  const lastOf = (wanted: RestoredFact['kind']): number => facts.map(({ kind }) => kind).lastIndexOf(wanted);
  const dependent = firstOf('subscription', 'inbound', 'queue');
  if (dependent >= 0 && lastOf('session') > dependent)
    problems.push(`load yields a session after a ${facts[dependent]?.kind ?? ''}`);
  const queue = firstOf('queue');
  if (queue >= 0 && lastOf('subscription') > queue) problems.push('load yields a subscription after a queue');
  return problems;
}
