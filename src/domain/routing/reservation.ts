// The reservation of a group's message for a member. The entry in the group's queue ends with the one in the member's
// queue.
import type { DeliverySource, QueueEntry } from '../queues/queue-entry.js';

/** The group, as far as a reservation needs it. */
export interface ReservingGroup extends DeliverySource {
  /** The member's queue no longer has the message: the group's entry ends. */
  settle(entry: QueueEntry): void;
}

export class Reservation implements DeliverySource {
  constructor(
    readonly group: ReservingGroup,
    readonly entry: QueueEntry,
  ) {}

  returnUndelivered(entry: QueueEntry): void {
    this.group.returnUndelivered(entry);
  }

  hasOtherCandidate(recipient: object): boolean {
    return this.group.hasOtherCandidate(recipient);
  }

  onSettled(): void {
    this.group.settle(this.entry);
  }
}
