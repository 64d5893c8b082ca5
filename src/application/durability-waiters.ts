// Work that begins once what was recorded before it is durable, in the order in which it was asked for.
import type { Ticket } from '../domain/durability.js';

/** What has become durable so far. */
export interface DurableSoFar {
  readonly durableTicket: Ticket;
}

export class DurabilityWaiters {
  readonly #committed: DurableSoFar;
  #waiting: { readonly after: Ticket; readonly begin: () => void }[] = [];

  constructor(committed: DurableSoFar) {
    this.#committed = committed;
  }

  /** Calls `begin` when `after` is durable: before this call returns if it is already. */
  wait(after: Ticket, begin: () => void): void {
    if (after <= this.#committed.durableTicket) begin();
    else this.#waiting.push({ after, begin });
  }

  /** Everything up to and including `ticket` is durable. */
  durable(ticket: Ticket): void {
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = waiting.filter(({ after }) => after > ticket);
    for (const { after, begin } of waiting) if (after <= ticket) begin();
  }

  /** Nothing that still waits will begin. */
  stop(): void {
    this.#waiting = [];
  }
}
