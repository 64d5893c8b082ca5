// What a running broker has measured of itself, as plain numbers: what metrics are made from. To read it costs little,
// however much there is of anything. Counters only grow; all of them begin at the start of the process.
import type { Counts } from '../domain/queries.js';

/** How many values were at most each bound, and more than the bound before it. */
export interface HistogramReading {
  readonly bounds: readonly number[];
  /** One more than bounds: the last has what is above all of them. */
  readonly counts: readonly number[];
  readonly sum: number;
}

/** Messages of one version and Quality of Service, in one direction. */
export interface MessageFlow {
  readonly version: 3 | 4 | 5;
  readonly qos: 0 | 1 | 2;
  readonly count: number;
  readonly payloadBytes: number;
}

/** What has passed in one direction. */
export interface FlowReading {
  /** Of MQTT, without what TLS and WebSocket add. */
  readonly bytes: number;
  readonly messages: readonly MessageFlow[];
  /** By the name of their type. */
  readonly packets: ReadonlyMap<string, number>;
}

/** Counts by a word from a fixed list, such as a reason. */
export type ByWord = ReadonlyMap<string, number>;

/** Bytes that are held, and the limit in force; `undefined` if there is none. */
export interface AccountReading {
  readonly account: string;
  readonly bytes: number;
  readonly limitBytes: number | undefined;
}

/** Everything that is measured, at one moment. */
export interface Measures {
  readonly counts: Counts;
  readonly uptimeS: number;
  /** Network connections, those included that have not sent CONNECT. */
  readonly openConnections: number;
  /** Accepted connections, by version of the protocol. */
  readonly connectionsByVersion: ReadonlyMap<number, number>;
  readonly received: FlowReading;
  readonly sent: FlowReading;
  readonly connectionsAccepted: number;
  readonly connectionsRefused: ByWord;
  readonly connectionsEnded: ByWord;
  readonly handshakesFailed: ByWord;
  readonly sessionsEnded: ByWord;
  readonly subscriptionsDenied: number;
  /** By operation: `read` or `write`. */
  readonly storageFailures: ByWord;
  readonly authentications: ByWord;
  readonly authenticationSeconds: HistogramReading;
  readonly commitSeconds: HistogramReading;
  readonly commitChanges: HistogramReading;
  readonly gateSeconds: HistogramReading;
  readonly waitingChanges: number;
  /** For how long the present batch has been with storage; 0 if there is none. */
  readonly commitPendingS: number;
  /** Connections with output that waits for storage. */
  readonly gatedConnections: number;
  /** Connections whose peer reads more slowly than the broker writes. */
  readonly congestedConnections: number;
  readonly turns: number;
  readonly turnSeconds: number;
  readonly turnsSpent: number;
  readonly accounts: readonly AccountReading[];
}
