// What the evidence says about one connection of a client, from its CONNECT on.
import { NEVER_EXPIRES_S } from '../../../domain/limits.js';
import type { RefusalReason } from '../../../domain/reasons.js';
import type { ConnectPacket } from '../../../protocol/packets.js';
import type { BeforeConnect } from './before-connect.js';
import type { Expiry, ObservedClient } from './observed-client.js';
import type { Publication } from './publications.js';
import type { SubscriptionInterval } from './subscription-interval.js';

export interface ObservedConnection {
  readonly client: ObservedClient;
  readonly connect: ConnectPacket;
  readonly willTag: string | undefined;
  /** Whether the broker had a session when CONNECT came. */
  sessionWasStored: ObservedClient['sessionStored'];
  /** Subscriptions that may have existed when CONNECT came. */
  readonly earlierSubscriptions: readonly SubscriptionInterval[];
  /** When CONNECT came. */
  readonly since: number;
  readonly connectedAtMs: number;
  /** When the session would have expired without this connection. */
  readonly expiry: Expiry | undefined;
  /** How long the session outlives it, in milliseconds; DISCONNECT may change it. */
  lastsMs: number;
  /** Whether the broker reported that the client is connected: CONNACK is under way. */
  isAdmitted: boolean;
  /** The incarnation of the broker that it belongs to. */
  readonly incarnation: number;
  /**
   * Whether the session that existed before was announced to the client; `undefined` until the broker reports that the
   * client is connected.
   */
  sessionWasAnnounced: boolean | undefined;
  /** Whether a CONNACK of success has left. */
  isAccepted: boolean;
  isEnded: boolean;
  /** Why CONNECT was refused, as the broker reported. */
  refusedFor: RefusalReason | undefined;
  /** What the client had before CONNECT came. */
  readonly before: BeforeConnect;
  /** Whether CONNECT was refused and everything is as it was before. */
  hadNoEffect: boolean;
  /** What the client has published here, by Packet Identifier. */
  readonly published: Map<number, { readonly publication: Publication; readonly at: number }>;
  readonly subscribing: Map<number, readonly SubscriptionInterval[]>;
  readonly unsubscribing: Map<number, Unsubscription>;
  /** Tags of the messages that were sent here and are not acknowledged to the end, by Packet Identifier. */
  readonly inFlight: Map<number, string>;
}

/** A connection on which CONNECT has just come. */
export function observeConnection(
  client: ObservedClient,
  connect: ConnectPacket,
  at: Pick<ObservedConnection, 'willTag' | 'since' | 'connectedAtMs' | 'incarnation' | 'lastsMs' | 'before'>,
): ObservedConnection {
  return {
    ...at,
    client,
    connect,
    sessionWasStored: client.sessionStored,
    earlierSubscriptions: [...client.current],
    expiry: client.expiry,
    sessionWasAnnounced: undefined,
    isAccepted: false,
    isAdmitted: false,
    isEnded: false,
    refusedFor: undefined,
    hadNoEffect: false,
    published: new Map(),
    subscribing: new Map(),
    unsubscribing: new Map(),
    inFlight: new Map(),
  };
}

export interface Unsubscription {
  readonly intervals: readonly SubscriptionInterval[];
  /** When UNSUBSCRIBE came. */
  readonly at: number;
}

/** Whether the session outlives the connection. */
export const isStored = ({ lastsMs }: ObservedConnection): boolean => lastsMs > 0;

/**
 * How long the session outlives a connection, in milliseconds.
 * @param maximumMs the most that the broker allows.
 */
export function lastsMs({ protocolVersion, clean, properties }: ConnectPacket, maximumMs: number): number {
  if (protocolVersion === 5) return Math.min(intervalMs(properties?.sessionExpiryInterval ?? 0), maximumMs);
  return clean ? 0 : maximumMs;
}

export const intervalMs = (seconds: number): number => (seconds >= NEVER_EXPIRES_S ? Infinity : seconds * 1000);

/** Whether an answer with this flag says that the session is a new one. MQTT 3.1 has no flag. */
export const saysNew = ({ connect }: ObservedConnection, sessionPresent: boolean): boolean =>
  connect.clean || (!sessionPresent && connect.protocolVersion !== 3);
