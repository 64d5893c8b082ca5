// Calls interceptors: those of one stage in order, each with what the one before it has left, with a time limit and a
// fallback. Answers that are there at once are returned; as soon as one is a promise, the verdict comes later.
import type { ConnectionId } from '../domain/identifiers.js';
import type {
  ClientView,
  DeliveryVerdict,
  Intercepted,
  RequestOf,
  Stage,
  VerdictOf,
} from '../domain/interception/verdict.js';
import type { Limits } from '../domain/limits.js';
import type { Message } from '../domain/messages/message.js';
import type { Settings } from '../domain/settings.js';
import type { Clock } from '../ports/clock.js';
import type { Interceptor } from '../ports/interceptor.js';
import type { LifecycleEvent } from '../ports/telemetry.js';
import type { RequestContext } from '../ports/auth.js';
import { ReasonCode } from '../protocol/reason-codes.js';
import { AdapterRequests } from './adapter-requests.js';
import type { Asker, OpenRequest } from './adapter-requests.js';
import type { EventLoop } from './event-loop.js';
import type { Link } from './link.js';
import { connectBytes } from './link-input.js';
import { PASS, passageOf } from './passage.js';
import type { Passage } from './passage.js';
import { PendingRequest } from './pending-request.js';
import { isPromiseLike, messageOf } from './timeout.js';
import { requireDeliveryVerdict, requireVerdict } from './verdict-checks.js';

const DEFAULT_TIMEOUT_MS = 5000;

/** What a request holds besides what a client has sent. */
const REQUEST_BYTES = 1024;

const METHODS = ['connect', 'publish', 'subscribe', 'unsubscribe', 'deliver'] as const satisfies (Stage | 'deliver')[];

export interface InterceptorsParts {
  readonly interceptors: readonly Interceptor[];
  readonly clock: Clock;
  readonly settings: Settings;
  /** Calls back when all present input has been handled. */
  readonly atEndOfTurn: (callback: () => void) => void;
  /** Gets the verdicts of requests that were not answered at once. */
  readonly loop: Pick<EventLoop, 'submit' | 'step'>;
  readonly links: ReadonlyMap<ConnectionId, Pick<Link, 'input'>>;
  readonly emit: (event: LifecycleEvent) => void;
}

interface Asked {
  readonly interceptor: Interceptor;
  readonly requests: AdapterRequests;
}

type Call = (request: never, client: ClientView, context: RequestContext) => unknown;

export class Interceptors {
  /** The stages that at least one interceptor has a method for. */
  readonly intercepted: Intercepted;
  readonly #parts: InterceptorsParts;
  readonly #stages: Readonly<Record<Stage, readonly Asked[]>>;
  readonly #delivering: readonly Interceptor[];
  readonly #pending = new Map<ConnectionId, Walk>();

  constructor(parts: InterceptorsParts) {
    this.#parts = parts;
    const all = parts.interceptors.map(requireInterceptor).map((interceptor) => ({
      interceptor,
      requests: new AdapterRequests(interceptor.timeoutMs ?? DEFAULT_TIMEOUT_MS, parts.clock, parts.atEndOfTurn),
    }));
    const having = (stage: Stage): Asked[] => all.filter(({ interceptor }) => interceptor[stage] !== undefined);
    const connect = having('connect');
    const publish = having('publish');
    const subscribe = having('subscribe');
    const unsubscribe = having('unsubscribe');
    this.#stages = { connect, publish, subscribe, unsubscribe };
    this.#delivering = parts.interceptors.filter((one) => one.deliver !== undefined);
    this.intercepted = {
      connect: connect.length > 0,
      publish: publish.length > 0,
      subscribe: subscribe.length > 0,
      unsubscribe: unsubscribe.length > 0,
      deliver: this.#delivering.length > 0,
    };
  }

