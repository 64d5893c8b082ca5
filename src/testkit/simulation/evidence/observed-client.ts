// What the evidence says about one client: whether the broker has a session of it, and which subscriptions exist
// certainly or possibly.
import type { QueueId } from '../../../ports/index.js';
import type { DiskContents } from './disk-contents.js';
import type { LogicalClock } from './logical-clock.js';
import { willPublisherOf } from './publications.js';
import type { Publication } from './publications.js';
import { emptyReceivedLog } from './received-log.js';
import { intervalFrom, isCurrent, isSame } from './subscription-interval.js';
import type { Granted, SubscriptionInterval } from './subscription-interval.js';
import { matches } from './topic-match.js';

/** When the session of a client without a connection expires: as a rule both ends of the range are the same. */
export interface Expiry {
  readonly earliestMs: number;
  readonly latestMs: number;
  /** Whether the beginning of the range has passed. */
  isReached: boolean;
}

export class ObservedClient {
  readonly received = emptyReceivedLog();
  /** Whether the broker has a session that outlives its connection. */
  sessionStored: 'yes' | 'no' | 'unknown' = 'no';
  /**
   * Whether a session that may exist now was announced to it by a CONNACK that was on its way. A session that a start
   * of the broker found on the disk counts: the broker cannot know whether its CONNACK had left.
   */
  isSessionAnnounced = false;
  /** What was queued for it before this moment may be gone with its session. */
  queueIntactSince = 0;
  /** When the CONNECT came whose answer was the latest to say that there was no session. */
  newSessionSince = 0;
  /** When its latest CONNECT came. */
  lastConnectAt = 0;
  /** When one of its connections last ended. */
  lastEndAt = 0;
  /** When a start of the broker last found on the disk that it was connected: what came before may have been sent. */
  doubtUntil = 0;
  /** When an operator last gave the command to delete its session. */
  deletionGivenAt = 0;
  /** Connections on which a CONNECT came and that have not ended. */
  openConnections = 0;
  /** How long its session outlives its connection, in milliseconds: both are the same where that is certain. */
  lasts = { leastMs: 0, mostMs: 0 };
  /** The smallest Maximum Packet Size that it ever gave: larger messages may be dropped for it. */
  leastPacketSize = Infinity;
  /** Of its latest time without a connection. */
  expiry: Expiry | undefined;
  /** When its last connection ended, each time, in milliseconds. */
  readonly disconnectionTimesMs = new Set<number>();
  /** Subscriptions that may exist now. */
  current: SubscriptionInterval[] = [];
  /** All that ever existed: a message may be delivered long after its subscription ended. */
  readonly history: SubscriptionInterval[] = [];
  /** The latest message that it published with each Packet Identifier. */
  readonly published = new Map<number, Publication>();
  /** Packet Identifiers that it has released and that the disk still has, because a crash has undone the release. */
  readonly staleInbound = new Set<number>();

  constructor(
    readonly name: string,
    readonly clock: LogicalClock,
  ) {}

  get queue(): QueueId {
    return `c:${this.name}` as QueueId;
  }

  /** Whether it ever was a member of a shared group. */
  get hasShared(): boolean {
    return this.history.some(({ shareName }) => shareName !== undefined);
  }

  /** The broker starts with what the disk has of the session. */
  foundAtStart(disk: DiskContents, nowMs: number): void {
    this.isSessionAnnounced = disk.sessions.has(this.name);
    if (!this.isSessionAnnounced || disk.disconnectedAtMs.has(this.name)) return;
    this.doubtUntil = this.clock.now;
    // Its connection is taken to have ended now, and the broker may record it.
    this.disconnectionTimesMs.add(nowMs);
  }

  /** SUBSCRIBE has come. A subscription with the same filter is replaced, at a moment between now and SUBACK. */
  subscribe(topicFilter: string, granted: Granted): SubscriptionInterval {
    const { now } = this.clock;
    const latest = this.latest(topicFilter);
    const isNew = latest?.certainFrom === undefined || latest.certainUntil !== undefined;
    const interval = intervalFrom(topicFilter, granted, now, isNew);
    for (const one of this.current) {
      if (one.topicFilter !== topicFilter || one.certainUntil !== undefined) continue;
      one.certainUntil = now;
      one.replacedBy = interval;
    }
    this.current.push(interval);
    this.history.push(interval);
    return interval;
  }

  /** SUBACK has left. */
  subscribed(interval: SubscriptionInterval): void {
    interval.certainFrom = this.clock.now;
    this.#end((one) => one.topicFilter === interval.topicFilter && one.possibleFrom < interval.possibleFrom);
  }

  /** SUBACK has left and refuses it: there is no subscription with this filter, and the packet made none. */
  subscriptionRefused(interval: SubscriptionInterval): void {
    this.#end((one) => one.topicFilter === interval.topicFilter && one.possibleFrom <= interval.possibleFrom);
    this.history.splice(this.history.indexOf(interval), 1);
  }

