// The reads of a store: on a connection of their own, or at one moment, which is a transaction that sees nothing of
// later ones.
import type { Message, PageLimit, QoS, QueueId, RestoredFact, Seq, StoredEntry, TopicName } from 'hexmq/ports';
import type { Connection, Row } from './connection.js';
import { goneWhileRead, impossible } from './errors.js';
import { factsIn } from './facts.js';
import type { Facts } from './facts.js';
import { messageFrom } from './messages.js';
import type { Head } from './messages.js';
import { keyOf } from './names.js';

/** A larger payload is read in slices, because the driver makes text of a reply. */
const SLICE_BYTES = 16 * 1024 * 1024;
/** Counting the entries of all queues may take longer than a statement usually does. */
const PATIENCE = 10;

const EMPTY = new Uint8Array(0);

export class Reader {
  readonly #connection: Connection;
  readonly #schema: string;
  readonly #timeoutMs: number;
  #cursors = 0;

  /** @param schema as an identifier in SQL. */
  constructor(connection: Connection, schema: string, timeoutMs: number) {
    this.#connection = connection;
    this.#schema = schema;
    this.#timeoutMs = timeoutMs;
  }

  get connection(): Connection {
    return this.#connection;
  }

  /** Needs a transaction. */
  async *facts(): AsyncGenerator<RestoredFact> {
    for (const facts of factsIn(this.#schema, this.#connection.place)) {
      for await (const row of this.#rows(facts)) {
        const fact = facts.factOf(row);
        if (fact !== undefined) yield fact;
      }
    }
  }

  async page(queue: QueueId, from: Seq, { maxEntries, maxBytes }: PageLimit): Promise<StoredEntry[]> {
    const s = this.#schema;
    const rows = await this.#connection.run(
      {
        name: 'page',
        text: `SELECT e.seq, e.qos, e.retain, e.identifiers, e.released, m.id AS shared,
            coalesce(m.head, e.head) AS head,
            octet_length(coalesce(m.payload, e.payload)) AS length,
            CASE WHEN e.bytes <= ${String(SLICE_BYTES)} AND NOT e.released THEN coalesce(m.payload, e.payload) END
              AS payload
          FROM (SELECT *, row_number() OVER (ORDER BY seq) AS position, sum(bytes) OVER (ORDER BY seq) AS total
            FROM (SELECT * FROM ${s}.entries WHERE queue = $1 AND seq >= $2 ORDER BY seq LIMIT $3) first) e
          LEFT JOIN ${s}.messages m ON m.id = e.message
          WHERE e.position = 1 OR e.total <= $4 ORDER BY e.seq`,
      },
      [keyOf('queue', queue).key, from, Math.max(1, maxEntries), maxBytes],
    );
    const entries: StoredEntry[] = [];
    for (const row of rows) entries.push(await this.#entry(queue, row));
    return entries;
  }

  async retained(topics: readonly TopicName[]): Promise<Message[]> {
    const rows = await this.#connection.run(
      {
        name: 'retained',
        text: `SELECT topic, head, bytes, CASE WHEN bytes <= ${String(SLICE_BYTES)} THEN payload END AS payload
          FROM ${this.#schema}.retained WHERE topic = ANY($1::text[])`,
      },
      [topics.map((topic) => keyOf('topic', topic).key)],
    );
    const byKey = new Map(rows.map((row) => [row['topic'] as string, row]));
    const messages: Message[] = [];
    for (const topic of topics) {
      const { key } = keyOf('topic', topic);
      const row = byKey.get(key);
      if (row === undefined) continue;
      const payload =
        row['payload'] ?? (await this.#slices('retained', 'topic = $1', [key], Number(row['bytes']), 'a message'));
      messages.push(messageFrom(row['head'] as Head, payload as Uint8Array));
    }
    return messages;
  }

  async #entry(queue: QueueId, row: Row): Promise<StoredEntry> {
    const { seq, qos, retain, identifiers, released, head, shared, length } = row;
    if (head === null) throw impossible(this.#connection.place, `a message of entry ${String(seq)} is missing`);
    let payload = row['payload'] ?? undefined;
    if (payload === undefined && released === false)
      payload =
        shared === null
          ? await this.#slices('entries', 'queue = $1 AND seq = $2', [keyOf('queue', queue).key, seq], Number(length))
          : await this.#slices('messages', 'id = $1', [shared], Number(length));
    return {
      seq: seq as Seq,
      message: messageFrom(head as Head, (payload as Uint8Array | undefined) ?? EMPTY),
      qos: qos as QoS,
      retain: retain as boolean,
      identifiers: (identifiers as readonly number[] | null) ?? undefined,
      released: released as boolean,
    };
  }

  async #slices(
    table: string,
    where: string,
    values: readonly unknown[],
    length: number,
    what = 'an entry',
  ): Promise<Uint8Array> {
    const bytes = Buffer.allocUnsafeSlow(length);
    for (let at = 0; at < length; at += SLICE_BYTES) {
      const cut = `substr(payload, ${String(at + 1)}, ${String(SLICE_BYTES)})`;
      const text = `SELECT ${cut} AS slice FROM ${this.#schema}.${table} WHERE ${where}`;
      const [row] = await this.#connection.run(text, values);
      const slice = row?.['slice'];
      if (!(slice instanceof Uint8Array) || slice.byteLength !== Math.min(SLICE_BYTES, length - at))
        throw goneWhileRead(this.#connection.place, what);
      bytes.set(slice, at);
    }
    return bytes;
  }

  async *#rows({ query, replyRows }: Facts): AsyncGenerator<Row> {
    const cursor = `facts_${String(this.#cursors++)}`;
    const patienceMs = this.#timeoutMs * PATIENCE;
    await this.#connection.run(`DECLARE ${cursor} NO SCROLL CURSOR FOR ${query}`, [], patienceMs);
    for (;;) {
      const rows = await this.#connection.run(`FETCH ${String(replyRows)} FROM ${cursor}`, [], patienceMs);
      yield* rows;
      if (rows.length < replyRows) break;
    }
    await this.#connection.run(`CLOSE ${cursor}`);
  }
}
