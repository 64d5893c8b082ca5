// Tells whoever watches.
import type { BrokerEvent } from '../domain/events.js';
import type { LifecycleEvent, Telemetry } from '../ports/telemetry.js';

export function emitToAll(watchers: readonly Telemetry[], event: BrokerEvent | LifecycleEvent): void {
  for (const watcher of watchers) {
    try {
      watcher.emit(event);
    } catch {
      // A watcher that fails harms only itself: it cannot be told either, it is what would tell.
    }
  }
}
