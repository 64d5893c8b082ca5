// The tables, and what a change of their format does. The schema belongs to one store: a program that finds tables in
// it that it does not know refuses to use it.
import pg from 'pg';
import { StorageError } from 'hexmq/ports';
import type { Connection } from './connection.js';

/** What this version reads and writes. A version that raises it says in MIGRATIONS how a store gets there. */
export const FORMAT = 1;

/** By the format before: statements that lead to the next one, run in one transaction. There are none yet. */
const MIGRATIONS: Readonly<Record<number, readonly string[]>> = {};

/** Tables whose rows come and go are cleaned up early. */
const CHURNING = 'WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000)';

const TABLES = `
  CREATE TABLE names (key text COLLATE "C" PRIMARY KEY, name text NOT NULL);
  CREATE TABLE sessions (client text COLLATE "C" PRIMARY KEY, expiry_interval_s bigint NOT NULL,
    disconnected_at_ms bigint, sent_below bigint, doubt_below bigint);
  CREATE TABLE subscriptions (client text COLLATE "C", filter text COLLATE "C", long_filter text,
    qos smallint NOT NULL, no_local boolean NOT NULL, retain_as_published boolean NOT NULL,
    retain_handling smallint NOT NULL, identifier bigint, PRIMARY KEY (client, filter));
  CREATE TABLE inbound (client text COLLATE "C", packet_id integer, PRIMARY KEY (client, packet_id));
  CREATE TABLE wills (client text COLLATE "C" PRIMARY KEY, head json NOT NULL, payload bytea NOT NULL,
    delay_s bigint NOT NULL, due_at_ms bigint);
  CREATE TABLE retained (topic text COLLATE "C" PRIMARY KEY, id bigint NOT NULL, bytes bigint NOT NULL,
    expires_at_ms bigint, head json NOT NULL, payload bytea NOT NULL);
  CREATE TABLE messages (id bigint PRIMARY KEY, uses bigint NOT NULL, head json NOT NULL, payload bytea NOT NULL)
    ${CHURNING};
  CREATE TABLE entries (queue text COLLATE "C", seq bigint, qos smallint NOT NULL, retain boolean NOT NULL,
    identifiers json, released boolean NOT NULL, bytes bigint NOT NULL, message bigint, head json, payload bytea,
    PRIMARY KEY (queue, seq)) ${CHURNING};
  CREATE TABLE store (one boolean PRIMARY KEY DEFAULT true CHECK (one), format integer NOT NULL,
    epoch bigint NOT NULL, last_message_id bigint NOT NULL);
  INSERT INTO store (format, epoch, last_message_id) VALUES (${String(FORMAT)}, 0, -1)`;

export class Schema {
  /** As an identifier in SQL. */
  readonly id: string;

  constructor(readonly name: string) {
    this.id = pg.escapeIdentifier(name);
  }

  /** @returns the format of the store, or `undefined` if there is none. @throws StorageError for a foreign one. */
  async format(connection: Connection): Promise<number | undefined> {
    const [found] = await connection.run(
      `SELECT count(*) FILTER (WHERE relname = 'store') AS stores, count(*) AS tables FROM pg_class
       WHERE relnamespace = to_regnamespace($1) AND relkind IN ('r', 'p', 'v', 'm')`,
      [this.id],
    );
    if (found?.['tables'] === 0) return undefined;
    if (found?.['stores'] !== 1) throw this.#foreign(connection.place);
    const [store] = await connection.run(`SELECT format FROM ${this.id}.store`);
    if (typeof store?.['format'] !== 'number') throw this.#foreign(connection.place);
    return store['format'];
  }

  /** Creates the tables if there are none. The caller has the lock of the store. */
  async prepare(connection: Connection): Promise<void> {
    const format = await this.format(connection);
    if (format === FORMAT) return;
    const statements = format === undefined ? [TABLES] : this.#migrations(format, connection.place);
    await connection.run(
      [
        'BEGIN',
        ...(format === undefined ? [`CREATE SCHEMA IF NOT EXISTS ${this.id}`] : []),
        `SET LOCAL search_path = ${this.id}`,
        ...statements,
        ...(format === undefined ? [] : [`UPDATE store SET format = ${String(FORMAT)}`]),
        'COMMIT',
      ].join(';'),
    );
  }

  /** @throws StorageError unless this version can read the format. */
  requireReadable(format: number, place: string): void {
    if (format === FORMAT) return;
    const what = `the store in ${place} has format ${String(format)}, and this version reads ${String(FORMAT)}`;
    throw new StorageError(
      'corrupt',
      format > FORMAT
        ? `${what}: use the version of hexmq-storage-postgresql that wrote it, or a later one`
        : `${what}: start the broker with it once, which brings it up to date`,
    );
  }

  #migrations(from: number, place: string): string[] {
    const statements: string[] = [];
    for (let format = from; format < FORMAT; format++) statements.push(...(MIGRATIONS[format] ?? []));
    if (from > FORMAT || statements.length === 0) this.requireReadable(from, place);
    return statements;
  }

  #foreign(place: string): StorageError {
    return new StorageError(
      'corrupt',
      `the schema of ${place} has tables of another program: choose another one with the option schema`,
    );
  }
}
