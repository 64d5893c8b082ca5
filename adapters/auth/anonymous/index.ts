// Admits everyone and lets everyone do everything. It asks nothing and abstains never, so it belongs last in the list.
import type { Authenticator, AuthenticatorAnswer } from 'hexmq/ports';

const EVERYONE: AuthenticatorAnswer = { decision: 'allow', permissions: { kind: 'allow-all' } };

export function createAuthenticator(): Authenticator {
  return { name: 'anonymous', authenticate: () => EVERYONE };
}
