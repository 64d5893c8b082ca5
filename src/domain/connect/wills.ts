// Wills: held from CONNECT until the connection ends [MQTT-3.1.2-8], then published unless DISCONNECT came first
// [MQTT-3.14.4-3], at once or after their delay. A will is stored even for a session that is not, so that a crash of
// the broker, which ends every connection, does not lose it.
import type { Will } from '../../protocol/packets.js';
import { refusePublish } from '../access/access.js';
import type { Access } from '../access/access.js';
import type { RestoredFact, WillRecord } from '../changes.js';
import type { Context } from '../context.js';
import { Deadline } from '../deadlines.js';
import type { Deadlines, TimerKind } from '../deadlines.js';
import { detachPayload } from '../messages/message.js';
import { willBytes } from '../name-bytes.js';
import type { MessageDispatcher } from '../publish/message-dispatcher.js';
import type { ClientId, TopicName } from '../identifiers.js';

class HeldWill {
  readonly deadline: Deadline<HeldWill>;
  /** Called when the will is recorded, if that has to wait; `undefined` otherwise. */
  whenRecorded: (() => void) | undefined;

  constructor(
    public record: WillRecord,
    delayTimer: TimerKind<HeldWill>,
  ) {
    this.deadline = new Deadline<HeldWill>(delayTimer, this);
  }
}

/** The client whose connection has ended. */
export interface WillOwner {
  readonly clientId: ClientId;
  readonly userName: string | undefined;
  /** What it may do; a will that it may no longer publish is dropped. */
  readonly access: Access | undefined;
}

