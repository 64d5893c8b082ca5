// The ports of events for programs: they choose kinds of events and get them outside of the broker's turns, where
// `Telemetry` gets every event within them. `BrokerEvents` is a driving port, called by the program that embeds the
// broker or by a plugin; `EventListener` is a driven one, for components that are bound in the container.
import type { BrokerEvent } from '../domain/events.js';
import type { EventName } from './event-names.js';
import type { Startable } from './startable.js';
import type { LifecycleEvent } from './telemetry.js';
import { port } from './token.js';

/** The events of these kinds. */
export type EventOf<Name extends EventName> = Extract<BrokerEvent | LifecycleEvent, { readonly kind: Name }>;

/** How one listener gets its events. */
export interface EventListenerOptions {
  /** Names the listener in events. Default: a number. */
  readonly name?: string | undefined;
  /** Events that may wait while the listener is busy, 1 to 1,000,000; then the oldest are dropped. Default 10,000. */
  readonly maxWaiting?: number | undefined;
}

/** A listener that was added. */
export interface EventSubscription {
  readonly name: string;
  /** Events that were dropped because too many waited. */
  readonly dropped: number;
  /**
   * Resolves when the listener is not running and is called no more; what still waits is dropped without a count. So
   * the listener may call it, and must not wait for it.
   */
  end(): Promise<void>;
}

/** The events of one broker. */
export interface BrokerEvents {
  /**
   * Calls the listener with every event of these kinds, one at a time and in order; if it returns a promise, the next
   * one comes when that has settled. Kinds that no listener wants cost nothing.
   *
   * A listener that throws, rejects or does not end harms itself only; that is reported as `event-listener-failed`, and
   * events that were dropped for want of room as `event-listener-overflow`. What happens to a listener while it handles
   * one of these two is not reported.
   * @throws RangeError if there is no such kind, with the one that was probably meant; TypeError for other arguments.
   */
  on<Name extends EventName>(
    kinds: Name | readonly Name[],
    listener: (event: EventOf<Name>) => unknown,
    options?: EventListenerOptions,
  ): EventSubscription;
}

/** Injection token of the events. */
export const BrokerEvents = port<BrokerEvents>('BrokerEvents');

/**
 * A component that gets events of some kinds, as with `BrokerEvents.on`. It is started before the first of them, and
 * gets none after its `stop` was called: `stopping` is the last that every listener sees.
 */
export interface EventListener extends Startable {
  /** As it appears in events. */
  readonly name: string;
  /** Read once, at the start. */
  readonly wants: readonly EventName[];
  /** Events that may wait; see `EventListenerOptions`. */
  readonly maxWaiting?: number | undefined;
  handle(event: BrokerEvent | LifecycleEvent): unknown;
}

/** Injection token of event listeners; multi-bound, one binding for each. */
export const EventListener = port<EventListener>('EventListener');
