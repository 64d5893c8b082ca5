// One exchange of enhanced authentication (MQTT 5 section 4.12) on the side of the broker: from the first data of the
// client to the last answer of the authenticator, with bounds on how much a client can send. The authenticator's object
// for it is ended once, whatever happens. Failed attempts are counted as for passwords, by the user that the data
// names; a delay comes before the first answer leaves, because only the authenticator can read that name.
import type { AuthenticationResult, DenialReason } from '../domain/inputs.js';
import { AUTH_DATA_MAX_BYTES, AUTH_ROUNDS_MAX } from '../domain/limits.js';
import type { Authenticator, AuthorizationRequest, Exchange, ExchangeAnswer, ExchangeRequest } from '../ports/auth.js';
import { requireExchangeAnswer } from './answer-checks.js';
import { unavailable } from './authentication.js';
import type { LoginThrottle } from './login-throttle.js';
import { PendingRequest } from './pending-request.js';
import { isPromiseLike } from './timeout.js';

type Challenge = Extract<ExchangeAnswer, { readonly decision: 'continue' }>;
type Denial = { readonly decision: 'deny'; readonly reason: DenialReason; readonly detail: string };
type Outcome =
  Exclude<ExchangeAnswer, { readonly decision: 'deny' }> | (Denial & { readonly claimedUserName?: string });

/** @param authorized the authorization request of an admitted client, with which its permissions can be renewed. */
export type AdmissionCallback = (result: AuthenticationResult, authorized?: AuthorizationRequest) => void;

/** Either a challenge or the result of the exchange. */
export interface ExchangeCallbacks {
  readonly challenge: (data: Uint8Array | undefined) => void;
  readonly finish: AdmissionCallback;
}

export interface AuthenticationExchangeParts {
  /** The one that has the method; `undefined` if none has. */
  readonly authenticator: Authenticator | undefined;
  readonly throttle: LoginThrottle | undefined;
  readonly authorize: (
    accepted: Exclude<Outcome, Denial | Challenge>,
    callback: AdmissionCallback,
    pending: PendingRequest,
  ) => void;
}

export class AuthenticationExchange {
  readonly #parts: AuthenticationExchangeParts;
  readonly #pending = new PendingRequest();
  #exchange: Exchange | undefined;
  #rounds = 0;
  #isOver = false;
  /** What the data of the client says. */
  #claimedUserName: string | undefined;

  constructor(
    parts: AuthenticationExchangeParts,
    readonly request: ExchangeRequest,
  ) {
    this.#parts = parts;
  }

  /** Whether the answer is no longer needed. */
  get isCancelled(): boolean {
    return this.#pending.isCancelled;
  }

  /**
   * Asks the authenticator; calls back synchronously if it answers so. To be called again, after a challenge, with what
   * the client answers.
   */
  next(data: Uint8Array | undefined, callbacks: ExchangeCallbacks): void {
    const { authenticator } = this.#parts;
    if (authenticator?.exchange === undefined) {
      const detail = `no authenticator has the Authentication Method ${shown(this.request.authenticationMethod)}`;
      callbacks.finish({ decision: 'deny', reason: 'authentication-method-unknown', detail }); // [MQTT5-4.12.0-1]
      return;
    }
    this.#rounds++;
    const excess = this.#excess(data);
    const isFirst = this.#rounds === 1;
    const answered = (answer: unknown): void => {
      if (!this.isCancelled) this.#answered(this.#checked(authenticator, answer), isFirst, callbacks);
    };
    const failed = (error: unknown): void => {
      if (!this.isCancelled) this.#answered(unavailable(authenticator, error), isFirst, callbacks);
    };
    if (excess !== undefined) {
      this.#answered({ decision: 'deny', reason: 'not-authorized', detail: excess }, isFirst, callbacks);
      return;
    }
    let answer: ExchangeAnswer | PromiseLike<ExchangeAnswer>;
    try {
      this.#exchange ??= authenticator.exchange(this.request);
      answer = this.#exchange.next(data, this.#pending);
    } catch (error) {
      failed(error);
      return;
    }
    if (isPromiseLike(answer)) Promise.resolve(answer).then(answered, failed);
    else answered(answer);
  }

  /** The client has gone, or has taken too long: there is no callback any more. */
  cancel(): void {
    this.#pending.cancel();
    this.#end();
  }

  #excess(data: Uint8Array | undefined): string | undefined {
    if (data !== undefined && data.length > AUTH_DATA_MAX_BYTES)
      return `its Authentication Data takes more than ${AUTH_DATA_MAX_BYTES} bytes`;
    return this.#rounds > AUTH_ROUNDS_MAX ? `the exchange takes more than ${AUTH_ROUNDS_MAX} packets` : undefined;
  }

  #checked(authenticator: Authenticator, answer: unknown): Outcome {
    try {
      return requireExchangeAnswer(answer) as Outcome;
    } catch (error) {
      return unavailable(authenticator, error);
    }
  }

  #answered(outcome: Outcome, isFirst: boolean, callbacks: ExchangeCallbacks): void {
    if (outcome.decision !== 'allow') this.#claimedUserName = outcome.claimedUserName ?? this.#claimedUserName;
    else this.#claimedUserName ??= outcome.userName;
    const { throttle } = this.#parts;
    if (throttle === undefined || !isFirst) {
      this.#pass(outcome, callbacks);
      return;
    }
    throttle.delay(
      this.#login,
      (refusal) => {
        if (refusal === undefined) this.#pass(outcome, callbacks);
        else this.#finish({ decision: 'deny', reason: 'authentication-unavailable', detail: refusal }, callbacks);
      },
      this.#pending,
    );
  }

  #pass(outcome: Outcome, callbacks: ExchangeCallbacks): void {
    if (outcome.decision === 'continue') {
      callbacks.challenge(outcome.data);
      return;
    }
    const accepted = this.#asSameUser(outcome);
    this.#parts.throttle?.recordResult(this.#login, accepted);
    if (accepted.decision === 'deny') {
      this.#finish(accepted, callbacks);
      return;
    }
    this.#end();
    this.#parts.authorize(
      accepted,
      (result, asked) => {
        if (this.isCancelled) return;
        callbacks.finish(result.decision === 'allow' ? { ...result, data: accepted.data } : result, asked);
      },
      this.#pending,
    );
  }

  /** A session belongs to one user: a client that authenticates again stays who it is. */
  #asSameUser(outcome: Exclude<Outcome, Challenge>): Exclude<Outcome, Challenge> {
    const { isRenewal, userName } = this.request;
    if (!isRenewal || outcome.decision === 'deny' || outcome.userName === undefined || outcome.userName === userName)
      return outcome;
    return { decision: 'deny', reason: 'not-authorized', detail: 'it has authenticated as another user than before' };
  }

  #finish({ reason, detail }: Denial, callbacks: ExchangeCallbacks): void {
    this.#end();
    callbacks.finish({ decision: 'deny', reason, detail });
  }

  /** What failed attempts are counted by. */
  get #login(): ExchangeRequest {
    return { ...this.request, userName: this.#claimedUserName ?? this.request.userName };
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    try {
      this.#exchange?.end?.();
    } catch {
      // The exchange has its result, which no failure of the adapter changes now.
    }
  }
}

/** The name of a method is up to the client: 65,535 bytes. */
const shown = (method: string): string => JSON.stringify(method.length > 60 ? `${method.slice(0, 60)}…` : method);
