// The life of a broker: storage first, then what it remembers, then the doors; and back in the other order.
import type { Authenticator, Authorizer } from '../ports/auth.js';
import type { Clock } from '../ports/clock.js';
import type { Listener } from '../ports/network.js';
import type { Random } from '../ports/random.js';
import type { AckLevel, Storage } from '../ports/storage.js';
import type { LifecycleEvent, Telemetry } from '../ports/telemetry.js';
import { Admission } from './admission.js';
import { emitToAll } from './emit-to-all.js';
import { Authentication } from './authentication.js';
import { Authorization } from './authorization.js';
import { Engine } from './engine.js';
import { LoginThrottle } from './login-throttle.js';
import type { LoginThrottleSettings } from './login-throttle.js';
import { rehearse } from './rehearsal.js';
import type { LimitSettings, LiveSettings } from './settings.js';
import { messageOf, withTimeout } from './timeout.js';
import { refuseUnfinished } from './transfer/unfinished.js';

export interface ServiceParts {
  readonly storage: Storage;
  readonly listeners: readonly Listener[];
  readonly authenticators: readonly Authenticator[];
  /** Of listeners that have their own, by name; these are asked instead of those above. */
  readonly listenerAuthenticators?: ReadonlyMap<string, readonly Authenticator[]>;
  /** Default: nobody is slowed. */
  readonly failedAttempts?: LoginThrottleSettings | undefined;
  /** Default: none. */
  readonly authorizers?: readonly Authorizer[];
  readonly telemetry: readonly Telemetry[];
  readonly clock: Clock;
  readonly random: Random;
  readonly settings: LiveSettings;
  /** When acknowledgements leave; default `flushed`. */
  readonly ackLevel?: AckLevel | undefined;
  /** Calls back when all input that is there now has been handled; the default is Node's `setImmediate`. */
  readonly atEndOfTurn?: (callback: () => void) => void;
}

/** How long a stop waits for clients to take their last bytes and for storage to take the last changes. */
const STOP_TIMEOUT_MS = 10_000;
/** How long an authenticator or authorizer may take to let go of what it holds. */
const ADAPTER_CLOSE_TIMEOUT_MS = 5000;

export class BrokerService {
  /** Resolves when the broker has stopped, rejects with the cause if it had to stop by itself. */
  readonly ended: Promise<void>;
  readonly addresses = new Map<string, string>();
  readonly engine: Engine;
  readonly #parts: ServiceParts;
  readonly #admission: Admission;
  #state: 'new' | 'starting' | 'running' | 'stopping' | 'stopped' = 'new';
  #started: Promise<void> | undefined;
  #failure: Error | undefined;
  #stopped: Promise<void> | undefined;
  #reloading: Promise<unknown> = Promise.resolve();
  #end!: { resolve: () => void; reject: (error: Error) => void };

  constructor(parts: ServiceParts) {
    this.#parts = parts;
    this.ended = new Promise((resolve, reject) => {
      this.#end = { resolve, reject };
    });
    // Nobody has to listen: who does gets the rejection all the same.
    this.ended.catch(() => undefined);
    this.#admission = admissionOf(parts);
    this.engine = new Engine({
      ...parts,
      limits: parts.settings.current,
      limitsOfListeners: parts.settings.perListener,
      admission: this.#admission,
      atEndOfTurn: parts.atEndOfTurn ?? ((callback) => void setImmediate(callback)),
      fatal: (error) => void this.#fail(error),
    });
  }

