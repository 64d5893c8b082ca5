// Listeners that the embedding program adds, also before the broker has been assembled: they wait, and miss nothing of
// its start.
import { requireListener } from '../application/in-process/events.js';
import type { InProcessEvents, ListenerRequest } from '../application/in-process/events.js';
import { AdministrationError } from '../ports/index.js';
import type { BrokerEvents, EventListenerOptions, EventName, EventOf, EventSubscription } from '../ports/index.js';

export class AddedListeners implements BrokerEvents {
  readonly #early = new Set<EarlyListener>();
  #events: InProcessEvents | undefined;
  #isOver = false;
  #last = 0;

  on<Name extends EventName>(
    kinds: Name | readonly Name[],
    listener: (event: EventOf<Name>) => unknown,
    options: EventListenerOptions = {},
  ): EventSubscription {
    const request = requireListener(kinds, listener, options);
    const named = { ...request, name: request.name ?? String(++this.#last) };
    if (this.#isOver) throw new AdministrationError('unavailable', 'the broker has stopped: no event comes any more');
    if (this.#events !== undefined) return this.#events.add(named);
    const early = new EarlyListener(named, () => this.#early.delete(early));
    this.#early.add(early);
    return early;
  }

  /** The broker has been assembled, and has not started. */
  begin(events: InProcessEvents | undefined): void {
    this.#events = events;
    if (events !== undefined) for (const early of this.#early) early.begin(events);
    this.#early.clear();
  }

  /** The broker has ended: listeners get what waits for them, and nothing keeps the process alive for them. */
  finish(): void {
    this.#isOver = true;
    void this.#events?.finish();
  }
}

/** One that was added before the broker was assembled. */
class EarlyListener implements EventSubscription {
  #subscription: EventSubscription | undefined;

  constructor(
    readonly request: ListenerRequest & { readonly name: string },
    readonly forget: () => void,
  ) {}

  get name(): string {
    return this.request.name;
  }

  get dropped(): number {
    return this.#subscription?.dropped ?? 0;
  }

  begin(events: InProcessEvents): void {
    this.#subscription = events.add(this.request);
  }

  async end(): Promise<void> {
    this.forget();
    await this.#subscription?.end();
  }
}
