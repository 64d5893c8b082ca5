// The storage under test, side by side with the model of what it ought to hold: what is committed to the one is applied to the other, and
// everything that can be seen of the one is compared with the other. What is worth committing is decided by the tests.
import { StorageError } from '../ports/index.js';
import type {
  Change,
  Durability,
  Message,
  PageLimit,
  QueueId,
  RestoredFact,
  Seq,
  Storage,
  StoredEntry,
  TopicName,
} from '../ports/index.js';
import { ContractViolation, differences, ensure, report, show } from './compare.js';
import { StorageModel, collectLoaded } from './storage-model.js';

/** What the author of an adapter gives to the kit, one for each test. Every storage in it is handed over unopened. */
export interface StorageUnderTest {
  /** A storage on a new, empty store. */
  readonly storage: Storage;
  /**
   * Crash: abandons, without closing, every storage handed out so far, as if its process had died, and gives another on the same store. What
   * an abandoned storage was doing must not reach the store later. After a `close`, too, this is how the kit gets at the store again.
   */
  reopen(): Promise<Storage>;
  /** A second storage on the same store while the others live on; needed where fencing is claimed. */
  readonly second?: () => Promise<Storage>;
  /**
   * Makes the next `commit` of the storage handed out last fail, as your store fails when it is full or cannot be reached: before anything of
   * the batch is there, or when all of it is and only the answer is missing. Without it the laws about failures are not asked.
   */
  readonly failNextCommit?: (how: 'before' | 'after') => void;
  /** Whatever is left is taken away. */
  dispose(): Promise<void>;
}

export interface StorageFactory {
  create(): Promise<StorageUnderTest>;
}

const READ_ALL: PageLimit = { maxEntries: 1000, maxBytes: 4 * 1024 * 1024 };
/** Around each payload as it is handed over, to be overwritten as soon as the commit has settled. */
const CHUNK_PADDING = 64;

export class Subject {
  model = new StorageModel();
  storage: Storage;
  readonly #queues = new Set<QueueId>();
  readonly #topics = new Set<TopicName>();
  #lastBatch: readonly Change[] = [];

  private constructor(readonly under: StorageUnderTest) {
    this.storage = under.storage;
  }

  /** Opens a new store and reads the nothing that is in it. */
  static async create(factory: StorageFactory): Promise<Subject> {
    const subject = new Subject(await factory.create());
    try {
      await subject.#open('a new store');
    } catch (error) {
      await subject.dispose();
      throw error;
    }
    return subject;
  }

  get durable(): boolean {
    return this.storage.traits.durable;
  }

  async commit(...batch: readonly Change[]): Promise<void> {
    this.expected(batch);
    this.#lastBatch = batch;
    await deliver(this.storage, batch);
  }

  /** As `commit`, for an acknowledgement that means no more than that. */
  async commitAs(durability: Durability, ...batch: readonly Change[]): Promise<void> {
    this.expected(batch);
    this.#lastBatch = batch;
    await deliver(this.storage, batch, durability);
  }

  /** Commits what had been committed before: nothing is expected to change, at the end of the history at the latest. */
  async repeat(batch: readonly Change[]): Promise<void> {
    await deliver(this.storage, batch);
  }

  /** What a commit made elsewhere ought to have done. */
  expected(batch: readonly Change[]): void {
    this.model.apply(batch);
    this.know(batch);
  }

  /** From here on the queues and topics of the batch are looked at, whether or not it was committed. */
  know(batch: readonly Change[]): void {
    for (const change of batch) {
      if ('queue' in change) this.#queues.add(change.queue);
      if (change.kind === 'retained.put') this.#topics.add(change.message.topic);
    }
  }

