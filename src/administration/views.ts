// From what the core and the storage say to what the administration answers: names of MQTT, dates as strings, and no
// keys without a value.
import type {
  AccessRule,
  ConnectionView,
  Counts,
  Message,
  QueuedView,
  QueueView,
  RecipientView,
  RetainedView,
  SessionView,
  SharedGroupView,
  StoredEntry,
  SubscriptionView,
  WillView,
} from '../ports/index.js';
import type { AccessExplanation } from './broker-parts.js';
import type { AnswerOf, ItemOf } from './operations.js';

/** The largest instant that a date can hold, in milliseconds. */
const INSTANT_MAX_MS = 8.64e15;
/** The Packet Identifiers that the broker assigns: docs/decisions/0029. */
const PACKET_IDS = 65_535;

export const instant = (atMs: number): string =>
  new Date(Math.min(INSTANT_MAX_MS, Math.max(-INSTANT_MAX_MS, atMs))).toISOString();

/** The value under the key, or nothing. */
const some = <Key extends string, Value, Shown>(
  key: Key,
  value: Value | undefined,
  show: (value: Value) => Shown,
): { [K in Key]?: Shown } => (value === undefined ? {} : ({ [key]: show(value) } as { [K in Key]?: Shown }));
const same = <Value>(value: Value): Value => value;

export const clientOf = (view: ConnectionView): ItemOf<'clients'> => ({
  ...some('clientId', view.clientId as string | undefined, same),
  connection: view.connection,
  state: view.state,
  stateSince: instant(view.stateSinceMs),
  listener: view.listener,
  remoteAddress: view.remoteAddress,
  protocolVersion: view.protocolVersion,
  keepAlive: view.keepAliveS,
  isCongested: view.isCongested,
});

export const sessionOf = (view: SessionView): ItemOf<'sessions'> => ({
  clientId: view.clientId,
  isStored: view.stored,
  isConnected: view.connection !== undefined,
  sessionExpiryInterval: view.expiryIntervalS,
  ...some('disconnectedAt', view.disconnectedAtMs, instant),
  subscriptions: view.subscriptions,
  outboundInFlight: view.outboundInFlight,
  inboundInFlight: view.inboundInFlight,
  queued: view.queued,
  queuedBytes: view.queuedBytes,
  hasWill: view.hasWill,
  ...some('connection', view.connection, clientOf),
});

export const willOf = (view: WillView): NonNullable<AnswerOf<'session'>['will']> => ({
  topic: view.topic,
  qos: view.qos,
  retain: view.retain,
  payloadBytes: view.payloadBytes,
  willDelayInterval: view.delayS,
  ...some('dueAt', view.dueAtMs, instant),
});

export const subscriptionOf = (view: SubscriptionView): ItemOf<'subscriptions'> => ({
  clientId: view.clientId,
  topicFilter: view.topicFilter,
  qos: view.qos,
  noLocal: view.noLocal,
  retainAsPublished: view.retainAsPublished,
  ...some('subscriptionIdentifier', view.identifier, same),
});

export const recipientOf = (view: RecipientView): ItemOf<'route'> => ({ ...view });

export const groupOf = (view: SharedGroupView): ItemOf<'shared-groups'> => ({ ...view });

export const queueOf = (view: QueueView): ItemOf<'queues'> => ({
  ...some('clientId', view.clientId as string | undefined, same),
  ...some('sharedGroup', view.sharedGroup, same),
  isConnected: view.isConnected,
  inFlight: view.inFlight,
  queued: view.queued,
  queuedBytes: view.queuedBytes,
});

export const retainedOf = (view: RetainedView): ItemOf<'retained'> => ({
  topic: view.topic,
  payloadBytes: view.payloadBytes,
  ...some('expiresAt', view.expiresAtMs, instant),
});

/** A message in a queue that is in memory only; its payload is not shown. */
export const queuedOf = ({ seq, packetId, qos, state, message }: QueuedView): ItemOf<'queue'> => ({
  seq,
  packetId,
  qos,
  state,
  ...(message === undefined
    ? {}
    : {
        topic: message.topic,
        payloadBytes: message.payloadBytes,
        ...some('publisher', message.publisher as string | undefined, same),
        acceptedAt: instant(message.acceptedAtMs),
        ...some('expiresAt', message.expiresAtMs, instant),
      }),
});

/** How a message from storage is shown: its instants are in broker time. */
export interface MessageDisplay {
  readonly wallAheadMs: number;
  readonly maxPayloadBytes: number;
}

/** How far the messages of a queue were sent. */
export interface SentMarks {
  readonly inFlightBelow: number;
  /** `undefined` for a shared group, which has no connection that could end. */
  readonly sentBelow?: number;
}

export const storedOf = (
  { seq, qos, released, message }: StoredEntry,
  { inFlightBelow, sentBelow }: SentMarks,
  display: MessageDisplay,
): ItemOf<'queue'> => ({
  seq,
  ...(sentBelow === undefined ? {} : { packetId: (seq % PACKET_IDS) + 1 }),
  qos,
  state: released ? 'released' : seq < inFlightBelow ? 'sent' : seq < (sentBelow ?? 0) ? 'resend' : 'waiting',
  ...(released ? { topic: message.topic } : messageOf(message, display)),
});

export const retainedMessageOf = (message: Message, display: MessageDisplay): AnswerOf<'retained-message'> => ({
  ...messageOf(message, display),
  qos: message.qos,
});

const messageOf = (message: Message, { wallAheadMs, maxPayloadBytes }: MessageDisplay) => ({
  topic: message.topic as string,
  payloadBytes: message.payload.byteLength,
  payload: Buffer.from(message.payload.subarray(0, maxPayloadBytes)).toString('base64'),
  ...some('publisher', message.publisher as string | undefined, same),
  acceptedAt: instant(message.acceptedAtMs + wallAheadMs),
  ...some('expiresAt', message.expiresAtMs, (atMs) => instant(atMs + wallAheadMs)),
});

export const messagesOf = ({ deliveries }: Counts): AnswerOf<'status'>['messages'] => ({
  accepted: deliveries.accepted,
  denied: deliveries.denied,
  deliveriesStarted: deliveries.started,
  deliveriesRestored: deliveries.restored,
  delivered: deliveries.delivered,
  transferred: deliveries.transferred,
  waiting: deliveries.waiting,
  dropped: { ...deliveries.dropped },
});

/** Of the rules that do not decide; a client can have thousands. */
const RULES_SHOWN = 100;

const ruleOf = ({ effect, actions, topicFilter, source }: AccessRule) => ({
  effect,
  actions: [...actions],
  topicFilter: topicFilter as string,
  source,
});

export const explanationOf = (explanation: AccessExplanation): AnswerOf<'acl-explain'> => ({
  isAllowed: explanation.isAllowed,
  ...some('rule', explanation.rule, ruleOf),
  ...some('reason', explanation.reason, same),
  skippedRules: explanation.skippedRules
    .slice(0, RULES_SHOWN)
    .map(({ rule, reason }) => ({ rule: ruleOf(rule), reason })),
  skippedCount: explanation.skippedRules.length,
  delivery: explanation.delivery.slice(0, RULES_SHOWN).map(ruleOf),
  ...some('deliveryDefault', explanation.deliveryDefault, same),
});
