// Asks the authenticators in their order: the first that does not abstain decides. Nobody deciding is a refusal, and so is a failure.
import type { AuthenticationRequest } from '../domain/effects.js';
import type { DenialReason } from '../domain/events.js';
import type { Authenticator, AuthenticatorAnswer } from '../ports/auth.js';

export type Authenticated =
  | Extract<AuthenticatorAnswer, { readonly decision: 'allow' }>
  | { readonly decision: 'deny'; readonly reason: DenialReason; readonly detail: string };

const NOBODY: Authenticated = { decision: 'deny', reason: 'not-authorized', detail: 'no authenticator knows this client' };

export class Authentication {
  constructor(readonly authenticators: readonly Authenticator[]) {}

  /** Answers at once where all that are asked do. */
  authenticate(request: AuthenticationRequest, answer: (result: Authenticated) => void): void {
    this.#ask(0, request, answer);
  }

  #ask(at: number, request: AuthenticationRequest, answer: (result: Authenticated) => void): void {
    for (let i = at; i < this.authenticators.length; i++) {
      const authenticator = this.authenticators[i] as Authenticator;
      let given: AuthenticatorAnswer | Promise<AuthenticatorAnswer>;
      try {
        given = authenticator.authenticate(request);
      } catch (error) {
        answer(unavailable(authenticator, error));
        return;
      }
      if (given instanceof Promise) {
        given.then(
          (later) => {
            if (later.decision === 'abstain') this.#ask(i + 1, request, answer);
            else answer(later);
          },
          (error: unknown) => {
            answer(unavailable(authenticator, error));
          },
        );
        return;
      }
      if (given.decision !== 'abstain') {
        answer(given);
        return;
      }
    }
    answer(NOBODY);
  }
}

function unavailable(authenticator: Authenticator, error: unknown): Authenticated {
  const detail = `${authenticator.name}: ${error instanceof Error ? error.message : String(error)}`;
  return { decision: 'deny', reason: 'authentication-unavailable', detail };
}
