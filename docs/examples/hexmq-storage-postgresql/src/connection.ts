// One connection to the server. Requests are pipelined: a request does not wait for the answer to the one before. The
// first failure of a connection ends it, because a new one costs less than finding out what state this one is in.
import { Socket } from 'node:net';
import pg from 'pg';
import { storageError } from './errors.js';

export type Row = Readonly<Record<string, unknown>>;

export interface Server {
  readonly url: string;
  /** Of the server and the schema, for messages: never the URL. */
  readonly place: string;
  /** The longest that a statement may take. */
  readonly timeoutMs: number;
}

/** A request whose plan the server keeps under its name. */
export interface Statement {
  readonly name: string;
  readonly text: string;
}

const CONNECT_TIMEOUT_MS = 10_000;
const KEEP_ALIVE_MS = 10_000;
const INT8 = 20;

/**
 * A server drops a peer that is gone, and with it its locks, after 25 s. `lock_timeout` has to be longer than the death
 * of a broker whose machine still runs takes, and shorter than an operator waits for "in use".
 */
const SETTINGS = `
  SET lock_timeout = '2s'; SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; SET jit = off;
  SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3;
  SET client_min_messages = warning`;

export class Connection {
  #isOver = false;
  #isDestroyed = false;

  private constructor(
    readonly client: pg.Client,
    readonly socket: Socket,
    readonly place: string,
  ) {
    // Without a listener, the loss of an idle connection would end the process.
    client.on('error', () => {
      this.destroy();
    });
    client.on('end', () => {
      this.#isOver = true;
    });
  }

  /** @throws StorageError */
  static async open({ url, place, timeoutMs }: Server, name: string): Promise<Connection> {
    const socket = new Socket();
    const client = new pg.Client({
      connectionString: url,
      application_name: name,
      connectionTimeoutMillis: Math.min(timeoutMs, CONNECT_TIMEOUT_MS),
      query_timeout: timeoutMs,
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
      pipeline: true,
      stream: () => socket,
      // A number of MQTT or of hexmq is never above 2^53.
      types: {
        getTypeParser: (oid) => (Number(oid) === INT8 ? Number : (pg.types.getTypeParser(oid, 'text') as never)),
      },
    });
    const connection = new Connection(client, socket, place);
    try {
      await client.connect();
      await client.query(SETTINGS);
      return connection;
    } catch (error) {
      connection.destroy();
      throw storageError(error, place);
    }
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** @throws StorageError, and ends the connection. */
  async run(statement: Statement | string, values: readonly unknown[] = [], timeoutMs?: number): Promise<Row[]> {
    const request = typeof statement === 'string' ? { text: statement } : statement;
    try {
      const config = { ...request, values: [...values], ...(timeoutMs && { query_timeout: timeoutMs }) };
      const result = await this.client.query<Row>(config);
      return result.rows;
    } catch (error) {
      this.destroy();
      throw storageError(error, this.place);
    }
  }

  /** At once, whatever is being done. */
  destroy(): void {
    this.#isOver = true;
    // Every request that is under way fails, and calls this.
    if (this.#isDestroyed) return;
    this.#isDestroyed = true;
    this.client.end().catch(() => undefined);
    this.socket.destroy();
  }

  /** Takes leave of the server, so that it ends the session at once. */
  async end(): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    await this.client.end().catch(() => undefined);
    this.socket.destroy();
  }
}
