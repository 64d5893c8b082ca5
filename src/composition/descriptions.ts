// What each limit means to a user, for the JSON Schema and the tables of docs/configuration.md. One sentence or less,
// with units.
import type { LoginThrottleSettings } from '../application/login-throttle.js';
import type { Limits } from '../domain/limits.js';

export const LIMIT_DESCRIPTIONS: Readonly<Record<keyof Limits, string>> = {
  maxPacketSize:
    'Largest packet from a client, in bytes with its fixed header. Until CONNECT is accepted the limit is ' +
    '102400 bytes; after that, 1048576 bytes for every packet but PUBLISH.',
  maxClientIdLength: 'Longest Client Identifier, in bytes of UTF-8.',
  strict31ClientId: 'Whether Client Identifiers of MQTT 3.1 are limited to 23 characters.',
  assignClientId:
    'Whether an MQTT 3.1.1 client with an empty Client Identifier and Clean Session 1 gets one; otherwise it ' +
    'is refused.',
  maxTopicLength: 'Longest Topic Name and Topic Filter, in bytes of UTF-8.',
  maxTopicLevels: 'Most levels of a Topic Name or Topic Filter. Bounds the cost of routing.',
  maxQueueSize: 'QoS 1 and 2 messages waiting in the queue of one session, in addition to those in flight.',
  maxQueueBytes: 'Payload bytes waiting in the queue of one stored session.',
  maxStoredQueueBytes:
    'What the queues of all sessions with Clean Session 0 take together: payloads, topics and 400 bytes for each ' +
    'message. Beyond it, the session with the most loses its oldest messages or, if it has acknowledged none of what ' +
    'it was sent, ends. With storage `memory`, by default 1 GiB, at most a fifth of the heap.',
  maxTransientQueueBytes:
    'Memory for what waits for one session with Clean Session 1: payloads, topics and 256 bytes for each message.',
  queueFullPolicy:
    'What happens when a queue is full: the new message is dropped, or the oldest that is not in flight, or ' +
    '(`refuse`) the new message is not acknowledged, for none of its recipients, and its publisher ' +
    'waits. Drops are counted and ' +
    'logged.',
  maxInflight:
    'Unacknowledged QoS 1 and 2 messages to one client, at most. The window begins with `initialInflight`, doubles ' +
    'while the client acknowledges a whole window within 0.5 s, and halves when that takes longer than 2 s.',
  initialInflight: 'The window with which a connection begins; `maxInflight` if that is less.',
  receiveMaximum:
    'Unacknowledged QoS 1 and 2 messages from one MQTT 5 client, as CONNACK says. No effect on MQTT 3.1 and 3.1.1.',
  topicAliasMax: 'Topic Aliases of one MQTT 5 client in each direction. No effect on MQTT 3.1 and 3.1.1.',
  responseTopic:
    'Response Information for MQTT 5 clients that request it: the topic below which a client receives responses, ' +
    'with `%c` for its Client Identifier or `%u` for its user name.',
  serverReference:
    'Another server (or several, with a space between them), for MQTT 5 clients that are sent there. Clients of ' +
    'MQTT 3.1 and 3.1.1 learn only that this one is not available.',
  serverRedirect:
    'Which clients are sent to `serverReference`: those that are connected when the broker stops, or also new ones, ' +
    'for a while (`use-another-server`) or for good (`server-moved`).',
  retainedMessages:
    'Whether messages can be retained; if not, a client that sends one, or a retained will, is refused.',
  maxRetainedMessages: 'Retained messages. Beyond it, a message on a further topic is delivered and not retained.',
  maxRetainedTopicBytes:
    'Bytes of memory for the topics of retained messages: each counts 600 and twice its length. Beyond it, a message ' +
    'on a further topic is delivered and not retained. By default at most a fifth of the heap.',
  maxRetainedBytes:
    'Bytes of payload of all retained messages, in storage. A message beyond it is delivered and not retained; its ' +
    'topic then has no retained message. With storage `memory`, by default 1 GiB, at most a fifth of the heap.',
  retainedQueueSize: 'Retained messages waiting for one client after SUBSCRIBE, in addition to `maxQueueSize`.',
  sessionExpiryMax:
    'Seconds that a session with Clean Session 0 outlives its connection; 4294967295 means that it never expires.',
  messageExpiryMax: 'Seconds after which a waiting message is dropped.',
  keepAliveMax:
    'Longest Keep Alive in seconds: MQTT 5 clients that ask for more get this value. Earlier versions have ' +
    'no way to announce it and keep theirs. A client that is silent for 1.5 times its Keep Alive is disconnected.',
  keepAliveUnlimited: 'Whether a client may switch Keep Alive off with 0; otherwise it gets `keepAliveMax`.',
  deniedPublish:
    'What follows a publish that is not allowed: the connection ends, or the message is acknowledged, dropped and ' +
    'logged. A will that is not allowed refuses the CONNECT, or is dropped.',
  deniedSubscription:
    'What follows a subscription of which the client may receive nothing: a refusal, or a subscription that brings ' +
    'nothing until that changes.',
  maxQos: 'Highest QoS. Subscriptions are granted at most this; a client that publishes with more is disconnected.',
  wildcardSubscriptions: 'Whether Topic Filters may contain `+` and `#`.',
  sharedSubscriptions: 'Whether clients may subscribe to `$share/<group>/<filter>`.',
  subscriptionIdentifiers: 'Whether MQTT 5 clients may use Subscription Identifiers. No effect on MQTT 3.1 and 3.1.1.',
  checkPayloadFormat:
    'Whether a message whose Payload Format Indicator says UTF-8 is refused if its payload is not. MQTT 5 only.',
  packetTimeoutMs:
    'Milliseconds from one whole packet to the next while that one arrives, however slowly. Keep-alive ends a ' +
    'connection earlier when nothing of a packet arrives.',
  connectTimeoutMs:
    'Milliseconds from the opening of a connection to its complete CONNECT. TLS, WebSocket and PROXY ' +
    'handshakes have the same time before that.',
  authTimeoutMs: 'Milliseconds for authentication and authorization together.',
  storageTimeoutMs:
    'Milliseconds that CONNACK may wait for storage. After that the client is refused with CONNACK 3 and may retry.',
  shutdownGraceMs:
    'Milliseconds that a broker that stops waits for clients to take their last bytes and to close the connection.',
  maxConnections: 'Connected clients. Beyond it, clients are refused with CONNACK 3. -1 means no limit.',
  maxPendingConnections:
    'Connections before an accepted CONNECT, those in a TLS or WebSocket handshake included. Further ones ' +
    'are closed at once.',
  maxConnectionsPerAddress:
    'Connections from one IPv4 address or IPv6 /64 network. Further ones are closed at once. Clients behind ' +
    'one NAT or proxy share an address.',
  maxConnectRate:
    'New connections per second, with a burst of as many. Further ones are closed before anything is read.',
  maxConnectRatePerAddress: 'New connections per second from one IPv4 address or IPv6 /64 network.',
  maxPublishRate: 'Messages per second from one client.',
  maxPublishByteRate:
    'Bytes of Topic Name and payload per second from one client. A larger message passes and is paid for afterwards.',
  maxTotalPublishRate:
    'Messages per second from all clients together. The client that has waited longest is read first.',
  maxTotalPublishByteRate: 'Bytes of Topic Name and payload per second from all clients together.',
  maxIncompleteBytes:
    'Memory for incomplete packets of all connections, and for what is sent before CONNECT is accepted. Beyond it, ' +
    'the connections with the oldest are closed. As much again is for TLS and other handshakes that are not over, of ' +
    'all listeners.',
  maxUnreadBytes:
    'Memory for what has arrived of all connections that are not read for the moment, and for CONNECTs whose ' +
    'authentication is in progress. Beyond it, connections that hold at least as much as the average are closed.',
  maxWaitingBytes:
    'Memory for everything that waits for all clients together: queues of sessions with Clean Session 1, buffers of ' +
    'stored ones, messages in flight, and output that clients do not read. Beyond it, the client that holds most ' +
    'loses waiting messages or, if it has none, its connection.',
  maxSessions: 'Sessions, connected or not. A client that needs a further one is refused with CONNACK 3.',
  maxSessionBytes:
    'Bytes of memory for sessions, which count 900 and twice the length of their Client Identifiers, for wills, for ' +
    'Packet Identifiers that are not released (64), and for user names above 128 characters. A client that needs ' +
    'more is refused with CONNACK 3. By default at most a fifth of the heap.',
  maxPropertyBytes:
    'Bytes of memory for the properties of one PUBLISH or will. A message with more is refused. MQTT 5 only.',
  maxFiltersPerPacket: 'Topic Filters in one SUBSCRIBE or UNSUBSCRIBE. A client that sends more is disconnected.',
  maxSubscriptionsPerClient:
    'Subscriptions of one session. A further filter is refused with 0x80; others in the packet are granted.',
  maxSubscriptionBytesPerClient:
    'Bytes of memory for the subscriptions of one session: each counts 450 and twice the length of its Topic Filter, ' +
    'a shared one 1200 and four times. A further filter is refused with 0x80.',
  maxSubscriptions: 'Subscriptions of all sessions together. A further filter is refused with 0x80.',
  maxSubscriptionBytes:
    'Bytes of memory for the subscriptions of all sessions together. A further filter is refused with 0x80. By ' +
    'default at most a fifth of the heap.',
  maxBufferedQos0Messages:
    'QoS 0 messages buffered for one connection that does not read. Further ones are dropped and counted.',
  maxBufferedQos0Bytes: 'Bytes of QoS 0 messages buffered for one connection that does not read.',
  ackDelayMax:
    'Seconds that a client may leave a message at QoS 1 or 2 unacknowledged. After that, and within half as long ' +
    'again, its connection is ended. A change applies to new connections.',
  drainTimeoutMs: 'Milliseconds that a connection may read nothing of what is sent to it before it is closed.',
  fullQueueTimeoutMs:
    'With `queueFullPolicy: refuse`: milliseconds that a publisher waits for room before it is disconnected.',
  willGraceAfterRestartMs:
    'Milliseconds after a restart in which a client that was connected can return before its will is published.',
};

export const FAILED_ATTEMPTS_DESCRIPTIONS: Readonly<Record<keyof LoginThrottleSettings, string>> = {
  allowed:
    'Failures of one user name from one address without a delay. An address, or a user name from any ' +
    'address, has ten times as many.',
  delayMs: 'Milliseconds that the next attempt is delayed; each further failure doubles it.',
  maxDelayMs: 'Longest delay in milliseconds; 0 switches delays off.',
  forgetAfterMs: 'Milliseconds after the last failure until the count starts again.',
  maxWaiting:
    'Delayed attempts at one time. Where there is no room, the address and the user name with the most make some; ' +
    'what finds none is refused with CONNACK 3.',
  maxWaitingPerAddress: 'Delayed attempts from one address at one time.',
  maxTracked:
    'Addresses, user names, and pairs of both whose failures are remembered, of each kind, and pairs that succeeded.',
};
