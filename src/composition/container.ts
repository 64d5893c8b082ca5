// The composition root: binds a checked configuration to the ports and builds the broker. It is the only place that knows inversify's
// container. Whatever has to be awaited (loading an adapter) happens before anything is bound, so that building is synchronous, and nothing
// here opens a socket or a store: that is the broker's life, not its construction.
import 'reflect-metadata';
import { Container } from 'inversify';
import type { ServiceIdentifier } from 'inversify';
import { BrokerService } from '../application/service.js';
import type { LimitSettings } from '../application/service.js';
import type { ListenerLimits, Limits } from '../domain/connect/limits.js';
import type { AckLevel } from '../ports/index.js';
import { Authenticator, Authorizer, Clock, Listener, port, Random, Storage, Telemetry } from '../ports/index.js';
import { AUTHENTICATION_ADAPTERS, AUTHORIZATION_ADAPTERS, BUILT_IN_ADAPTERS, LISTENER_ADAPTERS, STORAGE_ADAPTERS } from './adapter-table.js';
import type { AdapterComponents } from './adapter-table.js';
import { limitsAsWritten } from './config.js';
import type { AdapterConfig, Config, ListenerConfig } from './config.js';
import { ConfigError } from './config-error.js';
import { loadAdapter } from './plugin-loader.js';

/** Implementations to use in place of those that the configuration names. */
export interface Overrides {
  readonly storage?: Storage;
  readonly listeners?: readonly Listener[];
  readonly authenticators?: readonly Authenticator[];
  readonly authorizers?: readonly Authorizer[];
  readonly telemetry?: readonly Telemetry[];
  readonly clock?: Clock;
  readonly random?: Random;
}

type Ports = Required<Overrides>;

/** Not ports: nobody implements them. */
const Limits: ServiceIdentifier<LimitSettings> = port<LimitSettings>('Limits');
const AckLevel: ServiceIdentifier<AckLevel> = port<AckLevel>('AckLevel');

/**
 * Loads the adapters and makes the broker, which is not started.
 * @throws ConfigError when an adapter cannot be loaded or refuses its options.
 */
export async function composeBroker(config: Config, overrides: Overrides): Promise<BrokerService> {
  const container = bindBroker(await loadPorts(config, overrides), limitSettings(config), config.storage.ackLevel);
  // The only access to the container: from here on objects know each other.
  return container.get(BrokerService);
}

/**
 * Loads every adapter that the configuration names, and makes them as far as that opens nothing.
 * @throws ConfigError
 */
export async function loadPorts(config: Config, overrides: Overrides): Promise<Ports> {
  const clock = overrides.clock ?? (await BUILT_IN_ADAPTERS.clock());
  const telemetry = overrides.telemetry ?? [await BUILT_IN_ADAPTERS.log(config.logging.level, { clock })];
  const components: AdapterComponents = { clock, notice: tellAll(telemetry) };
  return {
    clock,
    random: overrides.random ?? (await BUILT_IN_ADAPTERS.random()),
    telemetry,
    storage: overrides.storage ?? (await loadStorage(config.storage, components)),
    authenticators: overrides.authenticators ?? (await Promise.all(config.authentication.map((one, index) => loadAuthenticator(one, index, components)))),
    authorizers: overrides.authorizers ?? (await loadAuthorizers(config, components)),
    listeners: overrides.listeners ?? (await Promise.all(config.listeners.map((one, index) => loadListener(one, index, config.limits, components)))),
  };
}

/** @throws ConfigError */
export async function loadStorage({ adapter, options }: AdapterConfig, components: AdapterComponents): Promise<Storage> {
  const module = await loadAdapter(STORAGE_ADAPTERS, adapter, 'createStorage', ['storage']);
  return made('storage.options', adapter, () => module.createStorage(options, components));
}

async function loadAuthenticator({ adapter, options }: AdapterConfig, index: number, components: AdapterComponents): Promise<Authenticator> {
  const module = await loadAdapter(AUTHENTICATION_ADAPTERS, adapter, 'createAuthenticator', ['authentication', index]);
  return made(`authentication[${index}].options`, adapter, () => module.createAuthenticator(options, components));
}

