// The chain of authenticators: the first that does not abstain decides. If none decides, or one fails, the client is
// refused. A listener may have a chain of its own.
import type { AuthenticationRequest } from '../domain/effects.js';
import type { DenialReason } from '../domain/inputs.js';
import type { Authenticator, AuthenticatorAnswer } from '../ports/auth.js';
import { requireAnswer } from './answer-checks.js';
import type { PendingRequest } from './pending-request.js';
import { isPromiseLike, messageOf } from './timeout.js';

export type AuthenticationOutcome =
  | Extract<AuthenticatorAnswer, { readonly decision: 'allow' }>
  | { readonly decision: 'deny'; readonly reason: DenialReason; readonly detail: string };

const ALL_ABSTAINED: AuthenticationOutcome = {
  decision: 'deny',
  reason: 'not-authorized',
  detail: 'no authenticator knows this client',
};

/** One request on its way along the chain. */
interface ChainRequest {
  readonly chain: readonly Authenticator[];
  readonly request: AuthenticationRequest;
  readonly callback: (outcome: AuthenticationOutcome) => void;
  readonly pending: PendingRequest | undefined;
}

export class Authentication {
  constructor(
    readonly authenticators: readonly Authenticator[],
    /** The chains of listeners that have their own, by the listener's name. They replace the one above. */
    readonly perListener: ReadonlyMap<string, readonly Authenticator[]> = new Map(),
  ) {}

  /** Every authenticator of the broker, once. */
  get all(): ReadonlySet<Authenticator> {
    return new Set([this.authenticators, ...this.perListener.values()].flat());
  }

  /** Calls back synchronously if every authenticator answers synchronously, and never once `pending` is cancelled. */
  authenticate(
    request: AuthenticationRequest,
    callback: (outcome: AuthenticationOutcome) => void,
    pending?: PendingRequest,
  ): void {
    const chain = this.#chainOf(request);
    this.#callFrom(0, { chain, request, callback, pending });
  }

  /** The first authenticator of the client's chain that has the Authentication Method. */
  withMethod(request: AuthenticationRequest): Authenticator | undefined {
    const { authenticationMethod } = request;
    return this.#chainOf(request).find(
      ({ methods }) => authenticationMethod !== undefined && methods?.includes(authenticationMethod) === true,
    );
  }

  /**
   * Whether an authenticator of the chain remembers that this password is right for this user; `undefined` if none
   * could compare it.
   */
  remembers(request: AuthenticationRequest): boolean | undefined {
    // The password of a client with an Authentication Method does not decide.
    if (request.authenticationMethod !== undefined) return undefined;
    let compared: boolean | undefined;
    for (const authenticator of this.#chainOf(request)) {
      let one: unknown;
      try {
        one = authenticator.remembers?.(request);
      } catch {
        // The authenticator reports what is wrong when it has to decide.
      }
      if (one === true) return true;
      if (one === false) compared = false;
    }
    return compared;
  }

  #chainOf({ listener }: AuthenticationRequest): readonly Authenticator[] {
    return this.perListener.get(listener) ?? this.authenticators;
  }

  #callFrom(index: number, chainRequest: ChainRequest): void {
    const { chain, request, callback, pending } = chainRequest;
    for (let i = index; i < chain.length; i++) {
      if (pending?.isCancelled === true) return;
      const authenticator = chain[i] as Authenticator;
      let answer: AuthenticatorAnswer | PromiseLike<AuthenticatorAnswer>;
      try {
        answer = authenticator.authenticate(request, pending);
      } catch (error) {
        callback(unavailable(authenticator, error));
        return;
      }
      if (isPromiseLike(answer)) {
        Promise.resolve(answer).then(
          (later) => {
            if (pending?.isCancelled === true) return;
            const outcome = outcomeOf(authenticator, later);
            if (outcome === undefined) this.#callFrom(i + 1, chainRequest);
            else callback(outcome);
          },
          (error: unknown) => {
            if (pending?.isCancelled !== true) callback(unavailable(authenticator, error));
          },
        );
        return;
      }
      const outcome = outcomeOf(authenticator, answer);
      if (outcome !== undefined) {
        callback(outcome);
        return;
      }
    }
    callback(ALL_ABSTAINED);
  }
}

/** `undefined` for an abstention. An invalid answer is a failure, so that a bug in an adapter admits no client. */
function outcomeOf(authenticator: Authenticator, answer: unknown): AuthenticationOutcome | undefined {
  let valid: AuthenticatorAnswer;
  try {
    valid = requireAnswer(answer);
  } catch (error) {
    return unavailable(authenticator, error);
  }
  return valid.decision === 'abstain' ? undefined : valid;
}

export function unavailable(
  authenticator: Pick<Authenticator, 'name'>,
  error: unknown,
): Extract<AuthenticationOutcome, { readonly decision: 'deny' }> {
  return {
    decision: 'deny',
    reason: 'authentication-unavailable',
    detail: `${authenticator.name}: ${messageOf(error)}`,
  };
}
