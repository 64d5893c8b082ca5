// Delivers an event to all observers.
import type { BrokerEvent } from '../domain/events.js';
import type { LifecycleEvent, Telemetry } from '../ports/telemetry.js';

export function emitToAll(observers: readonly Telemetry[], event: BrokerEvent | LifecycleEvent): void {
  for (const observer of observers) {
    try {
      observer.emit(event);
    } catch {
      // An observer that throws must not affect the broker or other observers, and nothing else could report it.
    }
  }
}
