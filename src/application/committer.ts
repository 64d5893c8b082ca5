// Group commit. Changes collect in the open batch; when the turn ends and no commit is in progress, the open batch is
// committed and a new one opens. While a commit is in progress the next batch collects: a slow disk makes larger
// batches by itself, without a timer. A batch's number is the ticket that promises wait for; batches become durable in
// the order of their numbers. A batch that is larger than storage prefers goes in parts, cut where a step of the core
// ends: what one step records becomes durable as a whole or not at all.
import type { Append, Change, Changes, QueueRemoval, SessionDrop } from '../domain/changes.js';
import type { DeliveryOptions } from '../domain/messages/delivery-options.js';
import type { Message } from '../domain/messages/message.js';
import { NOW } from '../domain/durability.js';
import type { Ticket } from '../domain/durability.js';
import type { ClientId, QueueId, Seq } from '../domain/identifiers.js';
import type { AckLevel, Durability, Storage } from '../ports/storage.js';
import type { Clock } from '../ports/clock.js';
import { COUNTS, Histogram, SECONDS } from './histogram.js';
import { OpenBatch } from './open-batch.js';
import { isRetryable, pauseAfter } from './retry.js';
import { requireTraits } from './storage-checks.js';
import type { StorageReports } from './storage-reports.js';
import { asError } from './timeout.js';

/** How far clients are held back because more changes wait than storage takes. */
export const StoragePressure = {
  none: 0,
  /** Clients whose packets record changes are not read any further; the others are served. */
  writers: 1,
  /** No client is read. */
  everyone: 2,
} as const;
export type StoragePressure = (typeof StoragePressure)[keyof typeof StoragePressure];

/** Bytes of changes that wait for storage, from which on clients are held back. */
const WRITERS_PRESSURE_BYTES = 64 * 1024 * 1024;
export const BATCH_BYTES_MAX = 2 * WRITERS_PRESSURE_BYTES;
/** Below this, after a commit, all clients are read again. */
const NO_PRESSURE_BYTES = 16 * 1024 * 1024;

/** How safe changes are once they are committed: at `received`, what was acknowledged already is flushed as well. */
export const durabilityAt = (ackLevel: AckLevel): Durability => (ackLevel === 'stored' ? 'stored' : 'flushed');

export interface CommitterObserver {
  /** Everything up to and including this ticket is durable. */
  durable(ticket: Ticket): void;
  /** The pressure of storage has changed. */
  pressure(pressure: StoragePressure): void;
}

export class Committer implements Changes {
  /** How long storage takes for a batch, or a part of one. */
  readonly commitSeconds = new Histogram(SECONDS);
  /** How many changes each of them had. */
  readonly commitChanges = new Histogram(COUNTS);
  /** From the end of the first turn that recorded something of a batch until it was durable. */
  readonly gateSeconds = new Histogram(SECONDS);
  #open: OpenBatch;
  #committing: OpenBatch | undefined;
  #durable: Ticket = NOW;
  /** When the first turn of the open batch ended, and of the one that is being committed. */
  #openSinceMs: number | undefined;
  #committingSinceMs = 0;
  /** When the present commit began. */
  #committingFromMs = 0;
  #pressure: StoragePressure = StoragePressure.none;
  #recorded = 0;
  /** How many changes had been recorded when the present step began. */
  #recordedBefore = 0;
  /** While there are any, the open batch is neither committed nor cut into parts. */
  #holds = 0;
  /** Whether a turn ended while the open batch was held. */
  #isDue = false;
  #stopped = false;
  #idle: (() => void)[] = [];
  #observer: CommitterObserver = { durable: () => undefined, pressure: () => undefined };

  constructor(
    readonly storage: Storage,
    readonly clock: Clock,
    readonly reports: StorageReports,
    readonly durability: Durability = 'flushed',
  ) {
    requireTraits(storage);
    this.#open = this.#batch(1);
  }

  observe(observer: CommitterObserver): void {
    this.#observer = observer;
  }

