// A SUBSCRIBE or UNSUBSCRIBE packet at work. Packets with many filters are worked off in slices: first all filters are
// parsed and checked, so that a packet that ends the connection leaves nothing behind, then they take effect, then the
// packet is answered.
import { PacketType } from '../../protocol/packets.js';
import type { SubscribePacket, SubscriptionRequest, UnsubscribePacket } from '../../protocol/packets.js';
import { ReasonCode, SUBACK_FAILURE } from '../../protocol/reason-codes.js';
import { answerTo } from '../connect/answer-to.js';
import type { Connection } from '../connect/connection.js';
import type { Context } from '../context.js';
import { NOW } from '../durability.js';
import type { Ticket } from '../durability.js';
import type { TopicFilter } from '../identifiers.js';
import type { Denial } from '../interception/verdict.js';
import type { Session } from '../session/session.js';
import { filterCost } from '../topics/topic-filter.js';
import type { ParsedFilter } from '../topics/topic-filter.js';
import type { Task } from '../work-queue.js';
import { AddedFilters } from './subscribe-rules.js';
import type { FilterRefusal, Granted, SubscribeRules } from './subscribe-rules.js';

const NO_DENIALS: ReadonlyMap<number, Denial> = new Map();

const refusalOf = (denial: Denial | undefined): FilterRefusal | undefined =>
  denial && { reasonCode: denial.reasonCode, detail: `by an interceptor: ${denial.reason}` };

/** Work on a list, one item after the other, in phases; suspends its connection if it takes more than one step. */
abstract class FilterTask implements Task {
  #at = 0;
  #isSuspended = false;
  /** What the answer waits for. */
  #ticket: Ticket = NOW;

  constructor(
    readonly context: Context,
    readonly connection: Connection,
    readonly session: Session,
    readonly size: number,
    readonly phases: readonly ((index: number) => boolean)[],
  ) {}

  protected abstract answer(after: Ticket): void;
  protected abstract filterAt(index: number): string;

  /** The packet has been worked off, or its connection has ended. */
  protected ended(): void {
    // Most have nothing to give back.
  }

  run(): boolean {
    const isDone = this.#advance();
    if (isDone) this.ended();
    return isDone;
  }

