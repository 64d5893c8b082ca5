// Backups of the running broker: one at a time, each of a snapshot of the storage that is made when everything recorded
// before is durable. A backup holds the snapshot, which storage pays for, so it ends when its reader stops reading,
// takes nothing for long, or the broker stops.
import type { CommandOutcome } from '../domain/commands.js';
import type { BrokerEvent } from '../domain/events.js';
import { AdministrationError } from '../ports/administration.js';
import type { Backup } from '../ports/administration.js';
import type { Clock, Timer } from '../ports/clock.js';
import { StorageError } from '../ports/storage.js';
import type { Storage, StorageSnapshot } from '../ports/storage.js';
import type { LifecycleEvent } from '../ports/telemetry.js';
import type { BackupText } from './transfer/backup.js';

/** How long a reader may leave what it is offered, each time and in all. */
export const READER_MS_MAX = 30_000;
export const READER_TOTAL_MS_MAX = 10 * 60_000;
/** How long everything that was recorded before may take to become durable. */
const BEGIN_MS_MAX = 30_000;

export interface BackupsParts {
  readonly storage: Pick<Storage, 'snapshot'>;
  /** The name of the storage adapter in the configuration. */
  readonly adapter: string;
  /** Resolves when everything that was recorded before is durable. */
  readonly begin: (actor: string) => Promise<CommandOutcome>;
  readonly textOf: (snapshot: StorageSnapshot) => AsyncIterable<BackupText>;
  readonly clock: Clock;
  readonly emit: (event: BrokerEvent | LifecycleEvent) => void;
}

export class Backups {
  readonly #parts: BackupsParts;
  #running: RunningBackup | undefined;
  #isStopped = false;

  constructor(parts: BackupsParts) {
    this.#parts = parts;
  }

