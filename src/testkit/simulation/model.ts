// The independent model of a run. It passes what it observes to the evidence first, and then, with what the evidence
// says about it, to the invariants. It sees what the broker receives and sends, what the disk keeps and what clients
// receive, and knows nothing of the broker's insides.
import type { AckLevel, BrokerEvent, Change, Command, CommandOutcome, LifecycleEvent } from '../../ports/index.js';
import type { Packet, PublishPacket } from '../../protocol/packets.js';
import type { ClientObserver, SimulatedClient } from './client.js';
import type { Confusion } from './client-deliveries.js';
import { Evidence } from './evidence/evidence.js';
import type { EvidenceOptions } from './evidence/evidence-options.js';
import type { ObservedCommand } from './evidence/operator-commands.js';
import { createInvariants } from './invariants/index.js';
import type { ConnectionEnd, NetworkObserver, SimulatedConnection } from './network.js';
import type { Observations, Rest } from './observations.js';
import type { Operation } from './operations.js';
import { payloadOf, tagOf } from './payload.js';
import type { Script } from './script.js';
import type { Verdict } from './violation.js';

type Announcement = Extract<Operation, { readonly kind: 'announce' }>;

/** The publisher of what the broker says of itself: no client has this name. */
const BROKER = 'the broker';

export interface ModelOptions extends EvidenceOptions {
  readonly verdict: Verdict;
  readonly script: Script;
}

export class Model implements NetworkObserver, ClientObserver {
  readonly evidence: Evidence;
  readonly #script: Script;
  readonly #invariants: readonly Observations[];

  constructor(options: ModelOptions) {
    this.evidence = new Evidence(options);
    this.#script = options.script;
    this.#invariants = createInvariants(this.evidence, options.verdict);
  }

  // -- The network --

  delivered(link: SimulatedConnection, packet: Packet): void {
    this.#script.packet(link.peer.remoteAddress, '=>', packet);
    this.evidence.delivered(link, packet);
  }

  departed(link: SimulatedConnection, packet: Packet): void {
    this.#script.packet(link.peer.remoteAddress, '<-', packet);
    const departure = this.evidence.departed(link, packet);
    if (departure === undefined) for (const invariant of this.#invariants) invariant.departedEarly?.(link);
    else for (const invariant of this.#invariants) invariant.departed?.(departure);
  }

  ended(link: SimulatedConnection, how: ConnectionEnd): void {
    this.#script.note(link.peer.remoteAddress, `-- ends, ${how}`);
    this.evidence.ended(link, how);
  }

  failed(error: unknown): void {
    for (const invariant of this.#invariants) invariant.failed?.(error);
  }

  // -- The clients --

  received({ name }: SimulatedClient, link: SimulatedConnection, packet: PublishPacket): void {
    const publication = this.evidence.publications.get(tagOf(packet.payload));
    const client = this.evidence.clients.get(name);
    if (publication === undefined || client === undefined) return;
    if (packet.retain && !client.mayGetAsPublished(publication)) return;
    const { receptions } = client.received;
    const times = (receptions.get(publication.tag) ?? 0) + 1;
    receptions.set(publication.tag, times);
    // An observer cannot tell it from a retained one.
    if (packet.retain) return;
    const connection = this.evidence.connectionOf(link);
    for (const invariant of this.#invariants) invariant.received?.({ client, connection, packet, publication, times });
  }

  refuses({ name }: SimulatedClient, tag: string): void {
    this.evidence.clients.get(name)?.received.declined.add(tag);
  }

  identifierReused(client: SimulatedClient, confusion: Confusion): void {
    const { packetId, tag, heldTag } = confusion;
    const received = this.evidence.clients.get(client.name)?.received;
    const isExcused = heldTag !== undefined && received?.inDoubt.has(`${packetId} ${heldTag}`) === true;
    if (isExcused) received.treatedAsDuplicate.add(tag);
    for (const invariant of this.#invariants) invariant.identifierReused?.(client, confusion, isExcused);
  }

  // -- The disk --

  kept(batch: readonly Change[], isFlushed: boolean): void {
    this.evidence.kept(batch, isFlushed);
    for (const invariant of this.#invariants) invariant.kept?.(batch, isFlushed);
  }

  settled(isFlushed: boolean): void {
    this.evidence.settled(isFlushed);
    for (const invariant of this.#invariants) invariant.settled?.();
  }

  // -- The broker --

  event(event: BrokerEvent | LifecycleEvent): void {
    this.evidence.event(event);
    for (const invariant of this.#invariants) invariant.event?.(event);
  }

  commandGiven(command: Command): ObservedCommand {
    this.evidence.timePassed();
    return this.evidence.commands.given(command);
  }

  commandAnswered(command: ObservedCommand, outcome: CommandOutcome): void {
    this.evidence.commandAnswered(command);
    for (const invariant of this.#invariants) invariant.commandAnswered?.(command, outcome);
  }

  /** @returns what the broker is to say. */
  announced({ id, topic, retain }: Announcement): [topic: string, payload: Uint8Array, retain: boolean] {
    const tag = `s${id}`;
    const publication = this.evidence.publications.getOrCreate(tag, BROKER, topic, 0, retain);
    publication.received(this.evidence.clock.tick());
    for (const invariant of this.#invariants) invariant.announced?.(publication);
    return [topic, payloadOf(tag, 0), retain];
  }

  backedUp(differences: readonly string[]): void {
    for (const invariant of this.#invariants) invariant.backedUp?.(differences);
  }

  started(ackLevel: AckLevel): void {
    this.evidence.started(ackLevel);
    for (const invariant of this.#invariants) invariant.started?.(ackLevel);
  }

  recovered(restoredDeliveries: number): void {
    for (const invariant of this.#invariants) invariant.recovered?.(restoredDeliveries);
  }

  /** The broker has died, and the disk holds what is left. `isLossy`: that is less than it was. */
  crashed(isLossy: boolean): void {
    const mayLose = this.evidence.mayLose(isLossy);
    const gaps = this.evidence.crashed(mayLose);
    for (const invariant of this.#invariants) invariant.crashed?.(mayLose, gaps);
  }

  /** It has stopped on request: that loses nothing, unless it had to give up waiting for storage. */
  stopped(isFlushed: boolean): void {
    const { hasAbandonedChanges } = this.evidence;
    if (!hasAbandonedChanges) this.settled(isFlushed);
    this.crashed(hasAbandonedChanges);
  }

  turnEnded(pendingDeliveries: number, accountingBalance: number): void {
    for (const invariant of this.#invariants) invariant.turnEnded?.(pendingDeliveries, accountingBalance);
  }

  // -- The end --

  rested(rest: Rest): void {
    for (const invariant of this.#invariants) invariant.rested?.(rest);
  }

  audited(retained: ReadonlyMap<string, readonly string[]>): void {
    for (const invariant of this.#invariants) invariant.audited?.(retained);
  }
}
