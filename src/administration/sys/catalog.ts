// The topics below $SYS/broker/ as one table: name, meaning, and how the value follows from what the broker has
// measured. The names are Mosquitto's, and so are the meanings; docs/sys.md is made from the table.
import type { ByWord, DropReason, FlowReading, Measures } from '../../ports/index.js';

/** What the values are read from. */
export interface SysReadings extends Measures {
  readonly version: string;
  /** Of the heap, with what is outside it and belongs to it. */
  readonly heapBytes: number;
  readonly maximumHeapBytes: number;
  readonly maximumConnections: number;
}

export interface SysTopic {
  /** Below `$SYS/broker/`. */
  readonly name: string;
  readonly meaning: string;
  readonly read: (readings: SysReadings) => number | string;
}

/** A counter of which the rate per minute is published, as a moving average over three times. */
export interface SysLoad {
  /** Below `$SYS/broker/load/`. */
  readonly name: string;
  readonly meaning: string;
  readonly read: (readings: SysReadings) => number;
}

const topic = (name: string, meaning: string, read: SysTopic['read']): SysTopic => ({ name, meaning, read });
const sumOf = (counts: ByWord): number => [...counts.values()].reduce((sum, count) => sum + count, 0);
const packets = ({ packets: byType }: FlowReading): number => sumOf(byType);
const messages = (flow: FlowReading): number => flow.messages.reduce((sum, { count }) => sum + count, 0);
const payloads = (flow: FlowReading): number => flow.messages.reduce((sum, { payloadBytes }) => sum + payloadBytes, 0);

/** Queues and buffers that were full. */
const FULL: readonly DropReason[] = [
  'queue-full',
  'queue-bytes-full',
  'stored-queues-full',
  'memory-full',
  'slow-consumer',
];
const dropped = ({ counts }: SysReadings): number =>
  FULL.reduce((sum, reason) => sum + counts.deliveries.dropped[reason], 0);

/** Every one that was opened is open or has ended. */
const sockets = (r: SysReadings): number => r.openConnections + sumOf(r.connectionsEnded) + sumOf(r.handshakesFailed);
const connected = ({ counts }: SysReadings): number => counts.connections;
const disconnected = ({ counts }: SysReadings): number => Math.max(0, counts.sessions - counts.connections);
const stored = ({ counts }: SysReadings): number => counts.queued + counts.retainedMessages;

export const SYS_TOPICS: readonly SysTopic[] = [
  topic('version', 'The name and version of the broker.', ({ version }) => `hexmq version ${version}`),
  topic('uptime', 'Since the start, such as `86400 seconds`.', ({ uptimeS }) => `${Math.floor(uptimeS)} seconds`),
  topic('clients/connected', 'Connected clients.', connected),
  topic('clients/active', 'The same, under its older name.', connected),
  topic('clients/disconnected', 'Sessions that wait for their client.', disconnected),
  topic('clients/inactive', 'The same, under its older name.', disconnected),
  topic('clients/total', 'Sessions, with a connection or without.', ({ counts }) => counts.sessions),
  topic(
    'clients/maximum',
    'The most clients that were connected at one time, as far as it was looked at: each interval.',
    ({ maximumConnections }) => maximumConnections,
  ),
  topic(
    'clients/expired',
    'Sessions that have ended because their client stayed away too long.',
    ({ sessionsEnded }) => sessionsEnded.get('expired') ?? 0,
  ),
  topic('subscriptions/count', 'Subscriptions, without shared ones.', ({ counts }) => {
    const { subscriptions, sharedSubscriptions } = counts;
    return subscriptions - sharedSubscriptions;
  }),
  topic('shared_subscriptions/count', 'Shared subscriptions.', ({ counts }) => counts.sharedSubscriptions),
  topic(
    'retained messages/count',
    'Retained messages. Those of `$SYS` do not count; Mosquitto counts them.',
    ({ counts }) => counts.retainedMessages,
  ),
  topic('messages/received', 'Packets of every type from clients.', ({ received }) => packets(received)),
  topic('messages/sent', 'Packets of every type to clients.', ({ sent }) => packets(sent)),
  topic(
    'messages/inflight',
    'Messages at QoS 1 and 2 that were sent and are not acknowledged.',
    ({ counts }) => counts.outboundInFlight,
  ),
  topic(
    'store/messages/count',
    'Retained messages, and messages in queues: in each of the queues, while Mosquitto counts a message once.',
    stored,
  ),
  topic('messages/stored', 'The same, under its older name.', stored),
  topic('publish/messages/received', 'PUBLISH packets from clients.', ({ received }) => messages(received)),
  topic('publish/messages/sent', 'PUBLISH packets to clients.', ({ sent }) => messages(sent)),
  topic('publish/messages/dropped', 'Deliveries that were dropped because a queue or a buffer was full.', dropped),
  topic('publish/bytes/received', 'Payloads from clients.', ({ received }) => payloads(received)),
  topic('publish/bytes/sent', 'Payloads to clients.', ({ sent }) => payloads(sent)),
  topic('bytes/received', 'Bytes of MQTT from clients, without TLS and WebSocket.', ({ received }) => received.bytes),
  topic('bytes/sent', 'Bytes of MQTT to clients, without TLS and WebSocket.', ({ sent }) => sent.bytes),
  topic('heap/current', 'Bytes of memory in use: the heap, and buffers outside it.', ({ heapBytes }) => heapBytes),
  topic('heap/maximum', 'The most that was in use, as far as it was looked at.', (r) => r.maximumHeapBytes),
];

export const SYS_LOADS: readonly SysLoad[] = [
  { name: 'messages/received', meaning: 'packets from clients', read: ({ received }) => packets(received) },
  { name: 'messages/sent', meaning: 'packets to clients', read: ({ sent }) => packets(sent) },
  { name: 'publish/received', meaning: 'PUBLISH packets from clients', read: ({ received }) => messages(received) },
  { name: 'publish/sent', meaning: 'PUBLISH packets to clients', read: ({ sent }) => messages(sent) },
  { name: 'publish/dropped', meaning: 'deliveries dropped as above', read: dropped },
  { name: 'bytes/received', meaning: 'bytes from clients', read: ({ received }) => received.bytes },
  { name: 'bytes/sent', meaning: 'bytes to clients', read: ({ sent }) => sent.bytes },
  { name: 'sockets', meaning: 'network connections opened', read: sockets },
  {
    name: 'connections',
    meaning: 'CONNECT packets',
    read: ({ received }) => received.packets.get('connect') ?? 0,
  },
];
