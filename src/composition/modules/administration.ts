// The administration and its endpoints, loaded after everything that it administers: endpoints open last.
import { ContainerModule } from 'inversify';
import { Administrator } from '../../administration/administrator.js';
import type { BrokerParts, ListenerKind } from '../../administration/broker-parts.js';
import { ClientDirectory } from '../../administration/clients.js';
import type { ClientsParts } from '../../administration/clients.js';
import { Endpoints } from '../../administration/endpoints.js';
import { Authorization } from '../../application/authorization.js';
import { Backups } from '../../application/backups.js';
import { Committer } from '../../application/committer.js';
import { Engine } from '../../application/engine.js';
import { EventTap } from '../../application/event-tap.js';
import { Listening } from '../../application/listening.js';
import { PluginMetrics } from '../../application/plugins/plugin-metrics.js';
import { Measurements } from '../../application/measurements.js';
import { Reloading } from '../../application/reloading.js';
import { LiveSettings } from '../../application/settings.js';
import { StorageHealth } from '../../application/storage-reports.js';
import type { BackupText } from '../../application/transfer/backup.js';
import { AdministrationError, Clients, Clock, PluginOperation, Storage, Telemetry } from '../../ports/index.js';
import type { AdministrationEndpoint, StorageSnapshot } from '../../ports/index.js';
import { explainBy, topicProblem } from '../access-question.js';
import { BUILT_IN_ADAPTERS } from '../adapter-table.js';
import type { AdapterComponents, EndpointOptions } from '../adapter-table.js';
import type { AdminSocket } from '../admin-schema.js';
import type { ListenerConfig } from '../config-schema.js';
import type { Config } from '../config.js';
import { all, at, byName, Components, EndOfTurn, Endpoint, LifecyclePart } from '../injection.js';
import { LoadedPlugins } from '../plugins/host.js';
import { construct } from '../plugins/construct.js';
import { VERSION } from '../version.js';

interface Dependencies {
  readonly engine: Engine;
  readonly reloading: Reloading;
  readonly settings: LiveSettings;
  readonly storage: Storage;
  readonly storageState: StorageHealth;
  readonly committer: Committer;
  readonly measurements: Measurements;
  readonly listening: Listening;
  readonly authorization: Authorization;
  readonly telemetry: readonly Telemetry[];
  readonly loaded: LoadedPlugins;
  readonly pluginMetrics: PluginMetrics;
  readonly events: EventTap;
  readonly clock: Clock;
  readonly components: AdapterComponents;
}

interface EndpointDependencies {
  readonly endpoints: readonly AdministrationEndpoint[];
  readonly administrator: Administrator;
  readonly components: AdapterComponents;
}

/** @param socket the Unix socket, which may not stand in the configuration. */
export const administrationModule = (config: Config, socket: AdminSocket | undefined): ContainerModule =>
  new ContainerModule(({ bind }) => {
    const { http } = config.admin;
    bind(ClientDirectory).toResolvedValue(
      (engine, storage, later) => new ClientDirectory(clientsPartsOf(engine, storage, later)),
      [Engine, Storage, EndOfTurn],
    );
    bind(Clients).toService(ClientDirectory);
    bind(Administrator).toResolvedValue(
      ...byName((parts: Dependencies) => new Administrator(partsOf(parts, config)), {
        engine: Engine,
        reloading: Reloading,
        settings: LiveSettings,
        storage: Storage,
        storageState: StorageHealth,
        committer: Committer,
        measurements: Measurements,
        listening: Listening,
        authorization: Authorization,
        telemetry: all(Telemetry),
        loaded: LoadedPlugins,
        pluginMetrics: PluginMetrics,
        events: EventTap,
        clock: Clock,
        components: Components,
      }),
    );
    if (socket !== undefined)
      bind(Endpoint)
        .toResolvedValue((components) => createEndpoint('admin.socket', { socket }, components), [Components])
        .when(at('admin.socket'));
    if (http !== undefined)
      bind(Endpoint)
        .toResolvedValue((components) => createEndpoint('admin', { http }, components), [Components])
        .when(at('admin'));
    bind(Endpoints).toResolvedValue(
      ...byName(
        ({ endpoints, administrator, components: { emit } }: EndpointDependencies) =>
          new Endpoints({ endpoints, administrator, emit }),
        { endpoints: all(Endpoint), administrator: Administrator, components: Components },
      ),
    );
    bind(LifecyclePart).toService(Endpoints);
  });

