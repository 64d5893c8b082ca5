// The tables of commands about a running broker. Names that clients choose are made safe for a terminal.
import type { AnswerOf, ItemOf } from '../../administration/operations.js';
import { preview, printable, shortened } from '../printable.js';
import type { Columns } from './output.js';

const NEVER_S = 4_294_967_295;
const VERSIONS: Readonly<Record<number, string>> = { 3: '3.1', 4: '3.1.1', 5: '5' };

const yesNo = (is: boolean): string => (is ? 'yes' : 'no');
export const expiry = (seconds: number): string => (seconds >= NEVER_S ? 'never' : `${seconds} s`);

export const CLIENTS: Columns<ItemOf<'clients'>> = {
  headings: ['CLIENT ID', 'ADDRESS', 'LISTENER', 'MQTT', 'KEEP ALIVE', 'STATE', 'SINCE', 'SLOW'],
  row: ({ clientId = '', remoteAddress, listener, protocolVersion, keepAlive, state, stateSince, isCongested }) => [
    clientId === '' ? '-' : shortened(clientId),
    remoteAddress,
    listener,
    VERSIONS[protocolVersion] ?? String(protocolVersion),
    keepAlive === 0 ? 'off' : `${keepAlive} s`,
    state,
    stateSince,
    yesNo(isCongested),
  ],
};

export const SESSIONS: Columns<ItemOf<'sessions'>> = {
  headings: [
    'CLIENT ID',
    'CONNECTED',
    'DISCONNECTED',
    'EXPIRES AFTER',
    'SUBSCRIPTIONS',
    'IN FLIGHT',
    'QUEUED',
    'BYTES',
  ],
  row: (session) => [
    shortened(session.clientId),
    yesNo(session.isConnected),
    session.disconnectedAt ?? '',
    expiry(session.sessionExpiryInterval),
    String(session.subscriptions),
    String(session.outboundInFlight),
    String(session.queued),
    String(session.queuedBytes),
  ],
};

export const SUBSCRIPTIONS: Columns<ItemOf<'subscriptions'>> = {
  headings: ['CLIENT ID', 'QOS', 'OPTIONS', 'TOPIC FILTER'],
  row: ({ clientId, qos, noLocal, retainAsPublished, subscriptionIdentifier, topicFilter }) => [
    shortened(clientId),
    String(qos),
    [
      ...(noLocal ? ['no local'] : []),
      ...(retainAsPublished ? ['retain as published'] : []),
      ...(subscriptionIdentifier === undefined ? [] : [`identifier ${subscriptionIdentifier}`]),
    ].join(', '),
    printable(topicFilter),
  ],
};

export const RECIPIENTS: Columns<ItemOf<'route'>> = {
  headings: ['CLIENT ID', 'CONNECTED', 'QOS', 'SHARED', 'MAY RECEIVE', 'TOPIC FILTER'],
  row: ({ clientId, isConnected, qos, isShared, mayReceive, topicFilter }) => [
    shortened(clientId),
    yesNo(isConnected),
    String(qos),
    yesNo(isShared),
    yesNo(mayReceive),
    printable(topicFilter),
  ],
};

export const GROUPS: Columns<ItemOf<'shared-groups'>> = {
  headings: ['SHARE NAME', 'MEMBERS', 'CONNECTED', 'QUEUED', 'BYTES', 'TOPIC FILTER'],
  row: ({ shareName, members, connectedMembers, queued, queuedBytes, topicFilter }) => [
    shortened(shareName),
    String(members),
    String(connectedMembers),
    String(queued),
    String(queuedBytes),
    printable(topicFilter),
  ],
};

export const QUEUES: Columns<ItemOf<'queues'>> = {
  headings: ['QUEUED', 'BYTES', 'IN FLIGHT', 'CONNECTED', 'QUEUE OF'],
  row: ({ queued, queuedBytes, inFlight, isConnected, clientId, sharedGroup = '' }) => [
    String(queued),
    String(queuedBytes),
    String(inFlight),
    yesNo(isConnected),
    shortened(clientId ?? sharedGroup),
  ],
};

export const payloadCell = (payload: string | undefined): string =>
  payload === undefined ? '' : preview(Buffer.from(payload, 'base64'));

