// The adapter `credentials`: turns what the credentials permit into rules, so that the rules of other authorizers can
// take precedence over them or follow them. It has no rule for a client whose credentials say nothing.
import type { Authorizer, Permissions } from 'hexmq/ports';

const NO_RULES: Permissions = { kind: 'rules', rules: [] };

export function createAuthorizer(): Authorizer {
  return { name: 'credentials', authorize: ({ permissions }) => permissions ?? NO_RULES };
}
