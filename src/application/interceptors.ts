// Calls interceptors: those of one stage in order, each with what the one before it has left, with a time limit and a
// fallback. Answers that are there at once are returned; as soon as one is a promise, the verdict comes later.
import type { ConnectionId } from '../domain/identifiers.js';
import { isDenial } from '../domain/interception/verdict.js';
import type {
  ClientView,
  DeliveryVerdict,
  Denial,
  Intercepted,
  RequestOf,
  Stage,
  VerdictOf,
} from '../domain/interception/verdict.js';
import type { Message } from '../domain/messages/message.js';
import type { Settings } from '../domain/settings.js';
import type { Clock } from '../ports/clock.js';
import type { Interceptor } from '../ports/interceptor.js';
import type { LifecycleEvent } from '../ports/telemetry.js';
import type { RequestContext } from '../ports/auth.js';
import { ReasonCode } from '../protocol/reason-codes.js';
import { AdapterRequests } from './adapter-requests.js';
import { connectBytes } from './link-input.js';
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
  readonly emit: (event: LifecycleEvent) => void;
  /** The verdict of a request that was not answered at once. */
  readonly answered: (connection: ConnectionId, stage: Stage, verdict: VerdictOf<Stage>) => void;
}

interface Timed {
  readonly interceptor: Interceptor;
  readonly requests: AdapterRequests;
}

type Call = (request: never, client: ClientView, context: RequestContext) => unknown;

export class Interceptors {
  /** The stages that at least one interceptor has a method for. */
  readonly intercepted: Intercepted;
  readonly #parts: InterceptorsParts;
  readonly #stages: Readonly<Record<Stage, readonly Timed[]>>;
  readonly #delivering: readonly Interceptor[];
  readonly #pending = new Map<ConnectionId, PendingRequest>();

  constructor(parts: InterceptorsParts) {
    this.#parts = parts;
    const all = parts.interceptors.map(requireInterceptor).map((interceptor) => ({
      interceptor,
      requests: new AdapterRequests(interceptor.timeoutMs ?? DEFAULT_TIMEOUT_MS, parts.clock),
    }));
    const having = (stage: Stage): Timed[] => all.filter(({ interceptor }) => interceptor[stage] !== undefined);
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

  /** @returns the verdict, or `undefined` if `answered` gets it later. */
  ask<S extends Stage>(
    connection: ConnectionId,
    stage: S,
    request: RequestOf<S>,
    client: ClientView,
  ): VerdictOf<S> | undefined {
    const pending = new PendingRequest();
    const verdict = this.#from(0, stage, passageOf(stage, request), client, pending);
    if (!isPromiseLike(verdict)) return verdict;
    this.#pending.set(connection, pending);
    void verdict.then((late) => {
      if (pending.isCancelled) return;
      this.#pending.delete(connection);
      this.#parts.answered(connection, stage, late);
    });
    return undefined;
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
      const { decision } = this.#failed(interceptor, 'deliver', client, error);
      return decision === 'pass' ? PASS : { decision: 'drop', reason: FAILED.reason };
    }
  }

  /** The verdict is no longer needed. */
  cancel(connection: ConnectionId): void {
    this.#pending.get(connection)?.cancel();
    this.#pending.delete(connection);
  }

