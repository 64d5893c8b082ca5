// A storage that fails is asked again many times a minute, and every attempt is a event. Worth a line are the beginning, each trouble that is another
// than before, every minute that it still lasts, and the end.
import type { LifecycleEvent } from 'hexmq/ports';

const REMINDER_MS = 60_000;
/** Of the troubles that are told apart; it bounds what a storage that words each failure differently can make us say. */
const TROUBLES_MAX = 16;

type StorageEvent = Extract<LifecycleEvent, { readonly kind: 'storage-failing' | 'storage-recovered' }>;

export class OutageFilter {
  /** By operation: when each trouble of the outage was last said. */
  readonly #said = { write: new Map<string, number>(), read: new Map<string, number>() };

  /** Whether it is worth a line. */
  allows(event: StorageEvent, nowMs: number): boolean {
    const said = this.#said[event.operation];
    if (event.kind === 'storage-recovered') {
      // Of many reads that waited for the same, one says it.
      const wasSaid = said.size > 0;
      said.clear();
      return wasSaid;
    }
    const trouble = `${event.storageErrorKind} ${withoutDetail(event.error)}`;
    const lastMs = said.get(trouble);
    if (lastMs === undefined ? said.size >= TROUBLES_MAX : nowMs < lastMs + REMINDER_MS) return false;
    said.set(trouble, nowMs);
    return true;
  }
}

/** What may differ from attempt to attempt stands in brackets at the end (see `StorageError`). */
function withoutDetail(error: string): string {
  return error.endsWith(')') ? (error.split(' (', 1)[0] ?? error) : error;
}
