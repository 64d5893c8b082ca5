// What a plugin's container holds besides what the plugin binds itself: each plugin has its own log, scheduler and
// operations, under its name.
import { Container } from 'inversify';
import type { ServiceIdentifier } from 'inversify';
import { Administrator } from '../../administration/administrator.js';
import { ClientDirectory } from '../../administration/clients.js';
import { InProcessEvents } from '../../application/in-process/events.js';
import { InProcessMessaging } from '../../application/in-process/messaging.js';
import { PluginLog } from '../../application/plugins/plugin-log.js';
import type { PluginMetrics } from '../../application/plugins/plugin-metrics.js';
import { PluginScheduler } from '../../application/plugins/plugin-scheduler.js';
import {
  AdministrationError,
  BrokerEvents,
  Clients,
  Clock,
  Connections,
  Messaging,
  MetricsRegistry,
  Operations,
  PluginInfo,
  PluginLogger,
  Random,
  Scheduler,
} from '../../ports/index.js';
import type { Actor, Administration } from '../../ports/index.js';
import type { AdapterComponents } from '../adapter-table.js';
import { Components } from '../injection.js';
import type { LateServices } from './late-services.js';

export interface OfferedParts {
  readonly components: AdapterComponents;
  readonly random: Random;
  readonly services: LateServices;
  readonly metrics: PluginMetrics;
}

/** What a plugin may inject. It binds none of it. */
export const OFFERED: readonly ServiceIdentifier[] = [
  Clock,
  Random,
  Components,
  PluginInfo,
  PluginLogger,
  Scheduler,
  Operations,
  Messaging,
  BrokerEvents,
  Clients,
  Connections,
  MetricsRegistry,
];

export interface Offered {
  readonly container: Container;
  /** Ends what is still scheduled, subscribed and listened to. */
  readonly release: () => Promise<void>;
}

export function offeredTo(info: PluginInfo, { components, random, services, metrics }: OfferedParts): Offered {
  const { clock, emit } = components;
  const actor = `plugin ${info.name}`;
  const container = new Container({ defaultScope: 'Singleton' });
  const scheduler = new PluginScheduler(clock, (error) => {
    emit({ kind: 'plugin-failed', plugin: info.name, what: 'scheduled task', error });
  });
  container.bind(Clock).toConstantValue(clock);
  container.bind(Random).toConstantValue(random);
  container.bind(Components).toConstantValue(components);
  container.bind(PluginInfo).toConstantValue(info);
  container.bind(Scheduler).toConstantValue(scheduler);
  container.bind(PluginLogger).toDynamicValue(() => new PluginLog(info.name, clock, emit));
  const owned: { endAll(): Promise<void> }[] = [];
  const own = <T extends { ownedBy(name: string): T; endAll(): Promise<void> }>(service: T): T => {
    const mine = service.ownedBy(actor);
    owned.push(mine);
    return mine;
  };
  container.bind(Messaging).toDynamicValue(() => services.service(Messaging, InProcessMessaging, own));
  container.bind(BrokerEvents).toDynamicValue(() => services.service(BrokerEvents, InProcessEvents, own));
  container
    .bind(Clients)
    .toDynamicValue(() => services.service(Clients, ClientDirectory, (service) => service.ownedBy(actor)));
  container.bind(Connections).toDynamicValue(() => services.service(Connections, Connections));
  container.bind(MetricsRegistry).toDynamicValue(() => metrics.of(info.name));
  container.bind(Operations).toDynamicValue(() => {
    services.want(Administrator);
    return new PluginOperations(actor, () => services.find<Administration>(Administrator));
  });
  return {
    container,
    release: async () => {
      scheduler.close();
      await Promise.all(owned.map((service) => service.endAll()));
    },
  };
}

/** The administration in the name of a plugin. */
class PluginOperations implements Operations {
  readonly actor: Actor;
  readonly #administration: () => Administration | undefined;

  constructor(name: string, administration: () => Administration | undefined) {
    this.actor = { name, role: 'write' };
    this.#administration = administration;
  }

  async call(operation: string, request: unknown = {}): Promise<unknown> {
    return this.#running().call(operation, request, this.actor);
  }

  async open(stream: string, request: unknown = {}): ReturnType<Operations['open']> {
    return this.#running().open(stream, request, this.actor);
  }

  #running(): Administration {
    const running = this.#administration();
    if (running === undefined) throw new AdministrationError('unavailable', 'the broker does not run');
    return running;
  }
}
