// The authorizer that asks an HTTP service, once for each connection.
import { readPermissions } from 'hexmq/ports';
import type { AuthorizationRequest, Authorizer, Permissions, RequestContext } from 'hexmq/ports';
import type { CachedLookup } from './cached-lookup.js';

const NO_RULES: Permissions = { kind: 'rules', rules: [] };
const DENY_ALL: Permissions = { kind: 'rules', rules: [], defaultEffect: 'deny' };

export class HttpAuthorizer implements Authorizer {
  readonly name = 'http';
  readonly #lookup: CachedLookup;

  constructor(lookup: CachedLookup) {
    this.#lookup = lookup;
  }

  async authorize(request: AuthorizationRequest, context?: RequestContext): Promise<Permissions> {
    const answer = await this.#lookup.find(request, context?.signal);
    switch (answer.result) {
      case 'ignore':
        return NO_RULES;
      case 'deny':
        return DENY_ALL;
      case 'allow':
        // A bare "allow" must not be taken to mean that everything is permitted.
        if (answer.permissions === undefined)
          throw new Error('the service answered allow without permissions, expected permissions, or ignore');
        return readPermissions(answer.permissions, request, 'http');
    }
  }

  reload(): Promise<void> {
    return this.#lookup.reload();
  }
}
