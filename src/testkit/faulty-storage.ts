// A storage that fails on request: it keeps a call waiting, refuses it, does it and then denies it, and dies losing
// what was not flushed. What the store holds is another storage's business; this one decides only what the broker gets
// to see of it, and when. Faults come from a script (`failNext`, `applyThenFail`, `hold`) or from a seeded generator
// (`chaos`); without either it adds nothing.
//
// The store of a faulty storage is a journal of batches, kept here and played into a new inner storage after each
// crash. That is what makes it possible to lose exactly the tail, whatever the inner storage is. It grows with the
// test: this is no storage for a broker in use.
import { StorageError } from '../ports/index.js';
import type {
  Change,
  Clock,
  Durability,
  Message,
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

export type StorageOperation = 'open' | 'openReadOnly' | 'load' | 'commit' | 'readQueue' | 'readRetained' | 'close';

/**
 * Where a call is kept waiting: before the store has seen it, or when the store has done it and the caller does not
 * know yet.
 */
export type HoldPoint = 'call' | 'answer';

export interface Chaos {
  readonly random: SeededRandom;
  /** How often a commit or a read is refused with `unavailable`, the store untouched. */
  readonly refuse?: number;
  /** How often a commit is applied and rejected with `unavailable` all the same. */
  readonly applyThenFail?: number;
  /** A commit or a read takes up to this long, before the store has it and again before the answer. */
  readonly delay?: { readonly clock: Clock; readonly mostMs: number };
}

export interface FaultyStorageOptions {
  /**
   * `every-commit`: what was answered survives a crash. `manual`: only what `flush` was called after does, and the
   * traits say so.
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

/** What survives: that it was opened, and the batches in order, of which the first `flushed` are safe. */
interface Disk {
  isMade: boolean;
  readonly journal: (readonly Change[])[];
  flushed: number;
}

const HELD: readonly StorageOperation[] = ['commit', 'readQueue', 'readRetained'];

export class FaultyStorage implements Storage {
  readonly #inner: Storage;
  #crashed = false;
  readonly #script = new Map<StorageOperation, ScriptedFault[]>();
  readonly #holding = new Set<string>();
  #waiting: Waiting[] = [];

  /**
   * @param make gives an empty storage whose content stays when it is closed and opened again, such as memory storage;
   * called once for each life.
   * @param disk of the life before; see `crash`.
   */
  constructor(
    readonly make: () => Storage,
    readonly options: FaultyStorageOptions = {},
    private readonly disk: Disk = { isMade: false, journal: [], flushed: 0 },
  ) {
    this.#inner = make();
  }

  get traits(): StorageTraits {
    const { preferredBatchChanges } = this.#inner.traits;
    return { durable: this.options.flush !== 'manual', fencing: false, preferredBatchChanges };
  }

  // -- What a test says --

  /** The next `times` calls of this operation are rejected, and the store has not seen them. */
  failNext(operation: StorageOperation, kind: StorageErrorKind, times = 1): void {
    this.#plan(operation, { kind, applied: false }, times);
  }

  /** The next `times` commits are applied, and rejected. */
  applyThenFail(kind: StorageErrorKind = 'unavailable', times = 1): void {
    this.#plan('commit', { kind, applied: true }, times);
  }

  /** From now on calls wait here until they are released. */
  hold(at: HoldPoint = 'call', operations: readonly StorageOperation[] = HELD): void {
    for (const operation of operations) this.#holding.add(`${operation} ${at}`);
  }

  /** Lets everything that waits go on, and nothing wait any more. */
  release(): void {
    this.#holding.clear();
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { goOn } of waiting) goOn();
  }

  /** Lets the call that has waited longest go on; the others, and those to come, wait. */
  releaseOne(): void {
    this.#waiting.shift()?.goOn();
  }

  /** What waits, the longest first. */
  get waiting(): readonly { readonly operation: StorageOperation; readonly at: HoldPoint }[] {
    return this.#waiting.map(({ operation, at }) => ({ operation, at }));
  }

  /** With `flush: 'manual'`: what was applied so far survives a crash, or the first `through` batches of it. */
  flush(through = this.disk.journal.length): void {
    this.disk.flushed = through;
  }

  /** What the store has applied, batch by batch. */
  get journal(): readonly (readonly Change[])[] {
    return this.disk.journal;
  }

  /** Batches that the store has applied, those before the last crash that survived it too. */
  get batches(): number {
    return this.disk.journal.length;
  }

  /** Batches that a crash now would lose. */
  get unflushed(): number {
    return this.disk.journal.length - this.disk.flushed;
  }

  /**
   * The process dies: calls under way never settle, later ones are refused as fenced, and what was not flushed is gone,
   * from the first such batch on. Waiting calls that the store had not seen are lost, those that waited for their
   * answer are not.
   * @returns the storage of the next life, unopened, with the same options and none of the scripted faults.
   */
  crash(): FaultyStorage {
    this.#crashed = true;
    this.#waiting = [];
    this.disk.journal.length = this.disk.flushed;
    return new FaultyStorage(this.make, this.options, { ...this.disk, journal: [...this.disk.journal] });
  }

  // -- What the broker sees --

  async open(): Promise<void> {
    await this.#arrive('open');
    await this.#play();
    await this.#inner.open();
    this.disk.isMade = true;
    await this.#answer('open');
  }

  async openReadOnly(): Promise<boolean> {
    await this.#arrive('openReadOnly');
    await this.#play();
    const isThere = await this.#inner.openReadOnly();
    await this.#answer('openReadOnly');
    return isThere;
  }

  async *load(): AsyncGenerator<RestoredFact> {
    await this.#arrive('load');
    yield* this.#inner.load();
  }

  async commit(batch: readonly Change[], durability?: Durability): Promise<void> {
    const fault = await this.#arrive('commit');
    const kept = copyOf(batch);
    await this.#inner.commit(kept, durability);
    await this.#lifeGoesOn();
    this.disk.journal.push(kept);
    if (this.options.flush !== 'manual') this.flush();
    await this.#answer('commit');
    if (fault !== undefined)
      throw new StorageError(fault.kind, `commit was applied and is denied (injected: ${fault.kind})`);
  }

  async readQueue(queue: QueueId, from: Seq, limit: PageLimit): Promise<readonly StoredEntry[]> {
    await this.#arrive('readQueue');
    const page = await this.#inner.readQueue(queue, from, limit);
    await this.#answer('readQueue');
    return page;
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
   * What the life before left comes into the inner storage, which is closed again: nothing may be loaded after a
   * commit.
   */
  async #play(): Promise<void> {
    if (!this.disk.isMade) return;
    await this.#inner.open();
    for (const batch of this.disk.journal) await this.#inner.commit(batch);
    await this.#inner.close();
  }

  /** Before the store sees the call. Returns the fault to commit after the call, if that is what is planned. */
  async #arrive(operation: StorageOperation): Promise<ScriptedFault | undefined> {
    if (this.#crashed)
      throw new StorageError('fenced', `${operation}: this storage has crashed, its successor has the store`);
    // Taken when the call is made, so that a script means the calls in their order, held or not.
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
    await this.#lifeGoesOn();
  }

  /** Never returns to a call whose process has died meanwhile. */
  #lifeGoesOn(): Promise<void> | undefined {
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

/** The batch as the journal may keep it: payloads are the caller's once the commit has settled. */
function copyOf(batch: readonly Change[]): readonly Change[] {
  const copies = new Map<Message, Message>();
  const copy = (message: Message): Message => {
    let copied = copies.get(message);
    if (copied === undefined) copies.set(message, (copied = { ...message, payload: new Uint8Array(message.payload) }));
    return copied;
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
