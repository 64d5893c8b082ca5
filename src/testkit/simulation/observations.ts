// The observations of a run from outside the broker. The model combines each raw observation with what the evidence
// says about it. An invariant subscribes to the kinds that it needs, and sees them after the evidence has been updated.
import type { AckLevel, BrokerEvent, Change, CommandOutcome, LifecycleEvent } from '../../ports/index.js';
import type {
  AcknowledgementPacket,
  ConnackPacket,
  Packet,
  PublishPacket,
  SubackPacket,
} from '../../protocol/packets.js';
import type { SimulatedClient } from './client.js';
import type { Confusion } from './client-deliveries.js';
import type { ObservedClient } from './evidence/observed-client.js';
import type { ObservedCommand } from './evidence/operator-commands.js';
import type { ObservedConnection, Unsubscription } from './evidence/observed-connection.js';
import type { Publication } from './evidence/publications.js';
import type { SubscriptionInterval } from './evidence/subscription-interval.js';
import type { SimulatedConnection } from './network.js';

interface OnConnection {
  readonly connection: ObservedConnection;
  readonly link: SimulatedConnection;
}

/** A packet that leaves the broker, with what it belongs to. */
export type Departure = OnConnection &
  /** `wasAnnounced`: whether a session that may have existed before had been announced to the client. */
  (
    | { readonly kind: 'connack'; readonly packet: ConnackPacket; readonly wasAnnounced: boolean }
    /** `intervals`: those that the SUBSCRIBE asked for; `undefined` when there was none with this Packet Identifier. */
    | {
        readonly kind: 'suback';
        readonly packet: SubackPacket;
        readonly intervals: readonly SubscriptionInterval[] | undefined;
      }
    | { readonly kind: 'unsuback'; readonly unsubscription: Unsubscription | undefined }
    /** PUBACK or PUBREC. `publication`: `undefined` when there was no PUBLISH with this Packet Identifier and QoS. */
    | {
        readonly kind: 'acknowledgement';
        readonly packet: AcknowledgementPacket;
        readonly publication: Publication | undefined;
      }
    /** `tag`: of the message that was sent with this Packet Identifier on this connection. */
    | { readonly kind: 'pubrel'; readonly packet: AcknowledgementPacket; readonly tag: string | undefined }
    | { readonly kind: 'pubcomp'; readonly packet: AcknowledgementPacket }
    /**
     * `tag` is empty, and `publication` unknown, for a message without a payload. `displaced`: the tag of the message
     * that was in flight with the same Packet Identifier.
     */
    | {
        readonly kind: 'publish';
        readonly packet: PublishPacket;
        readonly tag: string;
        readonly publication: Publication | undefined;
        readonly displaced: string | undefined;
      }
    | { readonly kind: 'other'; readonly packet: Packet }
  );

/** A message that a client passes to its application; a QoS 2 message once, however often it was repeated. */
export interface Reception {
  readonly client: ObservedClient;
  readonly connection: ObservedConnection | undefined;
  readonly packet: PublishPacket;
  readonly publication: Publication;
  /** How often the client has received the message, including this time. */
  readonly times: number;
}

/** A promised message that a crash has lost, though the disk has one that the broker certainly accepted later. */
export interface Gap {
  readonly lost: Publication;
  readonly later: Publication;
}

/**
 * The end of a run: the faults are over, all clients are connected and acknowledge, and the broker has had time to
 * deliver its queues.
 */
export interface Rest {
  readonly clients: Iterable<SimulatedClient>;
  /** Deliveries that were started and have not ended, by the broker's own counters. */
  readonly pendingDeliveries: number;
}

export interface Observations {
  departed?(departure: Departure): void;
  /** A packet leaves on a connection on which no CONNECT has come. */
  departedEarly?(link: SimulatedConnection): void;
  received?(reception: Reception): void;
  /**
   * A client got a message with a Packet Identifier that was in use for another one. `isExcused`: a crash may be the
   * reason.
   */
  identifierReused?(client: SimulatedClient, confusion: Confusion, isExcused: boolean): void;
  /** The disk has one more batch, which a crash of the broker does not lose. */
  kept?(batch: readonly Change[], isFlushed: boolean): void;
  /** The broker has handed over all its changes, and the disk has them. */
  settled?(): void;
  /** The broker has answered the command of an operator. */
  commandAnswered?(command: ObservedCommand, outcome: CommandOutcome): void;
  /** The broker is about to say something of itself. */
  announced?(publication: Publication): void;
  /** An operator has a backup. @param differences how it differs from the disk at its moment. */
  backedUp?(differences: readonly string[]): void;
  event?(event: BrokerEvent | LifecycleEvent): void;
  /** The broker threw an error. */
  failed?(error: unknown): void;
  /** A new incarnation of the broker starts with the content of the disk. */
  started?(ackLevel: AckLevel): void;
  /** The broker has restored this many deliveries from its storage. */
  recovered?(restoredDeliveries: number): void;
  /**
   * The broker has died. `mayLose`: the level of acknowledgement allows something promised to be lost; then `gaps` says
   * what must not be.
   */
  crashed?(mayLose: boolean, gaps: readonly Gap[]): void;
  /** A turn of the broker has ended. @param accountingBalance what its counters have waiting and no queue has. */
  turnEnded?(pendingDeliveries: number, accountingBalance: number): void;
  rested?(rest: Rest): void;
  /** A new client subscribed to everything and received these retained messages: their tags, by topic. */
  audited?(retained: ReadonlyMap<string, readonly string[]>): void;
}
