// The requests to one adapter that decides for the broker, each with a time limit. One whose client has gone, or whose
// time is over, is given up: its answer no longer matters. But an adapter that does not heed the cancellation holds it
// until it has its own answer, with a password and names as long as the client liked, and a client that connects again
// and leaves again makes it one more. So what was given up and is not settled is bounded: beyond that the adapter gets
// no request, and clients wait until it has settled some.
import type { RequestContext } from '../ports/auth.js';
import type { Clock } from '../ports/clock.js';
import { PendingRequest } from './pending-request.js';
import { Limited, TimeLimit } from './time-limit.js';
import { asError, isPromiseLike, withTimeout } from './timeout.js';

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

/** What waits for an answer. One of the two methods is called, once. */
export interface Asker<T> {
  /** What its request holds in memory. */
  readonly heldBytes: number;
  answered(answer: T): void;
  /** The adapter has failed, or the request was given up. */
  failed(error: unknown): void;
}

/** A request that the adapter has not answered. */
class OpenRequest<T> extends Limited {
  readonly #requests: AdapterRequests;
  readonly #pending: PendingRequest;
  #asker: Asker<T> | undefined;
  #givenUp: GivenUp | undefined;

  constructor(requests: AdapterRequests, answer: PromiseLike<T>, pending: PendingRequest, asker: Asker<T>) {
    super();
    this.#requests = requests;
    this.#pending = pending;
    this.#asker = asker;
    // The promise of another library may call back at once.
    Promise.resolve(answer).then(
      (value) => this.#settled()?.answered(value),
      (error: unknown) => this.#settled()?.failed(error),
    );
  }

  /** The answer is no longer needed. */
  giveUp(): void {
    if (this.#asker === undefined) return;
    this.#requests.limit.end(this);
    this.#giveUp('the request was cancelled');
  }

  timeIsOver(): void {
    this.#giveUp(`no answer within ${this.#requests.limit.ms} ms`);
  }

  /** @returns what still waits for the answer. */
  #settled(): Asker<T> | undefined {
    const asker = this.#asker;
    this.#asker = undefined;
    if (asker !== undefined) this.#requests.limit.end(this);
    else if (this.#givenUp !== undefined) this.#requests.settled(this.#givenUp);
    return asker;
  }

  #giveUp(reason: string): void {
    const asker = this.#asker;
    if (asker === undefined) return;
    this.#asker = undefined;
    this.#givenUp = this.#requests.gaveUp(asker.heldBytes);
    this.#pending.cancel();
    asker.failed(new Error(reason));
  }
}

export type { OpenRequest };

interface GivenUp {
  readonly held: number;
  readonly atMs: number;
}

export class AdapterRequests {
  readonly limit: TimeLimit;
  readonly #clock: Clock;
  /** What was given up and is not settled, in the order of giving up. */
  readonly #givenUp = new Set<GivenUp>();
  #bytes = 0;
  /** Called when there is room. */
  readonly #waiting = new Set<() => void>();

  /** @param defer see `TimeLimit`. */
  constructor(timeoutMs: number, clock: Clock, defer?: (callback: () => void) => void) {
    this.limit = new TimeLimit(timeoutMs, clock, defer);
    this.#clock = clock;
  }

  /**
   * Asks the adapter, when there is room. An answer that is no promise passes through.
   * @param held what the request holds in memory.
   * @param context cancelled when the answer is no longer needed.
   */
  ask<T>(
    call: (pending: RequestContext) => T | PromiseLike<T>,
    held: number,
    context: RequestContext | undefined,
  ): T | Promise<T> {
    if (this.isFull) return this.#room(context).then(() => this.#ask(call, held, context));
    return this.#ask(call, held, context);
  }

  #ask<T>(
    call: (pending: RequestContext) => T | PromiseLike<T>,
    heldBytes: number,
    context: RequestContext | undefined,
  ): T | Promise<T> {
    const pending = new PendingRequest();
    const answer = call(pending);
    if (!isPromiseLike(answer)) return answer;
    return new Promise((resolve, reject) => {
      const release = (): void => context?.signal.removeEventListener('abort', giveUp);
      const answered = (value: T): void => {
        release();
        resolve(value);
      };
      const failed = (error: unknown): void => {
        release();
        reject(asError(error));
      };
      const request = this.waitFor(answer, pending, { heldBytes, answered, failed });
      const giveUp = (): void => {
        request.giveUp();
      };
      context?.signal.addEventListener('abort', giveUp);
    });
  }

  /**
   * Waits for the answer to a request that the adapter got with this context.
   * @returns the request, to give it up.
   */
  waitFor<T>(answer: PromiseLike<T>, pending: PendingRequest, asker: Asker<T>): OpenRequest<T> {
    const request = new OpenRequest(this, answer, pending, asker);
    this.limit.begin(request);
    return request;
  }

  /** Whether the adapter gets no request for now: only `ask` waits for room. */
  get isFull(): boolean {
    if (this.#givenUp.size < GIVEN_UP_MAX && this.#bytes < GIVEN_UP_BYTES_MAX) return false;
    const since = this.#clock.nowMs() - FORGOTTEN_AFTER_MS;
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
    return withTimeout(room, this.limit.ms, this.#clock, { context, givenUp: () => this.#waiting.delete(wait) });
  }

  /** A request was given up that holds so much. */
  gaveUp(held: number): GivenUp {
    const one = { held, atMs: this.#clock.nowMs() };
    this.#givenUp.add(one);
    this.#bytes += held;
    return one;
  }

  /** The adapter has done with a request that was given up. */
  settled(one: GivenUp): void {
    this.#forget(one);
    if (this.#waiting.size > 0 && !this.isFull) this.#goOn();
  }

  #forget(one: GivenUp): void {
    if (this.#givenUp.delete(one)) this.#bytes -= one.held;
  }

  #goOn(): void {
    for (const wait of this.#waiting) wait();
    this.#waiting.clear();
  }
}
