// One event of every kind, as the broker emits them. The compiler demands each kind and each field.
import type {
  BrokerEvent,
  ClientId,
  ConnectionId,
  EventName,
  EventOf,
  LifecycleEvent,
  MessageId,
  QueueId,
  TopicFilter,
  TopicName,
} from '../../ports/index.js';

const clientId = 'meter-7' as ClientId;
const connection = 7 as ConnectionId;
const topicFilter = 'sensors/#' as TopicFilter;
const topic = 'sensors/meter-7' as TopicName;
const [remoteAddress, listener, userName, detail, error] = ['127.0.0.1:51234', 'tcp', 'ann', 'a detail', 'an error'];
const from = { remoteAddress, listener, userName };

type Samples = { readonly [Name in EventName]: Omit<EventOf<Name>, 'kind'> };

const SAMPLES: Samples = {
  'administration-refused': { endpoint: 'http', remoteAddress, detail },
  'attempts-slowed': { scope: 'login', ipAddress: undefined, userName: undefined, failures: 3 },
  'authenticator-passed-over': { authenticator: 'http', error },
  'backup-ended': { actor: 'ann', result: 'complete', facts: 3, detail: '' },
  'changes-abandoned': { changes: 3 },
  'client-connected': {
    connection,
    clientId,
    protocolVersion: 5,
    sessionPresent: false,
    stored: true,
    keepAliveS: 60,
    ...from,
  },
  'client-reauthenticated': { connection, clientId, method: 'SCRAM-SHA-256', ...from },
  'clock-corrected': { byMs: -1000 },
  'close-failed': { adapter: 'http', error },
  'connection-ended': {
    connection,
    clientId: undefined,
    reason: 'connection-lost',
    malformed: undefined,
    detail: undefined,
    ...from,
    userName: undefined,
  },
  'connection-refused': {
    connection,
    clientId: undefined,
    reason: 'unsupported-protocol-version',
    detail: undefined,
    ...from,
    userName: undefined,
  },
  'event-listener-failed': { listener, event: 'ready', error, failures: 1 },
  'event-listener-overflow': { listener, dropped: 3 },
  fatal: { error: new Error('it is over') },
  'handshake-failed': { listener, remoteAddress, reason: 'timeout', detail },
  'interceptor-failed': { interceptor: 'shout', packet: 'publish', clientId, error, fallback: 'deny' },
  'listener-reload-failed': { listener, error },
  'listener-reloaded': { listener },
  listening: { listener, address: '127.0.0.1:1883' },
  'message-dropped': {
    reason: 'no-subscriber',
    messageId: undefined,
    topic: undefined,
    qos: undefined,
    queue: undefined,
  },
  'operator-command': { actor: 'ann', command: 'reload', subject: '', result: 'done' },
  'permissions-kept': { clientId, detail },
  'permissions-renewed': { clients: 3, failed: 0 },
  'plugin-failed': { plugin: 'shout', what: 'scheduled task', error },
  'plugin-log': { plugin: 'shout', severity: 'info', text: 'a text', fields: undefined },
  'plugin-started': { plugin: 'shout', version: '1.0.0', package: './shout.js', provides: ['Interceptor'] },
  'publish-denied': { clientId, userName: undefined, topic, detail },
  ready: { sessions: 0, retained: 0 },
  'reload-failed': { what: 'limits', error },
  reloaded: { what: ['limits'] },
  'restart-needed': { keys: ['listeners'] },
  'retained-limited': { clientId, topicFilter, limit: 10 },
  'session-ended': { clientId, reason: 'expired' },
  'signal-ignored': { signal: 'SIGUSR1' },
  'start-waits': { waitsFor: 'storage', seconds: 5 },
  'stop-waits': { waitsFor: 'storage', seconds: 5 },
  stopped: {},
  stopping: { connections: 0 },
  'storage-failing': { operation: 'write', error, storageErrorKind: 'unavailable', attempt: 1 },
  'storage-recovered': { operation: 'write', attempts: 2 },
  'subscribe-denied': { clientId, userName: undefined, topicFilter, detail },
  'subscriber-failed': { subscriber: '1', topic, error, failures: 1 },
  'subscriber-overflow': { subscriber: '1', dropped: 3 },
  warning: { what: 'storage', detail },
  'will-published': { clientId, topic },
};

/** With everything that a client may have left out. */
const COMPLETE: Partial<Samples> = {
  'message-dropped': {
    reason: 'slow-consumer',
    messageId: 7 as MessageId,
    topic,
    qos: 0,
    queue: 'c:meter-7' as QueueId,
    detail,
  },
  'connection-ended': { connection, clientId, reason: 'malformed-packet', malformed: undefined, detail, ...from },
  'connection-refused': { connection, clientId, reason: 'unsupported-protocol-version', detail, ...from },
  'plugin-log': { plugin: 'shout', severity: 'error', text: '', fields: '{"a":1}', suppressed: 3 },
};

/** Events of this kind: with as little as it can have, and with everything. */
export const eventsOf = (kind: EventName): readonly (BrokerEvent | LifecycleEvent)[] =>
  [SAMPLES[kind], COMPLETE[kind]].flatMap((fields) =>
    fields === undefined ? [] : [{ kind, ...fields } as BrokerEvent | LifecycleEvent],
  );
