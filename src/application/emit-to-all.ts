// Delivers an event to all observers.
import { EVERY_EVENT, maskOf } from '../domain/events.js';
import type { BrokerEvent, EventMask } from '../domain/events.js';
import type { LifecycleEvent, Telemetry } from '../ports/telemetry.js';

/** What at least one of the observers wants. */
export const wantedBy = (observers: readonly Telemetry[]): EventMask =>
  observers.reduce((mask, { wants }) => mask | (wants === undefined ? EVERY_EVENT : maskOf(wants)), 0);

export function emitToAll(observers: readonly Telemetry[], event: BrokerEvent | LifecycleEvent): void {
  for (const observer of observers) {
    try {
      observer.emit(event);
    } catch {
      // An observer that throws must not affect the broker or other observers, and nothing else could report it.
    }
  }
}
