// The authenticators and authorizers of a broker as one part of its life.
import type { Authenticator, Authorizer } from '../ports/auth.js';
import { AdapterLife } from './adapter-life.js';
import type { AdapterLifeParts } from './adapter-life.js';
import type { Authentication } from './authentication.js';
import type { Authorization } from './authorization.js';

export interface AccessAdaptersParts extends AdapterLifeParts {
  readonly authentication: Authentication;
  readonly authorization: Authorization;
}

export class AccessAdapters extends AdapterLife {
  /** Each adapter once, however many listeners share it. */
  declare readonly all: readonly (Authenticator | Authorizer)[];
  readonly #authorization: Authorization;

  constructor({ authentication, authorization, ...parts }: AccessAdaptersParts) {
    super('authentication and authorization', [...authentication.all, ...authorization.authorizers], parts);
    this.#authorization = authorization;
  }

  /** Whether an authorizer cannot tell when its answers change. */
  get hasUnwatchedAuthorizer(): boolean {
    return this.#authorization.authorizers.some((authorizer) => authorizer.watch === undefined);
  }
}
