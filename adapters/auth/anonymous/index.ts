// The adapter `anonymous`: lets every client in and permits everything. It never abstains, so it belongs last in a
// list.
import type { Authenticator, AuthenticatorAnswer } from 'hexmq/ports';

const ALLOW: AuthenticatorAnswer = { decision: 'allow', permissions: { kind: 'allow-all' } };

export function createAuthenticator(): Authenticator {
  return { name: 'anonymous', authenticate: () => ALLOW };
}
