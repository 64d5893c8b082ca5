// Reloads: limits are replaced, and listeners, authenticators, authorizers and interceptors read their files again. One
// reload waits for the one before it.
import type { LimitSettings } from '../domain/settings.js';
import type { ReloadResult } from '../ports/administration.js';
import type { Interceptor } from '../ports/interceptor.js';
import type { Listener } from '../ports/network.js';
import type { Reloadable } from '../ports/reloadable.js';
import type { LifecycleEvent } from '../ports/telemetry.js';
import type { AccessAdapters } from './access-adapters.js';
import type { Engine } from './engine.js';
import type { LiveSettings } from './settings.js';
import { messageOf } from './timeout.js';
import type { Warnings } from './warnings.js';

export interface ReloadingParts {
  readonly engine: Engine;
  readonly access: AccessAdapters;
  readonly listeners: readonly Listener[];
  readonly interceptors: readonly Interceptor[];
  readonly settings: LiveSettings;
  /** Other parts that read files. */
  readonly others: readonly (Reloadable & { readonly name: string })[];
  /** Default: there are none. */
  readonly warnings?: Warnings;
  readonly emit: (event: LifecycleEvent) => void;
}

export class Reloading {
  readonly #parts: ReloadingParts;
  #last: Promise<unknown> = Promise.resolve();
  #source: () => Promise<ReloadResult> = async () => ({ problems: await this.reload(), restartNeeded: [] });

  constructor(parts: ReloadingParts) {
    this.#parts = parts;
  }

  /** Has an operator's reload begin with the source of the configuration, which then calls `reload`. */
  from(source: () => Promise<ReloadResult>): void {
    this.#source = source;
  }

  /** Reloads as an operator wants it: everything, the configuration included if its source is known. */
  request(): Promise<ReloadResult> {
    return this.#source();
  }

  /**
   * Replaces the limits, if any are given, and has every part read its files again. What cannot be read stays as it
   * was.
   * @returns one sentence for each adapter that failed, also emitted as an event.
   */
  reload(limits?: LimitSettings): Promise<readonly string[]> {
    const reload = this.#last.then(() => this.#reload(limits));
    this.#last = reload;
    return reload;
  }

  async #reload(limits: LimitSettings | undefined): Promise<readonly string[]> {
    const { settings, listeners, access, interceptors, others, engine, emit, warnings } = this.#parts;
    const problems: string[] = [];
    const what: string[] = [];
    if (limits !== undefined) {
      settings.replace(limits);
      what.push('limits');
    }
    for (const part of [...listeners, ...access.all, ...interceptors, ...others]) {
      if (part.reload === undefined) continue;
      try {
        await part.reload();
        what.push(part.name);
      } catch (error) {
        const problem = messageOf(error);
        problems.push(`${part.name}: ${problem}`);
        emit({ kind: 'reload-failed', what: part.name, error: problem });
      }
    }
    if (access.hasUnwatchedAuthorizer) engine.reauthorize();
    if (what.length > 0) emit({ kind: 'reloaded', what });
    warnings?.report();
    return problems;
  }
}
