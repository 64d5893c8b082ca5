// The example hexmq-storage-postgresql: brokers that use it while they or the server are killed.
import { afterAll, beforeAll, test } from '@jest/globals';
import type { DatabaseServer } from '../../support/databases/database-server.js';
import { postgresqlServer, postgresqlUrl } from '../../support/databases/postgresql-server.js';
import { runScenario } from '../kill/kill-tests.js';
import { configured } from '../kill/storage-place.js';
import { scene } from '../program.js';
import { describeWith } from '../tools.js';
import { ExamplePackage } from './example-package.js';

const NAME = 'hexmq-storage-postgresql';
/** Each of the three victims, the broker, the server and both, two times. */
const ROUNDS = 6;

describeWith('postgresql', 'brokers with storage in PostgreSQL', () => {
  let server: DatabaseServer;

  beforeAll(async () => {
    server = await postgresqlServer();
  });

  afterAll(() => server?.remove());

  test(
    'PostgreSQL storage loses no acknowledged message when the broker, the server or both are killed',
    () =>
      scene(async () => {
        const { cwd } = await ExamplePackage.install(NAME);
        const options = { url: postgresqlUrl(server.port), schema: 'killed' };
        await runScenario({ args: configured(NAME, options), cwd, server }, ROUNDS);
      }),
    300_000,
  );
});
