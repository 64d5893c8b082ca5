// The composition root: from a checked configuration to whatever is resolved from it, a whole broker or a storage
// alone. The container imports and creates an adapter when something that depends on it is resolved; nothing here opens
// a socket or a store.
import 'reflect-metadata';
import { Container } from 'inversify';
import type { ServiceIdentifier } from 'inversify';
import { BrokerService } from '../application/service.js';
import type { Config } from './config.js';
import { collectErrors } from './config-error.js';
import { adaptersIn, underKey } from './injection.js';
import { authModule } from './modules/auth.js';
import { brokerModule } from './modules/broker.js';
import { engineModule } from './modules/engine.js';
import { networkModule } from './modules/network.js';
import { observabilityModule } from './modules/observability.js';
import { overridesModule } from './modules/overrides.js';
import type { Overrides } from './modules/overrides.js';
import { storageModule } from './modules/storage.js';
import { systemModule } from './modules/system.js';

/** In the order of starting: parts of the broker's life start in the order in which their modules are loaded. */
const MODULES = [
  systemModule,
  observabilityModule,
  authModule,
  storageModule,
  engineModule,
  brokerModule,
  networkModule,
];

/**
 * One container per broker: a singleton is shared by the parts of one broker, and by no other broker of the process.
 */
export function createContainer(config: Config, overrides: Overrides = {}): Container {
  const container = new Container({ defaultScope: 'Singleton' });
  container.load(...MODULES.map((module) => module(config)), overridesModule(overrides));
  return container;
}

/**
 * Creates the adapters of the configuration, or those bound to one token.
 * @throws ConfigError with what is wrong with every one of them, where resolving what depends on them would report the
 * first.
 */
export async function createAdapters(container: Container, config: Config, only?: ServiceIdentifier): Promise<void> {
  const adapters = adaptersIn(config).filter(({ token }) => only === undefined || token === only);
  await collectErrors(adapters.map(({ token, key }) => container.getAllAsync(token, underKey(key))));
}

/**
 * Creates a broker, which is not started.
 * @throws ConfigError when an adapter cannot be loaded or refuses its options.
 */
export async function composeBroker(config: Config, overrides: Overrides = {}): Promise<BrokerService> {
  const container = createContainer(config, overrides);
  await createAdapters(container, config);
  // The last access to the container: from here on objects know each other.
  return container.getAsync(BrokerService);
}

export { StartInterrupted } from '../application/lifecycle.js';
export type { BrokerService } from '../application/service.js';
export type { Overrides } from './modules/overrides.js';
