// What interceptors are shown, and what they may decide. The core shows only what is valid and asks before it acts; it
// applies the verdict as if the client had sent it so, and answers a denial in the client's version.
import type { ConnectPacket, ProtocolVersion, SubscribePacket, UnsubscribePacket } from '../../protocol/packets.js';
import type { SubscriptionRequest } from '../../protocol/packets.js';
import type { MessageDraft } from '../messages/message.js';
import type { PeerInfo } from '../peer.js';

/** Who sent what is intercepted. */
export interface ClientView {
  /** As CONNECT has it, or as the broker has assigned it. */
  readonly clientId: string;
  readonly userName: string | undefined;
  readonly protocolVersion: ProtocolVersion;
  /** The name of the listener that accepted the connection. */
  readonly listener: string;
  readonly peer: PeerInfo;
}

/** A CONNECT, before the client is authenticated. */
export type ConnectRequest = Pick<
  ConnectPacket,
  'clientId' | 'clean' | 'keepAlive' | 'userName' | 'password' | 'will' | 'properties'
>;

/** A PUBLISH, or the will of a client that has been authenticated. */
export interface PublishRequest extends MessageDraft {
  readonly isWill: boolean;
}

/** A SUBSCRIBE, before its entries are authorized. */
export type SubscribeRequest = Pick<SubscribePacket, 'subscriptions' | 'properties'>;
/** An UNSUBSCRIBE. */
export type UnsubscribeRequest = Pick<UnsubscribePacket, 'topicFilters' | 'properties'>;

/** Why something is denied: for the client, as far as its version can say it, and for people. */
export interface Denial {
  /** A Reason Code of MQTT 5, 0x80 to 0xFF, that the answer to the packet may have. */
  readonly reasonCode: number;
  readonly reason: string;
}

type Pass = { readonly decision: 'pass' };
type Deny = { readonly decision: 'deny' } & Denial;
type Replace<T> = { readonly decision: 'replace'; readonly with: T };

/** What an interceptor decides about one delivery, from the message and the client alone. */
export type DeliveryVerdict =
  | Pass
  | Replace<Pick<MessageDraft, 'topic' | 'payload' | 'properties'>>
  | { readonly decision: 'drop'; readonly reason: string };

/** Everything that can be intercepted: what is shown, and what may be decided. */
export interface Interceptions {
  readonly connect: {
    readonly request: ConnectRequest;
    readonly verdict: Pass | Replace<ConnectRequest> | Deny;
  };
  readonly publish: {
    readonly request: PublishRequest;
    /** `drop`: acknowledged as if it had been published, and goes nowhere. A will is as if the client had none. */
    readonly verdict: Pass | Replace<MessageDraft> | Deny | { readonly decision: 'drop'; readonly reason: string };
  };
  readonly subscribe: {
    readonly request: SubscribeRequest;
    /** One entry for each that was shown, in order. */
    readonly verdict: Pass | Replace<readonly (SubscriptionRequest | Denial)[]> | Deny;
  };
  readonly unsubscribe: {
    readonly request: UnsubscribeRequest;
    /** One entry for each that was shown, in order. */
    readonly verdict: Pass | Replace<readonly (string | Denial)[]> | Deny;
  };
}

export type Stage = keyof Interceptions;
/** What is shown of a packet of one kind. */
export type RequestOf<S extends Stage> = Interceptions[S]['request'];
/** What may be decided about a packet of one kind. */
export type VerdictOf<S extends Stage> = Interceptions[S]['verdict'];

/** A packet whose verdict is awaited. */
export interface AwaitedVerdict {
  readonly stage: Stage;
  /** What the packet holds in memory. */
  readonly bytes: number;
  readonly then: (verdict: VerdictOf<Stage>) => void;
  /** The connection has ended first. */
  readonly abandoned: (() => void) | undefined;
}

/** The stages that interceptors want; it does not change while the broker runs. */
export type Intercepted = Readonly<Record<Stage | 'deliver', boolean>>;

export const NOTHING_INTERCEPTED: Intercepted = {
  connect: false,
  publish: false,
  subscribe: false,
  unsubscribe: false,
  deliver: false,
};

export const isDenial = (entry: SubscriptionRequest | string | Denial | undefined): entry is Denial =>
  typeof entry === 'object' && 'reasonCode' in entry;
