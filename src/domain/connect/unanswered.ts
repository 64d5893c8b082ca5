// QoS 1 messages of a client of MQTT 5 whose PUBACK has not left, because it waits for storage: they count for the
// Receive Maximum that CONNACK announced [MQTT5-3.3.4-7].
import { NOW } from '../durability.js';
import type { Ticket } from '../durability.js';

export class Unanswered {
  /** Tickets in ascending order, and how many messages wait for each. */
  readonly #waiting: { readonly ticket: Ticket; count: number }[] = [];
  #count = 0;

  /** Those that are not known to be answered. */
  get count(): number {
    return this.#count;
  }

  /** A message was taken whose PUBACK leaves after the ticket. */
  add(ticket: Ticket): void {
    if (ticket === NOW) return;
    const last = this.#waiting.at(-1);
    this.#count++;
    // Promises never overtake each other.
    if (last !== undefined && last.ticket >= ticket) last.count++;
    else this.#waiting.push({ ticket, count: 1 });
  }

  /** Everything up to the ticket is durable, so those messages were answered. */
  settle(durable: Ticket): void {
    const waiting = this.#waiting;
    let settled = 0;
    for (; settled < waiting.length; settled++) {
      const { ticket, count } = waiting[settled] as { ticket: Ticket; count: number };
      if (ticket > durable) break;
      this.#count -= count;
    }
    waiting.splice(0, settled);
  }
}
