// The reasons for ending a connection, refusing a request and dropping a message. Every such answer of the core carries
// one.
import type { MalformedCode } from '../protocol/malformed.js';

/** Why a connection ended. */
export type EndReason =
  | 'client-disconnect' // DISCONNECT [MQTT-3.14.4-3]
  | 'connection-lost' // the network ended without DISCONNECT
  | 'malformed-packet' // [MQTT-4.8.0-1]; the code is in the event
  | 'protocol-violation' // a well-formed packet that is not allowed here, such as a second CONNECT [MQTT-3.1.0-2]
  | 'connect-timeout'
  | 'authentication-timeout'
  | 'storage-unavailable' // storage did not confirm in time what CONNACK promises, which said so; or CONNECT not read
  | 'connection-refused' // after a CONNACK that says why [MQTT-3.2.2-5]
  | 'keep-alive-timeout' // [MQTT-3.1.2-24]
  | 'reauthentication-failed' // [MQTT5-4.12.1-2]
  | 'credentials-expired' // the client's credentials are no longer valid
  | 'session-taken-over' // [MQTT-3.1.4-2]
  | 'not-authorized' // a publish or (3.1) a subscription
  | 'topic-name-invalid' // [MQTT-3.3.2-2], [MQTT-4.7.3-1], limits
  | 'too-many-filters' // more than `maxFiltersPerPacket` in one SUBSCRIBE or UNSUBSCRIBE
  | 'topic-filter-invalid' // [MQTT-4.7.1-2], [MQTT-4.7.1-3]
  | 'incomplete-packets' // the oldest partial packet, when all of them exceeded `maxIncompleteBytes`
  | 'unread-packets' // what has arrived and is not read exceeded `maxUnreadBytes`, and it is much for this client
  | 'memory-full' // everything that waits for clients exceeded `maxWaitingBytes`, and what waits for this one is most
  | 'session-bytes-full' // Packet Identifiers that the client does not release, and `maxSessionBytes` is reached
  | 'unacknowledged' // a message for `ackDelayMax`
  | 'drain-timeout' // a reader stuck for `drainTimeoutMs`
  | 'queue-full' // under `refuse`, for `fullQueueTimeoutMs`: its message was not accepted
  | 'packet-too-large' // the answer, for the client's Maximum Packet Size
  | 'properties-too-large' // `maxPropertyBytes`
  | 'payload-format-invalid' // not the UTF-8 that the Payload Format Indicator promises
  | 'receive-maximum-exceeded' // [MQTT5-3.3.4-7]
  | 'topic-alias-invalid'
  | 'subscription-identifiers-not-supported'
  | 'qos-not-supported'
  | 'retain-not-supported'
  | 'server-shutting-down'
  | 'administrative-action';

/** Why a connection or a CONNECT was refused. */
export type RefusalReason =
  | 'unsupported-protocol-version'
  | 'use-another-server' // `serverRedirect`, as the next one
  | 'server-moved'
  | 'client-identifier-empty' // [MQTT-3.1.3-8]
  | 'client-identifier-too-long'
  | 'bad-credentials'
  | 'authentication-method-unknown' // [MQTT5-4.12.0-1]
  | 'not-authorized'
  | 'authentication-unavailable'
  | 'authorization-unavailable'
  | 'denied-by-interceptor'
  | 'storage-unavailable'
  | 'will-topic-invalid' // [MQTT-4.7.1-1], limits
  | 'will-qos-not-supported' // [MQTT5-3.2.2-12]
  | 'will-retain-not-supported' // [MQTT5-3.2.2-13]
  | 'will-properties-too-large' // `maxPropertyBytes`
  | 'will-payload-invalid' // not the UTF-8 that its Payload Format Indicator promises
  | 'too-many-connections'
  | 'too-many-open-files' // this and the next four: closed before anything was read, without an answer
  | 'too-many-connections-of-address'
  | 'too-many-pending-connections'
  | 'connect-rate'
  | 'connect-rate-of-address'
  | 'too-many-sessions'
  | 'session-bytes-full' // `maxSessionBytes`
  | 'server-shutting-down';

/** Why a delivery was dropped. */
export type DropReason =
  | 'no-subscriber' // no matching subscription: counted, not an error
  | 'client-offline' // QoS 0 to a stored session without a connection
  | 'slow-consumer' // QoS 0 to a connection that does not read
  | 'queue-full'
  | 'queue-bytes-full'
  | 'stored-queues-full' // `maxStoredQueueBytes`, and no stored queue takes more than this one
  | 'expired' // its Message Expiry Interval, or `messageExpiryMax`, ended before it was sent
  | 'memory-full' // `maxWaitingBytes`, and nothing holds more of it than what waits for this client or group
  | 'purged' // an operator dropped what waited for the client
  | 'session-ended' // the session was ended or expired with the message still in its queue
  | 'not-authorized' // the client may not receive it
  | 'packet-too-large' // for the client's Maximum Packet Size [MQTT5-3.1.2-25]
  | 'dropped-by-interceptor'
  | 'refused-by-client' // its PUBACK or PUBREC has a Reason Code of 0x80 or more
  | 'retained-full' // `maxRetainedMessages`
  | 'retained-bytes-full' // `maxRetainedTopicBytes`
  | 'retained-payloads-full'; // `maxRetainedBytes`

/** Whether a message was dropped because there was no room for it: its publisher learns that if nothing took it. */
export const LACKS_ROOM: Readonly<Record<DropReason, boolean>> = {
  'queue-full': true,
  'queue-bytes-full': true,
  'stored-queues-full': true,
  'memory-full': true,
  'retained-full': true,
  'retained-bytes-full': true,
  'retained-payloads-full': true,
  // Deliveries at QoS 0 are not promised, so a publisher does not learn how they end.
  'client-offline': false,
  'slow-consumer': false,
  // It would not be delivered with more room either.
  'no-subscriber': false,
  'not-authorized': false,
  'packet-too-large': false,
  expired: false,
  'dropped-by-interceptor': false,
  'refused-by-client': false,
  'session-ended': false,
  purged: false,
};

export type { MalformedCode };

/** Reasons to drop a message of a shared group that hold for every member, where others give it to the next one. */
export const ENDS_FOR_ALL: Partial<Readonly<Record<DropReason, true>>> = {
  expired: true,
  'dropped-by-interceptor': true,
};
