// One run: the clock, the network, the disk, the clients and the incarnations of the broker, driven by a plan. Time
// jumps from one timer to the next, and timers that are due together make one turn of the broker. The run ends at the
// first broken promise.
import { isDropped } from './slow-interceptor.js';
import type { Authorizer, Command, Permissions, Storage } from '../../ports/index.js';
import { DEFAULT_LIMITS } from '../../domain/limits.js';
import { SeededRandom } from '../seeded-random.js';
import { VirtualClock } from '../virtual-clock.js';
import { audit } from './audit.js';
import { BackupReader } from './backup-reader.js';
import { SimulatedClient } from './client.js';
import { Dates } from './dates.js';
import { SimulatedDisk } from './disk.js';
import { BrokerIncarnation } from './incarnation.js';
import { Model } from './model.js';
import { SimulatedNetwork } from './network.js';
import { payloadOf } from './payload.js';
import { describeOperation } from './operations.js';
import type { Action, Operation, Plan } from './operations.js';
import { permissionsOf } from './permissions.js';
import { WILL_GRACE_MS } from './plan.js';
import { auditedFilters, expiryOf, maxBufferedAboveMark, publishersWait, withPlaces } from './plan-bounds.js';
import { describeEvent, Script } from './script.js';
import { Verdict } from './violation.js';
import type { Outcome } from './outcome.js';

/**
 * Longer than the broker waits for anything once storage works again: a retry, and the grace periods of a close and of
 * wills.
 */
const QUIET_MS = WILL_GRACE_MS + 5500;
const PATIENCE_MS = 300_000;

export class World {
  readonly #clock = new VirtualClock(1_700_000_000_000);
  readonly #verdict = new Verdict();
  readonly #script: Script;
  readonly #network: SimulatedNetwork;
  readonly #disk: SimulatedDisk;
  readonly #model: Model;
  readonly #dates: Dates;
  readonly #clients = new Map<string, SimulatedClient>();
  readonly #random: SeededRandom;
  readonly #startMs: number;
  /** Those of the plan, until the faults are over. */
  #limits: Plan['limits'];
  #incarnation: BrokerIncarnation | undefined;
  /** Of the present incarnation. */
  #backups: BackupReader | undefined;
  /** Notifies the broker that rules have changed. */
  #rulesChanged: () => void = () => undefined;
  /** Whether the broker has started, so that it accepts commands. */
  #isUp = false;
  #isStopping = false;
  #starts = 0;
  #steps = 0;

