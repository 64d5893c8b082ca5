// The statements of a commit. Each takes its rows as one JSON array, and the payloads of all rows as one parameter that
// is cut up by the server: a batch is stored by a few statements, whatever it consists of, and no payload is written
// as text.
import type { Statement } from './connection.js';

const rows = (columns: string): string => `json_to_recordset($1::json) AS r(${columns})`;
const PAYLOAD = 'substr($2::bytea, r.at, r.length)';
/** Where a payload is in the parameter, from 1. */
const CUT = 'at integer, length integer';

export type Statements = Readonly<Record<keyof ReturnType<typeof textsOf>, RowStatement>>;

export interface RowStatement extends Statement {
  /** Whether it needs the second parameter. */
  readonly hasPayloads: boolean;
}

const textsOf = (s: string) => ({
  /** No row, if another broker has opened the store since. The row stays locked until the end of the transaction. */
  fence: `UPDATE ${s}.store SET last_message_id = greatest(last_message_id, $2) WHERE epoch = $1 RETURNING epoch`,

  dropSessions: `DELETE FROM ${s}.sessions WHERE client = ANY($1::text[])`,
  dropSubscriptionsOf: `DELETE FROM ${s}.subscriptions WHERE client = ANY($1::text[])`,
  dropInboundOf: `DELETE FROM ${s}.inbound WHERE client = ANY($1::text[])`,
  dropNames: `DELETE FROM ${s}.names WHERE key = ANY($1::text[])`,
  dropWills: `DELETE FROM ${s}.wills WHERE client = ANY($1::text[])`,
  dropRetained: `DELETE FROM ${s}.retained WHERE topic = ANY($1::text[])`,
  dropSubscriptions: `DELETE FROM ${s}.subscriptions t USING ${rows('client text, filter text')}
    WHERE t.client = r.client AND t.filter = r.filter`,
  dropInbound: `DELETE FROM ${s}.inbound t USING ${rows('client text, id integer')}
    WHERE t.client = r.client AND t.packet_id = r.id`,
  /** Returns the shared messages that the entries referred to, with what is left of their uses. */
  dropEntries: `WITH gone AS (
      DELETE FROM ${s}.entries t USING ${rows('queue text, low bigint, high bigint')}
      WHERE t.queue = r.queue AND t.seq BETWEEN r.low AND r.high RETURNING t.message),
    counts AS (SELECT message, count(*) AS n FROM gone WHERE message IS NOT NULL GROUP BY message)
    UPDATE ${s}.messages m SET uses = m.uses - c.n FROM counts c WHERE m.id = c.message RETURNING m.id, m.uses`,

  putNames: `INSERT INTO ${s}.names SELECT key, name FROM ${rows('key text, name text')} ON CONFLICT DO NOTHING`,
  putSessions: `INSERT INTO ${s}.sessions SELECT client, expiry, disconnected, sent, doubt
    FROM ${rows('client text, expiry bigint, disconnected bigint, sent bigint, doubt bigint')}
    ON CONFLICT (client) DO UPDATE SET expiry_interval_s = excluded.expiry_interval_s,
      disconnected_at_ms = excluded.disconnected_at_ms, sent_below = excluded.sent_below,
      doubt_below = excluded.doubt_below`,
  putSubscriptions: `INSERT INTO ${s}.subscriptions
    SELECT client, filter, long, qos, no_local, as_published, handling, identifier FROM ${rows(
      'client text, filter text, long text, qos smallint, no_local boolean, as_published boolean, handling smallint, ' +
        'identifier bigint',
    )}
    ON CONFLICT (client, filter) DO UPDATE SET qos = excluded.qos, no_local = excluded.no_local,
      retain_as_published = excluded.retain_as_published, retain_handling = excluded.retain_handling,
      identifier = excluded.identifier`,
  putInbound: `INSERT INTO ${s}.inbound SELECT client, id FROM ${rows('client text, id integer')}
    ON CONFLICT DO NOTHING`,
  putWills: `INSERT INTO ${s}.wills SELECT client, head, ${PAYLOAD}, delay, due
    FROM ${rows(`client text, head json, delay bigint, due bigint, ${CUT}`)}
    ON CONFLICT (client) DO UPDATE SET head = excluded.head, payload = excluded.payload,
      delay_s = excluded.delay_s, due_at_ms = excluded.due_at_ms`,
  putRetained: `INSERT INTO ${s}.retained SELECT topic, id, length, expires, head, ${PAYLOAD}
    FROM ${rows(`topic text, id bigint, expires bigint, head json, ${CUT}`)}
    ON CONFLICT (topic) DO UPDATE SET id = excluded.id, bytes = excluded.bytes,
      expires_at_ms = excluded.expires_at_ms, head = excluded.head, payload = excluded.payload`,
  releaseEntries: `UPDATE ${s}.entries t SET released = true, bytes = 0, payload = NULL
    FROM ${rows('queue text, seq bigint')} WHERE t.queue = r.queue AND t.seq = r.seq`,
  putMessages: `INSERT INTO ${s}.messages AS m SELECT id, uses, head, ${PAYLOAD}
    FROM ${rows(`id bigint, uses bigint, head json, ${CUT}`)}
    ON CONFLICT (id) DO UPDATE SET uses = m.uses + excluded.uses`,
  putEntries: `INSERT INTO ${s}.entries
    SELECT queue, seq, qos, retain, identifiers, released, bytes, message, head,
      CASE WHEN at IS NOT NULL THEN ${PAYLOAD} END
    FROM ${rows(
      'queue text, seq bigint, qos smallint, retain boolean, identifiers json, released boolean, bytes bigint, ' +
        `message bigint, head json, ${CUT}`,
    )}`,
  dropMessages: `DELETE FROM ${s}.messages WHERE id = ANY($1::bigint[]) AND uses <= 0`,
});

/** @param schema the name of the schema, as an identifier in SQL. */
export function statementsFor(schema: string): Statements {
  const texts = Object.entries(textsOf(schema));
  return Object.fromEntries(
    texts.map(([name, text]) => [name, { name, text, hasPayloads: text.includes(PAYLOAD) }]),
  ) as unknown as Statements;
}
