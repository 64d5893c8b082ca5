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

/** Reports to observers. */
export const storageReports = (
  operation: 'write' | 'read',
  emit: (event: LifecycleEvent) => void,
  fatal: (error: Error) => void,
): StorageReports => ({
  failing: (error, attempt) => {
    emit({ kind: 'storage-failing', operation, error: error.message, storageErrorKind: error.kind, attempt });
  },
  recovered: (attempts) => {
    emit({ kind: 'storage-recovered', operation, attempts });
  },
  fatal,
});
