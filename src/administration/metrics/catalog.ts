// Every metric as one table: name, type, labels, meaning, and how its value follows from what the broker has measured.
// The exposition, docs/metrics.md, the dashboard and the alert rules come from it. A label has a word from a fixed
// list, never text that a client chose: the number of time series has a bound.
import type { ByWord, FlowReading, HistogramReading, Measures } from '../../ports/index.js';
import type { QueueSample } from './queue-sampling.js';

/** What the values are read from. */
export interface Readings extends Measures {
  readonly version: string;
  readonly queues: QueueSample;
  /** By name, as in the configuration. */
  readonly limits: Readonly<Record<string, unknown>>;
  readonly isStorageWriting: boolean;
  readonly isStorageReading: boolean;
  readonly checks: readonly { readonly check: string; readonly isOk: boolean }[];
}

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface MetricRow {
  readonly name: `hexmq_${string}`;
  readonly type: 'gauge' | 'counter' | 'histogram';
  readonly help: string;
  /** The names of its labels, and what stands there. */
  readonly labels: Readonly<Record<string, string>>;
  readonly read: (readings: Readings) => number | readonly Sample[] | HistogramReading;
}

type Read<Value> = (readings: Readings) => Value;

const VERSION_LABEL = { protocol_version: '3 for MQTT 3.1, 4 for 3.1.1, 5' };
const FLOW_LABELS = { ...VERSION_LABEL, qos: '0, 1, 2' };

const gauge = (name: MetricRow['name'], help: string, read: Read<number>): MetricRow => ({
  name,
  type: 'gauge',
  help,
  labels: {},
  read,
});
const counter = (name: MetricRow['name'], help: string, read: Read<number>): MetricRow => ({
  ...gauge(name, help, read),
  type: 'counter',
});
const histogram = (name: MetricRow['name'], help: string, read: Read<HistogramReading>): MetricRow => ({
  name,
  type: 'histogram',
  help,
  labels: {},
  read,
});
const labelled = (
  type: 'gauge' | 'counter',
  name: MetricRow['name'],
  help: string,
  labels: MetricRow['labels'],
  read: Read<readonly Sample[]>,
): MetricRow => ({ name, type, help, labels, read });

const byWord = (label: string, counts: ByWord | Readonly<Record<string, number>>): Sample[] =>
  [...(counts instanceof Map ? (counts as ByWord) : Object.entries(counts as Record<string, number>))].map(
    ([word, value]) => ({ labels: { [label]: word }, value }),
  );
const flow = ({ messages }: FlowReading, of: 'count' | 'payloadBytes'): Sample[] =>
  messages.map((one) => ({ labels: { protocol_version: String(one.version), qos: String(one.qos) }, value: one[of] }));
const limit = (value: unknown): number => (typeof value === 'number' && value >= 0 ? value : Infinity);

const CONNECTIONS: readonly MetricRow[] = [
  labelled('gauge', 'hexmq_connections', 'Connected clients.', VERSION_LABEL, ({ connectionsByVersion }) =>
    [3, 4, 5].map((version) => ({
      labels: { protocol_version: String(version) },
      value: connectionsByVersion.get(version) ?? 0,
    })),
  ),
  gauge(
    'hexmq_network_connections',
    'Network connections, those included that have not sent CONNECT.',
    ({ openConnections }) => openConnections,
  ),
  gauge('hexmq_connections_limit', 'The most clients that may be connected.', ({ limits }) =>
    limit(limits['maxConnections']),
  ),
  gauge(
    'hexmq_congested_connections',
    'Clients that read more slowly than the broker writes.',
    ({ congestedConnections }) => congestedConnections,
  ),
  counter('hexmq_connections_accepted_total', 'CONNECT packets that were accepted.', (r) => r.connectionsAccepted),
  labelled(
    'counter',
    'hexmq_connections_refused_total',
    'Connections that were refused.',
    { reason: 'as in the event connection-refused' },
    ({ connectionsRefused }) => byWord('reason', connectionsRefused),
  ),
  labelled(
    'counter',
    'hexmq_connections_ended_total',
    'Connections that have ended.',
    { reason: 'as in the event connection-ended' },
    ({ connectionsEnded }) => byWord('reason', connectionsEnded),
  ),
  labelled(
    'counter',
    'hexmq_handshakes_failed_total',
    'Connections that ended before MQTT: TLS, WebSocket, PROXY header.',
    { reason: 'as in the event handshake-failed' },
    ({ handshakesFailed }) => byWord('reason', handshakesFailed),
  ),
  labelled(
    'counter',
    'hexmq_authentications_total',
    'Decisions about clients, by authenticators and authorizers together.',
    { result: 'accepted, or the reason of the refusal' },
    ({ authentications }) => byWord('result', authentications),
  ),
  histogram(
    'hexmq_authentication_duration_seconds',
    'From a CONNECT, or an answer to a challenge, until it was decided, the delay after failed logins included.',
    ({ authenticationSeconds }) => authenticationSeconds,
  ),
];

