// The connection that writes. Two things keep a second broker out: an advisory lock, which the server holds for as long
// as this connection lives, and an epoch in the store, which every commit checks in its transaction. The lock refuses a
// second broker while the first lives; the epoch stops a first one that lost its connection, and with it the lock, to a
// second one.
import { createHash, randomBytes } from 'node:crypto';
import { StorageError } from 'hexmq/ports';
import { Commit } from './commit.js';
import { Connection } from './connection.js';
import type { Server } from './connection.js';
import type { Effect } from './effect.js';
import type { Schema } from './schema.js';
import { statementsFor } from './statements.js';
import type { Statements } from './statements.js';

/** SQLSTATE of a lock that another session has kept for longer than `lock_timeout`. */
const LOCK_NOT_AVAILABLE = '55P03';

/**
 * Tables are only read by key here, and a plan is kept: one that was made while a table was small must not read all of
 * it later. A commit that has resolved is on the disk of the server; what an operator has asked for beyond that, such
 * as standbys, stays.
 */
const SETTINGS = `
  SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off;
  SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'`;

const REQUIRED = `
  SELECT current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS synchronous,
    current_setting('server_encoding') AS encoding, current_setting('server_version_num')::int AS version,
    pg_is_in_recovery() AS standby`;

const VERSION_MIN = 130_000;

export class Writer {
  /** Tells sessions of this writer from all others. */
  readonly #name = `hexmq ${randomBytes(8).toString('hex')}`;
  readonly #server: Server;
  readonly #schema: Schema;
  readonly #statements: Statements;
  readonly #lock: string;
  #connection: Connection | undefined;
  /** The number of this opening; `undefined` until the store is open. */
  #epoch: number | undefined;
  #isClosed = false;

  constructor(server: Server, schema: Schema) {
    this.#server = server;
    this.#schema = schema;
    this.#statements = statementsFor(schema.id);
    this.#lock = createHash('sha256').update(`hexmq ${schema.name}`).digest().readBigInt64BE().toString();
  }

  /** Takes the store, and creates its tables. @throws StorageError `fenced` if another writer has it. */
  async open(): Promise<void> {
    const connection = await this.#connect();
    try {
      await this.#take(connection);
      await this.#schema.prepare(connection);
      const [row] = await connection.run(`UPDATE ${this.#schema.id}.store SET epoch = epoch + 1 RETURNING epoch`);
      this.#epoch = row?.['epoch'] as number;
      this.#connection = connection;
    } catch (error) {
      connection.destroy();
      throw error;
    }
  }

  /** One transaction. @throws StorageError; afterwards the next call begins with a new connection. */
  async commit(effect: Effect): Promise<void> {
    const connection = await this.#ready();
    try {
      const [, fenced] = await Promise.all([
        connection.run('BEGIN'),
        connection.run(this.#statements.fence, [this.#epoch, effect.lastMessageId]),
      ]);
      if (fenced.length === 0) throw openedByAnother(this.#server.place);
      await new Commit(connection, this.#statements, effect).write();
      await connection.run('COMMIT');
    } catch (error) {
      // Its transaction ends with it.
      connection.destroy();
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#connection?.end();
  }

  async #ready(): Promise<Connection> {
    const current = this.#connection;
    if (current !== undefined && !current.isOver) return current;
    this.#connection = undefined;
    const connection = await this.#connect();
    try {
      await this.#takeAgain(connection);
    } catch (error) {
      connection.destroy();
      throw error;
    }
    if (this.#isClosed) connection.destroy();
    return (this.#connection = connection);
  }

  async #connect(): Promise<Connection> {
    const connection = await Connection.open(this.#server, this.#name);
    try {
      await connection.run(SETTINGS);
      const [found = {}] = await connection.run(REQUIRED);
      const problem = problemOf(found);
      if (problem !== undefined) throw new StorageError('unavailable', `${this.#server.place} ${problem}`);
      return connection;
    } catch (error) {
      connection.destroy();
      throw error;
    }
  }

  async #take(connection: Connection): Promise<void> {
    try {
      await connection.run(`SELECT pg_advisory_lock(${this.#lock})`);
    } catch (error) {
      throw isHeld(error) ? inUse(this.#server.place) : error;
    }
  }

  /**
   * After a connection was lost. The server may not have noticed that yet, and the session of that connection then has
   * the lock, and may be about to commit: it has to end first.
   */
  async #takeAgain(connection: Connection): Promise<void> {
    const name = this.#name;
    await connection.run(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE application_name = $1 AND pid <> pg_backend_pid() AND usename = current_user`,
      [name],
    );
    try {
      await connection.run(`SELECT pg_advisory_lock(${this.#lock})`);
    } catch (error) {
      if (!isHeld(error)) throw error;
      throw (await this.#isTaken()) ? openedByAnother(this.#server.place) : error;
    }
    const [row] = await connection.run(`SELECT epoch FROM ${this.#schema.id}.store`);
    if (row?.['epoch'] !== this.#epoch) throw openedByAnother(this.#server.place);
  }

  /** Whether another writer has opened the store since. */
  async #isTaken(): Promise<boolean> {
    const connection = await Connection.open(this.#server, `${this.#name} look`);
    try {
      const [row] = await connection.run(`SELECT epoch FROM ${this.#schema.id}.store`);
      return row?.['epoch'] !== this.#epoch;
    } finally {
      await connection.end();
    }
  }
}

function problemOf({ fsync, synchronous, encoding, version, standby }: Readonly<Record<string, unknown>>) {
  if (Number(version) < VERSION_MIN) return `is of version ${String(version)}: PostgreSQL 13 or later is needed`;
  if (standby === true) return 'is a standby, which is read-only: name the primary in the url';
  if (fsync !== 'on') return 'does not flush to its disk, so nothing is durable: set fsync = on in postgresql.conf';
  if (synchronous === 'off') return 'cannot be set to flush what it acknowledges: set synchronous_commit = on';
  return encoding === 'UTF8' ? undefined : 'does not store UTF-8: create a database with ENCODING UTF8';
}

const isHeld = (error: unknown): boolean =>
  error instanceof StorageError && (error.cause as { readonly code?: string } | undefined)?.code === LOCK_NOT_AVAILABLE;

const inUse = (place: string): StorageError =>
  new StorageError('fenced', `another hexmq has opened ${place}: only one may use a schema, stop one of them`);

const openedByAnother = (place: string): StorageError =>
  new StorageError('fenced', `${place} was opened by another hexmq: only one may use a schema, stop one of them`);
