// The context that every part of the core shares: the sinks for changes and effects, the limits, the delivery counters,
// and the time of the current step.
import type { Changes } from './changes.js';
import type { Deadlines } from './deadlines.js';
import type { QueueId } from './identifiers.js';
import type { Limits } from './limits.js';
import type { DeliveryCounters } from './messages/delivery-counters.js';
import { Journal } from './journal.js';
import type { Effects } from './effects.js';
import type { Intercepted } from './interception/verdict.js';
import type { Settings } from './settings.js';
import type { Pressed } from './slowed-publisher.js';
import type { Traces } from './traces.js';
import { waitingMemories } from './waiting-memory.js';
import type { WaitingMemory } from './waiting-memory.js';
import type { WorkQueue } from './work-queue.js';

export interface Context {
  readonly changes: Journal;
  readonly effects: Effects;
  /** The limits in force: `limits` are those of the whole broker. What is in them can change between steps. */
  readonly settings: Settings;
  readonly limits: Limits;
  readonly counters: DeliveryCounters;
  /** What interceptors want to see. */
  readonly intercepted: Intercepted;
  /** What operators trace; `undefined` as long as that is nothing. */
  trace: Traces | undefined;
  /** Broker time, in milliseconds, in which all instants are stored; constant during a step. */
  nowMs: number;
  /** The wall clock less broker time: 0 unless the wall clock was corrected while the broker ran. */
  wallAheadMs: number;
  /** The number of the last page request, counted over all queues. */
  lastRequest: number;
  /**
   * Bytes that the buffers of all stored queues hold in memory, including pages that were requested and have not
   * arrived.
   */
  bufferedBytes: number;
  readonly deadlines: Deadlines;
  /**
   * The fullest of the queues to which the present message was added although its publisher should wait for them;
   * `undefined` if there is none.
   */
  pressed: Pressed | undefined;
  /** Whether the present message is dropped for full queues even under `refuse`: no publisher could wait with it. */
  mayDrop: boolean;
  /** Bytes that packets hold in memory which wait with their publishers. */
  heldBytes: number;
  /**
   * Bytes of what clients leave behind beside their sessions and wills, for as long as it is there: Packet Identifiers
   * that they do not release, also of clients that are away, and long user names of those that are connected.
   */
  leftBytes: number;
  /** Bytes that packets hold in memory which wait for the verdict of an interceptor. */
  interceptedBytes: number;
  /** Entries of all queues, kept apart from the delivery counters, which have to agree with it. */
  queued: number;
  /** QoS 1 and 2 messages that were sent and are not acknowledged, of all clients. */
  outboundInFlight: number;
  /** QoS 2 messages of all clients that wait for their PUBREL. */
  inboundInFlight: number;
  /** What is held for clients that do not take it. */
  readonly memory: WaitingMemory;
  /** What stored queues take, where that has a limit: the queue that takes most pays. */
  readonly storedQueues: WaitingMemory<QueueId>;
  /** Shared groups in which messages wait for a member. */
  readonly waitingGroups: Set<object>;
  /** Work that continues in later steps. */
  readonly work: WorkQueue;
  /** How many recipients, filters or topics one step handles before the rest is left to later steps. */
  readonly sliceSize: number;
  /** What is left of the slice of the current step, for work that several parts of the core do in one step. */
  sliceLeft: number;
}

/** What a broker is given. */
export interface Surroundings {
  readonly changes: Changes;
  readonly effects: Effects;
  readonly settings: Settings;
  readonly sliceSize: number;
  readonly intercepted: Intercepted;
}

/** At the beginning, when nothing is held and nothing waits. */
export function newContext(
  { changes, effects, settings, sliceSize, intercepted }: Surroundings,
  own: Pick<Context, 'counters' | 'deadlines' | 'work'>,
): Context {
  const { memory, storedQueues } = waitingMemories(own.work, settings);
  return {
    changes: new Journal(changes),
    effects,
    settings,
    limits: settings.current,
    counters: own.counters,
    intercepted,
    trace: undefined,
    nowMs: 0,
    wallAheadMs: 0,
    lastRequest: 0,
    bufferedBytes: 0,
    deadlines: own.deadlines,
    pressed: undefined,
    mayDrop: false,
    heldBytes: 0,
    leftBytes: 0,
    interceptedBytes: 0,
    queued: 0,
    outboundInFlight: 0,
    inboundInFlight: 0,
    // No spread: every step reads from this object, and it has to keep one shape.
    memory,
    storedQueues,
    waitingGroups: new Set(),
    work: own.work,
    sliceSize,
    sliceLeft: sliceSize,
  };
}
