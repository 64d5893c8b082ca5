// Makes what the credentials say that a client may do into its rules, so that others' rules can stand before or behind them. Where the credentials
// say nothing it has no rule.
import type { Authorizer, Permissions } from 'hexmq/ports';

const NO_RULES: Permissions = { kind: 'rules', rules: [] };

export function createAuthorizer(): Authorizer {
  return { name: 'credentials', authorize: ({ permissions }) => permissions ?? NO_RULES };
}
