// What a client may do, as a service says that is asked over HTTP, once for each connection.
import { readPermissions } from 'hexmq/ports';
import type { AuthorizationRequest, Authorizer, Permissions } from 'hexmq/ports';
import type { CachedLookup } from './cached-lookup.js';

const NO_RULES: Permissions = { kind: 'rules', rules: [] };
const NOTHING: Permissions = { kind: 'rules', rules: [], defaultEffect: 'deny' };

export class HttpAuthorizer implements Authorizer {
  readonly name = 'http';
  readonly #inquiry: CachedLookup;

  constructor(inquiry: CachedLookup) {
    this.#inquiry = inquiry;
  }

  async authorize(request: AuthorizationRequest): Promise<Permissions> {
    const answer = await this.#inquiry.find(request);
    switch (answer.result) {
      case 'ignore':
        return NO_RULES;
      case 'deny':
        return NOTHING;
      case 'allow':
        // That it may do everything would be too much to conclude from a bare yes.
        if (answer.permissions === undefined)
          throw new Error('the service allows, without permissions; expected permissions, or ignore');
        return readPermissions(answer.permissions, request, 'http');
    }
  }

  reload(): Promise<void> {
    return this.#inquiry.reload();
  }
}
