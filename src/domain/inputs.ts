// What the world tells the core. Everything that can change a decision comes in here, the time with it: the same events at the same times
// give the same changes and effects.
import type { MalformedPacketError } from '../protocol/malformed.js';
import type { Packet } from '../protocol/packets.js';
import type { Permissions } from './access/permissions.js';
import type { QueuedMessage } from './changes.js';
import type { PeerInfo } from './connect/peer.js';
import type { Message } from './delivery/message.js';
import type { ConnectionId, QueueId, Seq } from './identifiers.js';
import type { RefusalReason } from './reasons.js';

/** An entry of a queue as storage gives it back. */
export interface StoredEntry extends QueuedMessage {
  readonly seq: Seq;
  /** PUBREC had come: only PUBREL is left to send [MQTT-4.3.3-1]. The payload may be empty then. */
  readonly released: boolean;
}

export type DenialReason = Extract<
  RefusalReason,
  'bad-credentials' | 'not-authorized' | 'authentication-unavailable' | 'authorization-unavailable'
>;

export type AuthenticationResult =
  | {
      readonly decision: 'allow';
      readonly permissions: Permissions;
      /** Who it turned out to be; by default the User Name of CONNECT. */
      readonly userName?: string | undefined;
      /** When what it showed ends to be valid, and the connection with it; in milliseconds since 1970. */
      readonly expiresAtMs?: number | undefined;
    }
  | { readonly decision: 'deny'; readonly reason: DenialReason; readonly detail: string };

export type Input =
  | { readonly kind: 'opened'; readonly connection: ConnectionId; readonly listener: string; readonly peer: PeerInfo }
  | { readonly kind: 'packet'; readonly connection: ConnectionId; readonly packet: Packet }
  /** The decoder gave up on the connection's bytes. */
  | { readonly kind: 'malformed'; readonly connection: ConnectionId; readonly error: MalformedPacketError }
  /** It has sent half a packet and is the one to go, because all halves together take too much memory. */
  | { readonly kind: 'incomplete'; readonly connection: ConnectionId }
  /** The network connection is gone, by whoever's doing. */
  | { readonly kind: 'closed'; readonly connection: ConnectionId }
  | { readonly kind: 'authenticated'; readonly connection: ConnectionId; readonly result: AuthenticationResult }
  /** What the client may do is something else from now on; of no effect on a connection that was not let in. */
  | { readonly kind: 'permissions'; readonly connection: ConnectionId; readonly permissions: Permissions }
  /** Nothing more should be delivered: the peer does not read as fast as we write, or CONNACK waits for storage. */
  | { readonly kind: 'congested'; readonly connection: ConnectionId; readonly waitsFor: 'peer' | 'storage' }
  /** CONNACK, which waited for storage, has left. */
  | { readonly kind: 'admitted'; readonly connection: ConnectionId }
  /** Congested still, and the peer reads: some of what waited for it has left. */
  | { readonly kind: 'draining'; readonly connection: ConnectionId }
  /** The answer to `whenWritable`, and the end of `congested`. */
  | { readonly kind: 'writable'; readonly connection: ConnectionId }
  /** What the peer sends is not read for a while, or is again: its silence meanwhile is ours. */
  | { readonly kind: 'reading'; readonly connection: ConnectionId; readonly isPaused: boolean }
  /** The answer to `readQueue` with the same request number: entries ascending; empty: there was none left. */
  | {
      readonly kind: 'queue-page';
      readonly queue: QueueId;
      readonly request: number;
      readonly entries: readonly StoredEntry[];
    }
  | { readonly kind: 'retained-page'; readonly connection: ConnectionId; readonly messages: readonly Message[] }
  /** A deadline given by `nextDeadlineMs` has come, or any other moment: only what is due happens. */
  | { readonly kind: 'tick' }
  /** The broker stops: clients are disconnected, sessions and wills stay stored. */
  | { readonly kind: 'shutdown' };
