// The broker as its embedding program or command sees it: start, reload, stop, and the end by a failure. What is
// started in which order is the composition's to say; this class decides what each of the four means for the broker as
// a whole.
import type { Command, CommandOutcome } from '../domain/commands.js';
import type { TraceSubject } from '../domain/trace-step.js';
import type { Answers, Query, QueryKind } from '../domain/queries.js';
import type { Administration, ReloadResult } from '../ports/administration.js';
import type { Clients } from '../ports/clients.js';
import type { Clock } from '../ports/clock.js';
import type { Connections } from '../ports/connections.js';
import type { BrokerControl, TraceObserver } from '../ports/control.js';
import type { Messaging } from '../ports/messaging.js';
import type { Storage, StorageTraits } from '../ports/storage.js';
import type { LifecycleEvent, Telemetry } from '../ports/telemetry.js';
import type { Engine } from './engine.js';
import type { EngineRun } from './engine-run.js';
import type { FailureSignal } from './failure-signal.js';
import type { InProcessEvents } from './in-process/events.js';
import { Lifecycle, StartInterrupted } from './lifecycle.js';
import type { Part, StopFailure } from './lifecycle.js';
import type { Listening } from './listening.js';
import type { Reloading } from './reloading.js';
import type { LimitSettings } from '../domain/settings.js';
import { asError } from './timeout.js';

/** For each part to stop after a failure: nothing is promised any more, and the caller waits for the cause. */
const HALT_TIMEOUT_MS = 10_000;

export interface ServiceParts {
  /** In the order of starting: access adapters, storage, engine, listeners. */
  readonly parts: readonly Part[];
  readonly storage: Pick<Storage, 'traits'>;
  readonly engine: Engine;
  readonly engineRun: EngineRun;
  readonly reloading: Reloading;
  readonly listening: Listening;
  readonly failure: FailureSignal;
  readonly clock: Clock;
  readonly administration?: Administration;
  readonly messaging?: Messaging;
  readonly clients?: Clients;
  readonly connections?: Connections;
  readonly events?: InProcessEvents;
  /** Default: there are none. */
  readonly observers?: readonly Telemetry[];
  readonly emit: (event: LifecycleEvent) => void;
}

export class BrokerService implements BrokerControl {
  /** Resolves when the broker has stopped; rejects with the cause when it had to stop by itself. */
  readonly ended: Promise<void>;
  readonly engine: Engine;
  readonly #parts: ServiceParts;
  readonly #lifecycle: Lifecycle;
  #state: 'new' | 'starting' | 'running' | 'stopping' | 'stopped' = 'new';
  #started: Promise<void> | undefined;
  #failure: Error | undefined;
  #stopped: Promise<void> | undefined;
  #end!: { resolve: () => void; reject: (error: Error) => void };

