// What the incoming sides of all connections share: rate limits of publishing, the memory of incomplete packets, the
// pressure of storage, and the question whether a client has been silent.
import type { SuspendReason } from '../domain/effects.js';
import { Fifo } from '../domain/queues/fifo.js';
import type { Channel } from '../ports/network.js';
import type { Clock, Timer } from '../ports/clock.js';
import { PacketType } from '../protocol/packets.js';
import type { PublishLimits } from '../protocol/decode-publish.js';
import type { Packet } from '../protocol/packets.js';
import { StoragePressure } from './committer.js';
import type { ConnectionOrigin } from './connection-tracker.js';
import type { EventLoop, WorkSource } from './event-loop.js';
import { Flow } from './flow.js';
import { LinkInput } from './link-input.js';
import type { InputOwner } from './link-input.js';
import { PartialPacketBudget } from './partial-packet-budget.js';
import type { Settings } from '../domain/settings.js';
import { Throttle } from './throttle.js';
import { UnreadBudget } from './unread-budget.js';

/** The network is polled between the end of a turn and the end of the next. */
const TURNS_UNTIL_QUIET = 2;

/** Bytes of messages that wait behind large publications, from which on no client is read. */
export const PUBLICATIONS_BYTES_MAX = 64 * 1024 * 1024;
/** Below this, all clients are read again. */
const NO_BACKLOG_BYTES = 16 * 1024 * 1024;

/** What a connection that is not read may hold: a chunk, and what the network reads ahead. */
const UNREAD_BYTES_MAX = 256 * 1024;
/** How often what the network has read ahead is looked at, while there may be too much of it. */
const UNREAD_INTERVAL_MS = 1000;

/** The collector of changes, as far as the ingress needs it. */
export interface RecordedChanges {
  /** It only grows. */
  readonly recordedChanges: number;
}

export interface IngressParts {
  readonly loop: EventLoop;
  readonly clock: Clock;
  readonly settings: Settings;
  readonly changes: RecordedChanges;
}

export class Ingress implements InputOwner, WorkSource {
  readonly loop: EventLoop;
  /** What has come through all connections. */
  readonly received = new Flow();
  readonly #settings: Settings;
  readonly #changes: RecordedChanges;
  readonly #inputs = new Set<LinkInput>();
  readonly #throttle: Throttle<LinkInput>;
  readonly #partialPackets: PartialPacketBudget<LinkInput>;
  readonly #unread: UnreadBudget<LinkInput>;
  #unreadTimer: Timer | undefined;
  readonly #clock: Clock;
  #pressure: StoragePressure = StoragePressure.none;
  #isBacklogged = false;
  /** Inputs that are parked for `turn`, each once. */
  readonly #backlog = new Fifo<LinkInput>();
  /** Inputs that are parked and have not been paused yet, each once. */
  readonly #stopped: LinkInput[] = [];
  /** Inputs that the core has asked about, with the number of turns that have to end before they count as quiet. */
  #awaitingQuiet = new Map<LinkInput, number>();

