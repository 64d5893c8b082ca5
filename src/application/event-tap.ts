// Where events can be followed. As long as no one does, an event costs one comparison.
import { EVERY_EVENT } from '../domain/events.js';
import type { BrokerEvent, EventMask } from '../domain/events.js';
import type { LifecycleEvent } from '../ports/telemetry.js';

export type Follower = (event: BrokerEvent | LifecycleEvent) => void;

export class EventTap {
  readonly #followers = new Map<Follower, EventMask>();
  #wanted: EventMask = 0;

  /** Of the events that are made only if they are wanted, those that a follower wants. */
  get wanted(): EventMask {
    return this.#wanted;
  }

  /**
   * @param wanted of the events that are made only if they are wanted, those that it uses.
   * @returns ends it.
   */
  follow(follower: Follower, wanted: EventMask = EVERY_EVENT): () => void {
    this.#followers.set(follower, wanted);
    this.#sum();
    return () => {
      this.#followers.delete(follower);
      this.#sum();
    };
  }

  #sum(): void {
    this.#wanted = 0;
    for (const mask of this.#followers.values()) this.#wanted |= mask;
  }

  emit(event: BrokerEvent | LifecycleEvent): void {
    if (this.#followers.size === 0) return;
    for (const follower of this.#followers.keys()) follower(event);
  }
}