export class Wills {
  readonly #wills = new Map<ClientId, HeldWill>();
  #bytes = 0;
  /**
   * Clients that have gone and whose will waits to be published in slices. The store has room for one will of a client,
   * and keeps that one until its publication begins: a crash before must find it.
   */
  readonly #publishing = new Set<ClientId>();
  readonly #delayTimer: TimerKind<HeldWill> = {
    name: 'will delay',
    expired: (held) => {
      this.#publish(held);
    },
  };

  constructor(
    readonly context: Context,
    readonly dispatcher: MessageDispatcher,
    readonly deadlines: Deadlines,
  ) {}

  /**
   * `will.topic` must be valid. While an earlier will of the client waits to be published, the will is recorded later,
   * when that begins, and `whenRecorded` is then called, unless the will was discarded before.
   * @returns whether the will is recorded.
   */
  hold(clientId: ClientId, will: Will, whenRecorded: () => void): boolean {
    // The Will Delay Interval belongs to the will, not to the message that is published (MQTT 5 section 3.1.3.2.2).
    const { willDelayInterval: delayS = 0, ...properties } = will.properties ?? {};
    const message = {
      topic: will.topic as TopicName,
      payload: will.payload,
      qos: will.qos,
      retain: will.retain, // [MQTT-3.1.2-16], [MQTT-3.1.2-17]
      properties: will.properties === undefined ? undefined : properties,
    };
    detachPayload(message);
    const held = new HeldWill({ clientId, message, delayS, dueAtMs: undefined }, this.#delayTimer);
    this.#add(held);
    if (this.#publishing.has(clientId)) held.whenRecorded = whenRecorded;
    else this.#record(held);
    return held.whenRecorded === undefined;
  }

  #record(held: HeldWill, record = held.record): void {
    held.record = record;
    this.context.changes.record({ kind: 'will.put', will: record });
    held.whenRecorded?.();
    held.whenRecorded = undefined;
  }

  /**
   * The client has returned: a will that is not due yet is dropped [MQTT5-3.1.3-9], and one that is goes out first.
   * @param endsSession whether its return ends the session that the will waits with, so that its delay ends as well.
   */
  clientReturned(clientId: ClientId, endsSession: boolean): void {
    const held = this.#wills.get(clientId);
    if (held === undefined) return;
    const { deadline, record } = held;
    const isDue = deadline.isSet && (deadline.atMs <= this.context.nowMs || (endsSession && record.delayS > 0));
    if (isDue) this.#publish(held);
    else this.#forget(held);
  }

  /** Drops the will: the client sent DISCONNECT, or its CONNECT was never answered. */
  discard(clientId: ClientId): void {
    const held = this.#wills.get(clientId);
    if (held !== undefined) this.#forget(held);
  }

  /**
   * The connection has ended without DISCONNECT.
   * @param lastsS how long the session outlives the connection, in seconds: a delay ends with it.
   * @param leftAtMs when the network connection has ended: both begin there.
   */
  connectionEnded({ clientId, userName, access }: WillOwner, lastsS: number, leftAtMs: number): void {
    const held = this.#wills.get(clientId);
    if (held === undefined) return;
    const { topic } = held.record.message;
    const refusal = access === undefined ? undefined : refusePublish(access, topic);
    if (refusal !== undefined) {
      this.#forget(held);
      const detail = `will: ${refusal}`;
      this.context.counters.denied++;
      this.context.effects.emit({ kind: 'publish-denied', clientId, topic, detail, userName });
    } else if (held.record.delayS === 0 || lastsS === 0) this.#publish(held);
    else this.#wait(held, leftAtMs + Math.min(held.record.delayS, lastsS) * 1000);
  }

  /** What they count for in the limits of memory. */
  get bytes(): number {
    return this.#bytes;
  }

  /** What the will of the client counts for, if it has one. */
  bytesOf(clientId: ClientId): number {
    const held = this.#wills.get(clientId);
    return held === undefined ? 0 : willBytes(held.record.message);
  }

  get(clientId: ClientId): WillRecord | undefined {
    return this.#wills.get(clientId)?.record;
  }

  has(clientId: ClientId): boolean {
    return this.#wills.has(clientId);
  }

  /** The session has ended: a will is not delayed any further [MQTT5-3.1.2-8]. */
  sessionEnded(clientId: ClientId): void {
    const held = this.#wills.get(clientId);
    if (held?.deadline.isSet === true) this.#publish(held);
  }

  /**
   * A client that was connected at the crash gets time to return before its will is published.
   * @param lastsS how long its session outlives the connection, in seconds: a delay ends with it [MQTT5-3.1.3-9].
   */
  restore({ will }: Extract<RestoredFact, { kind: 'will' }>, lastsS: number): void {
    const held = new HeldWill(will, this.#delayTimer);
    this.#add(held);
    const { nowMs, limits } = this.context;
    const delayMs = Math.min(will.delayS, lastsS) * 1000;
    const latestMs = nowMs + Math.max(limits.willGraceAfterRestartMs, delayMs);
    this.deadlines.set(held.deadline, will.dueAtMs === undefined ? latestMs : Math.min(will.dueAtMs, nowMs + delayMs));
  }

  #wait(held: HeldWill, dueAtMs: number): void {
    this.#record(held, { ...held.record, dueAtMs });
    this.deadlines.set(held.deadline, dueAtMs);
  }

  /** A new message: its order and its expiry begin now. */
  #publish(held: HeldWill): void {
    const { clientId, message } = held.record;
    const origin = { kind: 'will', clientId } as const;
    const { dispatcher } = this;
    const route = dispatcher.routeAtOnce(message.topic);
    if (route === undefined) {
      // Due, also for a start after a crash: a client that returns by then does not hold it up.
      if (held.whenRecorded === undefined && held.record.dueAtMs === undefined)
        this.#record(held, { ...held.record, dueAtMs: this.context.nowMs });
      this.#release(held);
      this.#publishing.add(clientId);
      const begin = (): void => {
        this.#publishing.delete(clientId);
        // The client may have returned with another will.
        const next = this.#wills.get(clientId);
        if (next === undefined) this.context.changes.record({ kind: 'will.drop', clientId });
        else this.#record(next);
      };
      dispatcher.queue(message, origin, begin, () => {
        this.context.effects.emit({ kind: 'will-published', clientId, topic: message.topic });
      });
      return;
    }
    this.#forget(held); // [MQTT-3.1.2-10]
    dispatcher.publish(message, origin, route);
    this.context.effects.emit({ kind: 'will-published', clientId, topic: message.topic });
  }

  #forget(held: HeldWill): void {
    this.#release(held);
    // What the store has is then an earlier will.
    if (held.whenRecorded !== undefined) return;
    this.context.changes.record({ kind: 'will.drop', clientId: held.record.clientId });
  }

  #add(held: HeldWill): void {
    this.#wills.set(held.record.clientId, held);
    this.#bytes += willBytes(held.record.message);
  }

  /** The will is held no longer; the store still has it. */
  #release(held: HeldWill): void {
    this.#wills.delete(held.record.clientId);
    this.#bytes -= willBytes(held.record.message);
    this.deadlines.clear(held.deadline);
  }
}
