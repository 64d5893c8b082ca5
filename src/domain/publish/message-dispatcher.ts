// Dispatches accepted messages: a message is retained if its RETAIN flag is set, and goes to every matching
// subscription [MQTT-4.5.0-1]. If finding the subscriptions takes long, or they are many, that is done in slices, one a
// step. Messages that come meanwhile wait behind it, so that all recipients get them in the same order, and all slices
// of one message become durable together, so that a publisher that repeats it after a crash repeats all of it. It goes
// to subscriptions that existed when its turn came and still exist when its slice is delivered.
import type { RestoredFact } from '../changes.js';
import type { Context } from '../context.js';
import type { Deadlines } from '../deadlines.js';
import { NOW } from '../durability.js';
import type { Ticket } from '../durability.js';
import type { MessageId, TopicName } from '../identifiers.js';
import { Fifo } from '../queues/fifo.js';
import { lookForRoom, recipientsOf } from './room-check.js';
import type { RoomCheck } from './room-check.js';
import type { OwnMessages } from './own-messages.js';
import { Retention } from './retention.js';
import type { Pressed } from '../slowed-publisher.js';
import { isOwnTopic } from '../topics/own-topic.js';
import type { RetainedTree } from '../topics/retained-tree.js';
import type { Task } from '../work-queue.js';
import { contentBytes } from '../messages/content-bytes.js';
import { deliveryOptions } from '../messages/delivery-options.js';
import type { Message, MessageDraft } from '../messages/message.js';
import { PublishOutcome } from '../messages/publication.js';
import type { Origin } from '../messages/publication.js';
import type { Route, Target } from '../routing/route.js';
import type { RouteSearch } from '../routing/route-search.js';
import type { Router } from '../routing/router.js';
import type { SharedGroup } from '../routing/shared-group.js';

const OF_THE_BROKER: Origin = { kind: 'broker' };
const nothing = (): void => undefined;

/** A message that waits for its turn, or is on its way to its recipients. */
interface Publication {
  readonly draft: MessageDraft | undefined;
  readonly origin: Origin;
  /** Records what is to become durable together with the message. */
  readonly begin: () => void;
  readonly done: (outcome: PublishOutcome) => void;
  /** What it holds in memory while it waits. */
  readonly bytes: number;
}

/** The message that is on its way. */
interface Dispatch {
  readonly message: Message;
  /** `undefined` while the search for it is under way. */
  route: Route | undefined;
  readonly search: RouteSearch | undefined;
  /** Index of the next recipient: first the targets of the route, then its groups. */
  next: number;
}

/** What a waiting message counts for besides its payload and its topic. */
const PUBLICATION_BYTES = 512;

/** So many subscriptions are looked up in the time that it takes to deliver a message. */
const CHECKS_PER_RECIPIENT = 16;

/** Of recipients: more than any message has, and still a small integer for the engine that compiles the loop. */
const NO_LIMIT = 2 ** 30 - 1;

export class MessageDispatcher implements Task {
  readonly hasPriority = true;
  readonly retention: Retention;
  #lastId = 0;
  readonly #outcome = new PublishOutcome();
  readonly #publications = new Fifo<Publication>();
  #waitingBytes = 0;
  /** Whether the first of them has begun, and what has become of it since. */
  #hasBegun = false;
  #dispatch: Dispatch | undefined;
  #ticket: Ticket = NOW;
  /** Under way before the first of them has begun. */
  #search: RouteSearch | undefined;
  #roomCheck: RoomCheck | undefined;

  constructor(
    readonly context: Context,
    readonly router: Router,
    deadlines: Deadlines,
  ) {
    this.retention = new Retention(context, deadlines);
  }

  /** The index of what is retained. */
  get retained(): RetainedTree {
    return this.retention.tree;
  }

  /** What the broker says of itself. */
  get own(): OwnMessages {
    return this.retention.own;
  }

  /** The id of the message that was accepted last. */
  get lastId(): number {
    return this.#lastId;
  }

  newMessageId(): MessageId {
    return ++this.#lastId as MessageId;
  }

  /** Message ids continue after the highest one found in the store. */
  restoreLastId(id: number): void {
    this.#lastId = Math.max(this.#lastId, id);
  }

  restoreRetained(fact: Extract<RestoredFact, { kind: 'retained' }>): void {
    this.restoreLastId(fact.id);
    this.retention.restore(fact);
  }

  accept({ topic, payload, qos, retain, properties }: MessageDraft, origin: Origin): Message {
    const { limits, nowMs } = this.context;
    let expiryS = properties?.messageExpiryInterval;
    if (limits.messageExpiryMax !== undefined && origin !== OF_THE_BROKER)
      expiryS = Math.min(expiryS ?? limits.messageExpiryMax, limits.messageExpiryMax);
    return {
      id: this.newMessageId(),
      topic,
      payload,
      qos,
      retain,
      properties,
      publisher: origin.clientId,
      acceptedAtMs: nowMs,
      expiresAtMs: expiryS === undefined ? undefined : nowMs + expiryS * 1000,
    };
  }

