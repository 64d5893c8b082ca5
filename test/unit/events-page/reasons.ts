// What each reason in the log means and what to do, for docs/events.md. The compiler demands every reason of the types.
import type { BrokerEvent, HandshakeFailure } from 'hexmq/ports';

type OfKind<Kind extends BrokerEvent['kind']> = Extract<BrokerEvent, { kind: Kind }>;

export interface Reason {
  readonly means: string;
  /** `undefined`: nothing. */
  readonly todo?: string;
}

const ask = 'See `detail` for what was sent. The client has to be corrected.';
const limit = (key: string): string => `Correct the client, or raise \`limits.${key}\`.`;

export const END_REASONS: Readonly<Record<OfKind<'connection-ended'>['reason'], Reason>> = {
  'client-disconnect': { means: 'The client sent DISCONNECT.' },
  'connection-lost': {
    means: 'The network connection ended without DISCONNECT.',
    todo: 'If many: look at the network, at proxies with an idle timeout below the Keep Alive, and at clients that crash.',
  },
  'keep-alive-timeout': {
    means: 'Nothing came for one and a half times the Keep Alive; `detail` has the seconds.',
    todo: 'As for `connection-lost`. A client that blocks in its own code sends no PINGREQ.',
  },
  'session-taken-over': {
    means: 'Another connection came with the same Client Identifier; `detail` has its address.',
    todo: 'If it repeats every few seconds, two devices share an identifier: give each its own.',
  },
  'server-shutting-down': { means: 'The broker stops.' },
  'administrative-action': { means: 'An operator disconnected the client; see `operator-command`.' },
  'connection-refused': { means: 'CONNACK refused it. A line `connection-refused` before this one has the reason.' },
  'malformed-packet': { means: 'Bytes that are no packet of MQTT; `malformed` has the kind.', todo: ask },
  'protocol-violation': { means: 'A well-formed packet that is not allowed there.', todo: ask },
  'connect-timeout': {
    means: 'No CONNECT within `limits.connectTimeoutMs`.',
    todo: 'Port scanners and health checks do this. For real clients: look at the network.',
  },
  'authentication-timeout': {
    means: 'Authentication was not done in time.',
    todo: 'Look at the service that decides (`http`, `mongodb`), and at clients that stop in an exchange.',
  },
  'reauthentication-failed': { means: 'A connected client could not authenticate again.', todo: 'See `detail`.' },
  'credentials-expired': {
    means: 'What the client logged in with has ended, such as its token.',
    todo: 'None, if the client gets a new token and connects again.',
  },
  'storage-unavailable': {
    means:
      'Storage did not confirm in time what CONNACK promises; or so much waited for storage that CONNECT was not read.',
    todo: 'See `storage-failing`.',
  },
  'not-authorized': {
    means:
      'The client published, or in MQTT 3.1 subscribed, where it may not. `publish-denied` before it has the rule.',
    todo: 'Correct the rules or the client; `hexmq acl explain` says which rule decides.',
  },
  'topic-name-invalid': { means: 'A Topic Name with wildcards or beyond a limit.', todo: ask },
  'too-many-filters': {
    means: 'One SUBSCRIBE or UNSUBSCRIBE has too many filters.',
    todo: limit('maxFiltersPerPacket'),
  },
  'topic-filter-invalid': { means: 'A Topic Filter that MQTT does not allow.', todo: ask },
  'incomplete-packets': {
    means: 'Half-received packets of all clients took too much memory, and this one was the oldest.',
    todo: 'Many clients on slow lines: raise `limits.maxIncompleteBytes`. Otherwise an attack.',
  },
  'unread-packets': {
    means: 'What had arrived and was not read took too much memory, and this client had much of it.',
    todo: 'Publishers are faster than storage: see `storage-failing` and the performance page. Or raise `limits.maxUnreadBytes`.',
  },
  'memory-full': {
    means: 'What waits for all clients reached `limits.maxWaitingBytes`, and most of it waited for this one.',
    todo: 'Give the broker more memory and a higher limit, or find out why this client does not read.',
  },
  'session-bytes-full': {
    means: 'The client releases no Packet Identifiers and sessions are at their limit.',
    todo: limit('maxSessionBytes'),
  },
  unacknowledged: {
    means: 'The client did not acknowledge a message for `limits.ackDelayMax`.',
    todo: 'The client hangs, or handles messages more slowly than that.',
  },
  'drain-timeout': {
    means: 'The client took no bytes for `limits.drainTimeoutMs`.',
    todo: 'The client hangs or its line is dead.',
  },
  'queue-full': {
    means: 'With `queueFullPolicy: refuse`, its message found no room for `limits.fullQueueTimeoutMs`.',
    todo: 'A consumer is too slow or away: see which queue is full.',
  },
  'packet-too-large': { means: 'A packet larger than what was announced.', todo: 'See `detail` for both sizes.' },
  'properties-too-large': { means: 'Properties larger than allowed.', todo: limit('maxPropertyBytes') },
  'payload-format-invalid': { means: 'The payload is not the UTF-8 that it claims to be.', todo: ask },
  'receive-maximum-exceeded': { means: 'More unacknowledged messages than the broker announced.', todo: ask },
  'topic-alias-invalid': { means: 'A Topic Alias that was not announced or not set.', todo: ask },
  'subscription-identifiers-not-supported': {
    means: 'The configuration forbids them.',
    todo: limit('subscriptionIdentifiers'),
  },
  'qos-not-supported': { means: 'A message above the highest QoS that is allowed.', todo: limit('maxQos') },
  'retain-not-supported': { means: 'A retained message where there are none.', todo: limit('retainedMessages') },
};

