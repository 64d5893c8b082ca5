// What a plugin's container holds besides what the plugin binds itself: each plugin has its own log, scheduler and
// operations, under its name.
import { Container } from 'inversify';
import type { ServiceIdentifier } from 'inversify';
import { Administrator } from '../../administration/administrator.js';
import { PluginLog } from '../../application/plugins/plugin-log.js';
import type { PluginMetrics } from '../../application/plugins/plugin-metrics.js';
import { PluginScheduler } from '../../application/plugins/plugin-scheduler.js';
import {
  AdministrationError,
  BrokerEvents,
  Clock,
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
  MetricsRegistry,
];

export interface Offered {
  readonly container: Container;
  /** Cancels what is still scheduled. */
  readonly release: () => void;
}

export function offeredTo(info: PluginInfo, { components, random, services, metrics }: OfferedParts): Offered {
  const { clock, emit } = components;
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
  for (const token of [Messaging, BrokerEvents])
    container.bind<object>(token).toDynamicValue(() => services.service<object>(token));
  container.bind(MetricsRegistry).toDynamicValue(() => metrics.of(info.name));
  container.bind(Operations).toDynamicValue(() => {
    services.want(Administrator);
    return new PluginOperations(info.name, () => services.find<Administration>(Administrator));
  });
  return {
    container,
    release: () => {
      scheduler.close();
    },
  };
}

/** The administration in the name of a plugin. */
class PluginOperations implements Operations {
  readonly actor: Actor;
  readonly #administration: () => Administration | undefined;

  constructor(name: string, administration: () => Administration | undefined) {
    this.actor = { name: `plugin ${name}`, role: 'write' };
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