  /**
   * Bytes that messages hold in memory that wait behind the one under way. Their publishers may have gone: only the
   * caller can keep this bounded, by handling no further packets.
   */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /**
   * @param known the topic's cached route, if the caller has looked it up.
   * @returns the route, if a message to the topic can be published within this step. `undefined` if it has to be
   * queued: messages are on their way in slices, or there is too much to search or too many recipients.
   */
  routeAtOnce(topic: TopicName, known?: Route): Route | undefined {
    if (this.#publications.length > 0) return undefined;
    const route = known ?? this.router.route(topic);
    if (route === undefined) return undefined;
    return route.targets.length + costOf(route.groups) > this.context.sliceSize ? undefined : route;
  }

  /**
   * Whether the message has to be refused: every queue that it would go to must have room for it, because it cannot be
   * taken back from those that have it. Only under `refuse`, and not for wills: they have no publisher that could wait.
   * @returns the first queue without room.
   */
  fullQueue(draft: MessageDraft, origin: Origin, route: Route): Pressed | undefined {
    if (!this.#mayRefuse(draft, origin)) return undefined;
    const found = lookForRoom(this.context, draft, origin, route, 0, NO_LIMIT);
    return typeof found === 'number' ? undefined : found;
  }

  #mayRefuse({ qos }: MessageDraft, { kind }: Origin): boolean {
    return this.context.limits.queueFullPolicy === 'refuse' && qos > 0 && kind !== 'will';
  }

  /** @returns the outcome, valid until the next message is published. */
  publish(draft: MessageDraft, origin: Origin, route: Route): PublishOutcome {
    const outcome = this.#outcome;
    outcome.reset();
    this.context.pressed = undefined;
    const message = this.accept(draft, origin);
    this.context.trace?.accepted(message, origin);
    this.#begin(message, outcome);
    this.context.mayDrop = origin.kind === 'will';
    this.#deliver(message, route, 0, NO_LIMIT, outcome);
    this.context.mayDrop = false;
    this.#end(message, outcome);
    outcome.ticket = this.context.changes.step;
    return outcome;
  }

  /** Publishes what the broker says of itself. Without a recipient it counts nowhere: there was none to send it to. */
  announce(draft: MessageDraft): void {
    const route = this.routeAtOnce(draft.topic);
    if (route === undefined) this.queue(draft, OF_THE_BROKER, nothing, nothing);
    else if (recipientsOf(route) > 0) this.publish(draft, OF_THE_BROKER, route);
    else if (draft.retain) this.retention.keepOwn(this.accept(draft, OF_THE_BROKER));
  }

  /**
   * Publishes in slices, behind the messages that are waiting already.
   * @param draft `undefined` to be called back in order without publishing anything.
   * @param begin records what is to become durable together with the message.
   */
  queue(
    draft: MessageDraft | undefined,
    origin: Origin,
    begin: () => void,
    done: (outcome: PublishOutcome) => void,
  ): void {
    const bytes = bytesOf(draft);
    this.#publications.push({ draft, origin, begin, done, bytes });
    this.#waitingBytes += bytes;
    if (this.#publications.length === 1) this.context.work.add(this);
  }

  /** One slice of the first publication. */
  run(): boolean {
    const publication = this.#publications.peek();
    if (publication === undefined) return true;
    const { changes } = this.context;
    // A delivery at QoS 2 that is stored nowhere waits for the publisher's Packet Identifier, which the first slice
    // recorded: otherwise a crash could publish the message again, and to another member of a group [MQTT5-4.8.2-5].
    if (this.#hasBegun) changes.continueStep(this.#ticket);
    else {
      const route = this.#examine(publication);
      if (route === 'checking') return false;
      if (route === 'refused') return this.#publications.length === 0;
      this.#start(publication, route);
    }
    this.context.mayDrop = publication.origin.kind === 'will';
    const isDone = this.#dispatch === undefined || this.#advance(this.#dispatch);
    this.context.mayDrop = false;
    this.#ticket = changes.step;
    if (!isDone) return false;
    const outcome = this.#outcome;
    if (this.#dispatch !== undefined) this.#end(this.#dispatch.message, outcome);
    outcome.ticket = this.#ticket;
    this.#dispatch = undefined;
    this.#hasBegun = false;
    this.#publications.shift();
    publication.done(outcome);
    changes.release();
    return this.#publications.length === 0;
  }

  /**
   * Before anything of a message is recorded that can be refused.
   * @returns its route, or `undefined` if it is not known and need not be.
   */
  #examine({ draft, origin, bytes, done }: Publication): Route | 'checking' | 'refused' | undefined {
    if (draft === undefined) return undefined;
    if (!this.#mayRefuse(draft, origin)) {
      this.#search = this.#roomCheck = undefined;
      return this.router.known(draft.topic);
    }
    const check = (this.#roomCheck ??= this.#routeToCheck(draft));
    if (check === undefined) return 'checking';
    const full = lookForRoom(this.context, draft, origin, check.route, check.next, this.context.sliceSize);
    if (typeof full === 'number') {
      check.next = full;
      if (full < recipientsOf(check.route)) return 'checking';
      this.#roomCheck = undefined;
      return check.route;
    }
    this.#roomCheck = undefined;
    this.#waitingBytes -= bytes;
    this.#publications.shift();
    const outcome = this.#outcome;
    outcome.reset();
    outcome.full = full;
    done(outcome);
    return 'refused';
  }

  #routeToCheck({ topic }: MessageDraft): RoomCheck | undefined {
    const route = this.router.known(topic) ?? this.router.goOn((this.#search ??= this.router.search(topic)));
    if (route === undefined) return undefined;
    this.#search = undefined;
    return { route, next: 0 };
  }

  #start({ draft, origin, begin, bytes }: Publication, route: Route | undefined): void {
    this.#waitingBytes -= bytes;
    this.context.changes.hold();
    this.#hasBegun = true;
    this.#outcome.reset();
    this.context.pressed = undefined;
    this.#ticket = NOW;
    begin();
    if (draft === undefined) return;
    const message = this.accept(draft, origin);
    this.context.trace?.accepted(message, origin);
    this.#begin(message, this.#outcome);
    const search = route === undefined ? this.router.search(message.topic) : undefined;
    this.#dispatch = { message, route, search, next: 0 };
  }

  /** @returns whether all recipients have the message. */
  #advance(dispatch: Dispatch): boolean {
    const { message, search, next } = dispatch;
    if (search !== undefined) dispatch.route ??= this.router.goOn(search);
    const { route } = dispatch;
    if (route === undefined) return false;
    dispatch.next = this.#deliver(message, route, next, this.context.sliceSize, this.#outcome);
    return dispatch.next === route.targets.length + route.groups.length;
  }

  #begin(message: Message, outcome: PublishOutcome): void {
    this.context.counters.accepted++;
    if (!message.retain) return;
    const full = this.retention.retain(message);
    if (full === undefined) outcome.isRetained = true;
    else outcome.dropped(full);
  }

  #end(message: Message, outcome: PublishOutcome): void {
    const { counters, changes, trace } = this.context;
    trace?.routed(message, outcome, changes.step);
    if (outcome.matched > 0 || isOwnTopic(message.topic)) return;
    counters.dropped['no-subscriber']++;
    counters.started++;
  }

  /**
   * Delivers to about `count` recipients of the route from `from` on: first its targets, then its groups.
   * @returns the index of the next recipient.
   */
  #deliver(message: Message, route: Route, from: number, count: number, outcome: PublishOutcome): number {
    const { targets, groups } = route;
    const { trace } = this.context;
    const isStale = route.revision !== this.router.revision;
    let left = count;
    let at = from;
    for (; at < targets.length && left > 0; at++, left--) {
      const all = targets[at] as Target;
      const target = all.noLocal && all.session.clientId === message.publisher ? all.ofOthers : all;
      if (target === undefined) {
        trace?.excluded(message, all.session.clientId);
        continue; // [MQTT5-3.8.3-3]
      }
      if (isStale) {
        left -= Math.floor(target.size / CHECKS_PER_RECIPIENT);
        if (!target.isCurrent) continue; // unsubscribed since [MQTT-3.10.4-2]
      }
      const qos = message.qos < target.qos ? message.qos : target.qos; // [MQTT-3.8.4-6]
      // [MQTT-3.3.1-9], [MQTT5-3.3.1-13]: RETAIN is 0 for existing subscriptions, unless it is to be as published.
      const options = deliveryOptions(qos, target.retainAsPublished && message.retain, target.identifiers);
      trace?.matched(message, target.session.clientId, target.topicFilters, qos);
      outcome.add(target.session.deliver(message, options));
    }
    for (; at < targets.length + groups.length && left > 0; at++) {
      const group = groups[at - targets.length] as SharedGroup;
      left -= group.publishCost;
      if (group.isEmpty) continue;
      trace?.matchedGroup(message, group.id);
      outcome.add(group.publish(message));
    }
    return at;
  }
}

/** A payload keeps the whole chunk of memory that it came in. */
const bytesOf = (draft: MessageDraft | undefined): number =>
  PUBLICATION_BYTES +
  (draft === undefined ? 0 : contentBytes(draft) - draft.payload.byteLength + draft.payload.buffer.byteLength);

function costOf(groups: readonly SharedGroup[]): number {
  let cost = 0;
  for (const group of groups) cost += group.publishCost;
  return cost;
}
