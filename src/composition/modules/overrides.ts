// What an embedding program puts in place of the configured adapters. Loaded last: it rebinds ports, and what was bound
// to them is never created, nor even imported.
import { ContainerModule } from 'inversify';
import type { ContainerModuleLoadOptions, ServiceIdentifier } from 'inversify';
import {
  Authenticator,
  Authorizer,
  Clock,
  EventListener,
  Interceptor,
  Listener,
  Random,
  Storage,
  Telemetry,
} from '../../ports/index.js';
import { at, ListenerAuthenticator, OwnAuthentication } from '../injection.js';

/**
 * Implementations of ports in place of those that the configuration names. The broker starts and stops them like its
 * own.
 */
export interface Overrides {
  readonly storage?: Storage;
  /** In the order of opening. */
  readonly listeners?: readonly Listener[];
  /** Besides those that the configuration names, and opened after them. */
  readonly additionalListeners?: readonly Listener[];
  /**
   * The authenticators of the broker, in the order of calling. Listeners whose configuration has authenticators of its
   * own keep those.
   */
  readonly authenticators?: readonly Authenticator[];
  /**
   * The authenticators of listeners that have their own, by the listener's name, in place of all that the configuration
   * has.
   */
  readonly listenerAuthenticators?: ReadonlyMap<string, readonly Authenticator[]>;
  /** In the order of calling; an empty list leaves clients what their credentials permit. */
  readonly authorizers?: readonly Authorizer[];
  /** In the order of calling. */
  readonly interceptors?: readonly Interceptor[];
  readonly eventListeners?: readonly EventListener[];
  /** In place of the log. */
  readonly telemetry?: readonly Telemetry[];
  readonly clock?: Clock;
  readonly random?: Random;
}

export const overridesModule = (overrides: Overrides): ContainerModule =>
  new ContainerModule((options) => {
    const { bind, rebind, unbind } = options;
    const { storage, clock, random, listenerAuthenticators } = overrides;
    if (storage !== undefined) rebind(Storage).toConstantValue(storage);
    if (clock !== undefined) rebind(Clock).toConstantValue(clock);
    if (random !== undefined) rebind(Random).toConstantValue(random);
    rebindAll(options, Listener, overrides.listeners);
    for (const [index, listener] of (overrides.additionalListeners ?? []).entries())
      bind(Listener)
        .toConstantValue(listener)
        .when(at(`additionalListeners[${index}]`));
    rebindAll(options, Authenticator, overrides.authenticators);
    rebindAll(options, Authorizer, overrides.authorizers);
    rebindAll(options, Interceptor, overrides.interceptors);
    rebindAll(options, EventListener, overrides.eventListeners);
    rebindAll(options, Telemetry, overrides.telemetry);
    if (listenerAuthenticators === undefined) return;
    unbind(ListenerAuthenticator);
    for (const [listener, authenticators] of listenerAuthenticators)
      for (const one of authenticators) bind(ListenerAuthenticator).toConstantValue(one).whenNamed(listener);
    rebind(OwnAuthentication).toConstantValue([...listenerAuthenticators.keys()]);
  });

function rebindAll<T>(
  { bind, unbind }: ContainerModuleLoadOptions,
  token: ServiceIdentifier<T>,
  values: readonly T[] | undefined,
): void {
  if (values === undefined) return;
  unbind(token);
  for (const value of values) bind(token).toConstantValue(value);
}
