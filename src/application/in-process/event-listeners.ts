// Event listeners that are bound as components, as a part of the broker's life: each listens from its start on, and has
// got everything that it wants when it is stopped.
import type { EventListener } from '../../ports/broker-events.js';
import type { Startable } from '../../ports/startable.js';
import type { FinishableSubscription, InProcessEvents } from './events.js';
import { requireListener } from './events.js';

export class ListenerComponent implements Startable {
  readonly name: string;
  readonly #listener: EventListener;
  readonly #events: InProcessEvents;
  #subscription: FinishableSubscription | undefined;

  /** @throws TypeError or RangeError that names the listener, and what is wrong with it. */
  constructor(listener: EventListener, events: InProcessEvents) {
    this.#listener = listener;
    this.#events = events;
    this.name = listener.name;
    this.#request();
  }

  async start(): Promise<void> {
    await this.#listener.start?.();
    this.#subscription = this.#events.add(this.#request());
  }

  async stop(): Promise<void> {
    const subscription = this.#subscription;
    this.#subscription = undefined;
    await subscription?.finish();
    await this.#listener.stop?.();
  }

  #request(): ReturnType<typeof requireListener> {
    const { name, wants, maxWaiting } = this.#listener;
    try {
      return requireListener(wants, this.#handle, { name, ...(maxWaiting === undefined ? {} : { maxWaiting }) });
    } catch (error) {
      const { message } = error as Error;
      const about = `event listener ${String(name)}: ${message}`;
      throw error instanceof RangeError ? new RangeError(about) : new TypeError(about);
    }
  }

  readonly #handle = (event: Parameters<EventListener['handle']>[0]): unknown => this.#listener.handle(event);
}
