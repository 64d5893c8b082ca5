// One run: the clock, the network, the disk, the clients and the broker in its lives, moved by a plan. Time goes from one timer to the next; what
// is due together is one turn of the broker. After every turn the model is asked whether a promise was broken.
import type { AccessRule, Authorizer, Permissions, Storage, TopicFilter } from '../../ports/index.js';
import { NEVER_EXPIRES_S } from '../../domain/connect/limits.js';
import { SeededRandom } from '../seeded-random.js';
import { VirtualClock } from '../virtual-clock.js';
import { SimulatedClient } from './client.js';
import { SimulatedDisk } from './disk.js';
import { BrokerLife } from './life.js';
import { Model } from './model.js';
import { SimulatedNetwork } from './network.js';
import { LARGEST_PAYLOAD_BYTES, WILL_GRACE_MS, describeOperation, payloadOf, tagOf } from './plan.js';
import type { Action, Operation, Plan, ReceiveRule } from './plan.js';
import { Script } from './script.js';
import { Verdict } from './violation.js';
import type { Violation } from './violation.js';

export interface Outcome {
  readonly violation: Violation | undefined;
  readonly script: readonly string[];
  /** Turns that the run took. */
  readonly steps: number;
}

const AUDITOR = { name: 'auditor', version: 4, latencyMs: 0, cutBytes: 0, redialMs: 0 } as const;
/** Longer than what the broker waits for when storage is well again: a retry, and the grace of a close and of the wills. */
const QUIET_MS = WILL_GRACE_MS + 5500;
const PATIENCE_MS = 300_000;
const AUDIT_MS = 1000;

export class World {
  readonly #clock = new VirtualClock(1_700_000_000_000);
  readonly #verdict = new Verdict();
  readonly #script: Script;
  readonly #network: SimulatedNetwork;
  readonly #disk: SimulatedDisk;
  readonly #model: Model;
  readonly #clients = new Map<string, SimulatedClient>();
  readonly #random: SeededRandom;
  readonly #startMs: number;
  #life: BrokerLife | undefined;
  /** Tells the broker that rules have changed. */
  #rulesChanged: () => void = () => undefined;
  #isStopping = false;
  #lives = 0;
  #steps = 0;

