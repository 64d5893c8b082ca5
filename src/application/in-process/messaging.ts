// Messaging in the process: checks what the embedding program or a plugin passes, and hands it to the core as commands
// and subscriptions. What is wrong is said by the name of the argument.
import type { Command, CommandOutcome } from '../../domain/commands.js';
import { AdministrationError } from '../../ports/administration.js';
import type {
  InProcessSubscribeOptions,
  InProcessSubscription,
  Messaging,
  OutgoingMessage,
  PublishResult,
  Receive,
} from '../../ports/messaging.js';
import { messageOf } from '../timeout.js';
import { integerOf, operatorMessageOf } from './message-checks.js';
import type { SubscriptionRequest } from './subscriptions.js';

export interface MessagingParts {
  readonly engine: {
    readonly isRunning: boolean;
    command(command: Command, actor: string): Promise<CommandOutcome>;
    subscribe(request: SubscriptionRequest): Promise<InProcessSubscription>;
  };
}

/** In whose name the embedding program acts. */
const EMBEDDING_PROGRAM = 'embedding program';
/** Of one subscription: they are added in one step of the broker. */
const FILTERS_MAX = 1000;
const MAX_WAITING = 10_000;
const MAX_WAITING_BYTES = 16 * 1024 * 1024;
const NAME_MAX = 128;

export class InProcessMessaging implements Messaging {
  readonly #parts: MessagingParts;
  readonly #owner: string | undefined;
  readonly #subscriptions = new Set<InProcessSubscription>();

  /** @param owner in whose name it publishes and subscribes; default: the embedding program. */
  constructor(parts: MessagingParts, owner?: string) {
    this.#parts = parts;
    this.#owner = owner;
  }

  /** The same for a plugin, in its name: `endAll` ends what that has subscribed. */
  ownedBy(owner: string): InProcessMessaging {
    return new InProcessMessaging(this.#parts, owner);
  }

  async publish(message: OutgoingMessage): Promise<PublishResult> {
    const command = { kind: 'publish', message: operatorMessageOf(message), isReported: false } as const;
    const outcome = await this.#call((engine) => engine.command(command, this.#owner ?? EMBEDDING_PROGRAM));
    if (outcome.result === 'published') return { matched: outcome.matched, accepted: outcome.accepted };
    throw new AdministrationError('refused', outcome.result === 'refused' ? outcome.detail : outcome.result);
  }

  async subscribe(
    topicFilters: string | readonly string[],
    receive: Receive,
    options: InProcessSubscribeOptions = {},
  ): Promise<InProcessSubscription> {
    const request = this.#requestOf(topicFilters, receive, options);
    const subscription = await this.#call((engine) => engine.subscribe(request));
    this.#subscriptions.add(subscription);
    return {
      name: subscription.name,
      topicFilters: subscription.topicFilters,
      get waiting() {
        return subscription.waiting;
      },
      get dropped() {
        return subscription.dropped;
      },
      end: () => {
        this.#subscriptions.delete(subscription);
        return subscription.end();
      },
    };
  }

  /** Ends every subscription that was made here. */
  async endAll(): Promise<void> {
    const all = [...this.#subscriptions];
    this.#subscriptions.clear();
    await Promise.all(all.map((subscription) => subscription.end()));
  }

  /** What fails for another reason than its arguments fails because the broker does not run, or not any more. */
  async #call<T>(call: (engine: MessagingParts['engine']) => Promise<T>): Promise<T> {
    const { engine } = this.#parts;
    if (!engine.isRunning) throw new AdministrationError('unavailable', 'the broker does not run');
    try {
      return await call(engine);
    } catch (error) {
      if (error instanceof TypeError || error instanceof RangeError) throw error;
      throw new AdministrationError('unavailable', messageOf(error));
    }
  }

  #requestOf(topicFilters: unknown, receive: unknown, options: InProcessSubscribeOptions): SubscriptionRequest {
    if (typeof receive !== 'function') throw new TypeError(`receive: a function is expected, got ${typeof receive}`);
    const { name, retained = true, maxWaiting, maxWaitingBytes, drop = 'oldest' } = optionsOf(options);
    if (name !== undefined && (typeof name !== 'string' || name === '' || name.length > NAME_MAX))
      throw new TypeError(`options.name: a text of 1 to ${NAME_MAX} characters is expected`);
    if (typeof retained !== 'boolean') throw new TypeError('options.retained: a boolean is expected');
    if (drop !== 'oldest' && drop !== 'newest') throw new RangeError("options.drop: 'oldest' or 'newest' is expected");
    return {
      nameFor: (number) => [...(this.#owner === undefined ? [] : [this.#owner]), name ?? number].join('/'),
      topicFilters: filtersOf(topicFilters),
      wantsRetained: retained,
      limits: {
        maxItems: integerOf('options.maxWaiting', maxWaiting ?? MAX_WAITING, 1, 1_000_000),
        maxBytes: integerOf('options.maxWaitingBytes', maxWaitingBytes ?? MAX_WAITING_BYTES, 1024, 2 ** 40),
        drop,
      },
      receive: receive as Receive,
    };
  }
}

const OPTIONS = ['name', 'retained', 'maxWaiting', 'maxWaitingBytes', 'drop'];

function optionsOf(options: unknown): InProcessSubscribeOptions {
  if (typeof options !== 'object' || options === null) throw new TypeError('options: an object is expected');
  const unknown = Object.keys(options).find((key) => !OPTIONS.includes(key));
  if (unknown !== undefined) throw new TypeError(`options.${unknown}: expected one of ${OPTIONS.join(', ')}`);
  return options;
}

/** Each filter once. */
function filtersOf(given: unknown): readonly string[] {
  const filters: readonly unknown[] = Array.isArray(given) ? given : [given];
  if (filters.length === 0) throw new RangeError('topicFilters: at least one is expected');
  if (filters.length > FILTERS_MAX)
    throw new RangeError(`topicFilters: ${filters.length}, at most ${FILTERS_MAX} are expected`);
  const wrong = filters.findIndex((filter) => typeof filter !== 'string');
  if (wrong >= 0) {
    const where = Array.isArray(given) ? `topicFilters[${wrong}]` : 'topicFilters';
    throw new TypeError(`${where}: a text is expected, got ${typeof filters[wrong]}`);
  }
  return [...new Set(filters as readonly string[])];
}
