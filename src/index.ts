// hexmq in another program: a broker made from a configuration of the same shape as the file, with any port of it replaced at will.
import { composeBroker } from './composition/container.js';
import type { Overrides } from './composition/container.js';
import { limitSettings, resolveConfig } from './composition/config.js';
import type { ConfigInput } from './composition/config.js';
import type { BrokerService } from './application/service.js';

export type { ConfigInput, Overrides };
export { ConfigError } from './composition/config-error.js';
export { NetworkError, StorageError } from './ports/index.js';

export interface Broker {
  /**
   * Starts the broker; once. Resolves when clients can connect.
   * @throws ConfigError when an adapter cannot be loaded; StorageError; NetworkError. Nothing stays open then.
   */
  start(): Promise<void>;
  /** Disconnects the clients, stores what is pending, and closes everything. May be called at any time, and again. */
  stop(): Promise<void>;
  /**
   * Reads again what authenticators, authorizers and listeners have in files, and takes over the limits of `config` if it is given. What cannot be
   * read stays as it was.
   * @returns what went wrong, a sentence each.
   * @throws ConfigError naming every key of `config` that is wrong; nothing has changed then.
   */
  reload(config?: ConfigInput): Promise<readonly string[]>;
  /** Resolves when the broker has stopped; rejects with the cause when it had to stop by itself. */
  readonly ended: Promise<void>;
  /** Where each listener listens, by name: `127.0.0.1:1883`. Empty before the start. */
  readonly addresses: ReadonlyMap<string, string>;
}

/**
 * ```ts
 * const broker = createBroker({ listeners: [{ type: 'tcp', port: 1883 }], storage: { adapter: 'memory' } });
 * await broker.start();
 * ```
 * @param config of the same shape as the configuration file; what is left out has the same defaults.
 * @throws ConfigError naming every key that is wrong.
 */
export function createBroker(config: ConfigInput = {}, overrides: Overrides = {}): Broker {
  return new EmbeddedBroker(config, overrides);
}

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
    // Nobody has to listen: who does gets the rejection all the same.
    this.ended.catch(() => undefined);
  }

  get addresses(): ReadonlyMap<string, string> {
    return this.#service?.addresses ?? new Map<string, string>();
  }

  start(): Promise<void> {
    if (this.#started !== undefined) return Promise.reject(new Error('a broker starts once; make another'));
    this.#started = this.#start();
    return this.#started;
  }

  async reload(config?: ConfigInput): Promise<readonly string[]> {
    const limits = config === undefined ? undefined : limitSettings(resolveConfig(config));
    return (await this.#service?.reload(limits)) ?? [];
  }

  async stop(): Promise<void> {
    // A start on its way is waited for: half a start cannot be stopped, and its failure has been told to who started.
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
