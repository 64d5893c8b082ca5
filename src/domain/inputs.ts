// The inputs of the core. Everything that can change a decision is one of these, together with its time: the same
// inputs at the same times give the same changes and effects.
import type { MalformedPacketError } from '../protocol/malformed.js';
import type { Packet } from '../protocol/packets.js';
import type { Permissions } from './access/permissions.js';
import type { QueuedMessage } from './changes.js';
import type { Command } from './commands.js';
import type { PeerInfo } from './peer.js';
import type { Stage, VerdictOf } from './interception/verdict.js';
import type { Message } from './messages/message.js';
import type { ConnectionId, QueueId, Seq, TopicName } from './identifiers.js';
import type { RefusalReason } from './reasons.js';

/** An entry of a queue as storage returns it. */
export interface StoredEntry extends QueuedMessage {
  readonly seq: Seq;
  /** PUBREC had arrived, so only PUBREL is left to send [MQTT-4.3.3-1]. The payload may then be empty. */
  readonly released: boolean;
}

export type DenialReason = Extract<
  RefusalReason,
  | 'bad-credentials'
  | 'not-authorized'
  | 'authentication-method-unknown'
  | 'authentication-unavailable'
  | 'authorization-unavailable'
>;

export type AuthenticationResult =
  | {
      readonly decision: 'allow';
      readonly permissions: Permissions;
      /** The authenticated name of the client; by default the User Name of CONNECT. */
      readonly userName?: string | undefined;
      /** When its credentials, and with them the connection, expire; by the wall clock. */
      readonly expiresAtMs?: number | undefined;
      /** The last Authentication Data of an exchange, for the client. */
      readonly data?: Uint8Array | undefined;
    }
  | { readonly decision: 'deny'; readonly reason: DenialReason; readonly detail: string };

/** What happens to one connection. */
export type ConnectionInput =
  | { readonly kind: 'packet'; readonly connection: ConnectionId; readonly packet: Packet }
  /** The decoder found the connection's bytes malformed. */
  | { readonly kind: 'malformed'; readonly connection: ConnectionId; readonly error: MalformedPacketError }
  /** Partial packets of all connections take too much memory, and this connection's is the oldest. */
  | { readonly kind: 'incomplete'; readonly connection: ConnectionId }
  /** All connections that are not read hold too much of what has arrived, and this one holds much of it. */
  | { readonly kind: 'unread'; readonly connection: ConnectionId }
  /**
   * The network connection is gone, and what had come from it before is still to be handled: nothing more should be
   * sent. `closed` follows.
   */
  | { readonly kind: 'left'; readonly connection: ConnectionId }
  /** The network connection is gone, whichever side closed it. */
  | { readonly kind: 'closed'; readonly connection: ConnectionId }
  | { readonly kind: 'authenticated'; readonly connection: ConnectionId; readonly result: AuthenticationResult }
  /** Authentication goes on: the client gets this data in AUTH and has to answer. */
  | { readonly kind: 'challenged'; readonly connection: ConnectionId; readonly data: Uint8Array | undefined }
  /** The answer to `intercept`, if that had none at once. */
  | {
      readonly kind: 'intercepted';
      readonly connection: ConnectionId;
      readonly stage: Stage;
      readonly verdict: VerdictOf<Stage>;
    }
  /** The answer to `whenDurable`. */
  | { readonly kind: 'durable'; readonly connection: ConnectionId }
  /** The client's permissions have changed; without effect on a connection that was not accepted. */
  | { readonly kind: 'permissions'; readonly connection: ConnectionId; readonly permissions: Permissions }
  /**
   * The peer reads more slowly than the broker writes: nothing more should be delivered. `heldBytes` have not left; the
   * input comes again when that has changed by much.
   */
  | { readonly kind: 'congested'; readonly connection: ConnectionId; readonly heldBytes: number }
  /** The peer is still congested but reads: some of what was written has left. */
  | { readonly kind: 'draining'; readonly connection: ConnectionId }
  /** The answer to `whenWritable`, and the end of `congested`. */
  | { readonly kind: 'writable'; readonly connection: ConnectionId }
  /** The answer to `whenQuiet`. */
  | {
      readonly kind: 'quiet';
      readonly connection: ConnectionId;
      /** Whether part of a packet has arrived since the answer before. */
      readonly isReceiving: boolean;
    }
  | { readonly kind: 'retained-page'; readonly connection: ConnectionId; readonly messages: readonly Message[] }
  /** The broker stops: the client is disconnected, its session and its will stay stored. */
  | { readonly kind: 'shutdown'; readonly connection: ConnectionId };

/** A command of an operator, answered by `answerCommand`. */
export interface CommandInput {
  readonly kind: 'command';
  /** Numbers the command, so that its answer can be found. */
  readonly request: number;
  /** The operator, for people: a name that the caller has authenticated. */
  readonly actor: string;
  readonly command: Command;
}

/** The broker says something of itself, on a topic below `$SYS/broker/`. */
export interface AnnouncementInput {
  readonly kind: 'announcement';
  readonly topic: TopicName;
  /** Must not be changed afterwards. */
  readonly payload: Uint8Array;
  /** Whether new subscriptions get it as well, until there is another. */
  readonly retain: boolean;
}

/** What the program that embeds the broker, or a plugin, subscribes to; numbered by the shell. */
export type InProcessInput =
  /** Answered by `answerInProcess`. */
  | {
      readonly kind: 'in-process-opened';
      readonly subscriber: number;
      /** For people. */
      readonly name: string;
      /** Each once. */
      readonly topicFilters: readonly string[];
      /** Whether retained messages that match come first. */
      readonly wantsRetained: boolean;
    }
  /** The answer to `whenInProcessReady`. */
  | { readonly kind: 'in-process-ready'; readonly subscriber: number }
  /** The answer to `readRetainedInProcess`. */
  | { readonly kind: 'in-process-page'; readonly subscriber: number; readonly messages: readonly Message[] }
  | { readonly kind: 'in-process-closed'; readonly subscriber: number };

export type Input =
  | { readonly kind: 'opened'; readonly connection: ConnectionId; readonly listener: string; readonly peer: PeerInfo }
  | ConnectionInput
  | CommandInput
  | AnnouncementInput
  | InProcessInput
  /** The answer to `readQueue` with the same request number: entries ascending; none if nothing was left. */
  | {
      readonly kind: 'queue-page';
      readonly queue: QueueId;
      readonly request: number;
      readonly entries: readonly StoredEntry[];
    }
  /** Work that is too large for one step is unfinished (`Broker.hasWork`): the next slice of it is done. */
  | { readonly kind: 'continue' }
  /** The wall clock was corrected, or the machine stood still: it is this far ahead of broker time now. */
  | { readonly kind: 'clock'; readonly wallAheadMs: number }
  /** A deadline given by `nextDeadlineMs` may have come: the earliest one that is due expires. */
  | { readonly kind: 'tick' };
