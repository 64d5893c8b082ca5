// A PostgreSQL server of the tests' own, from Debian's package or from the path. It does not run as root: where the
// tests do, it runs as the user postgres.
import { spawnSync } from 'node:child_process';
import { chownSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { DatabaseServer } from './database-server.js';
import { postgresqlPrograms } from './postgresql-programs.js';

/** @throws Error unless `postgresqlPrograms` finds them. */
export async function postgresqlServer(): Promise<DatabaseServer> {
  const { folder, account } = postgresqlPrograms() ?? {};
  if (folder === undefined) throw new Error('PostgreSQL is missing');
  const as = (program: string, ...args: string[]): [string, ...string[]] =>
    account === undefined
      ? [join(folder, program), ...args]
      : [
          'setpriv',
          `--reuid=${account.uid}`,
          `--regid=${account.gid}`,
          '--clear-groups',
          join(folder, program),
          ...args,
        ];
  return DatabaseServer.start({
    prepare: (directory) => {
      if (account !== undefined) chownSync(directory, account.uid, account.gid);
      const data = join(directory, 'data');
      const [program, ...args] = as(
        'initdb',
        '-D',
        data,
        '-U',
        'postgres',
        '--auth=trust',
        '-E',
        'UTF8',
        '--locale=C',
        '-N',
      );
      const { status, stderr } = spawnSync(program, args, { encoding: 'utf8', cwd: directory });
      if (status !== 0) throw new Error(`initdb failed: ${stderr}`);
    },
    command: (port, directory) =>
      as('postgres', '-D', join(directory, 'data'), '-p', String(port), '-h', '127.0.0.1', '-k', directory),
    ping: async (port) => {
      const client = new pg.Client({ connectionString: postgresqlUrl(port), connectionTimeoutMillis: 5000 });
      client.on('error', () => undefined);
      try {
        await client.connect();
        await client.query('SELECT 1');
      } finally {
        await client.end();
      }
    },
  });
}

export const postgresqlUrl = (port: number): string => `postgresql://postgres@127.0.0.1:${port}/postgres`;
