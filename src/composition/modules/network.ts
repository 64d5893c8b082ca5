// The listeners that the configuration names, and their opening as the last part of the broker's life: clients come
// when everything else runs.
import { ContainerModule } from 'inversify';
import { Engine } from '../../application/engine.js';
import { HandshakeBudget } from '../../application/handshake-budget.js';
import { StreamConnections } from '../../application/in-process/stream-connections.js';
import { Listening } from '../../application/listening.js';
import { LiveSettings } from '../../application/settings.js';
import type { Settings } from '../../domain/settings.js';
import { Warnings } from '../../application/warnings.js';
import type { WarningSource } from '../../application/warnings.js';
import { Clock, Connections, Listener, Storage } from '../../ports/index.js';
import type { ConnectionHandler } from '../../ports/index.js';
import { LISTENER_ADAPTERS } from '../adapter-table.js';
import type { AdapterComponents } from '../adapter-table.js';
import { configWarnings } from '../config-warnings.js';
import type { Config, ListenerConfig } from '../config.js';
import { all, at, byName, Components, LifecyclePart } from '../injection.js';
import type { PluginListenerConfig } from '../config-schema.js';
import { AdapterFactory } from '../plugins/adapters.js';
import { construct } from '../plugins/construct.js';

interface WarningsDependencies {
  readonly listeners: readonly Listener[];
  readonly storage: Storage;
  readonly clock: Clock;
  readonly components: AdapterComponents;
}

interface ListeningDependencies {
  readonly listeners: readonly Listener[];
  readonly engine: Engine;
  readonly components: AdapterComponents;
}

export const networkModule = (config: Config): ContainerModule =>
  new ContainerModule(({ bind }) => {
    const { listeners } = config;
    const ofConfiguration = configWarnings(config);
    bind(HandshakeBudget).toResolvedValue(
      (clock, settings) => new HandshakeBudget(clock, () => settings.current.maxIncompleteBytes),
      [Clock, LiveSettings],
    );
    listeners.forEach((listener, index) => {
      const key = `listeners[${index}]`;
      bind(Listener)
        .toResolvedValue(
          (settings, handshakes, components, adapters) =>
            listener.type === 'plugin'
              ? adapters.createListener(listener, ['listeners', index])
              : createListener(key, listener, settings, handshakes, components),
          [LiveSettings, HandshakeBudget, Components, AdapterFactory],
        )
        .when(at(key));
    });
    bind(Listening).toResolvedValue(
      ...byName(
        ({ listeners: resolved, engine, components: { emit } }: ListeningDependencies) =>
          new Listening({ listeners: resolved, handler: handlerFor(engine), emit }),
        { listeners: all(Listener), engine: Engine, components: Components },
      ),
    );
    bind(StreamConnections).toResolvedValue(
      (engine, listening, clock, resolved: Listener[] = []) =>
        new StreamConnections({
          handleConnection: (listener, peer) => engine.handleConnection(listener, peer),
          isAccepting: () => listening.isOpen,
          listeners: resolved,
          clock,
        }),
      [Engine, Listening, Clock, all(Listener)],
    );
    bind(Connections).toService(StreamConnections);
    bind(LifecyclePart).toService(Listening);
    bind(Warnings).toResolvedValue(
      ...byName(
        ({ listeners: resolved, storage, clock, components: { emit } }: WarningsDependencies) =>
          new Warnings({ sources: sourcesOf(resolved, storage), ofConfiguration, clock, emit }),
        { listeners: all(Listener), storage: Storage, clock: Clock, components: Components },
      ),
    );
    // Last: what is not there yet needs no attention.
    bind(LifecyclePart).toService(Warnings);
  });

const sourcesOf = (listeners: readonly Listener[], storage: Storage): WarningSource[] => [
  ...listeners.map((listener) => ({ name: listener.name, warnings: () => listener.warnings?.() ?? [] })),
  { name: 'storage', warnings: () => storage.warnings?.() ?? [] },
];

async function createListener(
  key: string,
  config: Exclude<ListenerConfig, PluginListenerConfig>,
  settings: Settings,
  handshakeMemory: HandshakeBudget,
  components: AdapterComponents,
): Promise<Listener> {
  // The table has the module for each type of settings; the compiler does not follow that through a union.
  const module = (await LISTENER_ADAPTERS[config.type]()) as {
    createListener: (settings: object, components: AdapterComponents) => Listener;
  };
  const limited = {
    ...config,
    handshakeTimeoutMs: () => settings.forListener(config.name).connectTimeoutMs,
    handshakeMemory,
  };
  return construct(key, config.type, () => module.createListener(limited, components));
}

const handlerFor =
  (engine: Engine) =>
  (listener: string): ConnectionHandler =>
  (peer) =>
    engine.handleConnection(listener, peer);