  /** @returns the verdict, or `undefined` if it comes later. */
  ask<S extends Stage>(
    connection: ConnectionId,
    stage: S,
    request: RequestOf<S>,
    client: ClientView,
  ): VerdictOf<S> | undefined {
    const walk = new Walk(this, this.#stages[stage], connection, stage, request, client);
    if (walk.goOn()) return walk.verdict;
    this.#pending.set(connection, walk);
    return undefined;
  }

  /** The last interceptor has answered. */
  arrived({ connection, stage, verdict }: Walk): void {
    const { loop, links } = this.#parts;
    this.#pending.delete(connection);
    loop.submit(() => {
      const input = { kind: 'intercepted', connection, stage, verdict } as const;
      const link = links.get(connection);
      if (link === undefined) loop.step(input);
      else link.input.goOn(input);
    });
  }

  /** @returns the message as they leave it for the client, or why it is dropped. */
  deliver(message: Message, client: ClientView): Message | string {
    let shown = message;
    for (const interceptor of this.#delivering) {
      const verdict = this.#deliver(interceptor, shown, client);
      if (verdict.decision === 'drop') return verdict.reason;
      if (verdict.decision === 'replace') shown = { ...shown, ...verdict.with };
    }
    return shown;
  }

  #deliver(interceptor: Interceptor, message: Message, client: ClientView): DeliveryVerdict {
    const { topic, payload, qos, retain, properties, publisher } = message;
    try {
      const answer: unknown = interceptor.deliver?.({ topic, payload, qos, retain, properties, publisher }, client);
      return requireDeliveryVerdict(answer, this.#parts.settings.current);
    } catch (error) {
      const { decision } = this.failed(interceptor, 'deliver', client, error);
      return decision === 'pass' ? PASS : { decision: 'drop', reason: FAILED.reason };
    }
  }

  get limits(): Limits {
    return this.#parts.settings.current;
  }

  /** The verdict is no longer needed. */
  cancel(connection: ConnectionId): void {
    this.#pending.get(connection)?.cancel();
    this.#pending.delete(connection);
  }

  /** @returns what counts in place of the answer. */
  failed(
    interceptor: Interceptor,
    stage: Stage | 'deliver',
    { clientId }: ClientView,
    error: unknown,
  ): typeof PASS | typeof FAILED {
    const { name, onFailure: fallback = 'deny' } = interceptor;
    this.#parts.emit({
      kind: 'interceptor-failed',
      interceptor: name,
      packet: stage,
      clientId,
      error: messageOf(error),
      fallback,
    });
    return fallback === 'pass' ? PASS : FAILED;
  }
}

/** A packet on its way through the interceptors of its stage. */
class Walk implements Asker<unknown> {
  readonly #owner: Interceptors;
  readonly #interceptors: readonly Asked[];
  readonly #client: ClientView;
  readonly #passage: Passage<Stage>;
  /** The index of the interceptor whose turn it is. */
  #at = 0;
  /** Set while that one has not answered. */
  #request: OpenRequest<unknown> | undefined;
  /** Set while that one has no room for requests; cancelled if it is to get none. */
  #later: PendingRequest | undefined;
  #isCancelled = false;

  constructor(
    owner: Interceptors,
    interceptors: readonly Asked[],
    readonly connection: ConnectionId,
    readonly stage: Stage,
    request: RequestOf<Stage>,
    client: ClientView,
  ) {
    this.#owner = owner;
    this.#interceptors = interceptors;
    this.#client = client;
    this.#passage = passageOf(stage, request);
  }

  get verdict(): VerdictOf<Stage> {
    return this.#passage.verdict;
  }

