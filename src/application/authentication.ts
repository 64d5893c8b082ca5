// Asks the authenticators in their order: the first that does not abstain decides. Nobody deciding is a refusal, and so is a failure. Which list
// is asked is the listener's to say, where it has one of its own.
import type { AuthenticationRequest } from '../domain/effects.js';
import type { DenialReason } from '../domain/inputs.js';
import type { Authenticator, AuthenticatorAnswer } from '../ports/auth.js';
import type { Question } from './question.js';
import { isPromiseLike, messageOf } from './time-limit.js';

export type Authenticated =
  | Extract<AuthenticatorAnswer, { readonly decision: 'allow' }>
  | { readonly decision: 'deny'; readonly reason: DenialReason; readonly detail: string };

const NOBODY: Authenticated = {
  decision: 'deny',
  reason: 'not-authorized',
  detail: 'no authenticator knows this client',
};

/** A question on its way along its list. */
interface Inquiry {
  readonly chain: readonly Authenticator[];
  readonly request: AuthenticationRequest;
  readonly answer: (result: Authenticated) => void;
  readonly asking: Question | undefined;
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

  /** Answers at once where all that are asked do, and not at all once `asking` is abandoned. */
  authenticate(request: AuthenticationRequest, answer: (result: Authenticated) => void, asking?: Question): void {
    this.#ask(0, { chain: this.ofListeners.get(request.listener) ?? this.authenticators, request, answer, asking });
  }

  #ask(at: number, inquiry: Inquiry): void {
    const { chain, request, answer, asking } = inquiry;
    for (let i = at; i < chain.length; i++) {
      if (asking?.isAbandoned === true) return;
      const authenticator = chain[i] as Authenticator;
      let given: AuthenticatorAnswer | PromiseLike<AuthenticatorAnswer>;
      try {
        given = authenticator.authenticate(request, asking);
      } catch (error) {
        answer(unavailable(authenticator, error));
        return;
      }
      if (isPromiseLike(given)) {
        given.then(
          (later) => {
            if (asking?.isAbandoned === true) return;
            const decided = decision(authenticator, later);
            if (decided === undefined) this.#ask(i + 1, inquiry);
            else answer(decided);
          },
          (error: unknown) => {
            if (asking?.isAbandoned !== true) answer(unavailable(authenticator, error));
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
function decision(authenticator: Authenticator, given: AuthenticatorAnswer | undefined): Authenticated | undefined {
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

function unavailable(authenticator: Authenticator, error: unknown): Authenticated {
  return {
    decision: 'deny',
    reason: 'authentication-unavailable',
    detail: `${authenticator.name}: ${messageOf(error)}`,
  };
}
