// The example hexmq-storage-postgresql, as its author builds and tests it.
import { afterAll, beforeAll, test } from '@jest/globals';
import type { DatabaseServer } from '../../support/databases/database-server.js';
import { postgresqlServer, postgresqlUrl } from '../../support/databases/postgresql-server.js';
import { scene } from '../program.js';
import { describeWith } from '../tools.js';
import { ExamplePackage } from './example-package.js';

describeWith('postgresql', 'the example of storage in PostgreSQL', () => {
  let server: DatabaseServer;

  beforeAll(async () => {
    server = await postgresqlServer();
  });

  afterAll(() => server?.remove());

  test(
    'the PostgreSQL package compiles against the published entries of hexmq, and passes its own tests',
    () =>
      scene(async () => {
        const example = await ExamplePackage.install('hexmq-storage-postgresql');
        await example.passesItsTests({ HEXMQ_POSTGRESQL_URL: postgresqlUrl(server.port) });
      }),
    400_000,
  );
});
