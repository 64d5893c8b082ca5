// The broker of an embedding program: from its creation, when there is nothing yet, to its end. What needs a running
// broker says so at any other time.
import type { BrokerService } from '../application/service.js';
import { composeBroker } from '../composition/container.js';
import type { Overrides } from '../composition/container.js';
import { limitSettings } from '../composition/config-defaults.js';
import { resolveConfig } from '../composition/resolve-config.js';
import type { ConfigInput } from '../composition/config.js';
import { AdministrationError } from '../ports/index.js';
import type { Administration, BrokerEvents, Connections, Messaging } from '../ports/index.js';
import { AddedListeners } from './added-listeners.js';
import type { Broker } from './broker.js';
import { clientsOf } from './clients-of.js';

function notRunning(): never {
  throw new AdministrationError('unavailable', 'the broker does not run');
}

const rejected = (): Promise<never> => Promise.resolve().then(notRunning);

const NOT_RUNNING: Pick<Administration, 'call' | 'metrics' | 'open'> = {
  call: rejected,
  metrics: rejected,
  open: rejected,
};

export class EmbeddedBroker implements Broker {
  readonly ended: Promise<void>;
  readonly #listeners = new AddedListeners();
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
    void this.ended
      .catch(() => undefined)
      .then(() => {
        this.#listeners.finish();
      });
  }

  get addresses(): ReadonlyMap<string, string> {
    return this.#service?.addresses ?? new Map<string, string>();
  }

  get administration(): Pick<Administration, 'call' | 'metrics' | 'open'> {
    return this.#service?.administration ?? NOT_RUNNING;
  }

  readonly clients = clientsOf(() => this.#service?.clients ?? notRunning());

  readonly handle: Connections['handle'] = (stream, options) =>
    (this.#service?.connections ?? notRunning()).handle(stream, options);

  readonly publish: Messaging['publish'] = async (message) =>
    (this.#service?.messaging ?? notRunning()).publish(message);

  readonly subscribe: Messaging['subscribe'] = async (topicFilters, receive, options) =>
    (this.#service?.messaging ?? notRunning()).subscribe(topicFilters, receive, options);

  readonly on: BrokerEvents['on'] = (kinds, listener, options) => this.#listeners.on(kinds, listener, options);

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
      this.#listeners.begin(service.events);
      await service.start();
      this.#service = service;
      service.ended.then(this.#end.resolve, this.#end.reject);
    } catch (error) {
      this.#end.resolve();
      throw error;
    }
  }
}
