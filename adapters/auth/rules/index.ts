// The adapter `rules`: roles from the configuration itself. A client has the roles of its user name, then those of its
// Client Identifier, then those of `everyone`; the first rule that applies decides.
import { hasPlaceholder, expandRules } from 'hexmq/ports';
import type { AuthorizationRequest, Authorizer, Permissions } from 'hexmq/ports';
import { parseRules } from './parse.js';
import type { RoleRules } from './parse.js';

/** @throws Error that names every invalid option. */
export function createAuthorizer(options: Readonly<Record<string, unknown>>): Authorizer {
  return new RulesAuthorizer(parseRules(options));
}

class RulesAuthorizer implements Authorizer {
  readonly name = 'rules';
  /** By role names: clients with the same roles get the same object, unless a rule depends on the client's names. */
  readonly #shared = new Map<string, Permissions>();

  constructor(readonly config: RoleRules) {}

  authorize({ clientId, userName }: AuthorizationRequest): Permissions {
    const { roles, users, clients, everyone, defaultEffect } = this.config;
    const own = (userName === undefined ? undefined : users.get(userName)) ?? [];
    const names = [...new Set([...own, ...(clients.get(clientId) ?? []), ...everyone])];
    const key = JSON.stringify(names);
    const shared = this.#shared.get(key);
    if (shared !== undefined) return shared;
    const rules = names.flatMap((name) => roles.get(name) ?? []);
    if (rules.some(({ topicFilter }) => hasPlaceholder(topicFilter))) {
      const expanded = expandRules(rules, { clientId, userName });
      return { ...expanded, defaultEffect: expanded.defaultEffect ?? defaultEffect };
    }
    const permissions: Permissions = { kind: 'rules', rules, defaultEffect };
    this.#shared.set(key, permissions);
    return permissions;
  }
}
