// The shell around the core as a whole: it connects the parts that report to each other, and starts and ends them
// together. Each part is made elsewhere, with what it needs.
import type { RestoredFact } from '../domain/changes.js';
import { timeAtStart } from '../domain/clock-mark.js';
import type { ClockMark } from '../domain/clock-mark.js';
import type { Command, CommandOutcome } from '../domain/commands.js';
import type { Broker } from '../domain/broker.js';
import type { TopicName } from '../domain/identifiers.js';
import type { PeerInfo } from '../domain/peer.js';
import type { Clock } from '../ports/clock.js';
import type { InProcessSubscription } from '../ports/messaging.js';
import type { IncomingConnection } from '../ports/network.js';
import type { CommandRequests } from './command-requests.js';
import type { Committer } from './committer.js';
import type { DurabilityWaiters } from './durability-waiters.js';
import type { Egress } from './egress.js';
import type { EventLoop } from './event-loop.js';
import type { InProcessSubscriptions, SubscriptionRequest } from './in-process/subscriptions.js';
import type { Ingress } from './ingress.js';
import type { Links } from './links.js';
import type { Pager } from './pager.js';
import type { Reauthorization } from './reauthorization.js';
import type { Settings } from '../domain/settings.js';
import { isOwnTopic, OWN_TOPICS } from '../domain/topics/own-topic.js';
import type { TraceSubject } from '../domain/trace-step.js';
import type { TraceObserver } from '../ports/control.js';
import type { Tracing } from './tracing.js';

export interface EngineParts {
  readonly clock: Clock;
  readonly core: Broker;
  readonly loop: EventLoop;
  readonly settings: Settings;
  readonly links: Links;
  readonly ingress: Ingress;
  readonly egress: Egress;
  readonly committer: Committer;
  readonly waiters: DurabilityWaiters;
  readonly pager: Pager;
  readonly commands: CommandRequests;
  readonly tracing: Tracing;
  readonly inProcess: InProcessSubscriptions;
  readonly reauthorization: Reauthorization;
}

export class Engine {
  readonly broker: Broker;
  readonly committer: Committer;
  readonly #parts: EngineParts;
  #isStarted = false;
  #isDown = false;

  constructor(parts: EngineParts) {
    this.#parts = parts;
    this.broker = parts.core;
    this.committer = parts.committer;
    this.#connect();
  }

  /** Gives the parts that report to others whom they report to. */
  #connect(): void {
    const { core, committer, loop, ingress, egress, waiters } = this.#parts;
    committer.observe({
      durable: (ticket) => {
        // First everything leaves that was waiting: what the core does below must not overtake it.
        const released = egress.release(ticket);
        waiters.durable(ticket);
        egress.readOn(released);
      },
      pressure: (pressure) => {
        ingress.pressure(pressure);
        loop.scheduleTurn();
      },
    });
    loop.drive({
      core,
      changes: committer,
      output: egress,
      backlog: ingress,
      beforeDeadlines: (nowMs) => {
        egress.checkProgress(nowMs);
      },
      endOfTurn: () => {
        committer.endOfTurn();
        egress.endOfTurn();
        ingress.publicationsWait(core.waitingBytes);
        ingress.endOfTurn();
      },
    });
  }

  /** Whether it has what was stored, and is not down. */
  get isRunning(): boolean {
    return this.#isStarted && !this.#isDown;
  }

  get linkCount(): number {
    return this.#parts.links.size;
  }

  /** Sets the time of the core, before anything is restored. @param mark what the store has of the clocks. */
  beginTime(mark: ClockMark | undefined): void {
    const wallMs = this.#parts.clock.wallMs();
    const brokerMs = timeAtStart(mark, wallMs);
    this.#parts.loop.beginTime(brokerMs, wallMs - brokerMs);
    this.broker.beginTime(mark, wallMs - brokerMs, brokerMs);
  }

  restore(fact: RestoredFact): void {
    this.broker.restore(fact, this.#parts.loop.brokerMs());
  }

  /** Begins to keep deadlines, after everything has been restored. */
  start(): void {
    this.#isStarted = true;
    this.#parts.loop.scheduleTurn();
  }

  /** A connection has arrived at the listener. @returns `undefined` if a limit refuses it. */
  handleConnection(listener: string, peer: PeerInfo): IncomingConnection | undefined {
    return this.#parts.links.handleConnection(listener, peer);
  }

  /** See `BrokerControl.command`. */
  command(command: Command, actor: string): Promise<CommandOutcome> {
    return this.#parts.commands.run(command, actor);
  }

  /** Begins a subscription of the embedding program or of a plugin. */
  subscribe(request: SubscriptionRequest): Promise<InProcessSubscription> {
    return this.#parts.inProcess.open(request);
  }

  /** See `BrokerControl.trace`. */
  trace(subject: TraceSubject, observer: TraceObserver): () => void {
    return this.#parts.tracing.open(this.broker, subject, observer);
  }

  /**
   * The broker says something of itself, at QoS 0, to clients that may receive it.
   * @param topic below `$SYS/broker/`.
   * @param retain whether new subscriptions get it as well, until there is another or the broker ends.
   */
  announce(topic: string, payload: Uint8Array, retain: boolean): void {
    if (!isOwnTopic(topic)) throw new RangeError(`${topic} is not below ${OWN_TOPICS}`);
    this.#parts.loop.enqueue({ kind: 'announcement', topic: topic as TopicName, payload, retain });
  }

  /** What authorizers say has changed: asks them again about every connected client. */
  reauthorize(): void {
    if (!this.#isDown) this.#parts.reauthorization.refreshAll();
  }

  /**
   * Disconnects all clients; those that do not close their side in time are cut off. Resolves when all connections have
   * ended and all that was recorded is durable, or cannot be. Nothing expires meanwhile.
   */
  async shutdown(): Promise<void> {
    const { links, loop, clock, settings } = this.#parts;
    for (const connection of links.ids) loop.enqueue({ kind: 'shutdown', connection });
    loop.endDeadlines();
    const grace = clock.at(clock.nowMs() + settings.current.shutdownGraceMs, () => {
      for (const connection of links.ids) links.end(connection, 0);
    });
    await links.empty();
    grace.cancel();
    await this.committer.flush();
    this.down();
  }

  /** Stops at once: nothing more is read, written or committed. */
  down(): void {
    if (this.#isDown) return;
    this.#isDown = true;
    const { loop, committer, pager, waiters, commands, inProcess, ingress, reauthorization, links } = this.#parts;
    for (const part of [loop, committer, pager, waiters, commands, inProcess, ingress, reauthorization]) part.stop();
    for (const connection of links.ids) links.end(connection, 0);
  }
}
