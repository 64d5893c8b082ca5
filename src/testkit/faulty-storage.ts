// A storage for tests that fails on request: it delays a call, refuses it, applies it and then fails, or crashes and
// loses what was not flushed. An inner storage holds the data; this one decides only what its caller sees of it, and
// when. Faults come from a script (`failNext`, `applyThenFail`, `hold`) or from a seeded generator (`chaos`); without
// either it passes every call on.
//
// The store is a journal of batches, which is replayed into a new inner storage after each crash: so a crash
// can lose exactly the tail, whatever the inner storage is. The journal grows with the test.
import { StorageError } from '../ports/index.js';
import type {
  Change,
  Clock,
  Durability,
  Message,
  MessageDraft,
  PageLimit,
  QueueId,
  RestoredFact,
  Seq,
  Storage,
  StorageErrorKind,
  StorageTraits,
  StoredEntry,
  TopicName,
} from '../ports/index.js';
import type { SeededRandom } from './seeded-random.js';

/** The methods of a storage that can fail or be held. */
export type StorageOperation = 'open' | 'openReadOnly' | 'load' | 'commit' | 'readQueue' | 'readRetained' | 'close';

/** Where a call is held: before the store gets it (`call`), or after the store has done it (`answer`). */
export type HoldPoint = 'call' | 'answer';

/**
 * A way of breaking the contract silently: pages in reverse order or empty, facts in reverse order or each of them
 * twice.
 */
export type Misbehaviour = 'pages-reversed' | 'pages-empty' | 'load-reversed' | 'load-twice';

/** Faults from a seed. */
export interface Chaos {
  readonly random: SeededRandom;
  /** Probability, 0 to 1, that a commit or a read is refused as `unavailable` without reaching the store. Default 0. */
  readonly refuse?: number;
  /** Probability, 0 to 1, that a commit is applied and nevertheless rejected as `unavailable`. Default 0. */
  readonly applyThenFail?: number;
  /** Delays each commit and read by up to `mostMs`, before it reaches the store and again before the answer. */
  readonly delay?: { readonly clock: Clock; readonly mostMs: number };
}

/** When a commit survives a crash, and which faults come from a seed. */
export interface FaultyStorageOptions {
  /**
   * `every-commit` (default): a commit that has resolved survives a crash. `manual`: only commits before a call of
   * `flush` do, and `traits.durable` is false.
   */
  readonly flush?: 'every-commit' | 'manual';
  readonly chaos?: Chaos;
}

interface Waiting {
  readonly operation: StorageOperation;
  readonly at: HoldPoint;
  readonly goOn: () => void;
}

interface ScriptedFault {
  readonly kind: StorageErrorKind;
  readonly applied: boolean;
}

/** What survives a crash: whether the store was ever opened, and the first `flushed` batches of the journal. */
interface Disk {
  exists: boolean;
  readonly journal: (readonly Change[])[];
  flushed: number;
}

const HELD: readonly StorageOperation[] = ['commit', 'readQueue', 'readRetained'];

/** A storage around another one, with faults on request or from a seed. */
export class FaultyStorage implements Storage {
  readonly #inner: Storage;
  #crashed = false;
  readonly #script = new Map<StorageOperation, ScriptedFault[]>();
  readonly #holding = new Set<string>();
  #waiting: Waiting[] = [];
  readonly #misbehaviours = new Set<Misbehaviour>();

  /**
   * @param make returns an empty storage that keeps its content when it is closed and opened again, such as memory
   * storage. Called at the start and after each crash.
   * @param disk what survived the crash before; see `crash`.
   */
  constructor(
    readonly make: () => Storage,
    readonly options: FaultyStorageOptions = {},
    private readonly disk: Disk = { exists: false, journal: [], flushed: 0 },
  ) {
    this.#inner = make();
  }

  get traits(): StorageTraits {
    const { preferredBatchChanges } = this.#inner.traits;
    return { durable: this.options.flush !== 'manual', fencing: false, preferredBatchChanges };
  }

  // ---- For the test

  /** Rejects the next `times` calls of the operation before they reach the store. */
  failNext(operation: StorageOperation, kind: StorageErrorKind, times = 1): void {
    this.#plan(operation, { kind, applied: false }, times);
  }

