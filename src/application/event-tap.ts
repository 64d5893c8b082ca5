// Where events can be followed for a while. As long as no one does, an event costs one comparison.
import type { BrokerEvent } from '../domain/events.js';
import type { LifecycleEvent } from '../ports/telemetry.js';

export type Follower = (event: BrokerEvent | LifecycleEvent) => void;

export class EventTap {
  readonly #followers = new Set<Follower>();

  get isOpen(): boolean {
    return this.#followers.size > 0;
  }

  /** @returns ends it. */
  follow(follower: Follower): () => void {
    this.#followers.add(follower);
    return () => {
      this.#followers.delete(follower);
    };
  }

  emit(event: BrokerEvent | LifecycleEvent): void {
    if (this.#followers.size === 0) return;
    for (const follower of this.#followers) follower(event);
  }
}
