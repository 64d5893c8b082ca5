// Rules from the configuration itself: roles, and who has them. A client has the roles of its user name, then those of its client identifier, then
// those of everyone; the first rule that applies decides.
import { hasPlaceholder, expandRules } from 'hexmq/ports';
import type { AuthorizationRequest, Authorizer, Permissions } from 'hexmq/ports';
import { parseRules } from './parse.js';
import type { RoleRules } from './parse.js';

/** @throws Error naming every option that is wrong. */
export function createAuthorizer(options: Readonly<Record<string, unknown>>): Authorizer {
  return new RulesAuthorizer(parseRules(options));
}

class RulesAuthorizer implements Authorizer {
  readonly name = 'rules';
  /** By the names of the roles: who has the same shares what they come to, if nothing in it depends on the client. */
  readonly #shared = new Map<string, Permissions>();

  constructor(readonly book: RoleRules) {}

  authorize({ clientId, userName }: AuthorizationRequest): Permissions {
    const { roles, users, clients, everyone, defaultEffect } = this.book;
    const own = (userName === undefined ? undefined : users.get(userName)) ?? [];
    const names = [...new Set([...own, ...(clients.get(clientId) ?? []), ...everyone])];
    const key = JSON.stringify(names);
    const known = this.#shared.get(key);
    if (known !== undefined) return known;
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
