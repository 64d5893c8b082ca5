// Plugins as a part of the broker's life: what they bound as `Startable` starts in the order of the configuration and
// stops in reverse, each within a time limit. A plugin that fails to start ends the start, by name; one that hangs does
// not keep the broker from stopping.
import type { Clock } from '../../ports/clock.js';
import type { Startable } from '../../ports/startable.js';
import type { LifecycleEvent } from '../../ports/telemetry.js';
import { StartInterrupted } from '../lifecycle.js';
import type { Part } from '../lifecycle.js';
import { messageOf, withTimeout } from '../timeout.js';

const STOP_TIMEOUT_MS = 5000;

/** One plugin that is loaded. */
export interface LivingPlugin {
  /** As the configuration names it. */
  readonly name: string;
  readonly version: string;
  /** Where it came from: a package or a path. */
  readonly package: string;
  /** The names of the ports that it bound. */
  readonly provides: readonly string[];
  readonly startables: readonly Startable[];
  /** For all of them together, in milliseconds. */
  readonly startTimeoutMs: number;
  /** Ends what is still scheduled, subscribed and listened to. */
  readonly release: () => Promise<void>;
}

export interface PluginLifeParts {
  readonly plugins: readonly LivingPlugin[];
  readonly clock: Clock;
  readonly emit: (event: LifecycleEvent) => void;
}

export class PluginLife implements Part {
  readonly name = 'plugins';
  readonly #parts: PluginLifeParts;
  #isInterrupted = false;
  #interrupt: (() => void) | undefined;

  constructor(parts: PluginLifeParts) {
    this.#parts = parts;
  }

  /** @throws Error naming the plugin that failed or took too long. */
  async start(): Promise<void> {
    try {
      for (const plugin of this.#parts.plugins) await this.#startOne(plugin);
    } catch (error) {
      // All of them: a plugin may hold resources from its construction on.
      await this.stop();
      throw error;
    }
  }

  async #startOne({ startables, startTimeoutMs, ...plugin }: LivingPlugin): Promise<void> {
    const { clock, emit } = this.#parts;
    const interrupted = new Promise<never>((_resolve, reject) => {
      this.#interrupt = () => {
        reject(new StartInterrupted());
      };
    });
    interrupted.catch(() => undefined);
    const starting = (async () => {
      for (const one of startables) await one.start?.();
    })();
    try {
      await Promise.race([withTimeout(starting, startTimeoutMs, clock), interrupted]);
    } catch (error) {
      if (error instanceof StartInterrupted) throw error;
      throw new Error(`the plugin ${plugin.name} (${plugin.package}) did not start: ${messageOf(error)}`, {
        cause: error,
      });
    }
    if (this.#isInterrupted) throw new StartInterrupted();
    const { name, version, package: from, provides } = plugin;
    emit({ kind: 'plugin-started', plugin: name, version, package: from, provides });
  }

  interruptStart(): void {
    this.#isInterrupted = true;
    this.#interrupt?.();
  }

  /** Never rejects: a failure is reported as an event. */
  async stop(): Promise<void> {
    for (const { name, startables, release } of [...this.#parts.plugins].reverse()) {
      for (const one of [...startables].reverse()) await this.#inTime(name, () => one.stop?.());
      await this.#inTime(name, release);
    }
  }

  async #inTime(plugin: string, stop: () => Promise<void> | undefined): Promise<void> {
    const { clock, emit } = this.#parts;
    try {
      await withTimeout(Promise.resolve(stop()), STOP_TIMEOUT_MS, clock);
    } catch (error) {
      emit({ kind: 'plugin-failed', plugin, what: 'stop', error: messageOf(error) });
    }
  }
}