  /**
   * @param given aborted by a caller that has no use for the backup any more.
   * @throws AdministrationError `refused` if the storage has no snapshots, `busy` if a backup is under way.
   */
  async begin(actor: string, given?: AbortSignal): Promise<Backup> {
    const problem = this.#problem();
    if (problem !== undefined) {
      // What is begun is reported by the core, as every command.
      this.#parts.emit({ kind: 'operator-command', actor, command: 'backup', subject: '', result: 'refused' });
      throw problem;
    }
    const running = new RunningBackup(this.#parts, actor, () => (this.#running = undefined));
    this.#running = running;
    const cancel = (): void => void running.end(new AdministrationError('unavailable', 'the reader has gone'));
    given?.addEventListener('abort', cancel, { once: true });
    if (given?.aborted === true) cancel();
    await running.start();
    return { text: running.text(), ended: running.ended };
  }

  #problem(): AdministrationError | undefined {
    const { storage, adapter } = this.#parts;
    if (storage.snapshot === undefined)
      return new AdministrationError(
        'refused',
        `the storage adapter ${adapter} has no snapshots, so it cannot be backed up while the broker runs: ` +
          'stop the broker and use hexmq export',
      );
    if (this.#isStopped) return stopping();
    if (this.#running === undefined) return undefined;
    return new AdministrationError(
      'busy',
      `a backup that ${this.#running.actor} began is under way: try again when it has ended`,
    );
  }

  /** Ends the backup that is under way, and resolves when it holds nothing any more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running?.end(stopping());
  }
}

const stopping = (): AdministrationError => new AdministrationError('unavailable', 'the broker stops');

class RunningBackup {
  readonly #abort = new AbortController();
  #snapshot: StorageSnapshot | undefined;
  /** Whether there is a snapshot, or will be none. */
  #isMade = false;
  #facts = 0;
  /** While the reader has the next step: since when, and when it has taken too long. */
  #sinceMs = 0;
  #patience: Timer | undefined;
  #waitedMs = 0;
  #closed: Promise<void> | undefined;

  constructor(
    readonly parts: BackupsParts,
    readonly actor: string,
    /** The next backup may begin. */
    readonly onClosed: () => void,
  ) {}

  get ended(): AbortSignal {
    return this.#abort.signal;
  }

  /** @throws AdministrationError if there is no snapshot, or will be none in time. */
  async start(): Promise<void> {
    await Promise.race([this.#make(), this.#untilEnded()]);
    this.#requireGoingOn();
    this.#waitForReader();
  }

  /** Can be read once. */
  async *text(): AsyncGenerator<string> {
    let failure: AdministrationError | undefined = new AdministrationError('unavailable', 'the reader has stopped');
    try {
      this.#readerIsBack();
      for await (const { text, facts } of this.parts.textOf(this.#snapshot as StorageSnapshot)) {
        this.#requireGoingOn();
        this.#facts = facts;
        this.#waitForReader();
        yield text;
        this.#readerIsBack();
      }
      failure = undefined;
    } catch (error) {
      failure = problemOf(error);
      this.#fail(failure);
      throw this.#abort.signal.reason;
    } finally {
      await this.end(failure);
    }
  }

  /** @param failure why it is not complete, if it is not. Only the first end counts. */
  end(failure: AdministrationError | undefined): Promise<void> {
    if (failure !== undefined) this.#fail(failure);
    this.#patience?.cancel();
    // A snapshot that is being made is closed when it is there: `make` comes back here.
    return this.#isMade ? (this.#closed ??= this.#close()) : Promise.resolve();
  }

  async #make(): Promise<void> {
    const { begin, storage, clock } = this.parts;
    const late = clock.at(clock.nowMs() + BEGIN_MS_MAX, () => void this.end(tooLate()));
    try {
      await Promise.race([begin(this.actor), this.#untilEnded()]);
      this.#requireGoingOn();
      late.cancel();
      this.#snapshot = await storage.snapshot?.();
    } catch (error) {
      this.#fail(problemOf(error));
    } finally {
      late.cancel();
      this.#isMade = true;
    }
    if (this.ended.aborted) await this.end(undefined);
  }

  #waitForReader(): void {
    const { clock } = this.parts;
    this.#sinceMs = clock.nowMs();
    const patienceMs = Math.min(READER_MS_MAX, READER_TOTAL_MS_MAX - this.#waitedMs);
    this.#patience = clock.at(this.#sinceMs + patienceMs, () => void this.end(tooSlow()));
  }

  #readerIsBack(): void {
    this.#patience?.cancel();
    this.#waitedMs += this.parts.clock.nowMs() - this.#sinceMs;
    this.#requireGoingOn();
  }

  #fail(failure: AdministrationError): void {
    if (!this.ended.aborted && this.#closed === undefined) this.#abort.abort(failure);
  }

  async #close(): Promise<void> {
    // What storage cannot free now, it frees when it is opened again.
    await this.#snapshot?.close().catch(() => undefined);
    const failure = this.ended.aborted ? (this.ended.reason as AdministrationError) : undefined;
    this.parts.emit({
      kind: 'backup-ended',
      actor: this.actor,
      result: failure === undefined ? 'complete' : 'failed',
      facts: this.#facts,
      detail: failure?.message ?? '',
    });
    this.onClosed();
  }

  #requireGoingOn(): void {
    this.ended.throwIfAborted();
  }

  #untilEnded(): Promise<void> {
    return new Promise((resolve) => {
      if (this.ended.aborted) resolve();
      else this.ended.addEventListener('abort', () => resolve(), { once: true });
    });
  }
}

const tooLate = (): AdministrationError =>
  new AdministrationError(
    'unavailable',
    `storage has not confirmed within ${BEGIN_MS_MAX / 1000} s what a backup has to have: try again when it works`,
  );

const tooSlow = (): AdministrationError =>
  new AdministrationError(
    'unavailable',
    `the reader of the backup was too slow: it took nothing for ${READER_MS_MAX / 1000} s, ` +
      `or kept it waiting for ${READER_TOTAL_MS_MAX / 60_000} minutes in all`,
  );

/** What an operator can act on; a fault of hexmq or of an adapter stays one. */
function problemOf(error: unknown): AdministrationError {
  if (error instanceof AdministrationError) return error;
  const text = error instanceof Error ? error.message : String(error);
  return new AdministrationError('unavailable', error instanceof StorageError ? text : `the backup failed: ${text}`);
}