  constructor({ loop, clock, settings, changes }: IngressParts) {
    this.#changes = changes;
    this.#clock = clock;
    this.loop = loop;
    this.#settings = settings;
    this.#throttle = new Throttle(clock, settings, (input) => {
      input.unpark('throttle');
    });
    this.#partialPackets = new PartialPacketBudget((input) => {
      loop.step({ kind: 'incomplete', connection: input.id });
    });
    this.#unread = new UnreadBudget((input) => {
      loop.step({ kind: 'unread', connection: input.id });
    });
  }

  open(origin: ConnectionOrigin, channel: Channel): LinkInput {
    const input = new LinkInput(origin, channel, this);
    this.#inputs.add(input);
    if (this.#pressure === StoragePressure.everyone) input.park('storage-pressure');
    if (this.#isBacklogged) input.park('publication-backlog');
    return input;
  }

  /** The connection is gone. */
  closed(input: LinkInput): void {
    input.close();
    this.#inputs.delete(input);
    this.#throttle.remove(input);
    this.#partialPackets.untrack(input);
    this.#unread.release(input);
    this.#awaitingQuiet.delete(input);
  }

  pressure(pressure: StoragePressure): void {
    this.#pressure = pressure;
    for (const input of this.#inputs) {
      if (pressure === StoragePressure.everyone || (pressure === StoragePressure.writers && input.isSuspended))
        input.park('storage-pressure');
      else input.unpark('storage-pressure');
    }
  }

  /**
   * Messages with so many bytes wait behind large publications. Each client has at most one of them, but a client can
   * go and come back with the next.
   */
  publicationsWait(bytes: number): void {
    if (this.#isBacklogged ? bytes >= NO_BACKLOG_BYTES : bytes <= PUBLICATIONS_BYTES_MAX) return;
    this.#isBacklogged = !this.#isBacklogged;
    for (const input of this.#inputs) {
      if (this.#isBacklogged) input.park('publication-backlog');
      else input.unpark('publication-backlog');
    }
  }

  /** The core handles no more packets of the connection until `resume`. */
  suspend(input: LinkInput, why: SuspendReason): void {
    input.park(why);
    if (why === 'work' && this.#pressure !== StoragePressure.none) input.park('storage-pressure');
  }

  resume(input: LinkInput, why: SuspendReason): void {
    input.unpark(why);
  }

  stop(): void {
    this.#throttle.stop();
    this.#unreadTimer?.cancel();
  }

  get publishLimits(): PublishLimits {
    return this.#settings.current;
  }

  get recordedChanges(): number {
    return this.#changes.recordedChanges;
  }

  get observesPackets(): boolean {
    return this.#settings.hasPublishRates || this.#pressure !== StoragePressure.none;
  }

  packetRead(input: LinkInput, packet: Packet, nowMs: number, recordedBefore: number): void {
    if (!input.isOpen) return;
    // A client that records nothing, with a PINGREQ for instance, adds nothing to what waits for storage.
    if (this.#pressure !== StoragePressure.none && this.recordedChanges !== recordedBefore)
      input.park('storage-pressure');
    if (!this.#settings.hasPublishRates || packet.type !== PacketType.publish) return;
    const bytes = packet.topic.length + packet.payload.length;
    this.#throttle.record(input, this.#settings.forListener(input.listener), bytes, nowMs);
    if (this.#throttle.isWaiting(input)) input.park('throttle');
  }

  partialPacket(input: LinkInput, packet: number, bytes: number): void {
    if (bytes === 0) {
      this.#partialPackets.untrack(input);
      return;
    }
    this.#partialPackets.track(input, packet, bytes);
    this.#partialPackets.enforce(this.#settings.current.maxIncompleteBytes);
  }

  paused(input: LinkInput): void {
    this.#unread.hold(input, input.unreadBytes);
    this.#enforceUnread();
    if (this.#mayGrowTooLarge) this.#watchUnread();
  }

  resumed(input: LinkInput): void {
    this.#unread.release(input);
  }

  #enforceUnread(): void {
    this.#unread.enforce(this.#settings.current.maxUnreadBytes);
  }

  /** Whether what the network reads ahead could exceed the limit. */
  get #mayGrowTooLarge(): boolean {
    return this.#unread.size * UNREAD_BYTES_MAX > this.#settings.current.maxUnreadBytes;
  }

  /** The network does not tell what it reads ahead. */
  #watchUnread(): void {
    this.#unreadTimer ??= this.#clock.at(this.#clock.nowMs() + UNREAD_INTERVAL_MS, () => {
      this.#unreadTimer = undefined;
      this.loop.submit(() => {
        for (const input of this.#unread.senders) this.#unread.hold(input, input.unreadBytes);
        this.#enforceUnread();
        if (this.#mayGrowTooLarge) this.#watchUnread();
      });
    });
  }

  queued(input: LinkInput): void {
    this.#backlog.push(input);
    this.loop.scheduleTurn();
  }

  stopped(input: LinkInput): void {
    this.#stopped.push(input);
  }

  /** Of incomplete packets. */
  get partialBytes(): number {
    return this.#partialPackets.bytes;
  }

  /** Of connections that are not read for the moment. */
  get unreadBytes(): number {
    return this.#unread.bytes;
  }

  get hasWork(): boolean {
    return this.#backlog.length > 0;
  }

  /** Reads on from the input that has waited longest. */
  work(): void {
    this.#backlog.shift()?.readOn();
  }

  /** Answers with a `quiet` input once everything that has arrived has been handled. */
  whenQuiet(input: LinkInput): void {
    if (!input.isOpen) return;
    this.#awaitingQuiet.set(input, TURNS_UNTIL_QUIET);
    this.loop.scheduleTurn();
  }

  /** An input from which nothing was left from the end of one turn to the end of the next is quiet. */
  endOfTurn(): void {
    for (const input of this.#backlog) input.pauseIfParked();
    for (const input of this.#stopped) input.pauseIfParked();
    this.#stopped.length = 0;
    if (this.#awaitingQuiet.size === 0) return;
    const awaiting = this.#awaitingQuiet;
    this.#awaitingQuiet = new Map();
    for (const [input, turns] of awaiting) {
      if (!input.isOpen) continue;
      const left = input.isIdle ? turns - 1 : TURNS_UNTIL_QUIET;
      if (left === 0) {
        this.loop.submit(() => {
          if (input.isIdle) this.loop.step({ kind: 'quiet', connection: input.id, isReceiving: input.takeProgress() });
          else this.whenQuiet(input);
        });
        continue;
      }
      this.#awaitingQuiet.set(input, left);
      if (input.isIdle) this.loop.scheduleTurn();
    }
  }
}
