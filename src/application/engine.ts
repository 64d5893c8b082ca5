// The shell around the core, put together: the event loop, the incoming and the outgoing side of the connections,
// commits and reads of storage, and what a client has to pass before it is connected.
import type { RestoredFact } from '../domain/changes.js';
import type { Command, CommandOutcome } from '../domain/commands.js';
import type { Permissions } from '../domain/access/permissions.js';
import { Broker } from '../domain/broker.js';
import type { PeerInfo } from '../domain/peer.js';
import { EVERY_EVENT } from '../domain/events.js';
import type { BrokerEvent, EventMask } from '../domain/events.js';
import type { ConnectionId } from '../domain/identifiers.js';
import type { Clock } from '../ports/clock.js';
import type { IncomingConnection } from '../ports/network.js';
import type { Random } from '../ports/random.js';
import type { AckLevel, Storage } from '../ports/storage.js';
import type { LifecycleEvent } from '../ports/telemetry.js';
import type { Admission } from './admission.js';
import { AuthenticationRequests } from './authentication-requests.js';
import { CommandRequests } from './command-requests.js';
import { Committer } from './committer.js';
import { CoreEffects } from './core-effects.js';
import { DurabilityWaiters } from './durability-waiters.js';
import { Egress } from './egress.js';
import { EventLoop } from './event-loop.js';
import { Ingress } from './ingress.js';
import type { Link } from './link.js';
import { Links } from './links.js';
import { Pager } from './pager.js';
import { Reauthorization } from './reauthorization.js';
import type { LimitSettings, LiveSettings } from './settings.js';
import { storageReports } from './storage-reports.js';
import type { TurnLimits } from './turn-budget.js';

export interface EngineParts {
  readonly storage: Storage;
  readonly admission: Admission;
  readonly emit: (event: BrokerEvent | LifecycleEvent) => void;
  /** Which events the observers want; default: all. */
  readonly wanted?: EventMask | undefined;
  readonly clock: Clock;
  readonly random: Random;
  /** Shared with every other part that reads the limits. */
  readonly settings: LiveSettings;
  /** Default `flushed`. */
  readonly ackLevel?: AckLevel | undefined;
  /** See `BrokerParts.sliceSize`. */
  readonly sliceSize?: number | undefined;
  /** Calls back when all input that is there now has been handled. */
  readonly atEndOfTurn: (callback: () => void) => void;
  readonly fatal: (error: Error) => void;
  /** How much is done before the network is polled again; the default suits a real clock. */
  readonly turnLimits?: Partial<TurnLimits> | undefined;
}

export class Engine {
  readonly broker: Broker;
  readonly committer: Committer;
  readonly #commands: CommandRequests;
  readonly #clock: Clock;
  readonly #loop: EventLoop;
  readonly #waiters: DurabilityWaiters;
  readonly #pager: Pager;
  readonly #ingress: Ingress;
  readonly #egress: Egress;
  readonly #reauthorization: Reauthorization;
  readonly #links: Links;
  #isDown = false;

