// What the evidence concludes from a PUBLISH that comes and from the answer to it: when the message can have had an
// effect, and what is promised. An answer that refuses it promises nothing. The same for a PUBLISH that leaves.
import { PacketType } from '../../../protocol/packets.js';
import type { AcknowledgementPacket, ConnectPacket, PublishPacket } from '../../../protocol/packets.js';
import { ReasonCode } from '../../../protocol/reason-codes.js';
import type { SimulatedConnection } from '../network.js';
import type { Departure } from '../observations.js';
import { tagOf } from '../payload.js';
import type { AckLevel } from '../../../ports/index.js';
import type { EvidenceOptions } from './evidence-options.js';
import type { LogicalClock } from './logical-clock.js';
import type { ObservedClient } from './observed-client.js';
import type { ObservedConnection } from './observed-connection.js';
import { willPublisherOf } from './publications.js';
import type { Publication, Publications } from './publications.js';
import type { Undecided } from './undecided.js';
import type { Unflushed } from './unflushed.js';

/** What a PUBLISH has besides its payload and its topic, at most: identifiers and an expiry among its properties. */
const REST_BYTES = 60;

export const sizeOf = ({ topic, payload }: Pick<PublishPacket, 'topic' | 'payload'>): number =>
  topic.length + payload.length + REST_BYTES;

export const isRefusal = (reasonCode: number | undefined): boolean =>
  reasonCode !== undefined && reasonCode >= ReasonCode.unspecifiedError;

/** The parts of the evidence that it reads and adds to. */
export interface PublishingParts {
  readonly clock: LogicalClock;
  readonly options: EvidenceOptions;
  readonly publications: Publications;
  readonly undecided: Undecided;
  readonly unflushed: Unflushed;
  readonly ackLevel: AckLevel;
}

export class Publishing {
  constructor(readonly evidence: PublishingParts) {}

  /** CONNECT has come with this will: a message that may be published, unless its client may not publish it. */
  offered(clientId: string, will: ConnectPacket['will']): Publication | undefined {
    const { options, publications } = this.evidence;
    if (will === undefined || !options.mayPublish(clientId, will.topic)) return undefined;
    const { topic, qos, retain } = will;
    const publication = publications.getOrCreate(tagOf(will.payload), willPublisherOf(clientId), topic, qos, retain);
    publication.bytes = sizeOf(will);
    return publication;
  }

  received(connection: ObservedConnection, packet: PublishPacket): void {
    const { clock, undecided, options } = this.evidence;
    const { now } = clock;
    const { client } = connection;
    const { packetId, qos, properties } = packet;
    const publication = this.#publicationOf(client, packet);
    publication.isDropped = !publication.isClear && options.isDropped(publication.tag);
    publication.isDenied = !publication.isDropped && !options.mayPublish(client.name, packet.topic);
    if (!publication.isDenied && !publication.isDropped) publication.received(now);
    publication.bytes = sizeOf(packet);
    const expiryS = properties?.messageExpiryInterval;
    // A repeat on a connection of an earlier version does not expire.
    publication.expiryMs = expiryS === undefined ? undefined : expiryS * 1000;
    publication.mayExpire ||= expiryS !== undefined;
    publication.expireFrom(options.publishersWait ? Infinity : options.nowMs());
    undecided.received(connection, publication);
    if (qos === 0) return;
    publication.packetId = packetId;
    publication.isReleased = false;
    if (qos === 2) publication.isTreatedAsDuplicate = !connection.connect.clean && client.staleInbound.has(packetId);
    connection.published.set(packetId, { publication, at: now });
    client.published.set(packetId, publication);
  }

  /** PUBACK or PUBREC leaves. @returns the message that it answers. */
  acknowledged(connection: ObservedConnection, packet: AcknowledgementPacket): Publication | undefined {
    const { clock, undecided, options, ackLevel, unflushed } = this.evidence;
    const { type, packetId, reasonCode } = packet;
    const { client } = connection;
    const published = connection.published.get(packetId);
    if (published?.publication.qos !== (type === PacketType.puback ? 1 : 2)) return undefined;
    const { publication, at } = published;
    undecided.answered(connection, publication);
    if (reasonCode >= ReasonCode.unspecifiedError) {
      publication.refused(reasonCode);
      client.published.delete(packetId);
      return publication;
    }
    if (publication.isTreatedAsDuplicate || publication.isDenied || publication.isDropped) return publication;
    if (publication.acknowledgedAt === undefined && options.publishersWait) publication.expireFrom(options.nowMs());
    publication.acknowledgedAt ??= clock.now;
    if (publication.qos === 1) client.published.delete(packetId);
    // At QoS 2 an earlier PUBLISH may be the one that had the effect.
    publication.certainEffectAt =
      publication.qos === 2 ? (publication.firstReceivedAt ?? at) : Math.max(at, publication.certainEffectAt ?? 0);
    if (ackLevel !== 'flushed') unflushed.add(publication);
    return publication;
  }

  /** A PUBLISH leaves. */
  departed(connection: ObservedConnection, link: SimulatedConnection, packet: PublishPacket): Departure {
    const { inFlight, client } = connection;
    const { packetId, qos, payload } = packet;
    const tag = tagOf(payload);
    const displaced = qos === 0 ? undefined : inFlight.get(packetId);
    if (qos > 0) inFlight.set(packetId, tag);
    if (qos === 2) {
      client.received.sentAtQos2.add(tag);
      client.received.latestQos2ById.set(packetId, tag);
    }
    const publication = tag === '' ? undefined : this.evidence.publications.get(tag);
    if (publication !== undefined) publication.wasSent = true;
    return { kind: 'publish', connection, link, packet, tag, publication, displaced };
  }

  /** PUBACK, PUBCOMP, or a PUBREC that refuses: the delivery is over. */
  completed(connection: ObservedConnection, { packetId, reasonCode }: AcknowledgementPacket): void {
    const { inFlight, client } = connection;
    const tag = inFlight.get(packetId);
    inFlight.delete(packetId);
    if (tag === undefined) return;
    client.received.completed.add(tag);
    if (reasonCode < ReasonCode.unspecifiedError) return;
    client.received.refused.add(tag);
    client.received.refusing.add(tag);
  }

  /** A message without a payload has no tag: a repeat of it is recognised by its Packet Identifier. */
  #publicationOf({ published, name }: ObservedClient, packet: PublishPacket): Publication {
    const { payload, topic, qos, retain, dup, packetId } = packet;
    const repeated = dup && payload.length === 0 ? published.get(packetId) : undefined;
    if (repeated?.isClear === true) return repeated;
    return this.evidence.publications.getOrCreate(tagOf(payload), name, topic, qos, retain);
  }
}
