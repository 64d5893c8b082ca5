// The lifecycle of sessions: how one begins or is resumed, what the end of a connection does to it, and when it ends.
import type { RestoredFact, SessionRecord, SubscriptionRecord } from '../changes.js';
import type { Access } from '../access/access.js';
import { NEVER_EXPIRES_S } from '../limits.js';
import type { Context } from '../context.js';
import type { Deadlines, TimerKind } from '../deadlines.js';
import type { Router } from '../routing/router.js';
import { clientOf, sessionQueue } from '../identifiers.js';
import type { ClientId, ConnectionId, QueueId, TopicFilter } from '../identifiers.js';
import type { BrokerEvent } from '../events.js';
import { sessionBytes } from '../name-bytes.js';
import { parseTopicFilter } from '../topics/topic-filter.js';
import { EndedSessions } from './ended-sessions.js';
import { Session } from './session.js';
import type { ClientOutput } from './client-output.js';
import { Subscription } from '../routing/subscription.js';

export type SessionEnd = Extract<BrokerEvent, { kind: 'session-ended' }>['reason'];

export class Sessions {
  /** Called when a session has ended. */
  whenEnded: (clientId: ClientId) => void = () => undefined;
  readonly #sessions = new Map<ClientId, Session>();
  readonly #ended: EndedSessions;
  #bytes = 0;
  readonly #expiryTimer: TimerKind<Session> = {
    name: 'session expiry',
    expired: (session) => {
      this.end(session, 'expired');
    },
  };

  constructor(
    readonly context: Context,
    readonly router: Router,
    readonly deadlines: Deadlines,
  ) {
    this.#ended = new EndedSessions(context, router);
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** What they count for in the limits of memory. */
  get bytes(): number {
    return this.#bytes;
  }

  /** In the order of their beginning. */
  get all(): Iterable<Session> {
    return this.#sessions.values();
  }

  get(clientId: ClientId): Session | undefined {
    return this.#sessions.get(clientId);
  }

  byQueue(queue: QueueId): Session | undefined {
    const clientId = clientOf(queue);
    return clientId === undefined ? undefined : this.#sessions.get(clientId);
  }

  /**
   * The session for an accepted CONNECT: the existing one of its Client Identifier [MQTT-3.1.3-2], or a new one, as
   * Clean Session says [MQTT-3.1.4-3], [MQTT-3.1.2-4], [MQTT-3.1.2-6].
   */
  open(clientId: ClientId, clean: boolean, expiryIntervalS: number): { session: Session; present: boolean } {
    const old = this.#sessions.get(clientId);
    if (old !== undefined && !this.endsWith(clientId, clean)) {
      old.expiryIntervalS = expiryIntervalS;
      return { session: old, present: true };
    }
    if (old !== undefined) this.end(old, clean ? 'clean' : 'expired');
    const session = new Session(clientId, expiryIntervalS, this.context, this.#expiryTimer);
    this.#add(session);
    return { session, present: false };
  }

  /** Whether `open` ends a session of the client, whose time may be over although its timer has not expired yet. */
  endsWith(clientId: ClientId, clean: boolean): boolean {
    const old = this.#sessions.get(clientId);
    return old !== undefined && (clean || this.#isOver(old));
  }

  /**
   * The session belongs to a connection from now on, which is not announced yet: messages for the client still wait.
   */
  claim(session: Session, holder: ConnectionId): void {
    session.holder = holder;
    session.disconnectedAtMs = undefined;
    if (session.expiry !== undefined) this.deadlines.clear(session.expiry);
    session.record();
    // A store that forgets this connection in a loss of power would have its messages sent again as new ones. Those
    // that are yet to come would be forgotten with it.
    if (session.stored && (session.outboundIfAny?.count ?? 0) > 0) this.context.changes.secure();
  }

  /** Behind CONNACK: what waits for the client goes out. */
  attach(session: Session, output: ClientOutput, access: Access | undefined): void {
    session.permit(access);
    session.attached(output);
    session.outboundIfAny?.attach(output);
    for (const group of session.groups) group.memberConnected();
  }

  /** @returns whether the subscription is new: false if it replaces one with the same filter [MQTT-3.8.4-3]. */
  subscribe(session: Session, subscription: Subscription): boolean {
    const replaced = session.putSubscription(subscription);
    this.router.add(subscription, replaced);
    return replaced === undefined;
  }

  /** @returns whether there was a subscription with this filter. */
  unsubscribe(session: Session, topicFilter: TopicFilter): boolean {
    const subscription = session.takeSubscription(topicFilter);
    if (subscription !== undefined) this.router.remove(subscription);
    return subscription !== undefined;
  }

  /**
   * The connection ended before CONNACK left. The client never heard of a session that its CONNECT began, so that one
   * ends with it.
   * @param leftAtMs see `detach`.
   */
  abandon({ session, present }: { readonly session: Session; readonly present: boolean }, leftAtMs: number): void {
    session.holder = undefined;
    if (present) this.#leave(session, leftAtMs);
    else this.end(session, session.stored ? 'not-announced' : 'disconnected');
  }

  /**
   * The session's connection has ended.
   * @param leftAtMs when its network connection has: the Session Expiry Interval starts there (MQTT 5 section
   * 3.1.2.11.2), also if the last packets of the client were handled later.
   */
  detach(session: Session, leftAtMs: number): void {
    session.output = undefined;
    session.holder = undefined;
    session.permit(undefined);
    // Messages from a shared group return to it if another member is connected; otherwise they wait here
    // [MQTT-4.4.0-1]. At QoS 2 one that was sent goes to no other member [MQTT5-4.8.2-5]; one that still waits to leave
    // would be lost with the session.
    const { released } = this.context.effects;
    session.outboundIfAny?.detach((entry) =>
      entry.qos === 1
        ? !session.stored || entry.source?.hasOtherCandidate(session) === true
        : !session.stored && !entry.released && entry.after > released,
    );
    for (const group of session.groups) group.memberDisconnected();
    session.closeMemoryShare();
    this.#leave(session, leftAtMs);
  }

  /** The session waits for its client to return, or ends if it does not outlive its connection. */
  #leave(session: Session, leftAtMs: number): void {
    if (session.expiryIntervalS === 0) {
      this.end(session, 'disconnected');
      return;
    }
    session.disconnectedAtMs = leftAtMs;
    session.record();
    this.#expireLater(session);
  }

  end(session: Session, reason: SessionEnd): void {
    const { counters, changes, effects } = this.context;
    if (session.expiry !== undefined) this.deadlines.clear(session.expiry);
    this.#sessions.delete(session.clientId);
    this.#bytes -= sessionBytes(session.clientId);
    session.isOver = true;
    session.forgetInbound();
    session.outboundIfAny?.queue.ended();
    session.closeMemoryShare();
    this.#ended.add(session);
    counters.dropped['session-ended'] += session.outboundIfAny?.count ?? 0;
    this.context.trace?.queueEnded(session.queueId);
    if (session.stored) {
      const { clientId } = session;
      const drop = { kind: 'session.drop', clientId, queue: sessionQueue(clientId) } as const;
      if (reason === 'not-announced') changes.retract(drop);
      else changes.record(drop);
    }
    effects.emit({ kind: 'session-ended', clientId: session.clientId, reason });
    this.whenEnded(session.clientId);
  }

  restore(record: SessionRecord): void {
    const session = new Session(record.clientId, record.expiryIntervalS, this.context, this.#expiryTimer, true);
    // After a crash the store shows clients as connected that are not: their connections are taken to have ended now.
    // An end in the future is one of a clock that was wrong, and would make the session last until then.
    const { nowMs } = this.context;
    session.disconnectedAtMs = Math.min(record.disconnectedAtMs ?? nowMs, nowMs);
    session.restoreMark(record);
    this.#add(session);
    this.#expireLater(session);
  }

  restoreSubscription(record: SubscriptionRecord): void {
    const session = this.#sessions.get(record.clientId);
    if (session === undefined) return;
    // It was accepted once: limits lowered since then do not remove it.
    const parsed = parseTopicFilter(record.topicFilter, { maxTopicLength: 65_535, maxTopicLevels: 65_535 });
    if (typeof parsed === 'string') return;
    const group = parsed.shareName === undefined ? undefined : this.router.group(parsed.shareName, parsed.filter);
    const { topicFilter, qos, noLocal, retainAsPublished, retainHandling, identifier } = record;
    this.subscribe(
      session,
      new Subscription(
        session,
        topicFilter,
        parsed.filter,
        group,
        qos,
        noLocal,
        retainAsPublished,
        retainHandling,
        identifier,
      ),
    );
  }

  restoreQueue(bounds: Extract<RestoredFact, { kind: 'queue' }>): void {
    const { queue, first, next, count, bytes } = bounds;
    const { counters, changes } = this.context;
    counters.restored += count;
    const session = this.byQueue(queue);
    if (session !== undefined) {
      session.restoreQueue(bounds);
      return;
    }
    const group = this.router.groupOf(queue);
    if (group !== undefined) {
      group.restore(first, next, count, bytes);
      return;
    }
    // The queue of a shared group whose members had no stored session at the crash: the group ended with them, and a
    // new group of that name must not find its messages.
    counters.dropped['session-ended'] += count;
    changes.record({ kind: 'queue.drop', queue });
  }

  #add(session: Session): void {
    this.#sessions.set(session.clientId, session);
    this.#bytes += sessionBytes(session.clientId);
  }

  #expireLater(session: Session): void {
    const endMs = endOf(session);
    if (session.expiry !== undefined && endMs !== undefined) this.deadlines.set(session.expiry, endMs);
  }

  #isOver(session: Session): boolean {
    const endMs = endOf(session);
    return endMs !== undefined && endMs <= this.context.nowMs;
  }
}

/** When a session without a connection expires; `undefined` if never, or if it has a connection. */
function endOf({ disconnectedAtMs, expiryIntervalS }: Session): number | undefined {
  if (disconnectedAtMs === undefined || expiryIntervalS >= NEVER_EXPIRES_S) return undefined;
  return disconnectedAtMs + expiryIntervalS * 1000;
}
