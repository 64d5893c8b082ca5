// A bounded queue in front of a handler of the embedding program or of a plugin. The handler gets one item at a time,
// in order; while a promise of it is pending, the rest waits. A handler that throws, rejects or hangs harms only
// itself: the next item follows, or does not.
import { Fifo } from '../../domain/queues/fifo.js';
import type { Clock, Timer } from '../../ports/clock.js';
import { isPromiseLike, messageOf } from '../timeout.js';
import type { HandlerTurns, Runnable } from './handler-turns.js';

/** Calls in a row, before other handlers have their turn. */
const CALLS_MAX = 64;

/** A call that takes longer is reported; the handler stays responsible for its end. */
const HANGS_AFTER_MS = 30_000;

export interface MailboxLimits {
  readonly maxItems: number;
  readonly maxBytes: number;
  readonly drop: 'oldest' | 'newest';
}

export interface MailboxParts<Item extends object> {
  readonly turns: HandlerTurns;
  readonly clock: Pick<Clock, 'nowMs' | 'at'>;
  readonly limits: MailboxLimits;
  readonly handle: (item: Item) => unknown;
  readonly bytesOf: (item: Item) => number;
  /** The handler has thrown or rejected, or does not come to an end with this item. */
  readonly failed: (item: Item, error: string) => void;
  /** There was no room for the item. */
  readonly dropped: (item: Item) => void;
}

export class Mailbox<Item extends object> implements Runnable {
  readonly #parts: MailboxParts<Item>;
  readonly #items = new Fifo<Item>();
  #bytes = 0;
  #dropped = 0;
  /** The item of a call that has returned a promise, and when that was. */
  #running: { readonly item: Item; readonly sinceMs: number } | undefined;
  #watch: Timer | undefined;
  #isOver = false;
  #isFinishing = false;
  /** Called once, when nothing waits any more. */
  #whenEmpty: (() => void) | undefined;
  /** Called when the handler is not running any more, after the end. */
  readonly #whenIdle: (() => void)[] = [];
  /** Called when everything was handled that came before `finish`. */
  readonly #whenFinished: (() => void)[] = [];

  constructor(parts: MailboxParts<Item>) {
    this.#parts = parts;
  }

  get length(): number {
    return this.#items.length;
  }

  get dropped(): number {
    return this.#dropped;
  }

  put(item: Item): void {
    if (this.#isOver || this.#isFinishing) return;
    const { limits, bytesOf, turns } = this.#parts;
    const bytes = bytesOf(item);
    while (this.#items.length > 0 && this.#isFullFor(bytes)) {
      if (limits.drop === 'newest') {
        this.#drop(item);
        return;
      }
      this.#drop(this.#take());
    }
    this.#items.push(item);
    this.#bytes += bytes;
    if (this.#running === undefined) turns.add(this);
  }

  #isFullFor(bytes: number): boolean {
    const { maxItems, maxBytes } = this.#parts.limits;
    return this.#items.length >= maxItems || this.#bytes + bytes > maxBytes;
  }

  #drop(item: Item): void {
    this.#dropped++;
    this.#parts.dropped(item);
  }

  #take(): Item {
    const item = this.#items.shift() as Item;
    this.#bytes -= this.#parts.bytesOf(item);
    return item;
  }

  /** Calls back when everything that waits has been given to the handler. */
  whenEmpty(callback: () => void): void {
    this.#whenEmpty = callback;
    if (!this.#isOver) this.#parts.turns.add(this);
  }

  run(): boolean {
    for (let calls = 0; calls < CALLS_MAX && this.#running === undefined && this.#items.length > 0; calls++)
      this.#call(this.#take());
    if (this.#items.length > 0) return this.#running === undefined;
    const empty = this.#whenEmpty;
    this.#whenEmpty = undefined;
    if (!this.#isOver) empty?.();
    if (this.#running === undefined) for (const finished of this.#whenFinished.splice(0)) finished();
    return false;
  }

  #call(item: Item): void {
    try {
      const result = this.#parts.handle(item);
      if (isPromiseLike(result)) this.#await(item, result);
    } catch (error) {
      this.#failed(item, wordsOf(error));
    }
  }

  #await(item: Item, result: PromiseLike<unknown>): void {
    const running = { item, sinceMs: this.#parts.clock.nowMs() };
    this.#running = running;
    if (this.#watch === undefined && !this.#isFinishing) this.#watchFrom(running.sinceMs);
    const over = (): void => {
      if (this.#running !== running) return;
      this.#running = undefined;
      for (const idle of this.#whenIdle.splice(0)) idle();
      if (!this.#isOver) this.#parts.turns.add(this);
    };
    // Through a promise of the engine: a thenable may call back at once, twice, or throw.
    void Promise.resolve(result).then(over, (error: unknown) => {
      this.#failed(item, wordsOf(error));
      over();
    });
  }

  /** One timer for many calls: it looks at the one that is running when it comes. */
  #watchFrom(sinceMs: number): void {
    this.#watch = this.#parts.clock.at(sinceMs + HANGS_AFTER_MS, () => {
      this.#watch = undefined;
      const running = this.#running;
      if (running === undefined || this.#isOver) return;
      if (running.sinceMs > sinceMs) this.#watchFrom(running.sinceMs);
      else this.#failed(running.item, `it has not ended within ${HANGS_AFTER_MS / 1000} s; nothing follows until then`);
    });
  }

  #failed(item: Item, error: string): void {
    this.#parts.failed(item, error);
  }

  /** Takes nothing more. Resolves when the handler is done with everything that waits, however long that takes. */
  finish(): Promise<void> {
    this.#isFinishing = true;
    this.#watch?.cancel();
    if (this.#isOver || (this.#items.length === 0 && this.#running === undefined)) return Promise.resolve();
    return new Promise((resolve) => this.#whenFinished.push(resolve));
  }

  /** Resolves when the handler is not running any more: it gets nothing more. */
  end(): Promise<void> {
    this.#isOver = true;
    this.#items.clear();
    this.#bytes = 0;
    for (const finished of this.#whenFinished.splice(0)) finished();
    this.#parts.turns.remove(this);
    this.#watch?.cancel();
    if (this.#running === undefined) return Promise.resolve();
    return new Promise((resolve) => this.#whenIdle.push(resolve));
  }
}

/** What was thrown can be anything, even something that has no text. */
function wordsOf(error: unknown): string {
  try {
    return String(messageOf(error));
  } catch {
    return 'something that cannot be shown was thrown';
  }
}