const STATE: readonly MetricRow[] = [
  gauge('hexmq_sessions', 'Sessions, with a connection or without.', ({ counts }) => counts.sessions),
  gauge('hexmq_sessions_limit', 'The most sessions that there may be.', ({ limits }) => limit(limits['maxSessions'])),
  labelled(
    'counter',
    'hexmq_sessions_ended_total',
    'Sessions that have ended.',
    { reason: 'as in the event session-ended' },
    ({ sessionsEnded }) => byWord('reason', sessionsEnded),
  ),
  gauge('hexmq_subscriptions', 'Subscriptions of all sessions.', ({ counts }) => counts.subscriptions),
  gauge('hexmq_subscriptions_limit', 'The most subscriptions that there may be.', ({ limits }) =>
    limit(limits['maxSubscriptions']),
  ),
  counter('hexmq_subscriptions_denied_total', 'Subscriptions that were refused.', (r) => r.subscriptionsDenied),
  gauge('hexmq_retained_messages', 'Topics with a retained message.', ({ counts }) => counts.retainedMessages),
  gauge('hexmq_retained_messages_limit', 'The most topics with a retained message.', ({ limits }) =>
    limit(limits['maxRetainedMessages']),
  ),
  gauge('hexmq_retained_bytes', 'Payloads of retained messages.', ({ counts }) => counts.retainedBytes),
];

const MESSAGES: readonly MetricRow[] = [
  labelled('counter', 'hexmq_messages_received_total', 'PUBLISH packets from clients.', FLOW_LABELS, (r) =>
    flow(r.received, 'count'),
  ),
  labelled('counter', 'hexmq_messages_sent_total', 'PUBLISH packets to clients.', FLOW_LABELS, (r) =>
    flow(r.sent, 'count'),
  ),
  labelled('counter', 'hexmq_payload_received_bytes_total', 'Payloads from clients.', FLOW_LABELS, (r) =>
    flow(r.received, 'payloadBytes'),
  ),
  labelled('counter', 'hexmq_payload_sent_bytes_total', 'Payloads to clients.', FLOW_LABELS, (r) =>
    flow(r.sent, 'payloadBytes'),
  ),
  labelled(
    'counter',
    'hexmq_packets_received_total',
    'Packets from clients.',
    { type: 'the packet type' },
    ({ received }) => byWord('type', received.packets),
  ),
  labelled('counter', 'hexmq_packets_sent_total', 'Packets to clients.', { type: 'the packet type' }, ({ sent }) =>
    byWord('type', sent.packets),
  ),
  counter(
    'hexmq_network_received_bytes_total',
    'Bytes of MQTT from clients, without what TLS and WebSocket add.',
    ({ received }) => received.bytes,
  ),
  counter(
    'hexmq_network_sent_bytes_total',
    'Bytes of MQTT to clients, without TLS and WebSocket.',
    (r) => r.sent.bytes,
  ),
  counter(
    'hexmq_messages_accepted_total',
    'Messages from clients, operators and wills that were accepted.',
    (r) => r.counts.deliveries.accepted,
  ),
  counter('hexmq_messages_denied_total', 'Messages that were not allowed.', (r) => r.counts.deliveries.denied),
];

const DELIVERIES: readonly MetricRow[] = [
  counter(
    'hexmq_deliveries_started_total',
    'Deliveries that messages became: one for each recipient.',
    (r) => r.counts.deliveries.started,
  ),
  counter(
    'hexmq_deliveries_restored_total',
    'Deliveries found in the store at the start.',
    (r) => r.counts.deliveries.restored,
  ),
  counter(
    'hexmq_deliveries_completed_total',
    'Sent at QoS 0, or acknowledged by the client.',
    (r) => r.counts.deliveries.delivered,
  ),
  counter(
    'hexmq_deliveries_transferred_total',
    'Passed on within shared groups.',
    (r) => r.counts.deliveries.transferred,
  ),
  labelled(
    'counter',
    'hexmq_deliveries_dropped_total',
    'Deliveries that ended without reaching the client; expired ones have the reason expired.',
    { reason: 'as in the event message-dropped' },
    ({ counts }) => byWord('reason', counts.deliveries.dropped),
  ),
  gauge('hexmq_queued_messages', 'Messages in all queues, in flight or waiting.', ({ counts }) => counts.queued),
  gauge(
    'hexmq_accounting_imbalance',
    'Deliveries that the counters have waiting and no queue has. Always 0: anything else is a bug of hexmq.',
    ({ counts }) => counts.deliveries.waiting - counts.queued,
  ),
  labelled(
    'gauge',
    'hexmq_inflight_messages',
    'QoS 1 and 2 messages that are under way.',
    { direction: 'out: sent and not acknowledged; in: of QoS 2, PUBREL is missing' },
    ({ counts }) => [
      { labels: { direction: 'out' }, value: counts.outboundInFlight },
      { labels: { direction: 'in' }, value: counts.inboundInFlight },
    ],
  ),
  gauge(
    'hexmq_queue_largest_messages',
    'Messages in the largest queue. Each scrape looks at 1000 sessions, so with n sessions it is n/1000 scrapes old.',
    ({ queues }) => queues.largest,
  ),
  gauge(
    'hexmq_queue_oldest_message_age_seconds',
    'Age of the oldest message that waits in memory; found as the largest queue is. Queues of clients that are away ' +
      'are in storage and do not count.',
    ({ queues }) => queues.oldestAgeS,
  ),
];

