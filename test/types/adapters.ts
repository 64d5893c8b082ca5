// Type tests of `hexmq/ports` and `hexmq/testkit`, as authors of adapters use them: `npm run check:types` compiles
// them, and a line under @ts-expect-error has to be refused. They are not run.
import { Clock, ReasonCode, Storage, StorageError } from 'hexmq/ports';
import type {
  Authenticator,
  AuthenticatorAnswer,
  Authorizer,
  Change,
  ClientView,
  DeliveryVerdict,
  Interceptor,
  Permissions,
  PublishRequest,
  StorageTraits,
  Timer,
  VerdictOf,
} from 'hexmq/ports';
import { describeFailure, FaultyStorage, runSeed, SeededRandom, storageContract, VirtualClock } from 'hexmq/testkit';
import type { Outcome, StorageFactory } from 'hexmq/testkit';
import { createStorage } from 'hexmq/adapters/storage/memory';
import { expectType } from './equal.js';
import type { Equal } from './equal.js';

// The smallest adapter of each kind.
export const anonymous: Authenticator = { name: 'anonymous', authenticate: () => ({ decision: 'allow' }) };
export const later: Authenticator = {
  name: 'later',
  authenticate: async ({ userName }): Promise<AuthenticatorAnswer> =>
    Promise.resolve(userName === undefined ? { decision: 'abstain' } : { decision: 'allow', userName }),
};
export const everything: Authorizer = { name: 'everything', authorize: () => ({ kind: 'allow-all' }) };
export const nothing: Interceptor = { name: 'nothing' };
expectType<Equal<typeof anonymous.name, string>>();

// @ts-expect-error a decision that does not exist
export const wrong: Authenticator = { name: 'wrong', authenticate: () => ({ decision: 'maybe' }) };
// @ts-expect-error a refusal has a reason
export const mute: Authenticator = { name: 'mute', authenticate: () => ({ decision: 'deny' }) };
// @ts-expect-error rules are a list
export const rules: Permissions = { kind: 'rules', rules: 'all' };

// An interceptor answers with what its stage allows, at once or with a promise.
export const json: Interceptor = {
  name: 'json',
  publish(message, client) {
    expectType<Equal<typeof message, PublishRequest>>();
    expectType<Equal<typeof client, ClientView>>();
    expectType<Equal<typeof client.protocolVersion, 3 | 4 | 5>>();
    if (message.payload.length > 10)
      return { decision: 'deny', reasonCode: ReasonCode.payloadFormatInvalid, reason: 'too long' };
    return client.userName === undefined ? { decision: 'drop', reason: 'no user' } : { decision: 'pass' };
  },
  deliver: (): DeliveryVerdict => ({ decision: 'drop', reason: 'not for you' }),
};
expectType<Equal<(typeof ReasonCode)['payloadFormatInvalid'], 0x99>>();
export const code: number = ReasonCode.notAuthorized;
// @ts-expect-error a CONNECT cannot be dropped
export const dropped: VerdictOf<'connect'> = { decision: 'drop', reason: 'no' };
// @ts-expect-error a delivery is decided at once
export const slow: Interceptor = { name: 'slow', deliver: () => Promise.resolve({ decision: 'pass' }) };
// @ts-expect-error Reason Codes are constants
ReasonCode.success = 1;

// Ports are types, and tokens under the same name.
export const tokens = [Storage, Clock];
expectType<Equal<Storage['traits'], StorageTraits>>();
expectType<Equal<Parameters<Storage['commit']>[0], readonly Change[]>>();
expectType<Equal<ReturnType<Clock['at']>, Timer>>();
export const fenced = new StorageError('fenced', 'another broker has the store');
// @ts-expect-error no error of storage is of this kind
export const other = new StorageError('other', 'something');

// Every change has a kind that narrows it.
export function idOf(change: Change): unknown {
  if (change.kind === 'retained.put') return change.message.topic;
  // @ts-expect-error not every change has a message
  return change.message;
}

// The kits take the functions of any test runner.
const factory: StorageFactory = {
  create() {
    const storage = createStorage({});
    return Promise.resolve({ storage, reopen: () => Promise.resolve(storage), dispose: () => storage.close() });
  },
};
export function kit(
  runner: { describe: (name: string, body: () => void) => void; test: (name: string, body: () => unknown) => void },
  fastCheck: Parameters<typeof storageContract>[0]['fastCheck'],
): void {
  storageContract({ name: 'memory', factory, fastCheck, ...runner });
  // @ts-expect-error a contract needs a factory
  storageContract({ name: 'memory', fastCheck, ...runner });
}
export async function simulate(): Promise<string> {
  const outcome = await runSeed(1, { makeStorage: () => new FaultyStorage(() => createStorage({})) });
  expectType<Equal<typeof outcome, Outcome>>();
  return outcome.violation === undefined ? 'ok' : describeFailure({ seed: 1, violation: outcome.violation } as never);
}
export const clock: Clock = new VirtualClock();
export const random = new SeededRandom(1);