  get heldBytes(): number {
    return REQUEST_BYTES + bytesOf(this.#passage.request);
  }

  /** Calls the interceptors from the present one on. @returns whether all of them have answered. */
  goOn(): boolean {
    const passage = this.#passage;
    const interceptors = this.#interceptors;
    while (this.#at < interceptors.length && !passage.isOver) {
      const verdict = this.#ask(interceptors[this.#at] as Asked);
      if (verdict === undefined) return false;
      passage.take(verdict);
      this.#at++;
    }
    return true;
  }

  answered(answer: unknown): void {
    if (this.#isCancelled) return;
    const asked = this.#interceptors[this.#at] as Asked;
    let verdict: VerdictOf<Stage>;
    try {
      verdict = this.#checked(answer);
    } catch (error) {
      verdict = this.#failed(asked, error);
    }
    this.#take(verdict);
  }

  failed(error: unknown): void {
    // The connection has ended: that is no failure, and the verdict is ignored.
    if (!this.#isCancelled) this.#take(this.#failed(this.#interceptors[this.#at] as Asked, error));
  }

  cancel(): void {
    this.#isCancelled = true;
    this.#request?.giveUp();
    this.#later?.cancel();
  }

  #take(verdict: VerdictOf<Stage>): void {
    this.#request = this.#later = undefined;
    this.#passage.take(verdict);
    this.#at++;
    if (this.goOn()) this.#owner.arrived(this);
  }

  /** @returns `undefined` if the answer comes later. */
  #ask(asked: Asked): VerdictOf<Stage> | undefined {
    const { requests } = asked;
    try {
      if (requests.isFull) {
        this.#askLater(asked);
        return undefined;
      }
      const pending = new PendingRequest();
      const answer = this.#call(asked, pending);
      if (!isPromiseLike(answer)) return this.#checked(answer);
      this.#request = requests.waitFor(answer, pending, this);
    } catch (error) {
      return this.#failed(asked, error);
    }
    return undefined;
  }

  /** When the interceptor has done with what was given up. */
  #askLater(asked: Asked): void {
    this.#later = new PendingRequest();
    const answer = asked.requests.ask((pending) => this.#call(asked, pending), this.heldBytes, this.#later);
    Promise.resolve(answer).then(
      (late) => {
        this.answered(late);
      },
      (error: unknown) => {
        this.failed(error);
      },
    );
  }

  #call({ interceptor }: Asked, context: RequestContext): unknown {
    return (interceptor[this.stage] as Call).call(interceptor, this.#passage.request as never, this.#client, context);
  }

  #checked(answer: unknown): VerdictOf<Stage> {
    return requireVerdict(this.stage, answer, this.#passage.request, this.#owner.limits);
  }

  #failed({ interceptor }: Asked, error: unknown): VerdictOf<Stage> {
    return this.#owner.failed(interceptor, this.stage, this.#client, error);
  }
}

const TIMEOUT_MAX_MS = 600_000;

/** @throws TypeError that names the interceptor, and what is wrong with it. */
export function requireInterceptor(interceptor: Interceptor): Interceptor {
  const { name, timeoutMs = DEFAULT_TIMEOUT_MS, onFailure = 'deny' } = interceptor;
  const fail = (what: string, value: unknown, expected: string): never => {
    throw new TypeError(`interceptor ${name}: ${what} is ${String(value)}, expected ${expected}`);
  };
  if (!Number.isInteger(timeoutMs) || timeoutMs < 1 || timeoutMs > TIMEOUT_MAX_MS)
    fail('timeoutMs', timeoutMs, `an integer from 1 to ${TIMEOUT_MAX_MS}`);
  if (!['deny', 'pass'].includes(onFailure)) fail('onFailure', onFailure, 'deny or pass');
  for (const stage of METHODS)
    if (!['function', 'undefined'].includes(typeof interceptor[stage]))
      fail(stage, typeof interceptor[stage], 'a function, or none');
  if (METHODS.every((stage) => interceptor[stage] === undefined))
    fail('every method', undefined, METHODS.join(', or '));
  return interceptor;
}

const FAILED = {
  decision: 'deny',
  reasonCode: ReasonCode.implementationSpecificError,
  reason: 'an interceptor failed',
} as const;

/** What a request holds that a client has chosen, in bytes: views keep alive the chunk that they arrived in. */
function bytesOf(request: RequestOf<Stage>): number {
  if ('payload' in request) return request.payload.buffer.byteLength + 2 * request.topic.length;
  if ('clientId' in request) return connectBytes(request);
  if ('topicFilters' in request) return request.topicFilters.reduce((sum, { length }) => sum + 2 * length, 0);
  return request.subscriptions.reduce((sum, { topicFilter }) => sum + 2 * topicFilter.length, 0);
}
