// A network connection as the core sees it: its state, who the client is and what it may do, and how well it reads.
import type { ConnectPacket, ProtocolVersion } from '../../protocol/packets.js';
import type { Access } from '../access/access.js';
import type { Context } from '../context.js';
import { Deadline } from '../deadlines.js';
import type { TimerKind } from '../deadlines.js';
import type { RetainedDelivery } from '../session/retained-delivery.js';
import type { ClientId, ConnectionId, Seq } from '../identifiers.js';
import { ClientOutput } from '../session/client-output.js';
import type { AwaitedVerdict, ClientView } from '../interception/verdict.js';
import type { Session } from '../session/session.js';
import type { EnhancedState } from './enhanced-state.js';
import { DEFAULT_CLIENT_LIMITS } from './client-limits.js';
import { checkTransition } from './lifecycle.js';
import type { ConnectionState } from './lifecycle.js';
import type { Limits } from '../limits.js';
import type { PeerInfo } from '../peer.js';
import { Unanswered } from './unanswered.js';

/** What an accepted CONNECT waits to announce. */
export interface PendingAdmission {
  /** What CONNACK answers: the rest would keep the chunk that it arrived in for as long as storage takes. */
  readonly connect: ConnectPacket;
  readonly session: Session;
  /** Whether the session was there before this CONNECT: Session Present, where the version has it. */
  readonly present: boolean;
}

export class Connection {
  #state: ConnectionState = 'awaiting-connect';
  version: ProtocolVersion = 4;
  /** What the client takes; from CONNECT. */
  clientLimits = DEFAULT_CLIENT_LIMITS;
  /** Limits of the broker that CONNACK has announced: they stay for the connection, whatever a reload changes. */
  announced: Pick<Limits, 'receiveMaximum' | 'topicAliasMax'> | undefined;
  /** Set in the state `connected`. */
  session: Session | undefined;
  /** `undefined` until CONNECT is received. */
  clientId: ClientId | undefined;
  /** As the client gave it in CONNECT, its first 128 characters. */
  userName: string | undefined;
  /** What its user name counts for in the limits of memory, from `admitting` on. */
  userNameBytes = 0;
  /** What the client may do; from `admitting` on. */
  access: Access | undefined;
  /** Set in the state `authenticating`. */
  connect: ConnectPacket | undefined;
  /** What the client has said in CONNECT, if an interceptor has replaced that: until CONNACK says what has changed. */
  said: ConnectPacket | undefined;
  /** Set if CONNECT names an Authentication Method. */
  enhanced: EnhancedState | undefined;
  /** Set in the state `admitting`. */
  admission: PendingAdmission | undefined;
  readonly output: ClientOutput;
  /** 0 if the client may be silent without a limit. */
  keepAliveMs = 0;
  lastPacketMs: number;
  /** When the network connection has ended, if it has: what had come from it before may be handled later. */
  leftAtMs: number | undefined;
  /** When the present state was entered. */
  stateSinceMs: number;
  /** The timer of the current state. */
  readonly deadline: Deadline<Connection>;
  /** Created when the client first reads too slowly. */
  drain: Deadline<Connection> | undefined;
  /** Created if there is a limit on the time until a message is acknowledged. */
  acknowledgements: Deadline<Connection> | undefined;
  /** The oldest message in flight when that timer expired last, and since when it has been the oldest. */
  oldestInFlight: Seq | undefined;
  oldestSinceMs = 0;
  /** Whether it is still the same after the time for it, so that what the client has sent is being read. */
  isAcknowledgementDue = false;
  /** Created when the client first authenticates again. */
  reauthentication: Deadline<Connection> | undefined;
  /** Created if what the client authenticated with expires. */
  credentials: Deadline<Connection> | undefined;
  retained: RetainedDelivery | undefined;
  /** Set while an interceptor has not answered. */
  awaitedVerdict: AwaitedVerdict | undefined;
  #view: ClientView | undefined;
  #unanswered: Unanswered | undefined;
  /** Topic Names by the Topic Aliases that the client assigned; created with the first one. */
  topicAliases: Map<number, string> | undefined;

  constructor(
    readonly id: ConnectionId,
    readonly listener: string,
    readonly peer: PeerInfo,
    readonly context: Context,
    stateTimer: TimerKind<Connection>,
  ) {
    this.lastPacketMs = this.stateSinceMs = context.nowMs;
    this.output = new ClientOutput(id, context);
    this.deadline = new Deadline<Connection>(stateTimer, this);
  }

  /** The client as interceptors see it: another object when its Client Identifier was changed. */
  get view(): ClientView {
    const { clientId = '', userName, version: protocolVersion, listener, peer } = this;
    if (this.#view?.clientId !== clientId || this.#view.userName !== userName)
      this.#view = { clientId, userName, protocolVersion, listener, peer };
    return this.#view;
  }

  /** Created with the first QoS 1 message of a client of MQTT 5. */
  get unanswered(): Unanswered {
    return (this.#unanswered ??= new Unanswered());
  }

  /** How long the client may be silent [MQTT-3.1.2-24], [MQTT5-3.1.2-22]. */
  get silenceMs(): number {
    return this.keepAliveMs * 1.5;
  }

  get silentAtMs(): number {
    return this.lastPacketMs + this.silenceMs;
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** No further packet of the client is handled until `resume`: one of them has started work that is done in slices. */
  suspend(): void {
    this.output.intake?.pause();
    this.context.effects.suspend(this.id, 'work');
  }

  resume(): void {
    this.output.intake?.unpause();
    this.context.effects.resume(this.id, 'work');
  }

  /**
   * The network connection has ended, and what had come from it before is still handled. What is sent meanwhile would
   * be lost: it stays in the queue, as new, and messages of shared groups go to other members.
   */
  unreachable(): void {
    this.output.isUnreachable = true;
    this.session?.outboundIfAny?.congested();
  }

  /** The verdict is there, or no longer needed. */
  takeAwaited(): AwaitedVerdict | undefined {
    const awaited = this.awaitedVerdict;
    this.awaitedVerdict = undefined;
    if (awaited !== undefined) this.context.interceptedBytes -= awaited.bytes;
    return awaited;
  }

  /** Also when the network connection has ended, what had come from it before waits for interceptors. */
  #abandonVerdict(): void {
    const awaited = this.takeAwaited();
    if (awaited === undefined) return;
    this.context.effects.abandonIntercept(this.id);
    awaited.abandoned?.();
  }

  moveTo(state: ConnectionState): void {
    checkTransition(this.#state, state);
    this.#state = state;
    // What waits has no effect, and no answer.
    if (state === 'ended') this.#abandonVerdict();
    this.stateSinceMs = this.context.nowMs;
  }
}
