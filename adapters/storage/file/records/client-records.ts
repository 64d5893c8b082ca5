// Records of clients, and of their subscriptions and inbound Packet Identifiers.
import type { QoS, SessionRecord, SubscriptionRecord } from 'hexmq/ports';
import { RecordReader, recordWriter } from './record-bytes.js';

/** A client that has anything stored: a session, or subscriptions and inbound ids without one. */
export interface ClientRecord {
  /** Its subscriptions and inbound ids are stored under this number. */
  readonly number: number;
  readonly session: Omit<SessionRecord, 'clientId'> | undefined;
}

const ClientFlag = { session: 1, disconnected: 2 } as const;

export function encodeClient({ number, session }: ClientRecord): Buffer {
  const disconnectedAtMs = session?.disconnectedAtMs;
  recordWriter
    .begin()
    .byte(
      (session === undefined ? 0 : ClientFlag.session) | (disconnectedAtMs === undefined ? 0 : ClientFlag.disconnected),
    )
    .uint48(number);
  if (session !== undefined) recordWriter.uint32(session.expiryIntervalS);
  if (disconnectedAtMs !== undefined) recordWriter.time(disconnectedAtMs);
  return recordWriter.end();
}

export function decodeClient(bytes: Buffer): ClientRecord {
  const reader = new RecordReader(bytes);
  const flags = reader.byte();
  const number = reader.uint48();
  if ((flags & ClientFlag.session) === 0) return { number, session: undefined };
  const expiryIntervalS = reader.uint32();
  return {
    number,
    session: { expiryIntervalS, disconnectedAtMs: (flags & ClientFlag.disconnected) === 0 ? undefined : reader.time() },
  };
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