  /** Calls the interceptors from this one on. */
  #from<S extends Stage>(
    index: number,
    stage: S,
    passage: Passage<S>,
    client: ClientView,
    context: PendingRequest,
  ): VerdictOf<S> | Promise<VerdictOf<S>> {
    const interceptors = this.#stages[stage];
    for (let at = index; at < interceptors.length && !passage.isOver; at++) {
      const timed = interceptors[at] as Timed;
      const verdict = this.#ask(timed, stage, passage.request, client, context);
      if (isPromiseLike(verdict))
        return verdict.then((late) => {
          passage.take(late);
          return this.#from(at + 1, stage, passage, client, context);
        });
      passage.take(verdict);
    }
    return passage.verdict;
  }

  #ask<S extends Stage>(
    { interceptor, requests }: Timed,
    stage: S,
    request: RequestOf<S>,
    client: ClientView,
    context: PendingRequest,
  ): VerdictOf<S> | Promise<VerdictOf<S>> {
    const call = interceptor[stage] as Call;
    const check = (answer: unknown): VerdictOf<S> =>
      requireVerdict(stage, answer, request, this.#parts.settings.current);
    try {
      const answer = requests.ask(
        (pending) => call.call(interceptor, request as never, client, pending),
        REQUEST_BYTES + bytesOf(request),
        context,
      );
      if (!isPromiseLike(answer)) return check(answer);
      return (
        Promise.resolve(answer)
          .then(check)
          // The connection has ended: that is no failure, and the verdict is ignored.
          .catch((error: unknown) =>
            context.isCancelled ? (PASS as VerdictOf<S>) : this.#failed(interceptor, stage, client, error),
          )
      );
    } catch (error) {
      return this.#failed(interceptor, stage, client, error);
    }
  }

  #failed<S extends Stage>(
    interceptor: Interceptor,
    stage: S | 'deliver',
    { clientId }: ClientView,
    error: unknown,
  ): VerdictOf<S> {
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

const TIMEOUT_MAX_MS = 600_000;

/** @throws TypeError that names the interceptor, and what is wrong with it. */
function requireInterceptor(interceptor: Interceptor): Interceptor {
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

const PASS = { decision: 'pass' } as const;
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

/** What the next interceptor is shown, and what those before it have decided. */
interface Passage<S extends Stage> {
  readonly request: RequestOf<S>;
  readonly isOver: boolean;
  readonly verdict: VerdictOf<S>;
  take(verdict: VerdictOf<S>): void;
}

function passageOf<S extends Stage>(stage: S, request: RequestOf<S>): Passage<S> {
  const passage =
    stage === 'subscribe' || stage === 'unsubscribe'
      ? new ListPassage(request as RequestOf<'subscribe' | 'unsubscribe'>)
      : new PacketPassage(request as RequestOf<'connect' | 'publish'>);
  return passage;
}

type PacketStage = 'connect' | 'publish';

/** Of what passes as a whole. */
class PacketPassage {
  isOver = false;
  verdict: VerdictOf<PacketStage> = PASS;

  constructor(public request: RequestOf<PacketStage>) {}

  take(verdict: VerdictOf<PacketStage>): void {
    if (verdict.decision === 'pass') return;
    this.verdict = verdict;
    if (verdict.decision === 'replace') this.request = { ...this.request, ...verdict.with };
    else this.isOver = true;
  }
}

type Entry = RequestOf<'subscribe'>['subscriptions'][number] | string;

/** Of a list in which some entries may be denied: the next interceptor is shown the others. */
class ListPassage {
  isOver = false;
  #entries: (Entry | Denial)[] | undefined;
  #denial: VerdictOf<'subscribe'> | undefined;

  constructor(public request: RequestOf<'subscribe'> | RequestOf<'unsubscribe'>) {}

  get verdict(): VerdictOf<'subscribe'> | VerdictOf<'unsubscribe'> {
    if (this.#denial !== undefined) return this.#denial;
    return this.#entries === undefined
      ? PASS
      : ({ decision: 'replace', with: this.#entries } as VerdictOf<'subscribe'>);
  }

  take(verdict: VerdictOf<'subscribe'> | VerdictOf<'unsubscribe'>): void {
    if (verdict.decision === 'pass') return;
    if (verdict.decision === 'deny' && this.#entries === undefined) {
      this.#denial = verdict;
      this.isOver = true;
      return;
    }
    const { request } = this;
    const shown: readonly Entry[] = 'subscriptions' in request ? request.subscriptions : request.topicFilters;
    const judged: readonly (Entry | Denial)[] =
      verdict.decision === 'replace' ? verdict.with : shown.map(() => ({ ...verdict }));
    let next = 0;
    this.#entries = (this.#entries ?? [...shown]).map((entry) =>
      isDenial(entry) ? entry : (judged[next++] as Entry | Denial),
    );
    const left = this.#entries.filter((entry): entry is Entry => !isDenial(entry));
    this.isOver = left.length === 0;
    this.request = (
      'subscriptions' in request ? { ...request, subscriptions: left } : { ...request, topicFilters: left }
    ) as typeof request;
  }
}
