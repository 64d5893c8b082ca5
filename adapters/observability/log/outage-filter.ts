// Selects the storage events that are worth a line. A failing storage is retried many times a minute, and each attempt
// emits an event. Logged are the first failure, each failure with a different cause, a reminder every minute, and the
// recovery.
import type { LifecycleEvent } from 'hexmq/ports';

const REMINDER_MS = 60_000;
/** Bounds the memory and the lines when a storage words every failure differently. */
const CAUSES_MAX = 16;

type StorageEvent = Extract<LifecycleEvent, { readonly kind: 'storage-failing' | 'storage-recovered' }>;

export class OutageFilter {
  /** By operation: when each cause of the current outage was last logged. */
  readonly #lastLoggedMs = { write: new Map<string, number>(), read: new Map<string, number>() };

  /** Whether the event is worth a line. */
  allows(event: StorageEvent, nowMs: number): boolean {
    const causes = this.#lastLoggedMs[event.operation];
    if (event.kind === 'storage-recovered') {
      // Every read that waited emits its own recovery; the first one is logged.
      const wasFailing = causes.size > 0;
      causes.clear();
      return wasFailing;
    }
    const cause = `${event.storageErrorKind} ${withoutDetail(event.error)}`;
    const lastMs = causes.get(cause);
    if (lastMs === undefined ? causes.size >= CAUSES_MAX : nowMs < lastMs + REMINDER_MS) return false;
    causes.set(cause, nowMs);
    return true;
  }
}

/** Removes the trailing parentheses, which hold what may differ between attempts (see `StorageError`). */
function withoutDetail(error: string): string {
  return error.endsWith(')') ? (error.split(' (', 1)[0] ?? error) : error;
}