  constructor(
    readonly plan: Plan,
    createStorage: () => Storage,
    keepScript: boolean,
  ) {
    this.#script = new Script(this.#clock, keepScript);
    this.#startMs = this.#clock.nowMs();
    this.#random = new SeededRandom(plan.seed);
    this.#limits = plan.limits;
    this.#disk = new SimulatedDisk(
      createStorage,
      this.#clock,
      this.#script,
      (batch) => {
        this.#model.kept(batch, this.#disk.isFlushed);
      },
      () => this.#model.evidence.clock.tick(),
    );
    this.#model = new Model({
      nowMs: () => this.#clock.nowMs(),
      wallMs: () => this.#clock.wallMs(),
      sessionExpiryMs: expiryOf(plan),
      maxInflight: plan.limits.maxInflight ?? DEFAULT_LIMITS.maxInflight,
      publishersWait: publishersWait(plan),
      isDropped: (tag) => plan.interceptor !== undefined && isDropped(plan.interceptor, tag),
      mayPublish: (client, topic) => plan.denials?.[client]?.publish.includes(topic) !== true,
      most: plan.limits,
      isRefusing: plan.limits.queueFullPolicy === 'refuse',
      maxBufferedAboveMark: maxBufferedAboveMark(plan),
      verdict: this.#verdict,
      disk: this.#disk.contents,
      script: this.#script,
    });
    this.#dates = new Dates(this.#clock, this.#disk.contents, this.#model.evidence.tokens, plan.tokenMs);
    this.#network = new SimulatedNetwork(this.#clock, this.#model, plan.highWaterMark);
    for (const [name, rules] of Object.entries(plan.rules ?? {})) this.#model.evidence.rules.set(name, rules);
    for (const traits of plan.clients)
      this.#clients.set(
        traits.name,
        new SimulatedClient(traits, this.#network, this.#clock, this.#model, this.#script),
      );
  }

  async run(): Promise<Outcome> {
    for (const operation of this.plan.operations)
      this.#clock.at(this.#startMs + operation.atMs, () => {
        this.#perform(operation);
      });
    this.#start();
    await this.#until(this.#startMs + this.plan.durationMs);
    await this.#comeToRest();
    await this.#audit();
    this.#incarnation?.die();
    return { violation: this.#verdict.violation, script: this.#script.lines, steps: this.#steps };
  }

  // -- Time --

  async #until(endMs: number): Promise<void> {
    while (this.#verdict.violation === undefined) {
      await this.#turn();
      const nextMs = this.#clock.nextDueMs;
      if (nextMs === undefined || nextMs > endMs) break;
      this.#clock.advanceTo(Math.max(nextMs, this.#clock.nowMs()));
    }
    if (this.#clock.nowMs() < endMs && this.#verdict.violation === undefined) this.#clock.advanceTo(endMs);
  }

  /** Runs everything that follows from the last event, while time stands still. */
  async #turn(): Promise<void> {
    do {
      this.#steps++;
      // The promises settle, because they can wait only for each other.
      await new Promise<void>((resolve) => setImmediate(resolve));
      const { pendingDeliveries = 0, accountingBalance = 0 } = this.#incarnation ?? {};
      this.#model.turnEnded(pendingDeliveries, accountingBalance);
    } while (this.#incarnation?.endTurn() === true || this.#disk.work());
    this.#model.evidence.rules.turnEnded();
    this.#model.evidence.commands.turnEnded();
    if (this.#disk.isSettled) this.#model.settled(this.#disk.isFlushed);
  }

  // -- The broker --

  #start(): void {
    if (this.#incarnation !== undefined) return;
    this.#script.note('broker', `starts, incarnation ${++this.#starts}`);
    this.#isStopping = this.#model.evidence.lifetimes.isStopping = false;
    const { ackLevels, sliceSize, maxTurnSteps } = this.plan;
    const ackLevel = ackLevels[(this.#starts - 1) % ackLevels.length] ?? 'flushed';
    this.#model.started(ackLevel);
    const telemetry = {
      emit: (event: Parameters<Model['event']>[0]): void => {
        if (this.#incarnation !== incarnation) return;
        if (this.#script.isKept) this.#script.note('broker', describeEvent(event));
        this.#model.event(event);
      },
    };
    const incarnation: BrokerIncarnation = new BrokerIncarnation({
      storage: this.#disk.provideStorage(),
      network: this.#network,
      authenticate: (request) => this.#dates.authenticate(request),
      authorizers: this.#authorizers(),
      interceptor: this.plan.interceptor,
      telemetry,
      clock: this.#clock,
      random: this.#random,
      limits: this.#limits,
      ackLevel,
      sliceSize,
      maxTurnSteps,
    });
    this.#incarnation = incarnation;
    this.#backups = new BackupReader(incarnation, this.#disk, this.#model, this.#script);
    incarnation.service.start().then(
      () => {
        if (this.#incarnation !== incarnation) return;
        this.#isUp = true;
        this.#model.recovered(incarnation.service.engine.broker.counters.restored);
      },
      (error: unknown) => {
        if (this.#incarnation === incarnation) this.#model.failed(error);
      },
    );
  }

  /** Authorizes every client with its present rules. */
  #authorizers(): Authorizer[] {
    if (this.plan.rules === undefined && this.plan.denials === undefined) return [];
    const authorize = ({ clientId }: { readonly clientId: string }): Permissions =>
      permissionsOf(this.#model.evidence.rules.rulesOf(clientId), this.plan.denials?.[clientId]);
    return [{ name: 'the plan', authorize, watch: (changed) => (this.#rulesChanged = changed) }];
  }

  #crash({ keeps, power, delivers, downMs }: Extract<Action, { kind: 'crash' }>): void {
    if (this.#incarnation === undefined) return;
    this.#script.note('broker', 'crashes');
    this.#incarnation.die();
    this.#incarnation = undefined;
    this.#isUp = false;
    const isLossy = this.#disk.crash(keeps, power);
    this.#dates.restarts();
    this.#network.died(delivers);
    this.#model.crashed(isLossy);
    this.#later(downMs, () => {
      this.#start();
    });
  }

  #stop(downMs: number): void {
    const incarnation = this.#incarnation;
    if (incarnation === undefined || this.#isStopping) return;
    this.#script.note('broker', 'stop requested');
    this.#isStopping = true;
    this.#model.evidence.lifetimes.stopping();
    this.#isUp = false;
    const stopped = (): void => {
      if (this.#incarnation !== incarnation) return;
      this.#script.note('broker', 'has stopped');
      incarnation.die();
      this.#incarnation = undefined;
      this.#disk.crash(true);
      this.#dates.restarts();
      this.#network.died(true);
      this.#model.stopped(this.#disk.isFlushed);
      this.#later(downMs, () => {
        this.#start();
      });
    };
    // A broker that dies while it stops cannot close its storage.
    incarnation.service.stop().then(stopped, (error: unknown) => {
      if (this.#incarnation === incarnation) this.#model.failed(error);
    });
  }

  #command(command: Command): void {
    const incarnation = this.#incarnation;
    if (incarnation === undefined || !this.#isUp) return;
    const observed = this.#model.commandGiven(command);
    incarnation.service.command(command, 'the plan').then(
      (outcome) => {
        if (this.#incarnation !== incarnation) return;
        this.#script.note('operator', `gets ${outcome.result} for ${command.kind}`);
        this.#model.commandAnswered(observed, outcome);
      },
      // The broker has stopped first.
      () => undefined,
    );
  }

  #later(afterMs: number, what: () => void): void {
    this.#clock.at(this.#clock.nowMs() + afterMs, what);
  }

  // -- The plan --

  #perform(operation: Operation): void {
    if (this.#verdict.violation !== undefined) return;
    this.#script.note('plan', describeOperation(operation));
    switch (operation.kind) {
      case 'disk pace':
        this.#disk.setPace(operation.callMs, operation.answerMs);
        return;
      case 'disk refuses':
        this.#disk.refuse(operation.commits, operation.reads);
        return;
      case 'disk denies':
        this.#disk.deny(operation.commits);
        return;
      case 'crash':
        this.#crash(operation);
        return;
      case 'stop':
        this.#stop(operation.downMs);
        return;
      case 'connect':
        this.#client(operation).connect(operation);
        return;
      case 'disconnect':
        this.#client(operation).disconnect(operation.five);
        return;
      case 'vanish':
        this.#client(operation).vanish(operation.lossy);
        return;
      case 'subscribe':
        this.#client(operation).subscribe(operation.filters, operation.identifier);
        return;
      case 'unsubscribe':
        this.#client(operation).unsubscribe(operation.filters);
        return;
      case 'publish': {
        const { topic, qos, retain, bytes, count, id, expiryS } = operation;
        for (let i = 0; i < count; i++)
          this.#client(operation).publish(
            topic,
            qos,
            retain,
            bytes === 0 ? new Uint8Array(0) : payloadOf(`p${id}-${i}`, bytes),
            expiryS,
          );
        return;
      }
      case 'acknowledge':
        this.#client(operation).setAcknowledging(operation.how);
        return;
      case 'stall':
        this.#client(operation).stall(operation.forMs);
        return;
      case 'permissions':
        this.#model.evidence.rules.set(operation.client, operation.rules);
        this.#rulesChanged();
        return;
      case 'operator':
      case 'announce':
      case 'backup':
      case 'date':
        this.#administer(operation);
        return;
      case 'mute':
        this.#client(operation).mute(operation.forMs);
        return;
    }
  }

  /** What happens only if the broker runs. */
  #administer(operation: Extract<Operation, { kind: 'operator' | 'announce' | 'backup' | 'date' }>): void {
    if (operation.kind === 'operator') this.#command(operation.command);
    if (!this.#isUp) return;
    if (operation.kind === 'announce') this.#incarnation?.service.engine.announce(...this.#model.announced(operation));
    else if (operation.kind === 'backup') this.#backups?.run(operation.readMs);
    else if (operation.kind === 'date') this.#dates.correct(operation.byMs);
  }

  #client({ client }: { readonly client: string }): SimulatedClient {
    const found = this.#clients.get(client);
    if (found === undefined) throw new Error(`the plan has no client ${client}`);
    return found;
  }

  // -- The end --

  /** Ends the faults and reconnects all clients, which read: everything that waits must be delivered. */
  async #comeToRest(): Promise<void> {
    this.#script.note('plan', 'the faults are over');
    this.#disk.heal();
    this.#network.highWaterMark = Number.MAX_SAFE_INTEGER;
    this.#liftLimits();
    await this.#until(this.#clock.nowMs() + QUIET_MS);
    this.#start();
    if (this.#dates.endTokens()) await this.#until(this.#clock.nowMs() + QUIET_MS);
    for (const client of this.#clients.values()) {
      client.behave();
      const isClean = !this.#model.evidence.mayBeStored(client.name);
      if (isClean && client.isConnected) continue;
      client.connect({
        kind: 'connect',
        client: client.name,
        clean: isClean,
        keepAliveS: 0,
        will: undefined,
        eager: false,
        ...client.lastProperties(isClean),
      });
    }
    // Small windows and slow networks take time. A run that hangs reaches the limit.
    const lastMs = this.#clock.nowMs() + PATIENCE_MS;
    do {
      await this.#until(this.#clock.nowMs() + QUIET_MS);
      for (const client of this.#clients.values()) client.returnIfDisconnected();
    } while (!this.#isAtRest && this.#clock.nowMs() < lastMs && this.#verdict.violation === undefined);
    if (this.#verdict.violation !== undefined) return;
    const pendingDeliveries = this.#incarnation?.pendingDeliveries ?? 0;
    this.#model.rested({ clients: this.#clients.values(), pendingDeliveries });
  }

  /** There is a place for every client again. */
  #liftLimits(): void {
    const lifted = withPlaces(this.plan.limits);
    if (lifted === undefined) return;
    this.#limits = lifted;
    this.#model.evidence.options.most = lifted;
    const settings = { limits: { ...DEFAULT_LIMITS, ...lifted }, perListener: new Map() };
    if (this.#isUp) void this.#incarnation?.service.reload(settings);
  }

  get #isAtRest(): boolean {
    return (
      this.#disk.contents.entryCount === 0 &&
      this.#incarnation?.pendingDeliveries === 0 &&
      [...this.#clients.values()].every(({ isConnected, isIdle }) => isConnected && isIdle)
    );
  }

  /** A new client subscribes to all retained messages. */
  async #audit(): Promise<void> {
    // Where there are as many subscriptions as there may be, it would get none.
    if (this.#verdict.violation !== undefined || this.plan.limits.maxSubscriptions !== undefined) return;
    const parts = { network: this.#network, clock: this.#clock, model: this.#model, script: this.#script };
    await audit(parts, auditedFilters(this.plan.limits), (ms) => this.#until(this.#clock.nowMs() + ms));
  }
}
