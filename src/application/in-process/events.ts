// Events for listeners that are functions of the embedding program or of plugins: each has a mailbox, so that it is
// called outside of the broker's turns, and what it does wrong stays with it.
import { maskOf } from '../../domain/events.js';
import type { BrokerEvent } from '../../domain/events.js';
import type { BrokerEvents, EventListenerOptions, EventOf, EventSubscription } from '../../ports/broker-events.js';
import type { Clock } from '../../ports/clock.js';
import { EVENT_NAMES } from '../../ports/event-names.js';
import type { EventName } from '../../ports/event-names.js';
import type { LifecycleEvent } from '../../ports/telemetry.js';
import type { EventTap } from '../event-tap.js';
import { suggestion } from '../nearest.js';
import { Burst } from './burst.js';
import type { HandlerTurns } from './handler-turns.js';
import { Mailbox } from './mailbox.js';
import { integerOf } from './message-checks.js';

export interface EventsParts {
  readonly tap: Pick<EventTap, 'follow'>;
  readonly turns: HandlerTurns;
  readonly clock: Pick<Clock, 'nowMs' | 'at'>;
  readonly emit: (event: LifecycleEvent) => void;
}

/** An event of whichever kind. */
type AnyEvent = BrokerEvent | LifecycleEvent;

/** What was checked. */
export interface ListenerRequest {
  readonly kinds: ReadonlySet<string>;
  readonly listener: (event: never) => unknown;
  readonly name: string | undefined;
  readonly maxWaiting: number;
}

const MAX_WAITING = 10_000;
const NAME_MAX = 128;

/** About listeners themselves: what one of these causes is not reported, or two listeners could feed each other. */
const ABOUT_LISTENERS: ReadonlySet<EventName> = new Set(['event-listener-failed', 'event-listener-overflow']);

export class InProcessEvents implements BrokerEvents {
  readonly #parts: EventsParts;
  readonly #owner: string | undefined;
  readonly #listeners = new Set<Listening>();
  #last = 0;

  /** @param owner in whose name it listens; default: the embedding program. */
  constructor(parts: EventsParts, owner?: string) {
    this.#parts = parts;
    this.#owner = owner;
  }

  /** The same for a plugin, in its name: `endAll` ends what that has added. */
  ownedBy(owner: string): InProcessEvents {
    return new InProcessEvents(this.#parts, owner);
  }

  on<Name extends EventName>(
    kinds: Name | readonly Name[],
    listener: (event: EventOf<Name>) => unknown,
    options: EventListenerOptions = {},
  ): FinishableSubscription {
    return this.add(requireListener(kinds, listener, options));
  }

  add(request: ListenerRequest): FinishableSubscription {
    const name = [this.#owner, request.name ?? String(++this.#last)].filter((part) => part !== undefined).join('/');
    const listening = new Listening(name, request, this.#parts, () => this.#listeners.delete(listening));
    this.#listeners.add(listening);
    return listening;
  }

  /** Ends every listener that was added here. */
  async endAll(): Promise<void> {
    await Promise.all([...this.#listeners].map((listening) => listening.end()));
  }

  /** Nothing more happens. Resolves when the listeners are done with what waits. */
  async finish(): Promise<void> {
    await Promise.all([...this.#listeners].map((listening) => listening.finish()));
  }
}

/** One that can come to its end in order. */
export interface FinishableSubscription extends EventSubscription {
  /** Takes no more events. Resolves when the listener is done with those that wait. */
  finish(): Promise<void>;
}

class Listening implements FinishableSubscription {
  readonly #mailbox: Mailbox<AnyEvent>;
  readonly #failures: Burst<{ readonly event: string; readonly error: string }>;
  readonly #drops: Burst<undefined>;
  readonly #unfollow: () => void;

  constructor(
    readonly name: string,
    { kinds, listener, maxWaiting }: ListenerRequest,
    { tap, turns, clock, emit }: EventsParts,
    readonly over: () => void,
  ) {
    this.#failures = new Burst(clock, ({ event, error }, failures) => {
      emit({ kind: 'event-listener-failed', listener: name, event, error, failures });
    });
    this.#drops = new Burst(clock, (_nothing, dropped) => {
      emit({ kind: 'event-listener-overflow', listener: name, dropped });
    });
    this.#mailbox = new Mailbox<AnyEvent>({
      turns,
      clock,
      limits: { maxItems: maxWaiting, maxBytes: Infinity, drop: 'oldest' },
      handle: listener as (event: AnyEvent) => unknown,
      bytesOf: () => 0,
      failed: ({ kind }, error) => {
        if (!ABOUT_LISTENERS.has(kind)) this.#failures.happened({ event: kind, error });
      },
      dropped: ({ kind }) => {
        if (!ABOUT_LISTENERS.has(kind)) this.#drops.happened(undefined);
      },
    });
    this.#unfollow = tap.follow((event) => {
      if (kinds.has(event.kind)) this.#mailbox.put(event);
    }, maskOf(kinds));
  }

  get dropped(): number {
    return this.#mailbox.dropped;
  }

  end(): Promise<void> {
    return this.#over(this.#mailbox.end());
  }

  finish(): Promise<void> {
    return this.#over(this.#mailbox.finish());
  }

  async #over(done: Promise<void>): Promise<void> {
    this.#unfollow();
    this.over();
    // No timer stays: what happens from now on is reported at once.
    this.#drops.end();
    this.#failures.end();
    await done;
  }
}

/** @throws RangeError or TypeError that names the argument. */
export function requireListener(kinds: unknown, listener: unknown, options: unknown = {}): ListenerRequest {
  const list: readonly unknown[] = Array.isArray(kinds) ? kinds : [kinds];
  if (list.length === 0) throw new RangeError('kinds: at least one is expected');
  for (const kind of list) {
    if (typeof kind !== 'string') throw new TypeError(`kinds: names of events are expected, got ${typeof kind}`);
    if (!(EVENT_NAMES as readonly string[]).includes(kind))
      throw new RangeError(
        `kinds: there is no event ${JSON.stringify(kind.slice(0, 60))}${suggestion(kind, EVENT_NAMES)}`,
      );
  }
  if (typeof listener !== 'function') throw new TypeError(`listener: a function is expected, got ${typeof listener}`);
  if (typeof options !== 'object' || options === null) throw new TypeError('options: an object is expected');
  const { name, maxWaiting = MAX_WAITING, ...rest } = options as EventListenerOptions;
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) throw new TypeError(`options.${unknown}: expected one of name, maxWaiting`);
  if (name !== undefined && (typeof name !== 'string' || name === '' || name.length > NAME_MAX))
    throw new TypeError(`options.name: a text of 1 to ${NAME_MAX} characters is expected`);
  return {
    kinds: new Set(list as readonly string[]),
    listener: listener as ListenerRequest['listener'],
    name,
    maxWaiting: integerOf('options.maxWaiting', maxWaiting, 1, 1_000_000),
  };
}