  #batch(ticket: Ticket): OpenBatch {
    return new OpenBatch(ticket, this.storage.traits.preferredBatchChanges);
  }

  /** Changes that are not durable. */
  get waitingChanges(): number {
    return this.#open.size + (this.#committing?.size ?? 0);
  }

  /** For how long the present commit has been with storage, repetitions included; 0 without one. */
  get pendingSeconds(): number {
    return this.#committing === undefined ? 0 : (this.#exactMs() - this.#committingFromMs) / 1000;
  }

  /** An estimate of the memory that they hold. */
  get waitingBytes(): number {
    return this.#open.bytes + (this.#committing?.bytes ?? 0);
  }

  /** Changes recorded so far, those that have cancelled each other included. */
  get recordedChanges(): number {
    return this.#recorded;
  }

  /**
   * Whether so many changes wait for storage that work in slices must pause: it would record more. While the batch is
   * held it goes on, because the batch can be committed only when that publication is complete.
   */
  get isFull(): boolean {
    return this.#pressure === StoragePressure.everyone && this.#holds === 0;
  }

  /** Everything up to and including this ticket is durable. */
  get durableTicket(): Ticket {
    return this.#durable;
  }

  pendingSessionEnd(clientId: ClientId): Ticket {
    if (this.#open.endsSessionOf(clientId)) return this.#open.ticket;
    return this.#committing?.endsSessionOf(clientId) === true ? this.#committing.ticket : NOW;
  }

  /** A step of the core begins: what it records belongs together. */
  beginStep(): void {
    // Most steps record nothing.
    if (this.#recorded === this.#recordedBefore && !this.#isDue) return;
    this.#checkPressure();
    if (this.#holds > 0) return;
    this.#recordedBefore = this.#recorded;
    // A turn ended while the batch was held. One hold may follow the other, so this may be the only moment to commit.
    if (this.#isDue) this.endOfTurn();
    this.#open.beginStep();
  }

  record(change: Change): Ticket {
    this.#recorded++;
    this.#open.record(change);
    return this.#open.ticket;
  }

  append(queue: QueueId, seq: Seq, message: Message, { qos, retain, identifiers }: DeliveryOptions): Append {
    this.#recorded++;
    return this.#open.append({ kind: 'queue.append', queue, seq, message, qos, retain, identifiers });
  }

  remove(change: QueueRemoval, append: Append | undefined): Ticket {
    this.#recorded++;
    this.#open.remove(change, append);
    return this.#open.ticket;
  }

  retract(change: SessionDrop): Ticket {
    this.#recorded++;
    this.#open.retract(change);
    return this.#open.ticket;
  }

  secure(): void {
    this.#open.isSecured = true;
  }

  hold(): void {
    this.#holds++;
  }

  release(): void {
    // The next step or the end of the turn commits: the step that releases may record more.
    this.#holds--;
  }

  /** The turn has ended: commits what was recorded, unless a commit is in progress. */
  endOfTurn(): void {
    this.#checkPressure();
    const batch = this.#open;
    this.#isDue = this.#holds > 0;
    if (!batch.hasWaiters || this.#stopped) return;
    const sinceMs = (this.#openSinceMs ??= this.#exactMs());
    if (this.#isDue || this.#committing !== undefined) return;
    this.#open = this.#batch(batch.ticket + 1);
    this.#openSinceMs = undefined;
    this.#committingSinceMs = sinceMs;
    const parts = batch.parts();
    if (parts.length === 0) {
      this.#settled(batch.ticket);
      return;
    }
    this.#committing = batch;
    this.#committingFromMs = this.#exactMs();
    void this.#commit(parts, batch.ticket, batch.isSecured ? 'flushed' : this.durability);
  }

  /** Between steps, too: the changes of one turn can be many. */
  #checkPressure(): void {
    const bytes = this.waitingBytes;
    if (bytes <= WRITERS_PRESSURE_BYTES) return;
    const { writers, everyone } = StoragePressure;
    const pressure = bytes > BATCH_BYTES_MAX ? everyone : writers;
    if (pressure > this.#pressure) this.#setPressure(pressure);
  }

  #setPressure(pressure: StoragePressure): void {
    this.#pressure = pressure;
    this.#observer.pressure(pressure);
  }

  /** Resolves when all that was recorded is durable, or nothing more can be. */
  async flush(): Promise<void> {
    this.endOfTurn();
    if (this.#stopped || (this.#committing === undefined && !this.#open.hasWaiters)) return;
    await new Promise<void>((resolve) => this.#idle.push(resolve));
    return this.flush();
  }

  /** Gives up: nothing more is committed. */
  stop(): void {
    this.#stopped = true;
    this.#wakeIdle();
  }

  async #commit(parts: readonly (readonly Change[])[], ticket: Ticket, durability: Durability): Promise<void> {
    try {
      // In order: what a gate waits for is the whole.
      for (const part of parts) {
        await this.#commitWithRetry(part, durability);
        if (this.#stopped) return;
      }
    } catch (error) {
      this.stop();
      this.reports.fatal(asError(error));
      return;
    }
    this.#settled(ticket);
    this.endOfTurn();
  }

  #settled(ticket: Ticket): void {
    this.#durable = ticket;
    this.#committing = undefined;
    this.gateSeconds.observe((this.#exactMs() - this.#committingSinceMs) / 1000);
    this.#observer.durable(ticket);
    const { none, writers } = StoragePressure;
    if (this.#pressure > none && this.#open.bytes < NO_PRESSURE_BYTES) this.#setPressure(none);
    else if (this.#pressure > writers && this.#open.bytes <= WRITERS_PRESSURE_BYTES) this.#setPressure(writers);
    this.#wakeIdle();
  }

  #wakeIdle(): void {
    const waiting = this.#idle;
    this.#idle = [];
    for (const resolve of waiting) resolve();
  }

  #exactMs(): number {
    return this.clock.exactMs?.() ?? this.clock.nowMs();
  }

  /** The same batch until storage takes it. Whether it had been applied does not matter: facts are idempotent. */
  async #commitWithRetry(changes: readonly Change[], durability: Durability): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        const startMs = this.#exactMs();
        await this.storage.commit(changes, durability);
        this.commitSeconds.observe((this.#exactMs() - startMs) / 1000);
        this.commitChanges.observe(changes.length);
        if (attempt > 1) this.reports.recovered(attempt);
        return;
      } catch (error) {
        if (!isRetryable(error)) throw error;
        this.reports.failing(error, attempt);
        await pauseAfter(attempt, this.clock);
        if (this.#stopped) return;
      }
    }
  }
}