const STORAGE: readonly MetricRow[] = [
  labelled(
    'gauge',
    'hexmq_storage_up',
    'Whether operations on storage succeed: 1, or 0 while they are repeated.',
    { operation: 'read, write' },
    ({ isStorageReading, isStorageWriting }) => [
      { labels: { operation: 'read' }, value: Number(isStorageReading) },
      { labels: { operation: 'write' }, value: Number(isStorageWriting) },
    ],
  ),
  labelled(
    'counter',
    'hexmq_storage_failures_total',
    'Operations on storage that failed and are repeated.',
    { operation: 'read, write' },
    ({ storageFailures }) =>
      ['read', 'write'].map((operation) => ({
        labels: { operation },
        value: storageFailures.get(operation) ?? 0,
      })),
  ),
  histogram('hexmq_storage_commit_duration_seconds', 'How long storage took for a batch.', (r) => r.commitSeconds),
  histogram('hexmq_storage_commit_changes', 'Changes in a batch.', ({ commitChanges }) => commitChanges),
  gauge(
    'hexmq_storage_commit_pending_seconds',
    'For how long the present batch has been with storage; 0: none.',
    (r) => r.commitPendingS,
  ),
  gauge('hexmq_storage_backlog_changes', 'Changes that are not durable yet.', ({ waitingChanges }) => waitingChanges),
  histogram(
    'hexmq_storage_gate_wait_seconds',
    'From the end of the first turn that recorded something of a batch until all of it was durable: the longest that ' +
      'acknowledgements waited for it.',
    ({ gateSeconds }) => gateSeconds,
  ),
  gauge(
    'hexmq_storage_gated_connections',
    'Connections with output that waits for storage.',
    ({ gatedConnections }) => gatedConnections,
  ),
];

const PROCESS: readonly MetricRow[] = [
  labelled('gauge', 'hexmq_build_info', 'Always 1.', { version: 'the version of hexmq' }, ({ version }) => [
    { labels: { version }, value: 1 },
  ]),
  gauge('hexmq_uptime_seconds', 'Since the start of the broker.', ({ uptimeS }) => uptimeS),
  labelled(
    'gauge',
    'hexmq_ready',
    'The checks of /health/ready: 1, or 0 for one that fails.',
    { check: 'the name of the check' },
    ({ checks }) => checks.map(({ check, isOk }) => ({ labels: { check }, value: Number(isOk) })),
  ),
  counter('hexmq_turns_total', 'Turns of the event loop in which the broker had something to do.', (r) => r.turns),
  counter(
    'hexmq_turn_duration_seconds_total',
    'Time from the first step of each turn to its end.',
    (r) => r.turnSeconds,
  ),
  counter(
    'hexmq_turn_budget_exhausted_total',
    'Turns that used up their budget and left work to the next one.',
    ({ turnsSpent }) => turnsSpent,
  ),
  labelled(
    'gauge',
    'hexmq_memory_account_bytes',
    'What counts for a limit of memory.',
    { account: 'see docs/metrics.md' },
    ({ accounts }) => accounts.map(({ account, bytes }) => ({ labels: { account }, value: bytes })),
  ),
  labelled(
    'gauge',
    'hexmq_memory_account_limit_bytes',
    'That limit; absent for an account without one.',
    { account: 'as above' },
    ({ accounts }) =>
      accounts.flatMap(({ account, limitBytes }) =>
        limitBytes === undefined ? [] : [{ labels: { account }, value: limitBytes }],
      ),
  ),
];

export const METRICS: readonly MetricRow[] = [
  ...CONNECTIONS,
  ...STATE,
  ...MESSAGES,
  ...DELIVERIES,
  ...STORAGE,
  ...PROCESS,
];
