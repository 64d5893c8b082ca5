// The port of clients: how the program that embeds the broker, and plugins, look at clients, sessions and retained
// messages, and act on them. It is a driving port, typed; `Administration` offers the same and more as data.
import type { Properties, ProtocolVersion, QoS } from '../protocol/packets.js';
import { port } from './token.js';

/** One network connection. */
export interface ConnectedClient {
  readonly clientId: string;
  /** Numbers the connection, as in events; never used again while the broker runs. */
  readonly connection: number;
  readonly connectedSince: Date;
  /** The name of the listener. */
  readonly listener: string;
  readonly remoteAddress: string;
  readonly protocolVersion: ProtocolVersion;
  /** In seconds; 0: the client may be silent without a limit. */
  readonly keepAlive: number;
  /** Whether it reads more slowly than the broker writes. */
  readonly isCongested: boolean;
}

/** What the broker keeps for one client. */
export interface ClientSession {
  readonly clientId: string;
  /** Whether it outlives the connection and a restart. */
  readonly isStored: boolean;
  /** In seconds, from the end of the connection. */
  readonly expiryInterval: number;
  /** `undefined` while the client is connected. */
  readonly disconnectedAt: Date | undefined;
  readonly subscriptions: number;
  /** QoS 1 and 2 messages that were sent and are not acknowledged. */
  readonly inFlight: number;
  /** Messages that wait. */
  readonly queued: number;
  readonly queuedBytes: number;
  readonly hasWill: boolean;
  /** `undefined` while the client is not connected. */
  readonly connection: ConnectedClient | undefined;
}

/** A topic with a retained message. */
export interface RetainedTopic {
  readonly topic: string;
  readonly payloadBytes: number;
  /** `undefined` if the message does not expire. */
  readonly expiresAt: Date | undefined;
}

/** A retained message. */
export interface RetainedMessage {
  readonly topic: string;
  /** It must not be changed. */
  readonly payload: Uint8Array;
  readonly qos: QoS;
  readonly properties: Properties | undefined;
  /** The Client Identifier of its publisher; `undefined` if that was no client. */
  readonly publisher: string | undefined;
}

/** How much there is of everything. */
export interface ClientCounts {
  /** Clients that are connected. */
  readonly connected: number;
  /** Sessions, with a connection or without. */
  readonly sessions: number;
  readonly subscriptions: number;
  readonly retainedMessages: number;
  /** Messages in the queues of all clients, in flight and waiting. */
  readonly queued: number;
}

/** Limits a list to some clients. */
export interface ClientSelection {
  /** Only clients whose Client Identifier begins with this. Default: all. */
  readonly prefix?: string | undefined;
}

/**
 * A list is read a page at a time, as its reader goes on, so that clients never wait for the whole of it. Who or what
 * comes or goes meanwhile may be missing or not; everything else is in it once.
 *
 * Every call fails with an AdministrationError `unavailable` while the broker does not run, and with a TypeError or
 * RangeError that names an argument that is wrong.
 */
export interface Clients {
  /** Clients that are connected, in the order of their connections. */
  list(selection?: ClientSelection): AsyncIterable<ConnectedClient>;
  /** @returns `undefined` if there is no such client, or it is not connected. */
  get(clientId: string): Promise<ConnectedClient | undefined>;
  /**
   * Ends the connection of a client. It counts as lost: its will is published, and a stored session stays. Resolves
   * when that is durable.
   * @param options `reasonCode`: for an MQTT 5 client, one that a server may send in DISCONNECT; default 0x98
   * (Administrative action).
   * @returns whether it was connected.
   */
  disconnect(clientId: string, options?: { readonly reasonCode?: number | undefined }): Promise<boolean>;
  counts(): Promise<ClientCounts>;
  /** Sessions, with a connection or without. */
  readonly sessions: {
    list(selection?: ClientSelection): AsyncIterable<ClientSession>;
    get(clientId: string): Promise<ClientSession | undefined>;
    /**
     * Ends a session, with its connection, its subscriptions and its queue.
     * @returns whether there was one.
     */
    delete(clientId: string): Promise<boolean>;
  };
  /** Retained messages, without those of the broker itself below `$SYS/broker/`. */
  readonly retained: {
    /** @param topicFilter default `#`. */
    list(topicFilter?: string): AsyncIterable<RetainedTopic>;
    get(topic: string): Promise<RetainedMessage | undefined>;
    /** @returns whether there was one. */
    delete(topic: string): Promise<boolean>;
  };
}

/** Injection token of the port of clients. */
export const Clients = port<Clients>('Clients');
