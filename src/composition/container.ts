// The composition root: binds a checked configuration to the ports and builds the broker. It is the only place that knows inversify's
// container. Whatever has to be awaited (loading an adapter) happens before anything is bound, so that building is synchronous, and nothing
// here opens a socket or a store: that is the broker's life, not its construction.
import 'reflect-metadata';
import { Container } from 'inversify';
import type { ServiceIdentifier } from 'inversify';
import { emitToAll } from '../application/emit-to-all.js';
import type { LoginThrottleSettings } from '../application/login-throttle.js';
import { BrokerService } from '../application/service.js';
import { LiveSettings } from '../application/settings.js';
import type { LimitSettings, Settings } from '../application/settings.js';
import { authenticatorWithTimeout, authorizerWithTimeout } from '../application/timeout.js';
import type { ListenerLimits } from '../domain/connect/limits.js';
import type { AckLevel } from '../ports/index.js';
import { Authenticator, Authorizer, Clock, Listener, port, Random, Storage, Telemetry } from '../ports/index.js';
import {
  AUTHENTICATION_ADAPTERS,
  AUTHORIZATION_ADAPTERS,
  BUILT_IN_ADAPTERS,
  LISTENER_ADAPTERS,
  STORAGE_ADAPTERS,
} from './adapter-table.js';
import type { AdapterComponents } from './adapter-table.js';
import { authenticationOf, formatPath, parseLimits, resolveConfig } from './config.js';
import type { AdapterConfig, AuthenticatorConfig, AuthorizerConfig, Config, ListenerConfig } from './config.js';
import { collectErrors, ConfigError } from './config-error.js';
import { loadAdapter } from './plugin-loader.js';

/** Implementations to use in place of those that the configuration names. */
export interface Overrides {
  readonly storage?: Storage;
  readonly listeners?: readonly Listener[];
  /** Of the broker; a listener whose configuration has authenticators of its own keeps those. */
  readonly authenticators?: readonly Authenticator[];
  /** Of listeners that have their own, by name. */
  readonly listenerAuthenticators?: ListenerAuthenticators;
  readonly authorizers?: readonly Authorizer[];
  readonly telemetry?: readonly Telemetry[];
  readonly clock?: Clock;
  readonly random?: Random;
}

type Ports = Required<Overrides>;

type ListenerAuthenticators = ReadonlyMap<string, readonly Authenticator[]>;

/** Not ports: nobody implements them. */
const ListenerAuthenticators: ServiceIdentifier<ListenerAuthenticators> =
  port<ListenerAuthenticators>('ListenerAuthenticators');
const FailedAttempts: ServiceIdentifier<LoginThrottleSettings> = port<LoginThrottleSettings>('FailedAttempts');
const BoundSettings: ServiceIdentifier<LiveSettings> = port<LiveSettings>('Settings');
const AckLevel: ServiceIdentifier<AckLevel> = port<AckLevel>('AckLevel');

/**
 * Loads the adapters and makes the broker, which is not started.
 * @throws ConfigError when an adapter cannot be loaded or refuses its options.
 */
export async function composeBroker(config: Config, overrides: Overrides): Promise<BrokerService> {
  const settings = new LiveSettings(limitSettings(config));
  const container = bindBroker(await loadPorts(config, overrides, settings), config, settings);
  // The only access to the container: from here on objects know each other.
  return container.get(BrokerService);
}

/**
 * Loads every adapter that the configuration names, and makes them as far as that opens nothing.
 * @throws ConfigError
 */
export async function loadPorts(
  config: Config,
  overrides: Overrides,
  settings: Settings = new LiveSettings(limitSettings(config)),
): Promise<Ports> {
  const clock = overrides.clock ?? (await BUILT_IN_ADAPTERS.clock());
  const telemetry = overrides.telemetry ?? [await BUILT_IN_ADAPTERS.log(config.logging.level, { clock })];
  const components: AdapterComponents = {
    clock,
    emit: (event) => {
      emitToAll(telemetry, event);
    },
  };
  const random = overrides.random ?? (await BUILT_IN_ADAPTERS.random());
  // What is wrong with one says nothing about the others: all is told.
  const [storage, authenticators, listenerAuthenticators, authorizers, listeners] = await collectErrors([
    overridden(overrides.storage, () => loadStorage(config.storage, components)),
    overridden(overrides.authenticators, () =>
      loadAuthenticators(config.authentication, ['authentication'], components),
    ),
    overridden(overrides.listenerAuthenticators, () => loadListenerAuthenticators(config, components)),
    overridden(overrides.authorizers, () => loadAuthorizers(config, components)),
    overridden(overrides.listeners, () =>
      collectErrors(config.listeners.map((one, index) => loadListener(one, index, settings, components))),
    ),
  ]);
  return { clock, random, telemetry, storage, authenticators, listenerAuthenticators, authorizers, listeners };
}

async function overridden<Value>(given: Value | undefined, load: () => Promise<Value>): Promise<Value> {
  return given ?? load();
}

/**
 * What is wrong with the adapters of a configuration that was refused for something else.
 * @returns a sentence for each.
 */
