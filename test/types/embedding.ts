// Type tests of `hexmq`, as a program that embeds a broker uses it: `npm run check:types` compiles them, and a line
// under @ts-expect-error has to be refused. They are not run.
import { AdministrationError, ConfigError, createBroker, NetworkError, StorageError } from 'hexmq';
import type { Administration, Broker, ConfigInput, Overrides } from 'hexmq';
import type { Authenticator, Interceptor, Storage } from 'hexmq/ports';
import { expectType } from './equal.js';
import type { Equal } from './equal.js';

expectType<Equal<ReturnType<typeof createBroker>, Broker>>();
expectType<Equal<Parameters<typeof createBroker>[0], ConfigInput | undefined>>();
expectType<Equal<Parameters<typeof createBroker>[1], Overrides | undefined>>();
expectType<Equal<ReturnType<Broker['start']>, Promise<void>>>();
expectType<Equal<ReturnType<Broker['stop']>, Promise<void>>>();
expectType<Equal<ReturnType<Broker['reload']>, Promise<readonly string[]>>>();
expectType<Equal<Broker['ended'], Promise<void>>>();
expectType<Equal<Broker['addresses'], ReadonlyMap<string, string>>>();
expectType<Equal<keyof Broker['administration'], 'call' | 'metrics' | 'open'>>();
expectType<Equal<Overrides['storage'], Storage | undefined>>();
expectType<Equal<Overrides['authenticators'], readonly Authenticator[] | undefined>>();
expectType<Equal<Overrides['interceptors'], readonly Interceptor[] | undefined>>();

// Each error has a class, and what it tells besides.
export function tell(error: unknown): string {
  if (error instanceof ConfigError) {
    expectType<Equal<typeof error.problems, readonly string[]>>();
    return error.problems.join('\n');
  }
  if (error instanceof StorageError) return error.kind === 'fenced' ? 'another broker has the store' : error.message;
  if (error instanceof AdministrationError) return error.kind;
  return error instanceof NetworkError ? error.message : String(error);
}

// Every part of a configuration may be left out, and literals need no help.
createBroker();
createBroker({ listeners: [{ type: 'tcp', port: 1883 }], storage: { adapter: 'memory' } });
createBroker({ authentication: [{ adapter: 'an-npm-package', options: { anything: [1, 'a'] } }] });
export const config: ConfigInput = { limits: { maxQueueSize: 10, queueFullPolicy: 'refuse' } };
createBroker(config, { interceptors: [{ name: 'nothing' }] });

// @ts-expect-error no listener has this type
createBroker({ listeners: [{ type: 'udp', port: 1883 }] });
// @ts-expect-error no policy has this name
createBroker({ limits: { queueFullPolicy: 'drop' } });
// @ts-expect-error a number
createBroker({ limits: { maxQueueSize: '10' } });
// @ts-expect-error an unknown section
createBroker({ listener: [] });
// @ts-expect-error an adapter has a name
createBroker({ authentication: [{ options: {} }] });
// @ts-expect-error an interceptor has a name
createBroker({}, { interceptors: [{}] });
// @ts-expect-error a storage is not half of one
createBroker({}, { storage: { traits: { durable: true, fencing: false, preferredBatchChanges: 1 } } });
// @ts-expect-error addresses are not set from outside
createBroker().addresses = new Map();

/** What an operation of the administration answers is not known at compile time. */
export async function status(broker: Broker): Promise<unknown> {
  const answer = await broker.administration.call('status', {}, { name: 'a program', role: 'read' });
  expectType<Equal<typeof answer, unknown>>();
  // @ts-expect-error there are two roles
  await broker.administration.call('status', {}, { name: 'a program', role: 'admin' });
  return answer;
}

expectType<Equal<Broker['administration'], Pick<Administration, 'call' | 'metrics' | 'open'>>>();
