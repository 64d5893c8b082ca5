// Chosen events as messages below $SYS/broker/events/, each with the record that the log has of it. At most so many a
// second: the rest of a second is left out, and counted in one message at its end. What publishing an event can itself
// cause is never published, or one event could cause the next without end: deliveries of $SYS that are dropped, and
// deliveries at which an interceptor fails.
import type { BrokerEvent, Clock, EventLevel, EventName, LifecycleEvent, Timer } from '../../ports/index.js';
import { levelOf } from '../../ports/index.js';
import { recordOf, SEVERITY } from '../event-records.js';
import { instant } from '../views.js';

type Event = BrokerEvent | LifecycleEvent;

export interface SysEventsParts {
  /** Names of events, and levels: events of that level and above. */
  readonly chosen: readonly (EventName | EventLevel)[];
  readonly clock: Clock;
  readonly events: { follow(follower: (event: Event) => void): () => void };
  /** Whether events say which user a client gave. */
  readonly userNames: boolean;
  /** @param topic below `$SYS/broker/`. */
  readonly announce: (topic: string, payload: Uint8Array, retain: boolean) => void;
}

export const EVENTS_PER_SECOND = 100;

const isLevel = (chosen: EventName | EventLevel): chosen is EventLevel => Object.hasOwn(SEVERITY, chosen);

/** Whether dropped messages may be among the chosen events: then one is made for each. */
export const mayTakeDrops = (chosen: SysEventsParts['chosen']): boolean =>
  chosen.some((one) => one === 'message-dropped' || (isLevel(one) && SEVERITY[one] <= SEVERITY.warn));

export class SysEvents {
  readonly name = '$SYS events';
  readonly #parts: SysEventsParts;
  readonly #names: ReadonlySet<string>;
  readonly #least: number;
  readonly #encoder = new TextEncoder();
  #unfollow: () => void = () => undefined;
  /** The present second ends then. */
  #endsMs = -Infinity;
  #published = 0;
  #missed = 0;
  #timer: Timer | undefined;

  constructor(parts: SysEventsParts) {
    this.#parts = parts;
    this.#names = new Set(parts.chosen.filter((one) => !isLevel(one)));
    this.#least = Math.min(...parts.chosen.filter(isLevel).map((level) => SEVERITY[level]));
  }

  start(): Promise<void> {
    this.#unfollow = this.#parts.events.follow((event) => {
      if (this.#isChosen(event)) this.#happened(event);
    });
    return Promise.resolve();
  }

  stop(): Promise<void> {
    this.#unfollow();
    this.#timer?.cancel();
    return Promise.resolve();
  }

  #isChosen(event: Event): boolean {
    if (event.kind === 'message-dropped' && event.topic?.startsWith('$SYS/') === true) return false;
    if (event.kind === 'interceptor-failed' && event.packet === 'deliver') return false;
    return this.#names.has(event.kind) || SEVERITY[levelOf(event)] >= this.#least;
  }

  #happened(event: Event): void {
    const { clock, userNames } = this.#parts;
    const nowMs = clock.nowMs();
    if (nowMs >= this.#endsMs) this.#beginSecond(nowMs);
    if (this.#published < EVENTS_PER_SECOND) {
      this.#published++;
      this.#publish(event.kind, recordOf(event, userNames));
    } else if (this.#missed++ === 0)
      this.#timer = clock.at(this.#endsMs, () => {
        this.#sayMissed();
      });
  }

  #beginSecond(nowMs: number): void {
    this.#sayMissed();
    this.#endsMs = nowMs + 1000;
    this.#published = 0;
  }

  #sayMissed(): void {
    if (this.#missed === 0) return;
    const missed = this.#missed;
    this.#missed = 0;
    this.#publish('stream-overflow', { event: 'stream-overflow', missed });
  }

  #publish(name: string, record: object): void {
    const text = JSON.stringify({ time: instant(this.#parts.clock.wallMs()), ...record });
    this.#parts.announce(`$SYS/broker/events/${name}`, this.#encoder.encode(text), false);
  }
}