  /** The batch before once more, as the shell sends it when it does not know whether it arrived. */
  async again(): Promise<void> {
    if (this.#lastBatch.length > 0) await deliver(this.storage, this.#lastBatch);
  }

  /** The process dies and starts again. */
  async crash(): Promise<void> {
    await this.#reopen('after a crash');
  }

  /** A clean stop and start. */
  async restart(): Promise<void> {
    await this.storage.close();
    await this.#reopen('after closing and opening again');
  }

  /** The process dies, and another opens what there is to look into it and nothing else. */
  async crashAndLook(): Promise<void> {
    this.storage = await this.under.reopen();
    ensure(await this.storage.openReadOnly(), 'openReadOnly says that there is no store, and one was opened before');
    await this.#verifyLoaded('opened to be read');
  }

  /** Compares what can be read from the running storage. */
  async verifyReads(when: string): Promise<void> {
    const problems: string[] = [];
    for (const queue of this.#queues) problems.push(...(await this.#queueProblems(queue)));
    problems.push(...(await this.#retainedProblems()));
    report(`${when}, what is read is not what was committed`, problems);
  }

  /** Compares all there is: what can be read now, and what is there after a crash. */
  async verify(): Promise<void> {
    await this.verifyReads('while running');
    await this.crash();
    await this.verifyReads('after a crash');
  }

  async dispose(): Promise<void> {
    try {
      await this.storage.close();
    } catch {
      // It may have been closed, crashed or fenced off by the test: the factory takes the rest away.
    }
    await this.under.dispose();
  }

  async #reopen(when: string): Promise<void> {
    this.storage = await this.under.reopen();
    this.model.restarted();
    // What need not have survived is not asked after, nor is it there to be repeated.
    if (!this.durable) {
      this.model = new StorageModel();
      this.#lastBatch = [];
    }
    await this.#open(when);
  }

  async #open(when: string): Promise<void> {
    await this.storage.open();
    if (this.durable || when === 'a new store') return this.#verifyLoaded(when);
    await loadAll(this.storage);
    this.#queues.clear();
    this.#topics.clear();
  }

  async #verifyLoaded(when: string): Promise<void> {
    const facts = await loadAll(this.storage);
    const { state, lastMessageId, problems } = collectLoaded(facts);
    problems.push(...orderProblems(facts), ...differences(this.model.loaded(), state));
    const least = this.model.highestStoredMessageId();
    const most = this.model.highestMessageId;
    if (lastMessageId === undefined && least >= 0)
      problems.push(`the last message id is missing, ${String(least)} is stored`);
    if (lastMessageId !== undefined && (lastMessageId < least || lastMessageId > most)) {
      problems.push(
        `the last message id is ${String(lastMessageId)}; stored are ids up to ${String(least)}, and none above ${String(most)} ever was`,
      );
    }
    report(`${when}, load does not give what was committed`, problems);
  }

  async #queueProblems(queue: QueueId): Promise<string[]> {
    const { entries, problems } = await readAll(this.storage, queue);
    const expected = this.model.queue(queue);
    const path = `queue ${show(queue)}`;
    const seqs = differences(expected.map(seqOf), entries.map(seqOf), `${path}: seqs`);
    // With an entry too many or too few the others only stand in the wrong place.
    return [
      ...problems,
      ...(seqs.length > 0 ? seqs : differences(expected.map(comparable), entries.map(comparable), path)),
    ];
  }

  async #retainedProblems(): Promise<string[]> {
    if (this.#topics.size === 0) return [];
    const topics = [...this.#topics];
    const expected = topics.flatMap((topic) => this.model.retained.get(topic) ?? []);
    return differences(expected, await this.storage.readRetained(topics), 'retained');
  }
}

/**
 * Commits the batch as the shell does: payloads are views of larger chunks, a message that occurs twice is one object, and as soon as the
 * commit has settled everything that was lent is put to other use.
 */
export async function deliver(storage: Storage, batch: readonly Change[], durability?: Durability): Promise<void> {
  const chunks: Uint8Array[] = [];
  const lent = new Map<Message, Message>();
  const lend = (message: Message): Message => {
    let copy = lent.get(message);
    if (copy === undefined) {
      const chunk = new Uint8Array(message.payload.byteLength + 2 * CHUNK_PADDING);
      chunk.set(message.payload, CHUNK_PADDING);
      chunks.push(chunk);
      copy = { ...message, payload: chunk.subarray(CHUNK_PADDING, CHUNK_PADDING + message.payload.byteLength) };
      lent.set(message, copy);
    }
    return copy;
  };
  const lentBatch = batch.map((change): Change => {
    if (change.kind === 'queue.append' || change.kind === 'retained.put')
      return { ...change, message: lend(change.message) };
    return change.kind === 'will.put'
      ? { ...change, will: { ...change.will, message: lend(change.will.message) } }
      : change;
  });
  try {
    await storage.commit(lentBatch, durability);
  } finally {
    lentBatch.length = 0;
    for (const chunk of chunks) chunk.fill(0xee);
  }
}

export async function loadAll(storage: Storage): Promise<RestoredFact[]> {
  const facts: RestoredFact[] = [];
  for await (const fact of storage.load()) facts.push(fact);
  return facts;
}

/** A whole queue, page by page, and what is wrong with the pages. */
export async function readAll(
  storage: Storage,
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
          `queue ${show(queue)}: entry ${String(entry.seq)} comes where ${String(from)} or higher is expected`,
        );
      from = Math.max(from, entry.seq + 1);
    }
    entries.push(...page);
    if (problems.length > 0) return { entries, problems };
  }
}

const seqOf = ({ seq }: StoredEntry): Seq => seq;

/** An entry as far as it is laid down: what became of a released entry's payload is the store's business. */
export function comparable(entry: StoredEntry): unknown {
  return entry.released ? { ...entry, message: { ...entry.message, payload: undefined } } : entry;
}

/** What rejects must reject with a StorageError, the one class that the shell acts on. */
export async function rejection(promise: Promise<unknown>, what: string): Promise<StorageError> {
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

/** Sessions come before what belongs to them, and subscriptions before queues: a shared group is known by its subscriptions. */
function orderProblems(facts: readonly RestoredFact[]): string[] {
  const problems: string[] = [];
  const firstOf = (...kinds: RestoredFact['kind'][]): number => facts.findIndex(({ kind }) => kinds.includes(kind));
  const lastOf = (wanted: RestoredFact['kind']): number => facts.map(({ kind }) => kind).lastIndexOf(wanted);
  const dependent = firstOf('subscription', 'inbound', 'queue');
  if (dependent >= 0 && lastOf('session') > dependent)
    problems.push(`load gives a session after a ${facts[dependent]?.kind ?? ''}`);
  const queue = firstOf('queue');
  if (queue >= 0 && lastOf('subscription') > queue) problems.push('load gives a subscription after a queue');
  return problems;
}