export const QUEUE: Columns<ItemOf<'queue'>> = {
  headings: ['SEQ', 'PACKET ID', 'QOS', 'STATE', 'ACCEPTED', 'EXPIRES', 'BYTES', 'TOPIC', 'PAYLOAD'],
  row: ({ seq, packetId, qos, state, acceptedAt = '', expiresAt, payloadBytes, topic = '', payload }) => [
    String(seq),
    packetId === undefined ? '' : String(packetId),
    String(qos),
    state,
    acceptedAt,
    acceptedAt === '' ? '' : (expiresAt ?? 'never'),
    payloadBytes === undefined ? '' : String(payloadBytes),
    topic === '' ? '' : shortened(topic),
    payloadCell(payload),
  ],
};

export const RETAINED: Columns<ItemOf<'retained'>> = {
  headings: ['BYTES', 'EXPIRES', 'TOPIC'],
  row: ({ payloadBytes, expiresAt = 'never', topic }) => [String(payloadBytes), expiresAt, printable(topic)],
};

type Pairs = readonly (readonly [string, string])[];

export const clientPairs = (client: AnswerOf<'client'>): Pairs => [
  ['client id', printable(client.clientId ?? '')],
  ['state', `${client.state} since ${client.stateSince}`],
  ['address', `${client.remoteAddress}, listener ${client.listener}`],
  ['MQTT', VERSIONS[client.protocolVersion] ?? String(client.protocolVersion)],
  ['keep alive', client.keepAlive === 0 ? 'off' : `${client.keepAlive} s`],
  ['reads slowly', yesNo(client.isCongested)],
];

export const sessionPairs = (session: AnswerOf<'session'>): Pairs => [
  ['client id', printable(session.clientId)],
  ['connected', session.isConnected ? 'yes' : `no, since ${session.disconnectedAt ?? 'an unknown time'}`],
  ['stored', yesNo(session.isStored)],
  ['expires after', expiry(session.sessionExpiryInterval)],
  ['subscriptions', String(session.subscriptions)],
  ['in flight', `${session.outboundInFlight} to the client, ${session.inboundInFlight} from it (QoS 2)`],
  ['queued', `${session.queued} messages, ${session.queuedBytes} bytes of payload`],
  [
    'will',
    session.will === undefined
      ? 'none'
      : `${printable(session.will.topic)}, QoS ${session.will.qos}, ${session.will.payloadBytes} bytes, ` +
        `delay ${session.will.willDelayInterval} s` +
        (session.will.dueAt === undefined ? '' : `, due ${session.will.dueAt}`),
  ],
];

export function statusPairs(status: AnswerOf<'status'>): Pairs {
  const { storage, messages } = status;
  const dropped = Object.entries(messages.dropped).filter(([, count]) => count > 0);
  return [
    ['version', `${status.version}, process ${status.pid}, since ${status.startedAt}`],
    ['listeners', status.listeners.map(({ listener, address }) => `${listener} ${address}`).join(', ')],
    ['storage', storageSentence(storage)],
    ['connections', String(status.connections)],
    ['sessions', `${status.sessions} with ${status.subscriptions} subscriptions`],
    ['retained', `${status.retainedMessages} messages, ${status.retainedBytes} bytes of payload`],
    ['messages', `${messages.accepted} accepted, ${messages.denied} denied`],
    ['deliveries', `${messages.delivered} done, ${messages.waiting} waiting`],
    ['dropped', dropped.map(([reason, count]) => `${count} ${reason}`).join(', ') || 'none'],
    ['memory', `${status.waitingBytes} bytes for what waits for clients`],
    ['log level', status.logLevel],
  ];
}

export const healthPairs = ({ isReady, checks }: AnswerOf<'health'>): Pairs => [
  ['ready', isReady ? 'yes' : 'no'],
  ...checks.map(({ check, isOk, detail }): [string, string] => [check, `${isOk ? 'ok' : 'FAILS'}: ${detail}`]),
];

function storageSentence({
  isDurable,
  ackLevel,
  isWriting,
  isReading,
  error,
  uncommittedChanges,
}: AnswerOf<'storage'>): string {
  const what = isDurable ? `durable, acknowledged when ${ackLevel}` : 'in memory';
  const state =
    isWriting && isReading ? 'works' : `${isWriting ? 'reads' : 'writes'} FAIL: ${error ?? 'no reason given'}`;
  return `${what}, ${state}, ${uncommittedChanges} changes not stored yet`;
}
