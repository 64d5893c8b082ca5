// The facts that a broker keeps in memory, each kind as a query and what is made of its rows.
import type {
  ClientId,
  MessageId,
  QoS,
  QueueId,
  RestoredFact,
  Seq,
  SubscriptionRecord,
  TopicFilter,
  TopicName,
} from 'hexmq/ports';
import type { Row } from './connection.js';
import { impossible } from './errors.js';
import { draftFrom } from './messages.js';
import type { Head } from './messages.js';
import { nameOf } from './names.js';

/** Rows of one reply; those of wills have a payload of up to 64 KiB. */
const REPLY_ROWS = 2000;
const REPLY_WILLS = 100;

export interface Facts {
  readonly query: string;
  readonly replyRows: number;
  readonly factOf: (row: Row) => RestoredFact | undefined;
}

/** In the order of the port. @param s the schema, as an identifier in SQL. */
export function* factsIn(s: string, place: string): Generator<Facts> {
  yield* factsOfClients(s, place);
  yield* factsOfMessages(s, place);
}

const withName = (s: string, table: string, key: string, columns: string): string =>
  `SELECT t.${key} AS key, n.name AS long, ${columns} FROM ${table} t LEFT JOIN ${s}.names n ON n.key = t.${key}`;

function* factsOfClients(s: string, place: string): Generator<Facts> {
  yield {
    query: withName(s, `${s}.sessions`, 'client', 'expiry_interval_s, disconnected_at_ms, sent_below, doubt_below'),
    replyRows: REPLY_ROWS,
    factOf: (row) => ({
      kind: 'session',
      session: {
        clientId: nameIn(row, place) as ClientId,
        expiryIntervalS: row['expiry_interval_s'] as number,
        disconnectedAtMs: (row['disconnected_at_ms'] as number | null) ?? undefined,
        sentBelow: (row['sent_below'] as Seq | null) ?? undefined,
        doubtBelow: (row['doubt_below'] as Seq | null) ?? undefined,
      },
    }),
  };
  yield {
    query: withName(
      s,
      `${s}.subscriptions`,
      'client',
      't.filter, t.long_filter, t.qos, t.no_local, t.retain_as_published, t.retain_handling, t.identifier',
    ),
    replyRows: REPLY_ROWS,
    factOf: (row) => ({ kind: 'subscription', subscription: subscriptionFrom(row, place) }),
  };
  yield {
    query: withName(s, `${s}.inbound`, 'client', 't.packet_id'),
    replyRows: REPLY_ROWS,
    factOf: (row) => ({
      kind: 'inbound',
      clientId: nameIn(row, place) as ClientId,
      packetId: row['packet_id'] as number,
    }),
  };
  yield {
    query: withName(s, `${s}.wills`, 'client', 't.head, t.payload, t.delay_s, t.due_at_ms'),
    replyRows: REPLY_WILLS,
    factOf: (row) => ({
      kind: 'will',
      will: {
        clientId: nameIn(row, place) as ClientId,
        message: draftFrom(row['head'] as Head, row['payload'] as Uint8Array),
        delayS: row['delay_s'] as number,
        dueAtMs: (row['due_at_ms'] as number | null) ?? undefined,
      },
    }),
  };
}

function* factsOfMessages(s: string, place: string): Generator<Facts> {
  yield {
    query: withName(
      s,
      `(SELECT queue, min(seq) AS first, max(seq) + 1 AS next, count(*) AS count, sum(bytes)::bigint AS bytes
        FROM ${s}.entries GROUP BY queue)`,
      'queue',
      't.first, t.next, t.count, t.bytes',
    ),
    replyRows: REPLY_ROWS,
    factOf: (row) => ({
      kind: 'queue',
      queue: nameIn(row, place) as QueueId,
      first: row['first'] as Seq,
      next: row['next'] as Seq,
      count: row['count'] as number,
      bytes: row['bytes'] as number,
    }),
  };
  yield {
    query: `SELECT topic AS key, CASE WHEN topic LIKE '#%' THEN head->>'topic' END AS long, id, bytes, expires_at_ms
      FROM ${s}.retained`,
    replyRows: REPLY_ROWS,
    factOf: (row) => ({
      kind: 'retained',
      topic: nameIn(row, place) as TopicName,
      id: row['id'] as MessageId,
      bytes: row['bytes'] as number,
      expiresAtMs: (row['expires_at_ms'] as number | null) ?? undefined,
    }),
  };
  yield {
    query: `SELECT last_message_id FROM ${s}.store`,
    replyRows: REPLY_ROWS,
    factOf: (row) => {
      const id = row['last_message_id'] as MessageId;
      return id < 0 ? undefined : { kind: 'last-message-id', id };
    },
  };
}

function subscriptionFrom(row: Row, place: string): SubscriptionRecord {
  return {
    clientId: nameIn(row, place) as ClientId,
    topicFilter: nameFrom(row['filter'], row['long_filter'], place) as TopicFilter,
    qos: row['qos'] as QoS,
    noLocal: row['no_local'] as boolean,
    retainAsPublished: row['retain_as_published'] as boolean,
    retainHandling: row['retain_handling'] as 0 | 1 | 2,
    identifier: (row['identifier'] as number | null) ?? undefined,
  };
}

const nameIn = (row: Row, place: string): string => nameFrom(row['key'], row['long'], place);

function nameFrom(key: unknown, long: unknown, place: string): string {
  const name = nameOf(key as string, long as string | null);
  if (name === undefined) throw impossible(place, `a name of ${key as string} is missing`);
  return name;
}
