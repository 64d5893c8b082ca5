// The authenticators and authorizers of a broker as one part of its life. They start one after the other and stop
// together, each within a time limit: an adapter that hangs must not keep the broker from stopping.
import type { Authenticator, Authorizer } from '../ports/auth.js';
import type { Clock } from '../ports/clock.js';
import type { LifecycleEvent } from '../ports/telemetry.js';
import type { Authentication } from './authentication.js';
import type { Authorization } from './authorization.js';
import { StartInterrupted } from './lifecycle.js';
import type { Part } from './lifecycle.js';
import { messageOf, withTimeout } from './timeout.js';

const STOP_TIMEOUT_MS = 5000;

export interface AccessAdaptersParts {
  readonly authentication: Authentication;
  readonly authorization: Authorization;
  readonly clock: Clock;
  readonly emit: (event: LifecycleEvent) => void;
}

export class AccessAdapters implements Part {
  readonly name = 'authentication and authorization';
  /** Each adapter once, however many listeners share it. */
  readonly all: readonly (Authenticator | Authorizer)[];
  readonly #parts: AccessAdaptersParts;
  #isInterrupted = false;

  constructor(parts: AccessAdaptersParts) {
    this.#parts = parts;
    this.all = [...parts.authentication.all, ...parts.authorization.authorizers];
  }

  /** Whether an authorizer cannot tell when its answers change. */
  get hasUnwatchedAuthorizer(): boolean {
    return this.#parts.authorization.authorizers.some((authorizer) => authorizer.watch === undefined);
  }

  async start(): Promise<void> {
    try {
      for (const adapter of this.all) {
        await adapter.start?.();
        if (this.#isInterrupted) throw new StartInterrupted();
      }
    } catch (error) {
      // All of them: an adapter may hold resources from its construction on.
      await this.stop();
      throw error;
    }
  }

  interruptStart(): void {
    this.#isInterrupted = true;
  }

  /** Never rejects: a failure is reported as an event. */
  async stop(): Promise<void> {
    const { clock, emit } = this.#parts;
    await Promise.all(
      this.all.map(async (adapter) => {
        try {
          if (adapter.stop !== undefined) await withTimeout(adapter.stop(), STOP_TIMEOUT_MS, clock);
        } catch (error) {
          emit({ kind: 'close-failed', adapter: adapter.name, error: messageOf(error) });
        }
      }),
    );
  }
}
