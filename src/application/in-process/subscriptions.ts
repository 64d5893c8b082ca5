// In-process subscriptions on their way between the core and the functions that receive their messages: each has a
// number for the core, and a mailbox in front of its function.
import { contentBytes } from '../../domain/messages/content-bytes.js';
import type { Message } from '../../domain/messages/message.js';
import type { Clock } from '../../ports/clock.js';
import type { InProcessSubscription, ReceivedMessage, Receive } from '../../ports/messaging.js';
import type { LifecycleEvent } from '../../ports/telemetry.js';
import type { EventLoop } from '../event-loop.js';
import { Burst } from './burst.js';
import type { HandlerTurns } from './handler-turns.js';
import { Mailbox } from './mailbox.js';
import type { MailboxLimits } from './mailbox.js';

export interface SubscriptionsParts {
  readonly loop: Pick<EventLoop, 'enqueue'>;
  readonly turns: HandlerTurns;
  readonly clock: Pick<Clock, 'nowMs' | 'at'>;
  readonly emit: (event: LifecycleEvent) => void;
}

/** What was checked before. */
export interface SubscriptionRequest {
  /** @param number of the subscription, for one that has no other name. */
  readonly nameFor: (number: number) => string;
  readonly topicFilters: readonly string[];
  readonly wantsRetained: boolean;
  readonly limits: MailboxLimits;
  readonly receive: Receive;
}

/** What a waiting message takes besides its contents. */
const MESSAGE_BYTES = 256;

const bytesOf = (message: ReceivedMessage): number => MESSAGE_BYTES + contentBytes(message);

export class InProcessSubscriptions {
  readonly #parts: SubscriptionsParts;
  readonly #open = new Map<number, OpenSubscription>();
  #last = 0;
  #isStopped = false;

  constructor(parts: SubscriptionsParts) {
    this.#parts = parts;
  }

  /** @throws RangeError (as a rejection) with what is wrong with a Topic Filter. */
  open(request: SubscriptionRequest): Promise<InProcessSubscription> {
    if (this.#isStopped) return Promise.reject(new Error('the broker stops'));
    const id = ++this.#last;
    const name = request.nameFor(id);
    const { topicFilters, wantsRetained } = request;
    return new Promise((resolve, reject) => {
      const closed = (): void => {
        if (this.#open.delete(id)) this.#parts.loop.enqueue({ kind: 'in-process-closed', subscriber: id });
      };
      const subscription = new OpenSubscription(name, request, this.#parts, { resolve, reject, closed });
      this.#open.set(id, subscription);
      this.#parts.loop.enqueue({ kind: 'in-process-opened', subscriber: id, name, topicFilters, wantsRetained });
    });
  }

  /** See `Effects.answerInProcess`. */
  answered(id: number, problem: string | undefined): void {
    const subscription = this.#open.get(id);
    if (problem !== undefined) this.#open.delete(id);
    subscription?.answered(problem);
  }

  /** See `Effects.deliverInProcess`. */
  deliver(id: number, { topic, payload, qos, retain, properties, publisher }: Message, isRetained: boolean): void {
    this.#open.get(id)?.mailbox.put({ topic, payload, qos, retain, isRetained, properties, publisher });
  }

  /** See `Effects.whenInProcessReady`. */
  whenReady(id: number): void {
    this.#open.get(id)?.mailbox.whenEmpty(() => {
      this.#parts.loop.enqueue({ kind: 'in-process-ready', subscriber: id });
    });
  }

  stop(): void {
    this.#isStopped = true;
    for (const subscription of this.#open.values()) subscription.stop();
    this.#open.clear();
  }
}

interface Opener {
  readonly resolve: (subscription: InProcessSubscription) => void;
  readonly reject: (error: Error) => void;
  /** It takes no messages any more. */
  readonly closed: () => void;
}

class OpenSubscription implements InProcessSubscription {
  readonly topicFilters: readonly string[];
  readonly mailbox: Mailbox<ReceivedMessage>;
  readonly #opener: Opener;
  readonly #failures: Burst<{ readonly topic: string; readonly error: string }>;
  readonly #drops: Burst<undefined>;

  constructor(
    readonly name: string,
    { topicFilters, limits, receive }: SubscriptionRequest,
    { turns, clock, emit }: SubscriptionsParts,
    opener: Opener,
  ) {
    this.topicFilters = topicFilters;
    this.#opener = opener;
    this.#failures = new Burst(clock, ({ topic, error }, failures) => {
      emit({ kind: 'subscriber-failed', subscriber: name, topic, error, failures });
    });
    this.#drops = new Burst(clock, (_nothing, dropped) => {
      emit({ kind: 'subscriber-overflow', subscriber: name, dropped });
    });
    this.mailbox = new Mailbox({
      turns,
      clock,
      limits,
      handle: receive,
      bytesOf,
      failed: ({ topic }, error) => {
        this.#failures.happened({ topic, error });
      },
      dropped: () => {
        this.#drops.happened(undefined);
      },
    });
  }

  get waiting(): number {
    return this.mailbox.length;
  }

  get dropped(): number {
    return this.mailbox.dropped;
  }

  answered(problem: string | undefined): void {
    if (problem === undefined) this.#opener.resolve(this);
    else this.#opener.reject(new RangeError(`topicFilters: ${problem}`));
  }

  async end(): Promise<void> {
    this.#opener.closed();
    await this.#endMailbox();
  }

  stop(): void {
    // Without effect on one that has begun.
    this.#opener.reject(new Error('the broker stops'));
    void this.#endMailbox();
  }

  async #endMailbox(): Promise<void> {
    const ended = this.mailbox.end();
    this.#drops.end();
    await ended;
    this.#failures.end();
  }
}
