// hexmq-storage-postgresql: what a configuration of hexmq needs. Checks the options and opens nothing.
import pg from 'pg';
import { OptionReader } from 'hexmq/ports';
import type { Storage } from 'hexmq/ports';
import { PostgresqlStorage } from './postgresql-storage.js';

const URL_EXPECTED = 'a URL such as postgresql://user:password@host:5432/database';
const SCHEMA_EXPECTED = 'the name of a schema: up to 63 lowercase letters, digits and underscores';
const TIMEOUT = { min: 1000, max: 3_600_000, fallback: 60_000 };

/**
 * Called by hexmq with the options of the configuration.
 * @throws TypeError or AggregateError that names the options. No message shows the URL, which may hold a password.
 */
export function createStorage(given: unknown): Storage {
  const options = new OptionReader(given);
  const { server, schema, timeoutMs } = options.readAll({
    server: () => serverOf(options),
    schema: () => schemaOf(options),
    timeoutMs: () => options.integer('timeoutMs', TIMEOUT),
  });
  return new PostgresqlStorage({ url: server.url, place: `${server.place}, schema ${schema}`, timeoutMs }, schema);
}

function serverOf(options: OptionReader): { readonly url: string; readonly place: string } {
  const url = options.requireSecret('url', URL_EXPECTED);
  if (!/^postgres(ql)?:\/\//.test(url)) options.refuse('url', `not valid, expected ${URL_EXPECTED}`);
  try {
    const { host, port, database } = new pg.Client({ connectionString: url });
    return { url, place: `PostgreSQL at ${host}:${String(port)}/${database ?? ''}` };
  } catch {
    // The reason is left out: it may quote the URL.
    return options.refuse(
      'url',
      'not a URL, or a file that it names cannot be read; percent-encode special characters in user name and password',
    );
  }
}

function schemaOf(options: OptionReader): string {
  const schema = options.string('schema', SCHEMA_EXPECTED) ?? 'hexmq';
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(schema) || schema.startsWith('pg_'))
    options.refuse('schema', `${JSON.stringify(schema)} is not valid, expected ${SCHEMA_EXPECTED}`);
  return schema;
}