  constructor(
    readonly plan: Plan,
    makeStorage: () => Storage,
    keepScript: boolean,
  ) {
    this.#script = new Script(this.#clock, keepScript);
    this.#startMs = this.#clock.nowMs();
    this.#random = new SeededRandom(plan.seed);
    this.#disk = new SimulatedDisk(
      makeStorage,
      this.#clock,
      this.#script,
      (batch) => {
        this.#model.kept(batch, this.#disk.isFlushed);
      },
      () => this.#model.moments.next(),
    );
    const { ledger } = this.#disk;
    this.#model = new Model({
      nowMs: () => this.#clock.nowMs(),
      sessionExpiryMs: expiryOf(plan),
      maxInflight: plan.limits.maxInflight ?? 50,
      mostBufferedAbove: mostBufferedAbove(plan),
      verdict: this.#verdict,
      ledger,
      script: this.#script,
    });
    this.#network = new SimulatedNetwork(this.#clock, this.#model, plan.highWaterMark);
    for (const [name, rules] of Object.entries(plan.rules ?? {})) this.#model.rules.set(name, rules);
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
    this.#life?.die();
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

  /** All that follows from what has just happened, without time moving on. */
  async #turn(): Promise<void> {
    do {
      this.#steps++;
      // Promises come to rest: there is nothing that they could wait for but each other.
      await new Promise<void>((resolve) => setImmediate(resolve));
      this.#checkBooks();
    } while (this.#life?.endTurn() === true || this.#disk.work());
    this.#model.rules.inForce();
    if (this.#disk.isSettled) this.#model.settled(this.#disk.isFlushed);
  }

  #checkBooks(): void {
    const waiting = this.#life?.waiting ?? 0;
    if (waiting < 0) this.#verdict.fail('accounting', `${waiting} deliveries are waiting by the books`);
  }

  // -- The broker --

  #start(): void {
    if (this.#life !== undefined) return;
    this.#script.note('broker', `starts, life ${++this.#lives}`);
    this.#isStopping = this.#model.isStopping = false;
    const { storage } = this.#disk;
    const { ackLevels, limits } = this.plan;
    const ackLevel = ackLevels[(this.#lives - 1) % ackLevels.length] ?? 'flushed';
    this.#model.begins(ackLevel);
    const telemetry = {
      emit: (event: Parameters<Model['event']>[0]): void => {
        if (this.#life !== life) return;
        if (this.#script.isKept) this.#script.note('broker', describeNotice(event));
        this.#model.event(event);
      },
    };
    const life: BrokerLife = new BrokerLife({
      storage,
      network: this.#network,
      authorizers: this.#authorizers(),
      telemetry,
      clock: this.#clock,
      random: this.#random,
      limits,
      ackLevel,
    });
    this.#life = life;
    life.service.start().then(
      () => {
        if (this.#life !== life) return;
        const { restored } = life.service.engine.broker.counters;
        const { waiting } = this.#disk.ledger;
        if (restored !== waiting)
          this.#verdict.fail(
            'nothing acknowledged is lost',
            `${restored} deliveries were found at the start, the disk keeps ${waiting}`,
          );
      },
      (error: unknown) => {
        if (this.#life === life) this.#model.failed(error);
      },
    );
  }

  /** Answers by the rules of the moment. */
  #authorizers(): Authorizer[] {
    if (this.plan.rules === undefined) return [];
    const authorize = ({ clientId }: { readonly clientId: string }): Permissions =>
      permissionsOf(this.#model.rules.rulesOf(clientId));
    return [{ name: 'the plan', authorize, watch: (changed) => (this.#rulesChanged = changed) }];
  }

  #crash({ keeps, power, delivers, downMs }: Extract<Action, { kind: 'crash' }>): void {
    if (this.#life === undefined) return;
    this.#script.note('broker', 'crashes');
    this.#life.die();
    this.#life = undefined;
    const isLossy = this.#disk.crash(keeps, power);
    this.#network.died(delivers);
    this.#model.died(isLossy);
    this.#later(downMs, () => {
      this.#start();
    });
  }

  #stop(downMs: number): void {
    const life = this.#life;
    if (life === undefined || this.#isStopping) return;
    this.#script.note('broker', 'is told to stop');
    this.#isStopping = this.#model.isStopping = true;
    const stopped = (): void => {
      if (this.#life !== life) return;
      this.#script.note('broker', 'has stopped');
      life.die();
      this.#life = undefined;
      this.#disk.crash(true);
      this.#network.died(true);
      this.#model.stopped(this.#disk.isFlushed);
      this.#later(downMs, () => {
        this.#start();
      });
    };
    // One that dies while it stops cannot close its storage.
    life.service.stop().then(stopped, (error: unknown) => {
      if (this.#life === life) this.#model.failed(error);
    });
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
        this.#disk.pace(operation.callMs, operation.answerMs);
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
        this.#client(operation).disconnect();
        return;
      case 'vanish':
        this.#client(operation).vanish(operation.lossy);
        return;
      case 'subscribe':
        this.#client(operation).subscribe(operation.filters);
        return;
      case 'unsubscribe':
        this.#client(operation).unsubscribe(operation.filters);
        return;
      case 'publish': {
        const { topic, qos, retain, bytes, count, id } = operation;
        for (let i = 0; i < count; i++)
          this.#client(operation).publish(
            topic,
            qos,
            retain,
            bytes === 0 ? new Uint8Array(0) : payloadOf(`p${id}-${i}`, bytes),
          );
        return;
      }
      case 'acknowledge':
        this.#client(operation).acknowledge(operation.how);
        return;
      case 'stall':
        this.#client(operation).stall(operation.forMs);
        return;
      case 'permissions':
        this.#model.rules.set(operation.client, operation.rules);
        this.#rulesChanged();
        return;
      case 'mute':
        this.#client(operation).mute(operation.forMs);
        return;
    }
  }

  #client({ client }: { readonly client: string }): SimulatedClient {
    const found = this.#clients.get(client);
    if (found === undefined) throw new Error(`the plan has no client ${client}`);
    return found;
  }

  // -- The end --

  /** Faults are over, everyone comes back and reads: whatever waits must go its way. */
  async #comeToRest(): Promise<void> {
    this.#script.note('plan', 'the faults are over');
    this.#disk.heal();
    this.#network.highWaterMark = Number.MAX_SAFE_INTEGER;
    await this.#until(this.#clock.nowMs() + QUIET_MS);
    this.#start();
    for (const client of this.#clients.values()) {
      client.behave();
      const isClean = !this.#model.mayBeStored(client.name);
      if (isClean && client.isConnected) continue;
      client.connect({
        kind: 'connect',
        client: client.name,
        clean: isClean,
        keepAliveS: 0,
        will: undefined,
        eager: false,
      });
    }
    // Small windows and long ways take their time; what hangs has all of it.
    const lastMs = this.#clock.nowMs() + PATIENCE_MS;
    do await this.#until(this.#clock.nowMs() + QUIET_MS);
    while (!this.#isAtRest && this.#clock.nowMs() < lastMs && this.#verdict.violation === undefined);
    if (this.#verdict.violation !== undefined) return;
    for (const client of this.#clients.values()) {
      if (!client.isConnected) this.#verdict.fail('liveness', `${client.name} does not get in`);
      else if (!client.isIdle) this.#verdict.fail('liveness', `${client.name} is not done: ${client.describe()}`);
    }
    this.#model.atEnd();
    const { waiting } = this.#disk.ledger;
    if (waiting > 0)
      this.#verdict.fail(
        'liveness',
        `${waiting} messages are left on the disk: ${[...this.#disk.ledger.queues].map(([id, { size }]) => `${id} ${size}`).join(', ')}`,
      );
    const begun = this.#life?.waiting ?? 0;
    if (begun !== 0)
      this.#verdict.fail('accounting', `${begun} deliveries are waiting by the books, and all queues are empty`);
  }

  get #isAtRest(): boolean {
    return (
      this.#disk.ledger.waiting === 0 &&
      this.#life?.waiting === 0 &&
      [...this.#clients.values()].every(({ isConnected, isIdle }) => isConnected && isIdle)
    );
  }

  /** Someone new asks for all that is retained. */
  async #audit(): Promise<void> {
    if (this.#verdict.violation !== undefined) return;
    const retained = new Map<string, string>();
    const auditor = new SimulatedClient(
      AUDITOR,
      this.#network,
      this.#clock,
      {
        took: (_client, _connection, { retain, topic, payload }) => {
          if (!retain) return;
          if (retained.has(topic)) this.#verdict.fail('retained state', `${topic} is sent twice to a new subscriber`);
          retained.set(topic, tagOf(payload));
        },
        confused: (_client, { detail }) => {
          this.#verdict.fail('packet identifiers', detail);
        },
      },
      this.#script,
    );
    auditor.connect({
      kind: 'connect',
      client: AUDITOR.name,
      clean: true,
      keepAliveS: 0,
      will: undefined,
      eager: false,
    });
    await this.#until(this.#clock.nowMs() + AUDIT_MS);
    auditor.subscribe([
      { filter: '#', qos: 2 },
      { filter: '$x/#', qos: 2 },
    ]);
    await this.#until(this.#clock.nowMs() + AUDIT_MS);
    const { publications } = this.#model;
    for (const topic of publications.retainedTopics) {
      const tag = retained.get(topic);
      if (tag === undefined) {
        if (!publications.mayHaveNone(topic))
          this.#verdict.fail('retained state', `${topic} has no retained message, one was acknowledged`);
        continue;
      }
      const publication = publications.get(tag);
      if (publication === undefined || !publications.mayBeRetained(publication))
        this.#verdict.fail('retained state', `${topic} still has ${tag}, which had been replaced`);
    }
  }
}

/** Everything may be published and subscribed to: what is filtered is filtered on its way out. */
function permissionsOf(rules: readonly ReceiveRule[] | undefined): Permissions {
  if (rules === undefined) return { kind: 'allow-all' };
  const rule = (effect: AccessRule['effect'], actions: AccessRule['actions'], filter: string): AccessRule => ({
    effect,
    actions,
    topicFilter: filter as TopicFilter,
    source: 'the plan',
  });
  const open = ['#', '$x/#'].map((filter) => rule('allow', ['publish', 'subscribe'], filter));
  return { kind: 'rules', rules: [...open, ...rules.map(({ effect, filter }) => rule(effect, ['receive'], filter))] };
}

/** How long a session outlives its connection. */
function expiryOf({ limits: { sessionExpiryMax } }: Plan): number {
  return sessionExpiryMax === undefined || sessionExpiryMax >= NEVER_EXPIRES_S ? Infinity : sessionExpiryMax * 1000;
}

/** The run of a shared group's queue, which one step may give to one member at QoS 0. */
const RUN_BYTES = 1024 * 1024;

/** What was written before it was noticed that nobody reads, a window, the QoS 0 messages that may wait, and unread answers. */
function mostBufferedAbove({ limits }: Plan): number {
  const messages = (limits.maxInflight ?? 50) + (limits.maxBufferedQos0Messages ?? 1000);
  return RUN_BYTES + 3 * 64 * 1024 + messages * (LARGEST_PAYLOAD_BYTES + 64);
}

function describeNotice(event: Parameters<Model['event']>[0]): string {
  const { kind, ...rest } = event;
  return `notes ${kind} ${JSON.stringify(rest, (key, value: unknown) => (key === 'error' ? String(value) : value))}`;
}