const login = 'Correct the login of the client. `detail` says which adapter decided, and why.';
const will = 'The will of the client has to be corrected.';

export const REFUSAL_REASONS: Readonly<Record<OfKind<'connection-refused'>['reason'], Reason>> = {
  'use-another-server': { means: '`limits.serverRedirect` sends clients to another server for now.' },
  'server-moved': { means: '`limits.serverRedirect` sends clients to another server for good.' },
  'unsupported-protocol-version': {
    means: 'Neither MQTT 3.1, 3.1.1 nor 5.',
    todo: 'None for bridges that try a private version first.',
  },
  'client-identifier-empty': { means: 'No Client Identifier, where one is needed.', todo: ask },
  'client-identifier-too-long': { means: 'Longer than allowed.', todo: limit('maxClientIdLength') },
  'bad-credentials': { means: 'Wrong user name or password.', todo: login },
  'authentication-method-unknown': { means: 'No adapter has this method of enhanced authentication.', todo: login },
  'not-authorized': { means: 'The client may not connect.', todo: login },
  'authentication-unavailable': {
    means: 'An authenticator failed or was too slow.',
    todo: 'Look at the service behind it; `detail` has the error.',
  },
  'denied-by-interceptor': {
    means: 'An interceptor denied the client.',
    todo: '`detail` has its reason.',
  },
  'authorization-unavailable': {
    means: 'An authorizer failed or was too slow.',
    todo: 'Look at the service behind it; `detail` has the error.',
  },
  'storage-unavailable': { means: 'Storage did not answer in time.', todo: 'See `storage-failing`.' },
  'will-topic-invalid': { means: 'The topic of the will is not valid or not allowed.', todo: will },
  'will-qos-not-supported': { means: 'The QoS of the will is above the highest that is allowed.', todo: will },
  'will-retain-not-supported': { means: 'The will is retained, where there are no retained messages.', todo: will },
  'will-properties-too-large': { means: 'The properties of the will are too large.', todo: will },
  'will-payload-invalid': { means: 'The payload of the will is not the UTF-8 that it claims to be.', todo: will },
  'too-many-connections': {
    means: 'All connections are taken.',
    todo: 'Raise `limits.maxConnections`, and `ulimit -n` with it.',
  },
  'too-many-open-files': { means: 'The process may open no more files.', todo: 'Raise `ulimit -n` (`LimitNOFILE=`).' },
  'too-many-connections-of-address': {
    means: 'The address has too many connections.',
    todo: limit('maxConnectionsPerAddress'),
  },
  'too-many-pending-connections': {
    means: 'Too many connections have not finished CONNECT.',
    todo: 'After a restart of everything: clients try again. Otherwise an attack, or raise `limits.maxPendingConnections`.',
  },
  'connect-rate': { means: 'More connections a second than allowed.', todo: limit('maxConnectRate') },
  'connect-rate-of-address': {
    means: 'More connections a second of one address than allowed.',
    todo: limit('maxConnectRatePerAddress'),
  },
  'too-many-sessions': {
    means: 'All sessions are taken.',
    todo: 'Raise `limits.maxSessions`, or let sessions expire sooner.',
  },
  'session-bytes-full': { means: 'Sessions take all the memory that they may.', todo: limit('maxSessionBytes') },
  'server-shutting-down': { means: 'The broker stops.' },
};