  /** How many subscriptions its session has, at least and at most. */
  get subscriptionCount(): { readonly least: number; readonly most: number } {
    const certain = this.current.filter((one) => one.certainFrom !== undefined && isCurrent(one));
    const filters = (of: readonly SubscriptionInterval[]): number => new Set(of.map((one) => one.topicFilter)).size;
    return { least: filters(certain), most: filters(this.current) };
  }

  /** UNSUBSCRIBE has come. @returns the intervals that it ends. */
  unsubscribe(topicFilter: string): SubscriptionInterval[] {
    const ending = this.current.filter((one) => one.topicFilter === topicFilter);
    for (const one of ending) one.certainUntil ??= this.clock.now;
    return ending;
  }

  /** UNSUBACK has left. */
  unsubscribed(ending: readonly SubscriptionInterval[]): void {
    this.#end((one) => ending.includes(one));
  }

  /** From now on nothing is certain: the session may have ended. */
  sessionMayHaveEnded(): void {
    this.queueIntactSince = this.clock.now;
    for (const one of this.current) one.certainUntil ??= this.clock.now;
  }

  /** The session that these subscriptions belong to has ended. */
  sessionEnded(intervals: readonly SubscriptionInterval[]): void {
    this.sessionMayHaveEnded();
    this.#end((one) => intervals.includes(one));
  }

  sessionExpired(): void {
    this.sessionEnded(this.current);
    this.sessionStored = 'no';
    this.isSessionAnnounced = false;
  }

  /** The broker has restarted with these subscriptions of the session, or, if `undefined`, without the session. */
  sessionRestored(subscriptions: ReadonlyMap<string, Granted> | undefined): void {
    this.sessionStored = subscriptions === undefined ? 'no' : 'yes';
    if (subscriptions === undefined) {
      this.sessionEnded(this.current);
      return;
    }
    this.#end((one) => {
      const granted = subscriptions.get(one.topicFilter);
      return granted === undefined || !isSame(one, granted);
    });
    for (const [topicFilter, granted] of subscriptions) {
      const latest = this.latest(topicFilter);
      if (latest?.certainFrom !== undefined && latest.certainUntil === undefined) continue;
      this.subscribed(this.subscribe(topicFilter, granted));
    }
  }

  /** The latest subscription with this filter that may exist now. */
  latest(topicFilter: string): SubscriptionInterval | undefined {
    return this.current.filter((one) => one.topicFilter === topicFilter).at(-1);
  }

  /** Subscriptions that match the message and certainly existed all the time from its coming to its acknowledgement. */
  certainMatches({ firstReceivedAt, acknowledgedAt, topic, publisher }: Publication): SubscriptionInterval[] {
    if (firstReceivedAt === undefined) return [];
    const isOwn = publisher === this.name || publisher === willPublisherOf(this.name);
    return this.history.filter(
      ({ filter, certainFrom, certainUntil, noLocal }) =>
        !(noLocal && isOwn) &&
        certainFrom !== undefined &&
        certainFrom <= firstReceivedAt &&
        (certainUntil === undefined || (acknowledgedAt !== undefined && certainUntil >= acknowledgedAt)) &&
        matches(filter, topic),
    );
  }

  /** The same, of subscriptions that are not shared: each is owed the message, whichever others get it. */
  certainOwnMatches(publication: Publication): SubscriptionInterval[] {
    return this.certainMatches(publication).filter(({ shareName }) => shareName === undefined);
  }

  /** Whether a subscription of its own certainly is owed a delivery of the message that can be acknowledged. */
  isOwed(publication: Publication): boolean {
    if (publication.qos === 0 || publication.bytes > this.leastPacketSize) return false;
    return this.certainOwnMatches(publication).some(({ qos }) => qos > 0);
  }

  /** Subscriptions that match the message and may have existed when it was accepted. */
  possibleMatches({ topic, firstReceivedAt }: Publication): SubscriptionInterval[] {
    if (firstReceivedAt === undefined) return [];
    return this.history.filter(
      ({ filter, possibleUntil }) =>
        (possibleUntil === undefined || possibleUntil >= firstReceivedAt) && matches(filter, topic),
    );
  }

  /**
   * Whether a message that comes with RETAIN may be one that was just published, for a subscription that wants it as it
   * was published.
   */
  mayGetAsPublished(publication: Publication): boolean {
    return publication.retain && this.possibleMatches(publication).some((one) => one.retainAsPublished);
  }

  /** Whether it certainly joined the shared group before the message came, and has been a member ever since. */
  isMemberSince(topicFilter: string, { firstReceivedAt = 0, topic }: Publication): boolean {
    if (this.queueIntactSince > firstReceivedAt) return false;
    return this.history.some(
      (one) =>
        one.topicFilter === topicFilter &&
        one.certainFrom !== undefined &&
        one.certainFrom <= firstReceivedAt &&
        isCurrent(one) &&
        matches(one.filter, topic),
    );
  }

  #end(which: (one: SubscriptionInterval) => boolean): void {
    for (const one of this.current) {
      if (!which(one)) continue;
      one.certainUntil ??= this.clock.now;
      one.possibleUntil ??= this.clock.now;
    }
    this.current = this.current.filter(({ possibleUntil }) => possibleUntil === undefined);
  }
}
