// The package `hexmq`: a broker in another program, from a configuration of the same shape as the file, with any port
// replaced at will.
import { composeBroker } from './composition/container.js';
import type { Overrides } from './composition/container.js';
import { limitSettings } from './composition/config-defaults.js';
import { resolveConfig } from './composition/resolve-config.js';
import type { ConfigInput } from './composition/config.js';
import { AdministrationError } from './ports/index.js';
import type { Administration } from './ports/index.js';
import type { BrokerService } from './application/service.js';

export type { ConfigInput, Overrides };
export { ConfigError } from './composition/config-error.js';
export { AdministrationError, NetworkError, StorageError } from './ports/index.js';
export type { Administration };

/** An MQTT broker in this process. It starts once; to start again, create another. */
export interface Broker {
  /**
   * Loads the adapters, opens storage, restores what it holds, and listens. Resolves when clients can connect.
   * @throws ConfigError when an adapter cannot be loaded or refuses its options.
   * @throws StorageError when the store cannot be opened or read: `fenced` if another broker is using it.
   * @throws NetworkError when a listener cannot listen, for example because its port is in use.
   * @throws Error when an adapter fails to start, when `stop` is called meanwhile, and on a second call.
   *
   * Everything that was opened has been closed again by then.
   */
  start(): Promise<void>;
  /**
   * Stops accepting connections, disconnects the clients, stores what is pending, and closes everything. Clients and
   * storage get 10 seconds for that; what storage has not taken by then was not acknowledged to any client, unless the
   * acknowledgement level is `received`. May be called at any time, also before the start has resolved, and again.
   * @throws the error of storage or a listener that cannot be closed; everything else has been closed then.
   */
  stop(): Promise<void>;
  /**
   * Has listeners, authenticators and authorizers read their files again, and replaces the limits if `config` is given;
   * other changes of the configuration need a restart. Clients stay connected. An adapter whose files cannot be read
   * keeps its state.
   * @returns one sentence for each adapter that could not reload; empty if all did, or if the broker is not running.
   * @throws ConfigError naming every wrong key of `config`; nothing has changed then.
   */
  reload(config?: ConfigInput): Promise<readonly string[]>;
  /**
   * Resolves when the broker has stopped, or its start has failed. Rejects with the cause if the broker had to stop by
   * itself, for example with a StorageError `fenced` because another broker has taken over the store.
   */
  readonly ended: Promise<void>;
  /**
   * The address of each listener by its name, such as `127.0.0.1:1883`, with the real port where the configuration has
   * 0. Empty before the start.
   */
  readonly addresses: ReadonlyMap<string, string>;
  /**
   * Shows and changes the running broker, as the command `hexmq` and the HTTP API do. `open` gives its events as they
   * come.
   *
   * ```ts
   * await broker.administration.call('sessions', { limit: 10 }, { name: 'my program', role: 'read' });
   * ```
   *
   * Every call is rejected with an AdministrationError `unavailable` while the broker does not run.
   */
  readonly administration: Pick<Administration, 'call' | 'metrics' | 'open'>;
}

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

const notRunning = (): Promise<never> =>
  Promise.reject(new AdministrationError('unavailable', 'the broker does not run'));

const NOT_RUNNING: Pick<Administration, 'call' | 'metrics' | 'open'> = {
  call: notRunning,
  metrics: notRunning,
  open: notRunning,
};

class EmbeddedBroker implements Broker {
  readonly ended: Promise<void>;
  readonly #compose: () => Promise<BrokerService>;
  #service: BrokerService | undefined;
  #started: Promise<void> | undefined;
  #end!: { resolve: () => void; reject: (error: unknown) => void };

  constructor(input: ConfigInput, overrides: Overrides) {
    const config = resolveConfig(input);
    this.#compose = () => composeBroker(config, overrides);
    this.ended = new Promise((resolve, reject) => {
      this.#end = { resolve, reject };
    });
    // A program that does not use `ended` must not die of an unhandled rejection.
    this.ended.catch(() => undefined);
  }

  get addresses(): ReadonlyMap<string, string> {
    return this.#service?.addresses ?? new Map<string, string>();
  }

  get administration(): Pick<Administration, 'call' | 'metrics' | 'open'> {
    return this.#service?.administration ?? NOT_RUNNING;
  }

  start(): Promise<void> {
    if (this.#started !== undefined) return Promise.reject(new Error('a broker starts once; create another'));
    this.#started = this.#start();
    return this.#started;
  }

  async reload(config?: ConfigInput): Promise<readonly string[]> {
    const limits = config === undefined ? undefined : limitSettings(resolveConfig(config));
    return (await this.#service?.reload(limits)) ?? [];
  }

  async stop(): Promise<void> {
    // Waits for a start that is under way; its failure is for the caller of `start`.
    await this.#started?.catch(() => undefined);
    await this.#service?.stop();
    this.#end.resolve();
  }

  async #start(): Promise<void> {
    try {
      const service = await this.#compose();
      await service.start();
      this.#service = service;
      service.ended.then(this.#end.resolve, this.#end.reject);
    } catch (error) {
      this.#end.resolve();
      throw error;
    }
  }
}