const clientsPartsOf = (engine: Engine, storage: Storage, later: (callback: () => void) => void): ClientsParts => ({
  control: {
    query: (query) => engine.broker.query(query),
    command: (command, actor) => engine.command(command, actor),
  },
  isRunning: () => engine.isRunning,
  storage,
  later,
});

function partsOf({ engine, settings, ...parts }: Dependencies, config: Config): BrokerParts {
  const { adapter, ackLevel } = config.storage;
  const { reloading, committer, measurements, listening, telemetry, components } = parts;
  const emit = components.emit as BrokerParts['emit'];
  return {
    control: {
      query: (query) => engine.broker.query(query),
      command: (command, actor) => engine.command(command, actor),
      trace: (subject, observer) => engine.trace(subject, observer),
    },
    storage: parts.storage,
    storageState: parts.storageState,
    uncommittedChanges: () => committer.waitingChanges,
    measure: () => measurements.read(),
    ackLevel,
    storageAdapter: adapter,
    limits: settings,
    addresses: listening.addresses,
    listenerKinds: new Map(config.listeners.map((listener) => [listener.name, kindOf(listener)])),
    explain: explainer(parts.authorization, settings, config.listeners),
    reload: () => reloading.request(),
    backups: new Backups({
      storage: parts.storage,
      adapter,
      begin: (actor) => engine.command({ kind: 'backup' }, actor),
      textOf: (snapshot) => textOf(snapshot, parts.clock),
      clock: parts.clock,
      emit,
    }),
    pluginOperations: parts.loaded.plugins.flatMap(({ name: plugin, provided }) =>
      ((provided.get(PluginOperation) ?? []) as readonly PluginOperation[]).map((operation) => ({ plugin, operation })),
    ),
    pluginMetrics: () => parts.pluginMetrics.all,
    levels: telemetry.filter((one) => one.level !== undefined) as BrokerParts['levels'],
    events: parts.events,
    userNames: config.logging.userNames,
    version: VERSION,
    clock: parts.clock,
    emit,
  };
}

/** The path where the adapter listens if the configuration has none. */
const WEBSOCKET_PATH = '/mqtt';

const kindOf = (listener: ListenerConfig): ListenerKind =>
  listener.type === 'ws' || listener.type === 'wss'
    ? { type: listener.type, path: listener.path ?? WEBSOCKET_PATH }
    : { type: listener.type };

const explainer =
  (
    authorization: Authorization,
    { current }: LiveSettings,
    [first]: readonly ListenerConfig[],
  ): BrokerParts['explain'] =>
  async (question) => {
    const problem = topicProblem(current, question);
    if (problem !== undefined)
      throw new AdministrationError('invalid', problem, [{ parameter: 'topic', detail: problem }]);
    const answer = await explainBy({ authorization, limits: current, listener: first?.name ?? '' }, question);
    if (typeof answer === 'object') return answer;
    throw new AdministrationError('unavailable', `${answer}; the broker would refuse the client`);
  };

/** Loaded when it is needed: a start needs none of it. */
async function* textOf(snapshot: StorageSnapshot, clock: Clock): AsyncGenerator<BackupText> {
  const [{ backupText }, { createHash }] = await Promise.all([
    import('../../application/transfer/backup.js'),
    import('node:crypto'),
  ]);
  yield* backupText(snapshot, (text) => createHash('sha256').update(text).digest('hex'), clock);
}

async function createEndpoint(
  key: string,
  options: EndpointOptions,
  components: AdapterComponents,
): Promise<AdministrationEndpoint> {
  const module = await BUILT_IN_ADAPTERS.administration();
  return construct(key, 'administration', () => module.createEndpoint(options, components));
}
