// The package `hexmq`: a broker in another program, from a configuration of the same shape as the file, with any port
// replaced at will.
import type { ConfigInput } from './composition/config-schema.js';
import type { Overrides } from './composition/modules/overrides.js';
import type { Broker } from './embedding/broker.js';
import { EmbeddedBroker } from './embedding/embedded-broker.js';
import type { Administration } from './ports/index.js';

export type { Broker, ConfigInput, Overrides };
export { ConfigError } from './composition/config-error.js';
export { AdministrationError, NetworkError, StorageError } from './ports/index.js';
export type { Administration };

/**
 * Creates a broker, which is not started.
 *
 * ```ts
 * const broker = createBroker({ listeners: [{ type: 'tcp', port: 1883 }], storage: { adapter: 'memory' } });
 * await broker.start();
 * ```
 * @param config of the same shape as the configuration file (docs/configuration.md), with the same defaults: a listener
 * on `127.0.0.1:1883`, storage in `./data`, and every client admitted. Environment variables are not read.
 * @param overrides implementations of ports in place of the adapters that the configuration names.
 * @throws ConfigError naming every wrong key.
 */
export function createBroker(config: ConfigInput = {}, overrides: Overrides = {}): Broker {
  return new EmbeddedBroker(config, overrides);
}