  constructor(parts: EngineParts) {
    const { storage, clock, settings, admission, random, emit, fatal, atEndOfTurn, ackLevel = 'flushed' } = parts;
    this.#clock = clock;
    const loop = (this.#loop = new EventLoop({ clock, atEndOfTurn, limits: parts.turnLimits }));
    const durability = ackLevel === 'stored' ? 'stored' : 'flushed';
    this.committer = new Committer(storage, clock, storageReports('write', emit, fatal), durability);
    const waiters = (this.#waiters = new DurabilityWaiters(this.committer));
    const pager = (this.#pager = new Pager(storage, clock, waiters, storageReports('read', emit, fatal)));
    const { authorization } = admission;
    const applyPermissions = (connection: ConnectionId, permissions: Permissions): void => {
      loop.submit(() => {
        loop.step({ kind: 'permissions', connection, permissions });
      });
    };
    const reauthorization = new Reauthorization({
      authorization,
      clock,
      settings,
      atEndOfTurn,
      applyPermissions,
      emit,
    });
    this.#reauthorization = reauthorization;
    const authentication = new AuthenticationRequests({ admission, reauthorization, loop });
    const byId = new Map<ConnectionId, Link>();
    const isGated = ackLevel !== 'received';
    const ingress = (this.#ingress = new Ingress({ loop, clock, settings, changes: this.committer }));
    const egress = (this.#egress = new Egress({ links: byId, loop, committed: this.committer, isGated, settings }));
    const commands = (this.#commands = new CommandRequests(loop));
    const outer = { loop, ingress, egress, authentication, emit };
    const links = (this.#links = new Links({ ...outer, links: byId, clock, settings, reauthorization }));
    this.broker = new Broker({
      changes: this.committer,
      effects: new CoreEffects({ ...outer, commands, links, waiters, pager, wanted: parts.wanted ?? EVERY_EVENT }),
      limits: settings.current,
      limitsOfListeners: settings.perListener,
      newClientId: () => `auto-${Buffer.from(random.bytes(16)).toString('hex')}`,
      sliceSize: parts.sliceSize,
    });
    this.#connect();
  }

  /** Gives the parts that report to others whom they report to. */
  #connect(): void {
    const { broker: core, committer } = this;
    const [loop, ingress, egress] = [this.#loop, this.#ingress, this.#egress];
    committer.observe({
      durable: (ticket) => {
        // First everything leaves that was waiting: what the core does below must not overtake it.
        const released = egress.release(ticket);
        this.#waiters.durable(ticket);
        egress.readOn(released);
      },
      pressure: (pressure) => {
        ingress.pressure(pressure);
      },
    });
    loop.drive({
      core,
      beginStep: () => {
        committer.beginStep();
      },
      unitsDone: () => committer.recordedChanges + egress.deliveries,
      backlog: ingress,
      beforeDeadlines: (nowMs) => {
        egress.checkProgress(nowMs);
      },
      endOfTurn: () => {
        committer.endOfTurn();
        egress.endOfTurn();
        ingress.endOfTurn();
      },
    });
  }

  get linkCount(): number {
    return this.#links.size;
  }

  restore(fact: RestoredFact): void {
    this.broker.restore(fact, this.#clock.nowMs());
  }

  /** Applies replaced settings to the parts that keep something derived from the limits; see `Broker.limit`. */
  limit({ limits, perListener }: LimitSettings): void {
    this.broker.limit(limits, perListener);
    this.#links.limitsChanged();
    this.#ingress.limitsChanged();
  }

  /** Begins to keep deadlines, after everything has been restored. */
  start(): void {
    this.#loop.scheduleTurn();
  }

  /** A connection has arrived at the listener. @returns `undefined` if a limit refuses it. */
  handleConnection(listener: string, peer: PeerInfo): IncomingConnection | undefined {
    return this.#links.handleConnection(listener, peer);
  }

  /** See `BrokerControl.command`. */
  command(command: Command, actor: string): Promise<CommandOutcome> {
    return this.#commands.run(command, actor);
  }

  /** What authorizers say has changed: asks them again about every connected client. */
  reauthorize(): void {
    if (!this.#isDown) this.#reauthorization.refreshAll();
  }

  /**
   * Disconnects all clients. Resolves when all connections have ended and all that was recorded is durable, or cannot
   * be.
   */
  async shutdown(): Promise<void> {
    for (const connection of this.#links.ids)
      this.#loop.submit(() => {
        this.#loop.step({ kind: 'shutdown', connection });
      });
    await this.#links.empty();
    await this.committer.flush();
    this.down();
  }

  /** Stops at once: nothing more is read, written or committed. */
  down(): void {
    if (this.#isDown) return;
    this.#isDown = true;
    this.#loop.stop();
    this.committer.stop();
    this.#pager.stop();
    this.#waiters.stop();
    this.#commands.stop();
    this.#ingress.stop();
    this.#reauthorization.stop();
    for (const connection of this.#links.ids) this.#links.end(connection, 0);
  }
}
