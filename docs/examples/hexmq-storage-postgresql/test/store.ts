// Stores for the tests: each a schema of its own in the database that HEXMQ_POSTGRESQL_URL names.
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import type { Storage } from 'hexmq/ports';
import { createStorage } from '../src/index.js';
import { Proxy } from './proxy.js';

/** Of a database in which schemas may be created. */
export const SERVER = process.env['HEXMQ_POSTGRESQL_URL'] ?? 'postgresql://postgres@127.0.0.1:5432/postgres';

export async function query(text: string, values: readonly unknown[] = []): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: SERVER });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text, [...values])).rows;
  } finally {
    await client.end();
  }
}

/** A schema, and the storages on it, each with connections of its own, as processes have. */
export class Store {
  readonly schema = `hexmq_test_${randomBytes(8).toString('hex')}`;
  #proxies: Proxy[] = [];

  async storage(): Promise<Storage> {
    const proxy = await Proxy.before(SERVER);
    this.#proxies.push(proxy);
    return createStorage({ url: proxy.url, schema: this.schema });
  }

  /** The proxy of the storage that was made last. */
  get proxy(): Proxy {
    const last = this.#proxies.at(-1);
    if (last === undefined) throw new Error('there is no storage yet');
    return last;
  }

  /** Ends what the death of their process would end. */
  killAll(): void {
    for (const proxy of this.#proxies) proxy.close();
    this.#proxies = [];
  }

  async remove(): Promise<void> {
    this.killAll();
    await query(`SET client_min_messages = warning; DROP SCHEMA IF EXISTS ${this.schema} CASCADE`);
  }
}