/** @throws ConfigError */
export function loadAuthorizers({ authorization }: Config, components: AdapterComponents): Promise<Authorizer[]> {
  return Promise.all(authorization.map((one, index) => loadAuthorizer(one, index, components)));
}

async function loadAuthorizer({ adapter, options }: AdapterConfig, index: number, components: AdapterComponents): Promise<Authorizer> {
  const module = await loadAdapter(AUTHORIZATION_ADAPTERS, adapter, 'createAuthorizer', ['authorization', index]);
  return made(`authorization[${index}].options`, adapter, () => module.createAuthorizer(options, components));
}

async function loadListener(config: ListenerConfig, index: number, limits: Limits, components: AdapterComponents): Promise<Listener> {
  // The compiler does not see that the module is the one for this type of settings: the table says so for each.
  const { createListener } = (await LISTENER_ADAPTERS[config.type]()) as { createListener: (settings: object, components: AdapterComponents) => Listener };
  const settings = { ...config, handshakeTimeoutMs: limits.connectTimeoutMs, maxPacketSize: limits.maxPacketSize };
  return made(`listeners[${index}]`, config.type, () => createListener(settings, components));
}

/** One that fails harms only itself. */
function tellAll(telemetry: readonly Telemetry[]): AdapterComponents['notice'] {
  return (notice) => {
    for (const one of telemetry) {
      try {
        one.notice(notice);
      } catch {
        // It cannot be told either: it is what would tell.
      }
    }
  };
}

/** An adapter refuses its options by throwing; that is about the configuration, so it is told like everything else about it. */
function made<T>(key: string, adapter: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw new ConfigError([`${key}: refused by ${adapter}: ${error instanceof Error ? error.message : String(error)}`]);
  }
}

export type { BrokerService } from '../application/service.js';

/** Those of the broker, and of the listeners that have their own. */
export function limitSettings({ limits, listeners }: Config): LimitSettings {
  const own = listeners.flatMap(({ name, limits: ofListener }): [string, ListenerLimits][] => (ofListener === undefined ? [] : [[name, limitsAsWritten(ofListener)]]));
  return { limits, limitsOfListeners: new Map(own) };
}

function bindBroker(ports: Ports, limits: LimitSettings, ackLevel: AckLevel): Container {
  const container = new Container();
  container.bind(Clock).toConstantValue(ports.clock);
  container.bind(Random).toConstantValue(ports.random);
  container.bind(Storage).toConstantValue(ports.storage);
  for (const listener of ports.listeners) container.bind(Listener).toConstantValue(listener);
  // Asked in the order in which they are bound.
  for (const authenticator of ports.authenticators) container.bind(Authenticator).toConstantValue(authenticator);
  for (const authorizer of ports.authorizers) container.bind(Authorizer).toConstantValue(authorizer);
  for (const telemetry of ports.telemetry) container.bind(Telemetry).toConstantValue(telemetry);
  container.bind(Limits).toConstantValue(limits);
  container.bind(AckLevel).toConstantValue(ackLevel);
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
        boundLimits: LimitSettings,
        boundAckLevel: AckLevel,
      ) =>
        new BrokerService({
          storage,
          listeners: listeners ?? [],
          authenticators: authenticators ?? [],
          authorizers: authorizers ?? [],
          telemetry: telemetry ?? [],
          clock,
          random,
          ...boundLimits,
          ackLevel: boundAckLevel,
        }),
      [
        Storage,
        { serviceIdentifier: Listener, isMultiple: true, optional: true },
        { serviceIdentifier: Authenticator, isMultiple: true, optional: true },
        { serviceIdentifier: Authorizer, isMultiple: true, optional: true },
        { serviceIdentifier: Telemetry, isMultiple: true, optional: true },
        Clock,
        Random,
        Limits,
        AckLevel,
      ],
    )
    .inSingletonScope();
  return container;
}
