// The journal as the core sees it: the sink for changes, with the memory of what the current step has recorded.
import type { Append, Change, Changes, QueueRemoval, SessionDrop } from './changes.js';
import type { DeliveryOptions } from './messages/delivery-options.js';
import type { Message } from './messages/message.js';
import type { ClientId, QueueId, Seq } from './identifiers.js';
import { NOW } from './durability.js';
import type { Ticket } from './durability.js';

export class Journal implements Changes {
  #step: Ticket = NOW;
  #last: Ticket = NOW;

  constructor(readonly changes: Changes) {}

  /** The ticket of all that the current step has recorded so far; `NOW` if it has recorded nothing. */
  get step(): Ticket {
    return this.#step;
  }

  /** The ticket of all that was ever recorded. */
  get last(): Ticket {
    return this.#last;
  }

  beginStep(): void {
    this.#step = NOW;
  }

  record(change: Change): Ticket {
    return this.#recorded(this.changes.record(change));
  }

  append(queue: QueueId, seq: Seq, message: Message, options: DeliveryOptions): Append {
    const append = this.changes.append(queue, seq, message, options);
    this.#recorded(append.ticket);
    return append;
  }

  remove(change: QueueRemoval, append: Append | undefined): Ticket {
    return this.#recorded(this.changes.remove(change, append));
  }

  retract(change: SessionDrop): Ticket {
    return this.#recorded(this.changes.retract(change));
  }

  /** The current step continues an earlier one, which recorded up to this ticket: what it promises waits for both. */
  continueStep(ticket: Ticket): void {
    if (ticket > this.#step) this.#step = ticket;
  }

  hold(): void {
    this.changes.hold();
  }

  release(): void {
    this.changes.release();
  }

  secure(): void {
    this.changes.secure();
  }

  pendingSessionEnd(clientId: ClientId): Ticket {
    return this.changes.pendingSessionEnd(clientId);
  }

  #recorded(ticket: Ticket): Ticket {
    this.#step = ticket;
    this.#last = ticket;
    return ticket;
  }
}
