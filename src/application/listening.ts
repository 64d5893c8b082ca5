// The listeners of a broker as one part of its life. They open one after the other, so that the log names the one that
// cannot, and close together.
import type { ConnectionHandler, Listener } from '../ports/network.js';
import type { LifecycleEvent } from '../ports/telemetry.js';
import { StartInterrupted } from './lifecycle.js';
import type { Part } from './lifecycle.js';

export interface ListeningParts {
  /** In the order of opening. */
  readonly listeners: readonly Listener[];
  /** Called for each connection with the name of its listener. */
  readonly handler: (listener: string) => ConnectionHandler;
  readonly emit: (event: LifecycleEvent) => void;
}

export class Listening implements Part {
  readonly name = 'listeners';
  /** By the name of the listener; without those that do not listen, or no longer. */
  readonly addresses = new Map<string, string>();
  readonly #parts: ListeningParts;
  #isInterrupted = false;
  #isOpen = false;

  constructor(parts: ListeningParts) {
    this.#parts = parts;
  }

  /** @throws NetworkError of the first listener that cannot listen; all of them are closed then; StartInterrupted. */
  async start(): Promise<void> {
    const { listeners, handler, emit } = this.#parts;
    try {
      for (const listener of listeners) {
        const address = await listener.listen(handler(listener.name));
        if (this.#isInterrupted) throw new StartInterrupted();
        this.addresses.set(listener.name, address);
        emit({ kind: 'listening', listener: listener.name, address });
      }
      this.#isOpen = true;
    } catch (error) {
      // A listener that does not close does not matter more than the reason why one did not open.
      await this.stop().catch(() => undefined);
      throw error;
    }
  }

  interruptStart(): void {
    this.#isInterrupted = true;
  }

  /** Whether all of them listen. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  async stop(): Promise<void> {
    this.#isOpen = false;
    this.addresses.clear();
    await Promise.all(this.#parts.listeners.map((listener) => listener.close()));
  }
}
