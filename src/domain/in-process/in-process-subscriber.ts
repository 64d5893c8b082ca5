// A subscription of the program that embeds the broker, or of a plugin, as a recipient of messages. It has no session,
// no queue and no connection: each message is handed over at once, as one at QoS 0 is to a client, and what the program
// does not take is no concern of the core.
import type { Context } from '../context.js';
import type { ClientId, TopicFilter } from '../identifiers.js';
import { detachPayload } from '../messages/message.js';
import type { Message } from '../messages/message.js';
import type { DeliveryOutcome } from '../messages/publication.js';
import type { Recipient } from '../routing/recipient.js';
import { Subscription } from '../routing/subscription.js';

/** Not a Client Identifier: it stands in its place where a route or a trace shows who gets a message. */
const displayName = (name: string): ClientId => `$in-process/${name}` as ClientId;

export class InProcessSubscriber implements Recipient {
  readonly clientId: ClientId;
  readonly stored = false;
  readonly isConnected = true;
  readonly keepsUp = true;
  isOver = false;
  readonly subscriptions: readonly Subscription[];
  readonly #filters: ReadonlySet<TopicFilter>;

  constructor(
    readonly id: number,
    name: string,
    filters: ReadonlySet<TopicFilter>,
    readonly context: Context,
  ) {
    this.clientId = displayName(name);
    this.#filters = filters;
    // At QoS 0, whatever was published: there is no queue that must have room, and no acknowledgement.
    this.subscriptions = [...filters].map(
      (filter) => new Subscription(this, filter, filter, undefined, 0, false, true, 0, undefined),
    );
  }

  hasSubscription(topicFilter: TopicFilter): boolean {
    return !this.isOver && this.#filters.has(topicFilter);
  }

  deliver(message: Message): DeliveryOutcome {
    return this.handOver(message, false);
  }

  /** @param isRetained whether it comes because the subscription has begun, and not because it was published now. */
  handOver(message: Message, isRetained: boolean): DeliveryOutcome {
    const { counters, effects } = this.context;
    counters.started++;
    counters.delivered++;
    // It waits outside of the core, and must not keep alive the chunk that it arrived in.
    detachPayload(message);
    effects.deliverInProcess(this.id, message, isRetained);
    return 'sent';
  }

  mayReceive(): boolean {
    return true;
  }

  takes(): boolean {
    return true;
  }

  isReadyFor(): boolean {
    return true;
  }

  fullFor(): undefined {
    return undefined;
  }

  hurry(): void {
    // It publishes nothing that could be held back.
  }

  capacityAvailable(): void {
    // It is a member of no shared group.
  }

  record(): void {
    // It ends with the process.
  }
}
