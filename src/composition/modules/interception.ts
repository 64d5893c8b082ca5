// Interceptors: as a part of the broker's life, and as what the engine asks.
import { ContainerModule } from 'inversify';
import { AdapterLife } from '../../application/adapter-life.js';
import { EventLoop } from '../../application/event-loop.js';
import { Interceptors } from '../../application/interceptors.js';
import type { InterceptorsParts } from '../../application/interceptors.js';
import { LiveSettings } from '../../application/settings.js';
import { Interceptor } from '../../ports/index.js';
import type { AdapterComponents } from '../adapter-table.js';
import type { Config } from '../config.js';
import { all, byName, Components, EndOfTurn, LifecyclePart, OpenLinks } from '../injection.js';

interface InterceptorsDependencies extends Omit<InterceptorsParts, keyof AdapterComponents> {
  readonly components: AdapterComponents;
}

export const interceptionModule = (_config: Config): ContainerModule =>
  new ContainerModule(({ bind }) => {
    bind(Interceptors).toResolvedValue(
      ...byName(createInterceptors, {
        interceptors: all(Interceptor),
        settings: LiveSettings,
        atEndOfTurn: EndOfTurn,
        loop: EventLoop,
        links: OpenLinks,
        components: Components,
      }),
    );
    bind(LifecyclePart).toResolvedValue(
      (components, interceptors: Interceptor[] = []) => new AdapterLife('interceptors', interceptors, components),
      [Components, all(Interceptor)],
    );
  });

const createInterceptors = ({ components, ...parts }: InterceptorsDependencies): Interceptors =>
  new Interceptors({ ...parts, ...components });
