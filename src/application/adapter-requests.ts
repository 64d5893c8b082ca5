// The requests to one authenticator or authorizer, each with a time limit. One whose client has gone, or whose time is
// over, is given up: its answer no longer matters. But an adapter that does not heed the cancellation holds it until it
// has its own answer, with a password and names as long as the client liked, and a client that connects again and
// leaves again makes it one more. So what was given up and is not settled is bounded: beyond that the adapter gets no
// request, and clients wait until it has settled some.
import type { RequestContext } from '../ports/auth.js';
import type { Clock } from '../ports/clock.js';
import { PendingRequest } from './pending-request.js';
import { isPromiseLike, withTimeout } from './timeout.js';

/** Given up, and not settled. */
export const GIVEN_UP_MAX = 1000;
export const GIVEN_UP_BYTES_MAX = 16 * 1024 * 1024;
/** A promise that has not settled for so long after that never will, and what it held is garbage. */
const FORGOTTEN_AFTER_MS = 60_000;
/** What a request counts for besides its password and names. */
const REQUEST_BYTES = 1024;

/** What a request holds that the client has chosen. */
interface Held {
  readonly clientId: string;
  readonly userName: string | undefined;
  readonly password?: Uint8Array | undefined;
  readonly authenticationMethod?: string | undefined;
}

/** @param data Authentication Data, which comes besides the request. */
export const heldBy = ({ clientId, userName, password, authenticationMethod }: Held, data?: Uint8Array): number =>
  REQUEST_BYTES +
  2 * (clientId.length + (userName?.length ?? 0) + (authenticationMethod?.length ?? 0)) +
  // Both may be views of the chunk that they arrived in.
  (password?.buffer.byteLength ?? 0) +
  (data?.buffer.byteLength ?? 0);

interface GivenUp {
  readonly held: number;
  readonly atMs: number;
}

export class AdapterRequests {
  /** What was given up and is not settled, in the order of giving up. */
  readonly #givenUp = new Set<GivenUp>();
  #bytes = 0;
  /** Called when there is room. */
  readonly #waiting = new Set<() => void>();

  constructor(
    readonly timeoutMs: number,
    readonly clock: Clock,
  ) {}

  /**
   * Asks the adapter. An answer that is no promise passes through.
   * @param held what the request holds in memory.
   * @param context cancelled when the answer is no longer needed.
   */
  ask<T>(
    call: (pending: RequestContext) => T | PromiseLike<T>,
    held: number,
    context: RequestContext | undefined,
  ): T | Promise<T> {
    if (this.#isFull) return this.#room(context).then(() => this.#ask(call, held, context));
    return this.#ask(call, held, context);
  }

  #ask<T>(
    call: (pending: RequestContext) => T | PromiseLike<T>,
    held: number,
    context: RequestContext | undefined,
  ): T | Promise<T> {
    const pending = new PendingRequest();
    const answer = call(pending);
    if (!isPromiseLike(answer)) return answer;
    return withTimeout(answer, this.timeoutMs, this.clock, {
      context,
      givenUp: () => {
        this.#giveUp(answer, held);
        pending.cancel();
      },
    });
  }

  get #isFull(): boolean {
    if (this.#givenUp.size < GIVEN_UP_MAX && this.#bytes < GIVEN_UP_BYTES_MAX) return false;
    const since = this.clock.nowMs() - FORGOTTEN_AFTER_MS;
    for (const one of this.#givenUp) {
      if (one.atMs > since) break;
      this.#forget(one);
    }
    return this.#givenUp.size >= GIVEN_UP_MAX || this.#bytes >= GIVEN_UP_BYTES_MAX;
  }

  #room(context: RequestContext | undefined): Promise<void> {
    let wait: () => void = () => undefined;
    const room = new Promise<void>((resolve) => {
      wait = resolve;
    });
    this.#waiting.add(wait);
    const { timeoutMs, clock } = this;
    return withTimeout(room, timeoutMs, clock, { context, givenUp: () => this.#waiting.delete(wait) });
  }

  #giveUp(answer: PromiseLike<unknown>, held: number): void {
    const one = { held, atMs: this.clock.nowMs() };
    this.#givenUp.add(one);
    this.#bytes += held;
    const settled = (): void => {
      this.#forget(one);
      if (this.#waiting.size > 0 && !this.#isFull) this.#goOn();
    };
    answer.then(settled, settled);
  }

  #forget(one: GivenUp): void {
    if (this.#givenUp.delete(one)) this.#bytes -= one.held;
  }

  #goOn(): void {
    for (const wait of this.#waiting) wait();
    this.#waiting.clear();
  }
}