const room = (key: string): string => `A consumer is away or too slow. Or raise \`limits.${key}\`.`;

export const DROP_REASONS: Readonly<Record<OfKind<'message-dropped'>['reason'], Reason>> = {
  purged: { means: 'An operator emptied the queue; see `operator-command`.' },
  'no-subscriber': { means: 'No subscription matches.' },
  'client-offline': { means: 'QoS 0 for a stored session without a connection.' },
  'slow-consumer': {
    means: 'QoS 0 for a client that does not read fast enough.',
    todo: 'Look at the client; or publish at QoS 1.',
  },
  'queue-full': { means: 'The queue has as many messages as it may.', todo: room('maxQueueSize') },
  'queue-bytes-full': { means: 'The queue has as many bytes as it may.', todo: room('maxQueueBytes') },
  'stored-queues-full': {
    means: 'With storage in memory: all queues together are full.',
    todo: room('maxStoredQueueBytes'),
  },
  expired: {
    means: 'It waited for longer than it was to last.',
    todo: 'If unexpected: the Message Expiry Interval of the publisher, or `limits.messageExpiryMax`.',
  },
  'memory-full': {
    means: 'What waits for all clients is at its limit, and most waits for this one.',
    todo: room('maxWaitingBytes'),
  },
  'session-ended': { means: 'The session ended with the message in its queue.' },
  'not-authorized': {
    means: 'The client may not receive it.',
    todo: 'Nothing, if a broad subscription is filtered by rules.',
  },
  'packet-too-large': { means: 'Larger than the client takes.', todo: 'See the Maximum Packet Size of the client.' },
  'dropped-by-interceptor': { means: 'An interceptor dropped it for this client.' },
  'refused-by-client': { means: 'The client answered with a Reason Code of failure.', todo: 'See the client.' },
  'retained-full': {
    means: 'There are as many retained messages as there may be.',
    todo: limit('maxRetainedMessages'),
  },
  'retained-bytes-full': {
    means: 'Topics of retained messages take all the memory that they may.',
    todo: limit('maxRetainedTopicBytes'),
  },
  'retained-payloads-full': {
    means: 'Payloads of retained messages take all that they may.',
    todo: limit('maxRetainedBytes'),
  },
};

export const SESSION_REASONS: Readonly<Record<OfKind<'session-ended'>['reason'], Reason>> = {
  clean: { means: 'A connection asked for a new session.' },
  expired: {
    means: 'It was without a connection for as long as it may be.',
    todo: 'If unexpected: `limits.sessionExpiryMax`.',
  },
  disconnected: { means: 'It was to last as long as its connection.' },
  'not-announced': { means: 'Its connection ended before CONNACK could leave.' },
  administrative: { means: 'An operator ended it; see `operator-command`.' },
  'memory-full': {
    means: 'What waits for all clients is at its limit, and most waited for this session.',
    todo: 'As for the end reason `memory-full`.',
  },
};

export const HANDSHAKE_REASONS: Readonly<Record<HandshakeFailure, Reason>> = {
  'incomplete-handshakes': {
    means: 'Handshakes that are not over took too much memory (`limits.maxIncompleteBytes`).',
    todo: 'Many clients on slow lines, or an attack: see the address.',
  },
  'proxy-header': {
    means: 'No valid PROXY header.',
    todo: 'Does the proxy send it, and is the address of the proxy in `trusted`?',
  },
  tls: {
    means: 'The TLS handshake failed; `detail` says on which side.',
    todo: 'The certificate of the client, or its trust in that of the broker; see [TLS](tls.md).',
  },
  websocket: {
    means: 'The HTTP request is no upgrade to WebSocket with MQTT.',
    todo: 'The path and the subprotocol `mqtt` of the client.',
  },
  timeout: { means: 'The steps before MQTT took too long.', todo: 'Port scanners do this.' },
};
