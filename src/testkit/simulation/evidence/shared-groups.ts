// What the evidence says about shared groups: which messages each is owed, and which of its members may have taken one
// along.
import type { QueueId } from '../../../ports/index.js';
import type { ConnectionEnd } from '../network.js';
import type { DiskContents } from './disk-contents.js';
import type { Drops } from './drops.js';
import type { ObservedClient } from './observed-client.js';
import type { Publication, Publications } from './publications.js';
import type { ReceiveRules } from './receive-rules.js';
import type { SubscriptionInterval } from './subscription-interval.js';
import { valueOf } from './value-of.js';

/**
 * Whether the broker gives a QoS 2 message to another member when the member that it was assigned to leaves before it
 * was sent, and the session of that member ends. It must and does not yet: only a message that was sent stays with its
 * member [MQTT5-4.8.2-4], [MQTT5-4.8.2-5].
 */
const UNSENT_QOS2_IS_REASSIGNED = false;

export interface SharedGroupsParts {
  readonly disk: DiskContents;
  readonly publications: Publications;
  readonly rules: ReceiveRules;
  readonly clients: ReadonlyMap<string, ObservedClient>;
  readonly drops: Drops;
}

/** A QoS 2 message that a member with a clean session may have taken with it: nothing of it is kept for the others. */
interface TakenAlong {
  readonly tag: string;
  /** Where it may still be. */
  readonly queues: readonly QueueId[];
  /** How often the group's queue had had it. */
  readonly appendCount: number;
}

export class SharedGroups {
  readonly #parts: SharedGroupsParts;
  /** By the group's queue and the message's tag. */
  readonly #takenAlong = new Map<string, TakenAlong>();

  constructor(parts: SharedGroupsParts) {
    this.#parts = parts;
  }

  /** All clients that ever were members, by the shared subscription. */
  get all(): Map<string, ObservedClient[]> {
    const groups = new Map<string, ObservedClient[]>();
    for (const client of this.#parts.clients.values()) {
      const shared = client.history.filter(({ shareName }) => shareName !== undefined);
      for (const topicFilter of new Set(shared.map((one) => one.topicFilter)))
        valueOf(groups, topicFilter, () => []).push(client);
    }
    return groups;
  }

  /**
   * A connection with a clean session has ended: the client may take along what the members of its groups have not
   * received at QoS 2.
   */
  cleanMemberLeft(client: ObservedClient, how: ConnectionEnd): void {
    if (UNSENT_QOS2_IS_REASSIGNED && how !== 'died') return;
    const { disk } = this.#parts;
    const groups = this.all;
    for (const { topicFilter, shareName } of client.current) {
      if (shareName === undefined) continue;
      const members = groups.get(topicFilter) ?? [];
      const queue = groupQueueOf(topicFilter);
      for (const publication of this.#parts.publications.all) {
        const { tag, qos, firstReceivedAt, isClear } = publication;
        if (qos !== 2 || firstReceivedAt === undefined || isClear) continue;
        if (members.some((member) => this.#hasOrHad(member, publication))) continue;
        this.#takenAlong.set(`${queue} ${tag}`, {
          queues: [queue, ...members.map((member) => member.queue)],
          tag,
          appendCount: disk.appendCount(queue, tag),
        });
      }
    }
  }