  /** Applies the next `times` commits, and rejects them. */
  applyThenFail(kind: StorageErrorKind = 'unavailable', times = 1): void {
    this.#plan('commit', { kind, applied: true }, times);
  }

  /** Answers in this way from now on. */
  misbehave(how: Misbehaviour): void {
    this.#misbehaviours.add(how);
  }

  /** Holds calls of these operations at this point from now on, until they are released. */
  hold(at: HoldPoint = 'call', operations: readonly StorageOperation[] = HELD): void {
    for (const operation of operations) this.#holding.add(`${operation} ${at}`);
  }

  /** Releases all held calls, and holds no more. */
  release(): void {
    this.#holding.clear();
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { goOn } of waiting) goOn();
  }

  /** Releases the call that was held longest. Others, and later ones, are still held. */
  releaseOne(): void {
    this.#waiting.shift()?.goOn();
  }

  /** The held calls, the oldest first. */
  get waiting(): readonly { readonly operation: StorageOperation; readonly at: HoldPoint }[] {
    return this.#waiting.map(({ operation, at }) => ({ operation, at }));
  }

  /** With `flush: 'manual'`: makes the batches applied so far, or the first `through` of them, survive a crash. */
  flush(through = this.disk.journal.length): void {
    this.disk.flushed = through;
  }

  /** The batches that the store has applied. */
  get journal(): readonly (readonly Change[])[] {
    return this.disk.journal;
  }

  /** The number of batches that the store has applied, including those from before a crash that survived it. */
  get batches(): number {
    return this.disk.journal.length;
  }

  /** The number of batches that a crash would lose now. */
  get unflushed(): number {
    return this.disk.journal.length - this.disk.flushed;
  }

  /**
   * Crashes the process: calls under way never settle, later ones are rejected as `fenced`, and batches that were not
   * flushed are lost. Held calls that had not reached the store are lost, those held before their answer are not.
   * @returns the storage after the restart, unopened, with the same options and without scripted faults.
   */
  crash(): FaultyStorage {
    this.#crashed = true;
    this.#waiting = [];
    this.disk.journal.length = this.disk.flushed;
    return new FaultyStorage(this.make, this.options, { ...this.disk, journal: [...this.disk.journal] });
  }

  // ---- For the broker

  async open(): Promise<void> {
    await this.#arrive('open');
    await this.#replay();
    await this.#inner.open();
    this.disk.exists = true;
    await this.#answer('open');
  }

  async openReadOnly(): Promise<boolean> {
    await this.#arrive('openReadOnly');
    await this.#replay();
    const isThere = await this.#inner.openReadOnly();
    await this.#answer('openReadOnly');
    return isThere;
  }

  async *load(): AsyncGenerator<RestoredFact> {
    await this.#arrive('load');
    if (!this.#misbehaviours.has('load-reversed') && !this.#misbehaviours.has('load-twice')) {
      yield* this.#inner.load();
      return;
    }
    const facts: RestoredFact[] = [];
    for await (const fact of this.#inner.load())
      facts.push(...(this.#misbehaviours.has('load-twice') ? [fact, fact] : [fact]));
    yield* this.#misbehaviours.has('load-reversed') ? facts.reverse() : facts;
  }

  async commit(batch: readonly Change[], durability?: Durability): Promise<void> {
    const fault = await this.#arrive('commit');
    const kept = copyOf(batch);
    await this.#inner.commit(kept, durability);
    await this.#unlessCrashed();
    this.disk.journal.push(kept);
    if (this.options.flush !== 'manual') this.flush();
    await this.#answer('commit');
    if (fault !== undefined)
      throw new StorageError(fault.kind, `commit was applied and fails (injected: ${fault.kind})`);
  }

  async readQueue(queue: QueueId, from: Seq, limit: PageLimit): Promise<readonly StoredEntry[]> {
    await this.#arrive('readQueue');
    const page = await this.#inner.readQueue(queue, from, limit);
    await this.#answer('readQueue');
    if (this.#misbehaviours.has('pages-empty')) return [];
    return this.#misbehaviours.has('pages-reversed') ? [...page].reverse() : page;
  }

  async readRetained(topics: readonly TopicName[]): Promise<readonly Message[]> {
    await this.#arrive('readRetained');
    const messages = await this.#inner.readRetained(topics);
    await this.#answer('readRetained');
    return messages;
  }

  async close(): Promise<void> {
    await this.#arrive('close');
    await this.#inner.close();
    await this.#answer('close');
  }

  /**
   * Replays what survived the last crash into the inner storage, and closes it, because `load` may not follow a commit.
   */
  async #replay(): Promise<void> {
    if (!this.disk.exists) return;
    await this.#inner.open();
    for (const batch of this.disk.journal) await this.#inner.commit(batch);
    await this.#inner.close();
  }

  /** Before the store gets the call. @returns the fault to inject after the call, if one is planned. */
  async #arrive(operation: StorageOperation): Promise<ScriptedFault | undefined> {
    if (this.#crashed)
      throw new StorageError('fenced', `${operation}: this storage has crashed, another one has the store`);
    // Taken when the call is made, so that a script applies to calls in their order, held or not.
    const fault = this.#script.get(operation)?.shift() ?? this.#chaosFault(operation);
    await this.#pause(operation, 'call');
    if (fault !== undefined && !fault.applied)
      throw new StorageError(fault.kind, `${operation} is refused (injected: ${fault.kind})`);
    return fault;
  }

  async #answer(operation: StorageOperation): Promise<void> {
    await this.#pause(operation, 'answer');
  }

  async #pause(operation: StorageOperation, at: HoldPoint): Promise<void> {
    if (this.#holding.has(`${operation} ${at}`)) {
      await new Promise<void>((goOn) => this.#waiting.push({ operation, at, goOn }));
    }
    const { chaos } = this.options;
    if (chaos?.delay !== undefined && HELD.includes(operation)) {
      const { clock, mostMs } = chaos.delay;
      const delayMs = chaos.random.int(0, mostMs);
      if (delayMs > 0) await new Promise<void>((goOn) => clock.at(clock.nowMs() + delayMs, goOn));
    }
    await this.#unlessCrashed();
  }

  /** Never settles if the process has crashed meanwhile. */
  #unlessCrashed(): Promise<void> | undefined {
    return this.#crashed ? new Promise<void>(() => undefined) : undefined;
  }

  #chaosFault(operation: StorageOperation): ScriptedFault | undefined {
    const { chaos } = this.options;
    if (chaos === undefined || !HELD.includes(operation)) return undefined;
    if (chaos.random.chance(chaos.refuse ?? 0)) return { kind: 'unavailable', applied: false };
    if (operation === 'commit' && chaos.random.chance(chaos.applyThenFail ?? 0))
      return { kind: 'unavailable', applied: true };
    return undefined;
  }

  #plan(operation: StorageOperation, fault: ScriptedFault, times: number): void {
    const planned = this.#script.get(operation) ?? [];
    for (let i = 0; i < times; i++) planned.push(fault);
    this.#script.set(operation, planned);
  }
}

/** Copies payloads, because the caller may reuse their memory when the commit has settled. */
function copyOf(batch: readonly Change[]): readonly Change[] {
  const copies = new Map<MessageDraft, MessageDraft>();
  const copy = <Copied extends MessageDraft>(message: Copied): Copied => {
    let copied = copies.get(message);
    if (copied === undefined) copies.set(message, (copied = { ...message, payload: new Uint8Array(message.payload) }));
    return copied as Copied;
  };
  return batch.map((change): Change => {
    switch (change.kind) {
      case 'queue.append':
      case 'retained.put':
        return { ...change, message: copy(change.message) };
      case 'will.put':
        return { ...change, will: { ...change.will, message: copy(change.will.message) } };
      case 'session.put':
      case 'session.drop':
      case 'subscription.put':
      case 'subscription.drop':
      case 'queue.release':
      case 'queue.remove':
      case 'queue.trim':
      case 'queue.drop':
      case 'inbound.put':
      case 'inbound.drop':
      case 'retained.drop':
      case 'will.drop':
        return change;
    }
  });
}