  /**
   * Opens storage, restores what it has, then listens.
   * `rehearsed`: the first clients find a broker that has been compiled, at the price of a fraction of a second before they can come.
   * @throws StorageError when storage cannot be opened or read; NetworkError when a listener cannot listen. All is closed again then.
   */
  async start({ rehearsed = false }: { readonly rehearsed?: boolean } = {}): Promise<void> {
    if (this.#state !== 'new') throw new Error(`a broker starts once, this one is ${this.#state}`);
    this.#state = 'starting';
    this.#started = this.#start(rehearsed);
    return this.#started;
  }

  async #start(rehearsed: boolean): Promise<void> {
    const { storage, listeners } = this.#parts;
    try {
      await storage.open();
    } catch (error) {
      await this.#closeAdmission();
      throw error;
    }
    try {
      for await (const fact of storage.load()) {
        refuseUnfinished(fact);
        this.engine.restore(fact);
      }
      this.engine.start();
      for (const authorizer of this.#parts.authorizers ?? []) {
        authorizer.watch?.(() => {
          this.engine.reauthorize();
        });
      }
      if (rehearsed) await rehearse({ ...this.#parts, limits: this.#parts.settings.current });
      for (const listener of listeners) {
        const address = await listener.listen((peer) => this.engine.handleConnection(listener.name, peer));
        this.addresses.set(listener.name, address);
        this.emit({ kind: 'listening', listener: listener.name, address });
      }
      if (this.#failure !== undefined) throw this.#failure;
    } catch (error) {
      this.#state = 'stopped';
      this.engine.down();
      await this.#closeDoors();
      await this.#closeAdmission();
      await storage.close();
      throw error;
    }
    this.#state = 'running';
    this.emit({
      kind: 'ready',
      sessions: this.engine.broker.sessionCount,
      retained: this.engine.broker.retainedCount,
    });
  }

  /**
   * Reads again what people change while a broker runs: the files of listeners, authenticators and authorizers and, if given, the limits. What cannot
   * be read stays as it was. One reload after the other.
   * @returns what went wrong, a sentence each; it is noticed as well.
   */
  reload(limits?: LimitSettings): Promise<readonly string[]> {
    const reload = this.#reloading.then(() => this.#reload(limits));
    this.#reloading = reload;
    return reload;
  }

  async #reload(limits: LimitSettings | undefined): Promise<readonly string[]> {
    if (this.#state !== 'running') return [];
    const problems: string[] = [];
    const what: string[] = [];
    if (limits !== undefined) {
      this.#parts.settings.replace(limits);
      this.engine.limit(limits.limits, limits.perListener);
      what.push('limits');
    }
    const { authentication, authorization } = this.#admission;
    for (const part of [...this.#parts.listeners, ...authentication.all, ...authorization.authorizers]) {
      if (part.reload === undefined) continue;
      try {
        await part.reload();
        what.push(part.name);
      } catch (error) {
        const problem = error instanceof Error ? error.message : String(error);
        problems.push(`${part.name}: ${problem}`);
        this.emit({ kind: 'reload-failed', what: part.name, error: problem });
      }
    }
    // Those that look it up elsewhere each time cannot tell that something has changed there.
    if (authorization.authorizers.some((authorizer) => authorizer.watch === undefined)) this.engine.reauthorize();
    if (what.length > 0) this.emit({ kind: 'reloaded', what });
    return problems;
  }

  /** Stops accepting, disconnects clients, commits what is pending, closes storage. A second call waits for the first. */
  stop(): Promise<void> {
    return (this.#stopped ??= this.#stop());
  }

  async #stop(): Promise<void> {
    // A start on its way is waited for: half a start cannot be stopped, and its failure is told to who started.
    await this.#started?.catch(() => undefined);
    if (this.#state === 'new') this.#state = 'stopped';
    if (this.#state !== 'running') return;
    this.#state = 'stopping';
    this.emit({ kind: 'stopping', connections: this.engine.linkCount });
    await this.#closeDoors();
    // What storage does not take in time was not acknowledged to anyone: nothing that was promised is lost by going.
    const timer = this.#parts.clock.at(this.#parts.clock.nowMs() + STOP_TIMEOUT_MS, () => {
      const changes = this.engine.committer.waitingChanges;
      if (changes > 0) this.emit({ kind: 'changes-abandoned', changes });
      this.engine.down();
    });
    await this.engine.shutdown();
    timer.cancel();
    this.#state = 'stopped';
    await this.#closeAdmission();
    try {
      await this.#parts.storage.close();
    } catch (error) {
      // Nothing is lost by it: all that was promised had been committed.
      const failure = error instanceof Error ? error : new Error(String(error));
      this.emit({ kind: 'fatal', error: failure });
      this.#end.reject(failure);
      throw failure;
    }
    this.emit({ kind: 'stopped' });
    this.#end.resolve();
  }

  /** Storage is not ours any more: everyone is disconnected at once, before anyone is promised anything more. */
  async #fail(error: Error): Promise<void> {
    if (this.#state === 'stopped') return;
    this.#failure = error;
    // Whoever starts finds it, closes what is open, and tells who asked for the start.
    if (this.#state === 'starting') return;
    this.#state = 'stopped';
    this.engine.down();
    this.emit({ kind: 'fatal', error });
    await this.#closeDoors();
    await this.#closeAdmission();
    await this.#parts.storage.close().catch(() => undefined);
    this.#end.reject(error);
  }

  async #closeDoors(): Promise<void> {
    await Promise.all(this.#parts.listeners.map((listener) => listener.close()));
  }

  /** Nobody is asked any more. One that does not let go keeps nobody from stopping. */
  async #closeAdmission(): Promise<void> {
    const { authentication, authorization } = this.#admission;
    await Promise.all(
      [...authentication.all, ...authorization.authorizers].map(async (adapter) => {
        try {
          if (adapter.stop !== undefined)
            await withTimeout(adapter.stop(), ADAPTER_CLOSE_TIMEOUT_MS, this.#parts.clock);
        } catch (error) {
          this.emit({ kind: 'close-failed', adapter: adapter.name, error: messageOf(error) });
        }
      }),
    );
  }

  /** For what happens to a broker outside of it. */
  emit(event: LifecycleEvent): void {
    this.engine.emit(event);
  }
}

function admissionOf({
  authenticators,
  listenerAuthenticators,
  authorizers = [],
  failedAttempts,
  clock,
  telemetry,
}: ServiceParts): Admission {
  const attempts =
    failedAttempts === undefined
      ? undefined
      : new LoginThrottle(failedAttempts, {
          clock,
          emit: (event) => {
            emitToAll(telemetry, event);
          },
        });
  return new Admission(
    new Authentication(authenticators, listenerAuthenticators),
    new Authorization(authorizers),
    attempts,
  );
}
