// Asks the authenticators in their order: the first that does not abstain decides. Nobody deciding is a refusal, and so is a failure. Which list
// is asked is the listener's to say, where it has one of its own.
import type { AuthenticationRequest } from '../domain/effects.js';
import type { DenialReason } from '../domain/inputs.js';
import type { Authenticator, AuthenticatorAnswer } from '../ports/auth.js';
import type { PendingRequest } from './pending-request.js';
import { isPromiseLike, messageOf } from './timeout.js';

export type AuthenticationOutcome =
  | Extract<AuthenticatorAnswer, { readonly decision: 'allow' }>
  | { readonly decision: 'deny'; readonly reason: DenialReason; readonly detail: string };

const NOBODY: AuthenticationOutcome = {
  decision: 'deny',
  reason: 'not-authorized',
  detail: 'no authenticator knows this client',
};

/** A question on its way along its list. */
interface Inquiry {
  readonly chain: readonly Authenticator[];
  readonly request: AuthenticationRequest;
  readonly answer: (result: AuthenticationOutcome) => void;
  readonly pending: PendingRequest | undefined;
}

export class Authentication {
  constructor(
    readonly authenticators: readonly Authenticator[],
    /** By the name of the listener, instead of those above. */
    readonly ofListeners: ReadonlyMap<string, readonly Authenticator[]> = new Map(),
  ) {}

  /** Every authenticator of the broker, once. */
  get all(): ReadonlySet<Authenticator> {
    return new Set([this.authenticators, ...this.ofListeners.values()].flat());
  }

  /** Answers at once where all that are asked do, and not at all once `pending` is abandoned. */
  authenticate(
    request: AuthenticationRequest,
    answer: (result: AuthenticationOutcome) => void,
    pending?: PendingRequest,
  ): void {
    this.#ask(0, { chain: this.ofListeners.get(request.listener) ?? this.authenticators, request, answer, pending });
  }

  #ask(at: number, inquiry: Inquiry): void {
    const { chain, request, answer, pending } = inquiry;
    for (let i = at; i < chain.length; i++) {
      if (pending?.isCancelled === true) return;
      const authenticator = chain[i] as Authenticator;
      let given: AuthenticatorAnswer | PromiseLike<AuthenticatorAnswer>;
      try {
        given = authenticator.authenticate(request, pending);
      } catch (error) {
        answer(unavailable(authenticator, error));
        return;
      }
      if (isPromiseLike(given)) {
        given.then(
          (later) => {
            if (pending?.isCancelled === true) return;
            const decided = decision(authenticator, later);
            if (decided === undefined) this.#ask(i + 1, inquiry);
            else answer(decided);
          },
          (error: unknown) => {
            if (pending?.isCancelled !== true) answer(unavailable(authenticator, error));
          },
        );
        return;
      }
      const decided = decision(authenticator, given);
      if (decided !== undefined) {
        answer(decided);
        return;
      }
    }
    answer(NOBODY);
  }
}

/** `undefined`: it abstains. Whatever is no answer at all is a failure: nobody comes in by an adapter's mistake. */
function decision(
  authenticator: Authenticator,
  given: AuthenticatorAnswer | undefined,
): AuthenticationOutcome | undefined {
  switch (given?.decision) {
    case 'allow':
    case 'deny':
      return given;
    case 'abstain':
      return undefined;
    case undefined:
  }
  return unavailable(authenticator, new Error('its answer was neither allow, deny nor abstain'));
}

function unavailable(authenticator: Authenticator, error: unknown): AuthenticationOutcome {
  return {
    decision: 'deny',
    reason: 'authentication-unavailable',
    detail: `${authenticator.name}: ${messageOf(error)}`,
  };
}