  #advance(): boolean {
    const { changes, sliceSize } = this.context;
    const end = this.size * this.phases.length;
    for (let left = sliceSize; this.#at < end && left > 0; this.#at++) {
      if (this.connection.state !== 'connected') return true;
      const index = this.#at % this.size;
      if (this.phases[Math.floor(this.#at / this.size)]?.(index) === false) return true;
      left -= filterCost(this.filterAt(index));
    }
    this.#ticket = Math.max(this.#ticket, changes.step);
    if (this.#at < end) {
      if (!this.#isSuspended) this.connection.suspend();
      this.#isSuspended = true;
      return false;
    }
    if (this.connection.state !== 'connected') return true;
    this.answer(this.connection.output.promise(this.#ticket));
    if (this.#isSuspended) this.connection.resume();
    return true;
  }
}

export class SubscribeTask extends FilterTask {
  readonly #packet: SubscribePacket;
  readonly #rules: SubscribeRules;
  readonly #parsed: ParsedFilter[] = [];
  readonly #refusals: (FilterRefusal | undefined)[] = [];
  readonly #reasonCodes: number[] = [];
  readonly #added: AddedFilters;
  /** Index of the last request with each filter: the others are replaced at once [MQTT-3.8.4-3]. */
  readonly #last = new Map<string, number>();
  readonly #granted: Granted[] = [];
  /** Entries that an interceptor has denied, by their index. */
  denials: ReadonlyMap<number, Denial> = NO_DENIALS;

  constructor(
    context: Context,
    connection: Connection,
    session: Session,
    packet: SubscribePacket,
    rules: SubscribeRules,
  ) {
    super(context, connection, session, packet.subscriptions.length, [
      (i) => this.#parse(i),
      (i) => this.#check(i),
      (i) => this.#grant(i),
    ]);
    this.#packet = packet;
    this.#rules = rules;
    this.#added = new AddedFilters(rules.planned);
  }

  protected override ended(): void {
    this.#added.clear();
  }

  protected override filterAt(index: number): string {
    return this.#request(index).topicFilter;
  }

  #request(index: number): SubscriptionRequest {
    return this.#packet.subscriptions[index] as SubscriptionRequest;
  }

  #parse(index: number): boolean {
    const parsed = this.#rules.parse(this.connection, this.#request(index).topicFilter);
    if (parsed === undefined) return false;
    this.#parsed.push(parsed);
    return true;
  }

  #check(index: number): boolean {
    const { topicFilter } = this.#request(index);
    const parsed = this.#parsed[index] as ParsedFilter;
    const refusal =
      refusalOf(this.denials.get(index)) ??
      this.#rules.refusal(this.connection, parsed) ??
      this.#rules.overLimit(this.session, topicFilter as TopicFilter, parsed, this.#added);
    this.#refusals.push(refusal);
    if (refusal !== undefined) return !this.#rules.denied(this.connection, this.session, topicFilter, refusal.detail);
    if (!this.session.hasSubscription(topicFilter as TopicFilter)) this.#added.add(topicFilter as TopicFilter, parsed);
    this.#last.set(topicFilter, index);
    return true;
  }

  #grant(index: number): boolean {
    const request = this.#request(index);
    const refusal = this.#refusals[index];
    if (refusal !== undefined) {
      this.#reasonCodes.push(this.connection.version === 5 ? refusal.reasonCode : SUBACK_FAILURE);
      return true;
    }
    this.#reasonCodes.push(this.#rules.grantedQos(request));
    if (this.#last.get(request.topicFilter) !== index) return true;
    const identifier = this.#packet.properties?.subscriptionIdentifiers?.[0];
    this.#added.remove(request.topicFilter);
    this.#granted.push(this.#rules.grant(this.session, request, this.#parsed[index] as ParsedFilter, identifier));
    return true;
  }

  /** One code per filter, in order [MQTT-3.8.4-1], [MQTT-3.8.4-2], [MQTT-3.8.4-4], [MQTT-3.8.4-5], [MQTT-3.9.3-1]. */
  protected override answer(after: Ticket): void {
    const { packetId } = this.#packet;
    const reasonCodes = this.#reasonCodes;
    const suback = { type: PacketType.suback, packetId, reasonCodes, properties: undefined } as const;
    answerTo(this.connection, suback, after);
    this.#rules.sendRetained(this.connection, this.session, this.#granted);
  }
}

export class UnsubscribeTask extends FilterTask {
  readonly #packet: UnsubscribePacket;
  readonly #rules: SubscribeRules;
  readonly #reasonCodes: number[] = [];
  /** Entries that an interceptor has denied, by their index: those subscriptions stay. */
  denials: ReadonlyMap<number, Denial> = NO_DENIALS;

  constructor(
    context: Context,
    connection: Connection,
    session: Session,
    packet: UnsubscribePacket,
    rules: SubscribeRules,
  ) {
    super(context, connection, session, packet.topicFilters.length, [(i) => this.#parse(i), (i) => this.#remove(i)]);
    this.#packet = packet;
    this.#rules = rules;
  }

  protected override filterAt(index: number): TopicFilter {
    return this.#packet.topicFilters[index] as TopicFilter;
  }

  #parse(index: number): boolean {
    return this.#rules.parse(this.connection, this.filterAt(index)) !== undefined;
  }

  #remove(index: number): boolean {
    const denial = this.denials.get(index);
    if (denial !== undefined) {
      this.#reasonCodes.push(denial.reasonCode);
      return true;
    }
    // Compared literally [MQTT-3.10.4-1]. Entries of the queue stay: begun deliveries are completed [MQTT-3.10.4-3].
    const hadOne = this.#rules.remove(this.connection, this.session, this.filterAt(index));
    this.#reasonCodes.push(hadOne ? ReasonCode.success : ReasonCode.noSubscriptionExisted);
    return true;
  }

  /** [MQTT-3.10.4-4], even if nothing was removed [MQTT-3.10.4-5]; one for all filters [MQTT-3.10.4-6]. */
  protected override answer(after: Ticket): void {
    const { packetId } = this.#packet;
    const reasonCodes = this.#reasonCodes;
    const unsuback = { type: PacketType.unsuback, packetId, reasonCodes, properties: undefined } as const;
    answerTo(this.connection, unsuback, after);
  }
}
