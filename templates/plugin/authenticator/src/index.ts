// Accepts the users that its options name.
import { timingSafeEqual } from 'node:crypto';
import { ContainerModule, definePlugin } from 'hexmq/plugin';
import { Authenticator, OptionReader } from 'hexmq/ports';
import type { AuthenticationRequest, AuthenticatorAnswer } from 'hexmq/ports';

interface Options {
  readonly passwords: ReadonlyMap<string, string>;
}

export class Users implements Authenticator {
  readonly name = 'example-plugin';

  constructor(private readonly options: Options) {}

  authenticate({ userName, password }: AuthenticationRequest): AuthenticatorAnswer {
    const expected = userName === undefined ? undefined : this.options.passwords.get(userName);
    // Another authenticator may know this user.
    if (expected === undefined) return { decision: 'abstain' };
    if (password !== undefined && isSame(password, Buffer.from(expected))) return { decision: 'allow' };
    return { decision: 'deny', reason: 'bad-credentials', detail: 'wrong password' };
  }
}

const isSame = (one: Uint8Array, other: Uint8Array): boolean =>
  one.length === other.length && timingSafeEqual(one, other);

export default definePlugin<Options>({
  name: 'example-plugin',
  version: '0.1.0',
  api: 1,
  provides: [Authenticator],
  options: (given) => {
    const reader = new OptionReader(given);
    const users = reader.mapping('users');
    const passwords = new Map(users.keys.map((name) => [name, users.requireSecret(name)]));
    users.rejectUnknown();
    reader.rejectUnknown();
    return { passwords };
  },
  module: (options) =>
    new ContainerModule(({ bind }) => {
      bind(Authenticator).toConstantValue(new Users(options));
    }),
});
