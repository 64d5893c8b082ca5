// Publishing: the single entry for messages, and its outcome. A message enters as a draft with its origin; the outcome
// says how many recipients it matched, how many accepted it, and why others did not.
import { NOW } from '../durability.js';
import type { Ticket } from '../durability.js';
import type { ClientId } from '../identifiers.js';
import type { Pressed } from '../slowed-publisher.js';
import { LACKS_ROOM } from '../reasons.js';
import type { DropReason } from '../reasons.js';

/** Where a message comes from; `clientId` is the client that No Local is about [MQTT5-3.8.3-3]. */
export type Origin =
  | { readonly kind: 'client'; readonly clientId: ClientId }
  | { readonly kind: 'will'; readonly clientId: ClientId }
  /** The broker itself. */
  | { readonly kind: 'broker'; readonly clientId?: undefined }
  | { readonly kind: 'operator'; readonly actor: string; readonly clientId?: undefined }
  /** Another node, where it had this number. */
  | { readonly kind: 'node'; readonly node: string; readonly seq: number; readonly clientId?: undefined };

/** What became of a delivery to one recipient: sent, waiting in a queue, or dropped for a reason. */
export type DeliveryOutcome = 'sent' | 'queued' | DropReason;

/** What became of a message. */
export class PublishOutcome {
  /** Recipients whose subscriptions match, without those that No Local excludes. */
  matched = 0;
  /** Recipients that it was sent to or is waiting for. */
  accepted = 0;
  /** Whether it is retained, or has removed the message that was. */
  isRetained = false;
  /** Whether a recipient did not accept it, or it was not retained, for want of room. */
  lacksRoom = false;
  /** A queue that had no room for it under `refuse`: no recipient has it, and nothing of it is recorded. */
  full: Pressed | undefined;
  /** What an acknowledgement to the publisher waits for. */
  ticket: Ticket = NOW;

  add(outcome: DeliveryOutcome): void {
    this.matched++;
    if (outcome === 'sent' || outcome === 'queued') this.accepted++;
    else this.dropped(outcome);
  }

  /** A part of it was not accepted. */
  dropped(reason: DropReason): void {
    this.lacksRoom ||= LACKS_ROOM[reason];
  }

  /** Whether nothing took the message, and it would have been taken if there had been room. */
  get isRefusedAsFull(): boolean {
    return this.lacksRoom && this.accepted === 0 && !this.isRetained;
  }

  /** For the next message: the dispatcher has one outcome for all messages that it publishes within a step. */
  reset(): void {
    this.matched = 0;
    this.accepted = 0;
    this.isRetained = false;
    this.lacksRoom = false;
    this.full = undefined;
    this.ticket = NOW;
  }
}
