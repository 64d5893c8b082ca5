// The broker itself: the limits in force, the engine as a part of its life, and the service that starts and stops it
// all.
import { ContainerModule } from 'inversify';
import { Administrator } from '../../administration/administrator.js';
import { AccessAdapters } from '../../application/access-adapters.js';
import { Engine } from '../../application/engine.js';
import { EngineRun } from '../../application/engine-run.js';
import type { EngineRunParts } from '../../application/engine-run.js';
import { FailureSignal } from '../../application/failure-signal.js';
import { InProcessEvents } from '../../application/in-process/events.js';
import { Listening } from '../../application/listening.js';
import { Reloading } from '../../application/reloading.js';
import type { ReloadingParts } from '../../application/reloading.js';
import { BrokerService } from '../../application/service.js';
import type { ServiceParts } from '../../application/service.js';
import { LiveSettings } from '../../application/settings.js';
import { Warnings } from '../../application/warnings.js';
import {
  Authorizer,
  Clients,
  Clock,
  Connections,
  Interceptor,
  Listener,
  Messaging,
  Storage,
  Telemetry,
} from '../../ports/index.js';
import type { AdapterComponents } from '../adapter-table.js';
import { limitSettings } from '../config-defaults.js';
import type { Config } from '../config.js';
import { all, byName, Components, Endpoint, LifecyclePart } from '../injection.js';

type RunDependencies = Pick<EngineRunParts, 'engine' | 'storage' | 'authorizers'> & {
  readonly components: AdapterComponents;
};

type ReloadingDependencies = Omit<ReloadingParts, 'emit'> & { readonly components: AdapterComponents };

type ServiceDependencies = Omit<ServiceParts, 'emit' | 'observers'> & {
  readonly components: AdapterComponents;
  readonly observers: readonly Telemetry[];
};

/**
 * To be loaded after the modules of what the engine uses, and before that of the network: the order of loading is the
 * order of starting.
 */
export const brokerModule = (config: Config): ContainerModule =>
  new ContainerModule(({ bind }) => {
    bind(LiveSettings).toConstantValue(new LiveSettings(limitSettings(config)));
    bind(FailureSignal).toDynamicValue(() => new FailureSignal());
    bind(EngineRun).toResolvedValue(
      ...byName(({ components, ...parts }: RunDependencies) => new EngineRun({ ...parts, ...components }), {
        engine: Engine,
        storage: Storage,
        authorizers: all(Authorizer),
        components: Components,
      }),
    );
    bind(LifecyclePart).toService(EngineRun);
    bind(Reloading).toResolvedValue(
      ...byName(({ components: { emit }, ...parts }: ReloadingDependencies) => new Reloading({ ...parts, emit }), {
        engine: Engine,
        access: AccessAdapters,
        listeners: all(Listener),
        interceptors: all(Interceptor),
        settings: LiveSettings,
        others: all(Endpoint),
        warnings: Warnings,
        components: Components,
      }),
    );
    bind(BrokerService).toResolvedValue(
      ...byName(({ components: { emit }, ...parts }: ServiceDependencies) => new BrokerService({ ...parts, emit }), {
        parts: all(LifecyclePart),
        storage: Storage,
        engine: Engine,
        engineRun: EngineRun,
        reloading: Reloading,
        listening: Listening,
        failure: FailureSignal,
        clock: Clock,
        administration: Administrator,
        messaging: Messaging,
        clients: Clients,
        connections: Connections,
        events: InProcessEvents,
        observers: all(Telemetry),
        components: Components,
      }),
    );
  });