  constructor(parts: ServiceParts) {
    this.#parts = parts;
    this.engine = parts.engine;
    this.#lifecycle = new Lifecycle(parts.parts, parts.clock);
    this.ended = new Promise((resolve, reject) => {
      this.#end = { resolve, reject };
    });
    // The rejection reaches every caller that awaits `ended`; without one it must not end the process.
    this.ended.catch(() => undefined);
    parts.failure.handledBy((error) => void this.#fail(error));
  }

  /** What its storage claims to keep. */
  get storageTraits(): StorageTraits {
    return this.#parts.storage.traits;
  }

  /** Where each listener listens, by name. */
  get addresses(): ReadonlyMap<string, string> {
    return this.#parts.listening.addresses;
  }

  /**
   * Starts every part; resolves when clients can connect.
   * @throws what the part that failed threw (StorageError, NetworkError, or an adapter's error), or StartInterrupted if
   * `stop` was called meanwhile. What had been started is stopped again, and a failure to stop is reported as an event,
   * never instead of the cause.
   */
  async start(): Promise<void> {
    if (this.#state !== 'new') throw new Error(`a broker starts once, this one is ${this.#state}`);
    this.#state = 'starting';
    this.#started = this.#start();
    return this.#started;
  }

  async #start(): Promise<void> {
    try {
      await this.#lifecycle.start();
      if (this.#failure !== undefined) throw this.#failure;
    } catch (error) {
      this.#state = 'stopped';
      const failures = await this.#halt();
      const isInterrupted = error instanceof StartInterrupted;
      // Otherwise the caller reports the cause, and it would come after what followed from it.
      if (failures.length > 0 && !isInterrupted) this.emit({ kind: 'fatal', error: asError(error) });
      this.#report(failures);
      if (isInterrupted) this.emit({ kind: 'stopped' });
      throw error;
    }
    this.#state = 'running';
    const { sessionCount, retainedCount } = this.engine.broker;
    this.emit({ kind: 'ready', sessions: sessionCount, retained: retainedCount });
  }

  /**
   * Replaces the limits, if any are given, and has listeners, authenticators and authorizers read their files again.
   * What cannot be read stays as it was. A reload waits for the one before it.
   * @returns one sentence for each adapter that failed, also emitted as an event.
   */
  async reload(limits?: LimitSettings): Promise<readonly string[]> {
    return this.#state === 'running' ? this.#parts.reloading.reload(limits) : [];
  }

  /** Has an operator's reload read the configuration first; see `Reloading.from`. */
  reloadFrom(source: () => Promise<ReloadResult>): void {
    this.#parts.reloading.from(source);
  }

  /** What endpoints, the embedding program and plugins use; `undefined` in a broker that was assembled without it. */
  get administration(): Administration | undefined {
    return this.#parts.administration;
  }

  /** What the embedding program publishes and subscribes with. */
  get messaging(): Messaging | undefined {
    return this.#parts.messaging;
  }

  /** What the embedding program looks at clients with. */
  get clients(): Clients | undefined {
    return this.#parts.clients;
  }

  /** What takes connections of the embedding program. */
  get connections(): Connections | undefined {
    return this.#parts.connections;
  }

  /** Its events for listeners of the embedding program. */
  get events(): InProcessEvents | undefined {
    return this.#parts.events;
  }

  query<Kind extends QueryKind>(query: Query<Kind>): Answers[Kind] {
    this.#requireRunning();
    return this.engine.broker.query(query);
  }

  trace(subject: TraceSubject, observer: TraceObserver): () => void {
    this.#requireRunning();
    return this.#parts.engine.trace(subject, observer);
  }

  async command(command: Command, actor: string): Promise<CommandOutcome> {
    this.#requireRunning();
    return this.engine.command(command, actor);
  }

  #requireRunning(): void {
    if (this.#state !== 'running') throw new Error(`the broker is not running, it is ${this.#state}`);
  }

  /**
   * Stops accepting, disconnects the clients, stores what is pending, and stops every part. A second call waits for the
   * first.
   * @throws the first error of a part that did not stop; the others have been stopped nevertheless.
   */
  stop(): Promise<void> {
    return (this.#stopped ??= this.#stop());
  }

  async #stop(): Promise<void> {
    // A start that is under way ends as soon as it can: its failure is for the caller of `start`.
    if (this.#state === 'starting') this.#lifecycle.interruptStart();
    await this.#started?.catch(() => undefined);
    if (this.#state === 'new') this.#state = 'stopped';
    if (this.#state !== 'running') return;
    this.#state = 'stopping';
    this.emit({ kind: 'stopping', connections: this.engine.linkCount });
    const [failure] = await this.#lifecycle.stop();
    this.#state = 'stopped';
    if (failure !== undefined) {
      // No promise is broken: everything that was acknowledged had been committed before storage was closed.
      this.emit({ kind: 'fatal', error: failure.error });
      this.#end.reject(failure.error);
      throw failure.error;
    }
    this.emit({ kind: 'stopped' });
    this.#end.resolve();
  }

  /**
   * Storage belongs to another broker, or cannot be used: every client is disconnected before anything more is
   * promised.
   */
  async #fail(error: Error): Promise<void> {
    if (this.#state === 'stopped') return;
    this.#failure ??= error;
    // The start finds the failure, stops what it has started, and reports it to its caller.
    if (this.#state === 'starting') return;
    this.#state = 'stopped';
    this.#parts.engineRun.halt();
    this.emit({ kind: 'fatal', error });
    this.#report(await this.#halt());
    this.#end.reject(error);
  }

  #halt(): Promise<readonly StopFailure[]> {
    this.#parts.engineRun.halt();
    return this.#lifecycle.stop(HALT_TIMEOUT_MS);
  }

  #report(failures: readonly StopFailure[]): void {
    for (const { part, error } of failures) this.emit({ kind: 'close-failed', adapter: part, error: error.message });
  }

  /** Has observers open again what they write to, after it was renamed. @returns whether one of them does that. */
  reopenLogs(): boolean {
    const results = this.#parts.observers?.map((observer) => observer.reopen?.() ?? false) ?? [];
    return results.includes(true);
  }

  /** For events that happen to the broker from outside, such as a signal. */
  emit(event: LifecycleEvent): void {
    this.#parts.emit(event);
  }
}
