// What the modules share: the tokens that are no ports, injection by name instead of by position, and the selection of
// one binding among several.
import type { BindingConstraints, ResolvedValueInjectOptions, ServiceIdentifier } from 'inversify';
import type { Part } from '../application/lifecycle.js';
import type { Link } from '../application/link.js';
import type { EventMask } from '../domain/events.js';
import type { AdministrationEndpoint } from '../ports/index.js';
import { Authenticator, Authorizer, Listener, port, Storage } from '../ports/index.js';
import type { BrokerEvent, ConnectionId, LifecycleEvent } from '../ports/index.js';
import type { AdapterComponents } from './adapter-table.js';
import { authenticationOf } from './config-defaults.js';
import type { Config } from './config.js';

// Classes of the application are their own tokens. These are for values without a class; a port cannot be implemented
// by a plugin under one of them.

/** Sends an event to every observer of the broker. */
export const Emit: ServiceIdentifier<(event: BrokerEvent | LifecycleEvent) => void> =
  port<(event: BrokerEvent | LifecycleEvent) => void>('Emit');

/** The events that at least one observer wants now. */
export const WantedEvents: ServiceIdentifier<() => EventMask> = port<() => EventMask>('WantedEvents');

/** What an adapter's constructor may use. */
export const Components: ServiceIdentifier<AdapterComponents> = port<AdapterComponents>('Components');

/** The parts of the broker's life: bound in the order in which they start. */
export const LifecyclePart: ServiceIdentifier<Part> = port<Part>('Part');

/**
 * Authenticators of a listener that has its own, bound under the listener's name and called in the order of binding.
 */
export const ListenerAuthenticator: ServiceIdentifier<Authenticator> = port<Authenticator>('ListenerAuthenticator');

/** The endpoints to the administration, in the order of opening. */
export const Endpoint: ServiceIdentifier<AdministrationEndpoint> = port<AdministrationEndpoint>('Endpoint');

/** The names of the listeners that have authenticators of their own. */
export const OwnAuthentication: ServiceIdentifier<readonly string[]> = port<readonly string[]>('OwnAuthentication');

/** The open connections by their number, shared by the parts that look them up. */
export const OpenLinks: ServiceIdentifier<Map<ConnectionId, Link>> = port<Map<ConnectionId, Link>>('OpenLinks');

/** Calls back when all input that is there now has been handled. */
export const EndOfTurn: ServiceIdentifier<(callback: () => void) => void> =
  port<(callback: () => void) => void>('EndOfTurn');

/** How many connections may be open at once, whatever state they are in: each takes a file descriptor. */
export const MaxOpenConnections: ServiceIdentifier<number> = port<number>('MaxOpenConnections');

/** Every binding of a token, in the order of binding; none is an empty list. */
interface All<T> {
  readonly serviceIdentifier: ServiceIdentifier<T>;
  readonly isMultiple: true;
  readonly optional: true;
}

export const all = <T>(serviceIdentifier: ServiceIdentifier<T>): All<T> => ({
  serviceIdentifier,
  isMultiple: true,
  optional: true,
});

type Dependencies<Parts> = {
  readonly [Key in keyof Parts]-?:
    ServiceIdentifier<Parts[Key]> | (Parts[Key] extends readonly (infer Element)[] ? All<Element> : never);
};

/**
 * Arguments for `toResolvedValue`: the factory receives one object, with what each token of `dependencies` resolves to
 * under the token's key. The container still knows every dependency before it creates anything, and no two arguments
 * can be swapped.
 */
export function byName<Parts extends object, Result>(
  create: (parts: Parts) => Result,
  dependencies: Dependencies<Parts>,
): [factory: (...values: unknown[]) => Result, injectOptions: ResolvedValueInjectOptions<unknown>[]] {
  const keys = Object.keys(dependencies);
  return [
    (...values) => create(Object.fromEntries(keys.map((key, index) => [key, values[index]])) as Parts),
    Object.values(dependencies) as ResolvedValueInjectOptions<unknown>[],
  ];
}

const CONFIGURATION_KEY = 'configuration key';

/** Selects the one adapter that stands under this key of the configuration. */
export const underKey = (key: string) => ({ tag: { key: CONFIGURATION_KEY, value: key }, optional: true }) as const;

/**
 * For the binding of an adapter: selected by its key in the configuration, or else by a name, such as that of a
 * listener.
 */
export const at =
  (key: string, name?: string) =>
  (request: BindingConstraints): boolean =>
    request.tags.has(CONFIGURATION_KEY) ? request.tags.get(CONFIGURATION_KEY) === key : request.name === name;

/** An adapter that a configuration names: the token it is bound to, and the key it stands under. */
export interface ConfiguredAdapter {
  readonly token: ServiceIdentifier;
  readonly key: string;
}

export function adaptersIn({ authentication, authorization, listeners, admin }: Config): ConfiguredAdapter[] {
  const list = (token: ServiceIdentifier, key: string, entries: readonly unknown[] = []): ConfiguredAdapter[] =>
    entries.map((_entry, index) => ({ token, key: `${key}[${index}]` }));
  return [
    { token: Storage, key: 'storage' },
    ...list(Authenticator, 'authentication', authentication),
    ...listeners.flatMap((listener, index) =>
      list(ListenerAuthenticator, `listeners[${index}].authentication`, authenticationOf(listener)),
    ),
    ...list(Authorizer, 'authorization', authorization),
    ...list(Listener, 'listeners', listeners),
    ...(admin.http === undefined ? [] : [{ token: Endpoint, key: 'admin' }]),
  ];
}
