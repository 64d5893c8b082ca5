// Records of clients, and of their subscriptions and inbound Packet Identifiers.
import type { QoS, Seq, SessionRecord, SubscriptionRecord } from 'hexmq/ports';
import { RecordReader, recordWriter } from './record-bytes.js';

/** A client that has anything stored: a session, or subscriptions and inbound ids without one. */
export interface ClientRecord {
  /** Its subscriptions and inbound ids are stored under this number. */
  readonly number: number;
  readonly session: Omit<SessionRecord, 'clientId'> | undefined;
}

const ClientFlag = { session: 1, disconnected: 2, sent: 4, doubt: 8 } as const;

export function encodeClient({ number, session }: ClientRecord): Buffer {
  if (session === undefined) return recordWriter.begin().byte(0).uint48(number).end();
  const { expiryIntervalS, disconnectedAtMs, sentBelow, doubtBelow } = session;
  recordWriter
    .begin()
    .byte(
      ClientFlag.session |
        (disconnectedAtMs === undefined ? 0 : ClientFlag.disconnected) |
        (sentBelow === undefined ? 0 : ClientFlag.sent) |
        (doubtBelow === undefined ? 0 : ClientFlag.doubt),
    )
    .uint48(number)
    .uint32(expiryIntervalS);
  if (disconnectedAtMs !== undefined) recordWriter.time(disconnectedAtMs);
  if (sentBelow !== undefined) recordWriter.uint53(sentBelow);
  if (doubtBelow !== undefined) recordWriter.uint53(doubtBelow);
  return recordWriter.end();
}

export function decodeClient(bytes: Buffer): ClientRecord {
  const reader = new RecordReader(bytes);
  const flags = reader.byte();
  const number = reader.uint48();
  if ((flags & ClientFlag.session) === 0) return { number, session: undefined };
  const expiryIntervalS = reader.uint32();
  const disconnectedAtMs = (flags & ClientFlag.disconnected) === 0 ? undefined : reader.time();
  const sentBelow = (flags & ClientFlag.sent) === 0 ? undefined : (reader.uint53() as Seq);
  const doubtBelow = (flags & ClientFlag.doubt) === 0 ? undefined : (reader.uint53() as Seq);
  return { number, session: { expiryIntervalS, disconnectedAtMs, sentBelow, doubtBelow } };
}

const SubscriptionFlag = {
  noLocal: 1 << 2,
  retainAsPublished: 1 << 3,
  retainHandlingShift: 4,
  identifier: 1 << 6,
} as const;

/** The key has the Topic Filter and the client's number; the record has the client's name. */
export function encodeSubscription(record: SubscriptionRecord): Buffer {
  const { clientId, qos, noLocal, retainAsPublished, retainHandling, identifier } = record;
  recordWriter
    .begin()
    .byte(
      qos |
        (noLocal ? SubscriptionFlag.noLocal : 0) |
        (retainAsPublished ? SubscriptionFlag.retainAsPublished : 0) |
        (retainHandling << SubscriptionFlag.retainHandlingShift) |
        (identifier === undefined ? 0 : SubscriptionFlag.identifier),
    );
  if (identifier !== undefined) recordWriter.length(identifier);
  return recordWriter.text(clientId).end();
}

export function decodeSubscription(bytes: Buffer, topicFilter: string): SubscriptionRecord {
  const reader = new RecordReader(bytes);
  const flags = reader.byte();
  const identifier = (flags & SubscriptionFlag.identifier) === 0 ? undefined : reader.length();
  return {
    clientId: reader.text() as SubscriptionRecord['clientId'],
    topicFilter: topicFilter as SubscriptionRecord['topicFilter'],
    qos: (flags & 3) as QoS,
    noLocal: (flags & SubscriptionFlag.noLocal) !== 0,
    retainAsPublished: (flags & SubscriptionFlag.retainAsPublished) !== 0,
    retainHandling: ((flags >> SubscriptionFlag.retainHandlingShift) & 3) as 0 | 1 | 2,
    identifier,
  };
}

export const encodeInbound = (clientId: string): Buffer => recordWriter.begin().text(clientId).end();
export const decodeInbound = (bytes: Buffer): string => new RecordReader(bytes).text();
