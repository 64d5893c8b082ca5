// The authenticator that asks an HTTP service.
import { readPermissions } from 'hexmq/ports';
import type { RequestContext, AuthenticationRequest, Authenticator, AuthenticatorAnswer, Clock } from 'hexmq/ports';
import type { Answer } from './answer.js';
import type { CachedLookup } from './cached-lookup.js';
import { UnencodableError } from './request-template.js';

export class HttpAuthenticator implements Authenticator {
  readonly name = 'http';
  readonly #lookup: CachedLookup;
  readonly #clock: Clock;

  constructor(lookup: CachedLookup, clock: Clock) {
    this.#lookup = lookup;
    this.#clock = clock;
  }

  async authenticate(request: AuthenticationRequest, context?: RequestContext): Promise<AuthenticatorAnswer> {
    let answer: Answer;
    try {
      answer = await this.#lookup.find(request, context?.signal);
    } catch (error) {
      if (error instanceof UnencodableError)
        return { decision: 'deny', reason: 'bad-credentials', detail: error.message };
      throw error;
    }
    switch (answer.result) {
      case 'ignore':
        return { decision: 'abstain' };
      case 'deny':
        return { decision: 'deny', reason: answer.reason, detail: 'the service denies it' };
      case 'allow':
        return this.#allow(answer, request);
    }
  }

  reload(): Promise<void> {
    return this.#lookup.reload();
  }

  #allow(
    { userName, permissions, expiresAtMs }: Extract<Answer, { result: 'allow' }>,
    request: AuthenticationRequest,
  ): AuthenticatorAnswer {
    if (expiresAtMs !== undefined && expiresAtMs <= this.#clock.wallMs())
      return { decision: 'deny', reason: 'bad-credentials', detail: 'the credentials have expired' };
    const allowed = { decision: 'allow', userName, expiresAtMs } as const;
    if (permissions === undefined) return allowed;
    try {
      return {
        ...allowed,
        permissions: readPermissions(
          permissions,
          { clientId: request.clientId, userName: userName ?? request.userName },
          'http',
        ),
      };
    } catch (error) {
      return {
        decision: 'deny',
        reason: 'not-authorized',
        detail: `permissions in the answer of the service: ${(error as Error).message}`,
      };
    }
  }
}
