// The messaging port: how the program that embeds the broker, and plugins, publish and receive messages without a
// connection. It is a driving port.
import type { Properties, QoS } from '../protocol/packets.js';
import type { UserProperty } from '../protocol/user-properties.js';
import { port } from './token.js';

/** Properties of MQTT 5 that a message may carry (section 3.3.2.3); clients of earlier versions do not get them. */
export interface MessageProperties {
  /** 1: the payload is text in UTF-8. */
  readonly payloadFormatIndicator?: 0 | 1 | undefined;
  /** Seconds; 0 to 4,294,967,295. */
  readonly messageExpiryInterval?: number | undefined;
  readonly contentType?: string | undefined;
  /** A Topic Name. */
  readonly responseTopic?: string | undefined;
  readonly correlationData?: Uint8Array | undefined;
  /** Pairs in order, where a name may occur more than once, or an object. */
  readonly userProperties?: Iterable<UserProperty> | Readonly<Record<string, string>> | undefined;
}

/** A message to publish. */
export interface OutgoingMessage {
  readonly topic: string;
  /** Text is encoded as UTF-8. Bytes must not be changed afterwards. Default: empty. */
  readonly payload?: string | Uint8Array | undefined;
  /** Default 0. */
  readonly qos?: QoS | undefined;
  /** Default false. */
  readonly retain?: boolean | undefined;
  readonly properties?: MessageProperties | undefined;
}

/** Who got a message. */
export interface PublishResult {
  /** How many recipients had a subscription that matches; in-process subscriptions are among them. */
  readonly matched: number;
  /** To how many of them the message was sent, or for how many it waits. */
  readonly accepted: number;
}

/** A message as it was published, before the broker sends it to anyone. */
export interface ReceivedMessage {
  readonly topic: string;
  /** Shared with all other recipients: it must not be changed. */
  readonly payload: Uint8Array;
  /** At which it was published; what arrives here was not acknowledged to the broker, whatever this is. */
  readonly qos: QoS;
  /** Whether it was published with RETAIN. */
  readonly retain: boolean;
  /** Whether it was retained before the subscription began. */
  readonly isRetained: boolean;
  readonly properties: Properties | undefined;
  /** The Client Identifier of its publisher; `undefined` if that was no client, or is not known any more. */
  readonly publisher: string | undefined;
}

/** How messages of one subscription are received. */
export interface InProcessSubscribeOptions {
  /** Names the subscription in events, routes and traces. Default: a number. */
  readonly name?: string | undefined;
  /** Whether messages that are retained now come first. Default true. */
  readonly retained?: boolean | undefined;
  /** Messages that may wait while `receive` is busy, 1 to 1,000,000. Default 10,000. */
  readonly maxWaiting?: number | undefined;
  /** Memory that they may take, in bytes, at least 1,024; one message may always wait. Default 16 MiB. */
  readonly maxWaitingBytes?: number | undefined;
  /** Which message is dropped if one more does not fit. Default `oldest`. */
  readonly drop?: 'oldest' | 'newest' | undefined;
}

/** A subscription inside the process. It is not stored, and lasts until it is ended or the broker stops. */
export interface InProcessSubscription {
  readonly name: string;
  readonly topicFilters: readonly string[];
  /** Messages that wait for `receive`. */
  readonly waiting: number;
  /** Messages that were dropped because too many waited. */
  readonly dropped: number;
  /**
   * Resolves when `receive` is not running and is called no more; what still waits is dropped without a count. So
   * `receive` may call it, and must not wait for it.
   */
  end(): Promise<void>;
}

/** Called with one message at a time, in order; if it returns a promise, the next one comes when that has settled. */
export type Receive = (message: ReceivedMessage) => unknown;

/** Publishes and receives messages in the process of the broker. */
export interface Messaging {
  /**
   * Publishes a message, which no permissions limit and no interceptor sees. Resolves when everything that the broker
   * stores of it is durable: then it is accepted as after PUBACK, at every QoS. The caller bounds how many promises it
   * waits for at once.
   * @throws TypeError or RangeError (as a rejection) that names the field that is wrong.
   * @throws AdministrationError (as a rejection): `refused` if a limit of the broker forbids the message, `unavailable`
   * while the broker does not run, and when it stops before the outcome is durable.
   */
  publish(message: OutgoingMessage): Promise<PublishResult>;
  /**
   * Receives all messages whose topic matches one of the filters, each once, as with QoS 0: at most once, and without
   * holding up any publisher. `$share/` is refused: a member of a group takes messages from other members, and one that
   * acknowledges nothing could lose them.
   *
   * `receive` is called from a queue of this subscription, never from within the broker, so it may publish. If it
   * throws or rejects, that is reported as the event `subscriber-failed`, and the next message comes. What does not fit
   * into the queue is dropped, counted, and reported as `subscriber-overflow`.
   *
   * Resolves when the subscription has begun: what is published from then on arrives.
   * @throws TypeError or RangeError (as a rejection) that names the argument that is wrong.
   * @throws AdministrationError (as a rejection) `unavailable` while the broker does not run.
   */
  subscribe(
    topicFilters: string | readonly string[],
    receive: Receive,
    options?: InProcessSubscribeOptions,
  ): Promise<InProcessSubscription>;
}

/** Injection token of messaging. */
export const Messaging = port<Messaging>('Messaging');