  /** The disk has all that there is: a message that still waits with the group or with a member was not taken along. */
  settled(): void {
    for (const [key, { queues, tag }] of this.#takenAlong)
      if (queues.some((queue) => this.#parts.disk.has(queue, tag))) this.#takenAlong.delete(key);
  }

  /** The groups that are owed the message, and for which the disk never had it. */
  *neverStoredFor(publication: Publication): Generator<string> {
    const { disk, drops } = this.#parts;
    const { tag, qos } = publication;
    for (const [topicFilter, members] of this.all) {
      const queue = groupQueueOf(topicFilter);
      if (!this.#isOwed(topicFilter, members, publication) || drops.has(queue) || disk.everHad(queue, tag)) continue;
      // What a clean session gets at QoS 2 is not on the disk for it, and nothing is for a group of clean sessions
      // alone.
      const hasClean = members.some(({ sessionStored }) => sessionStored !== 'yes');
      if (hasClean && (qos === 2 || !members.some(({ sessionStored }) => sessionStored === 'yes'))) continue;
      if (members.some((member) => disk.everHad(member.queue, tag) || this.#hasOrHad(member, publication))) continue;
      yield topicFilter;
    }
  }

  /** Whether for every group that is owed the message the disk has or had it, or a member has completed it. */
  isStoredForAll(publication: Publication): boolean {
    const { disk } = this.#parts;
    const { tag } = publication;
    for (const [topicFilter, members] of this.all) {
      if (
        this.#isOwed(topicFilter, members, publication) &&
        !disk.everHad(groupQueueOf(topicFilter), tag) &&
        !members.some((member) => disk.everHad(member.queue, tag) || member.received.completed.has(tag))
      )
        return false;
    }
    return true;
  }

  /** Promised messages that the group was owed and that no member received, by topic. */
  undelivered(topicFilter: string, members: readonly ObservedClient[]): Map<string, string[]> {
    const missing = new Map<string, string[]>();
    const queue = groupQueueOf(topicFilter);
    for (const publication of this.#parts.publications.all) {
      const { tag, topic } = publication;
      if (!publication.isPromised || !this.#isOwed(topicFilter, members, publication)) continue;
      if (members.some((member) => this.#hasOrHad(member, publication))) continue;
      const takenAlong = this.#takenAlong.get(`${queue} ${tag}`);
      if ((takenAlong?.appendCount ?? -1) >= this.#parts.disk.appendCount(queue, tag)) continue;
      valueOf(missing, topic, () => []).push(tag);
    }
    return missing;
  }

  /**
   * Whether the member received it, or had it when its session ended: at QoS 2, or in its own queue, it is then its
   * own.
   */
  #hasOrHad(member: ObservedClient, { tag, qos, firstReceivedAt = 0 }: Publication): boolean {
    const { queueIntactSince, queue } = member;
    const { receptions, treatedAsDuplicate, completed, sentAtQos2, queuedAtStart, refused } = member.received;
    if (
      refused.has(tag) ||
      receptions.has(tag) ||
      treatedAsDuplicate.has(tag) ||
      completed.has(tag) ||
      this.#parts.drops.has(queue)
    )
      return true;
    const wasAssigned = !UNSENT_QOS2_IS_REASSIGNED && qos === 2 && this.#parts.disk.everHad(queue, tag);
    return queueIntactSince > firstReceivedAt && (sentAtQos2.has(tag) || queuedAtStart.has(tag) || wasAssigned);
  }

  /**
   * Whether the message waits for a member until one receives it: one with a stored session was a member all the time,
   * or all were.
   */
  #isOwed(topicFilter: string, members: readonly ObservedClient[], publication: Publication): boolean {
    const { topic, qos, firstReceivedAt = 0 } = publication;
    const { rules } = this.#parts;
    // A member may drop it for its size.
    if (members.some(({ leastPacketSize }) => publication.bytes > leastPacketSize)) return false;
    if (qos === 0 || members.some(({ name }) => rules.mayBeRefusedSince(name, topic, firstReceivedAt))) return false;
    const mayExist = ({ possibleUntil }: SubscriptionInterval): boolean =>
      possibleUntil === undefined || possibleUntil >= firstReceivedAt;
    const mayGetAtQos0 = ({ history }: ObservedClient): boolean =>
      history.some((one) => one.topicFilter === topicFilter && one.qos === 0 && mayExist(one));
    // A member that gets it at QoS 0 may lose it.
    if (members.some(mayGetAtQos0)) return false;
    const stays = (member: ObservedClient): boolean => member.isMemberSince(topicFilter, publication);
    return members.some((member) => member.sessionStored === 'yes' && stays(member)) || members.every(stays);
  }
}

/** @param topicFilter with `$share/<name>/`. */
export const groupQueueOf = (topicFilter: string): QueueId => `g:${topicFilter.slice('$share/'.length)}` as QueueId;
