// The endpoints to the administration as the last part of the broker's life: they open when clients can connect, and
// close before anything else ends.
import type { AdministrationEndpoint, LifecycleEvent } from '../ports/index.js';
import type { Administrator } from './administrator.js';

export interface EndpointsParts {
  readonly endpoints: readonly AdministrationEndpoint[];
  readonly administrator: Administrator;
  readonly emit: (event: LifecycleEvent) => void;
}

export class Endpoints {
  readonly name = 'administration';
  readonly #parts: EndpointsParts;
  #open: AdministrationEndpoint[] = [];

  constructor(parts: EndpointsParts) {
    this.#parts = parts;
  }

  /** @throws Error of the first endpoint that cannot open; all of them are closed then. */
  async start(): Promise<void> {
    const { endpoints, administrator, emit } = this.#parts;
    try {
      for (const endpoint of endpoints) {
        const address = await endpoint.open(administrator);
        this.#open.push(endpoint);
        if (address !== undefined) emit({ kind: 'listening', listener: endpoint.name, address });
      }
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    const open = this.#open;
    this.#open = [];
    await this.#parts.administrator.close();
    await Promise.all(open.map((endpoint) => endpoint.close()));
  }
}
