// What operations on storage report: failures that will be retried, their end, and failures that no retry can end.
import type { StorageError } from '../ports/storage.js';
import type { LifecycleEvent } from '../ports/telemetry.js';

export interface StorageReports {
  /** The attempt with this number, from 1, failed; another follows. */
  failing(error: StorageError, attempt: number): void;
  /** The attempt with this number succeeded, after others that failed. */
  recovered(attempts: number): void;
  /** The store belongs to another broker now, or is damaged: nothing more can be promised. */
  fatal(error: Error): void;
}

/** Whether the operations on storage succeed. */
export class StorageHealth {
  readonly #failing = new Map<'write' | 'read', string>();

  get isWriting(): boolean {
    return !this.#failing.has('write');
  }

  get isReading(): boolean {
    return !this.#failing.has('read');
  }

  /** Of the last attempt that failed. */
  get error(): string | undefined {
    return [...this.#failing.values()].at(-1);
  }

  failing(operation: 'write' | 'read', error: string): void {
    this.#failing.delete(operation);
    this.#failing.set(operation, error);
  }

  recovered(operation: 'write' | 'read'): void {
    this.#failing.delete(operation);
  }
}

/** Reports to observers. */
export const storageReports = (
  operation: 'write' | 'read',
  emit: (event: LifecycleEvent) => void,
  fatal: (error: Error) => void,
  health?: StorageHealth,
): StorageReports => ({
  failing: (error, attempt) => {
    health?.failing(operation, error.message);
    emit({ kind: 'storage-failing', operation, error: error.message, storageErrorKind: error.kind, attempt });
  },
  recovered: (attempts) => {
    health?.recovered(operation);
    emit({ kind: 'storage-recovered', operation, attempts });
  },
  fatal,
});