export async function problemsInRemainder({ remainder }: ConfigError): Promise<readonly string[]> {
  let config: Config;
  try {
    config = resolveConfig(remainder);
  } catch {
    // What is missing in it is only missing because it was wrong.
    return [];
  }
  try {
    await loadPorts(config, {});
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

/** @throws ConfigError */
export async function loadStorage(
  { adapter, options }: AdapterConfig,
  components: AdapterComponents,
): Promise<Storage> {
  const module = await loadAdapter(STORAGE_ADAPTERS, adapter, 'createStorage', ['storage']);
  return construct('storage.options', adapter, () => module.createStorage(options, components));
}

/** One for each entry: two entries of the same adapter share nothing. */
function loadAuthenticators(
  written: readonly AuthenticatorConfig[],
  path: readonly PropertyKey[],
  components: AdapterComponents,
): Promise<readonly Authenticator[]> {
  return collectErrors(
    written.map(async (one, index) => {
      const module = await loadAdapter(AUTHENTICATION_ADAPTERS, one.adapter, 'createAuthenticator', [...path, index]);
      const key = formatPath([...path, index, 'options']);
      return authenticatorWithTimeout(
        construct(key, one.adapter, () => module.createAuthenticator(one.options, components)),
        one,
        components,
      );
    }),
  );
}

async function loadListenerAuthenticators(
  { listeners }: Config,
  components: AdapterComponents,
): Promise<ListenerAuthenticators> {
  const loaded = listeners.map(async (listener, index) => {
    const own = authenticationOf(listener);
    return own === undefined
      ? []
      : [[listener.name, await loadAuthenticators(own, ['listeners', index, 'authentication'], components)] as const];
  });
  return new Map((await collectErrors(loaded)).flat());
}

/** @throws ConfigError */
export function loadAuthorizers(
  { authorization }: Config,
  components: AdapterComponents,
): Promise<readonly Authorizer[]> {
  return collectErrors(authorization.map((one, index) => loadAuthorizer(one, index, components)));
}

async function loadAuthorizer(
  one: AuthorizerConfig,
  index: number,
  components: AdapterComponents,
): Promise<Authorizer> {
  const module = await loadAdapter(AUTHORIZATION_ADAPTERS, one.adapter, 'createAuthorizer', ['authorization', index]);
  const authorizer = construct(`authorization[${index}].options`, one.adapter, () =>
    module.createAuthorizer(one.options, components),
  );
  return authorizerWithTimeout(authorizer, one, components);
}

async function loadListener(
  config: ListenerConfig,
  index: number,
  limits: Settings,
  components: AdapterComponents,
): Promise<Listener> {
  // The compiler does not see that the module is the one for this type of settings: the table says so for each.
  const { createListener } = (await LISTENER_ADAPTERS[config.type]()) as {
    createListener: (settings: object, components: AdapterComponents) => Listener;
  };
  const settings = {
    ...config,
    handshakeTimeoutMs: () => limits.forListener(config.name).connectTimeoutMs,
    maxPacketSize: () => limits.forListener(config.name).maxPacketSize,
  };
  return construct(`listeners[${index}]`, config.type, () => createListener(settings, components));
}

/** An adapter refuses its options by throwing; that is about the configuration, so it is told like everything else about it. */
function construct<T>(key: string, adapter: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw new ConfigError([`${key}: refused by ${adapter}: ${error instanceof Error ? error.message : String(error)}`]);
  }
}

export type { BrokerService } from '../application/service.js';

/** Those of the broker, and of the listeners that have their own. */
export function limitSettings({ limits, listeners }: Config): LimitSettings {
  const own = listeners.flatMap(({ name, limits: ofListener }): [string, ListenerLimits][] =>
    ofListener === undefined ? [] : [[name, parseLimits(ofListener)]],
  );
  return { limits, perListener: new Map(own) };
}

function bindBroker(ports: Ports, config: Config, settings: LiveSettings): Container {
  const container = new Container();
  container.bind(Clock).toConstantValue(ports.clock);
  container.bind(Random).toConstantValue(ports.random);
  container.bind(Storage).toConstantValue(ports.storage);
  for (const listener of ports.listeners) container.bind(Listener).toConstantValue(listener);
  // Asked in the order in which they are bound.
  for (const authenticator of ports.authenticators) container.bind(Authenticator).toConstantValue(authenticator);
  for (const authorizer of ports.authorizers) container.bind(Authorizer).toConstantValue(authorizer);
  for (const telemetry of ports.telemetry) container.bind(Telemetry).toConstantValue(telemetry);
  container.bind(ListenerAuthenticators).toConstantValue(ports.listenerAuthenticators);
  container.bind(FailedAttempts).toConstantValue(config.failedAttempts);
  container.bind(BoundSettings).toConstantValue(settings);
  container.bind(AckLevel).toConstantValue(config.storage.ackLevel);
  container
    .bind(BrokerService)
    .toResolvedValue(
      (
        storage: Storage,
        listeners: Listener[] | undefined,
        authenticators: Authenticator[] | undefined,
        authorizers: Authorizer[] | undefined,
        telemetry: Telemetry[] | undefined,
        clock: Clock,
        random: Random,
        boundSettings: LiveSettings,
        boundAckLevel: AckLevel,
        listenerAuthenticators: ListenerAuthenticators,
        boundFailedAttempts: LoginThrottleSettings,
      ) =>
        new BrokerService({
          storage,
          listeners: listeners ?? [],
          authenticators: authenticators ?? [],
          authorizers: authorizers ?? [],
          telemetry: telemetry ?? [],
          clock,
          random,
          settings: boundSettings,
          ackLevel: boundAckLevel,
          listenerAuthenticators,
          failedAttempts: boundFailedAttempts,
        }),
      [
        Storage,
        { serviceIdentifier: Listener, isMultiple: true, optional: true },
        { serviceIdentifier: Authenticator, isMultiple: true, optional: true },
        { serviceIdentifier: Authorizer, isMultiple: true, optional: true },
        { serviceIdentifier: Telemetry, isMultiple: true, optional: true },
        Clock,
        Random,
        BoundSettings,
        AckLevel,
        ListenerAuthenticators,
        FailedAttempts,
      ],
    )
    .inSingletonScope();
  return container;
}
