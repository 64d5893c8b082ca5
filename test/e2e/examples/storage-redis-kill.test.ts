// The example hexmq-storage-redis: brokers that use it while they or the server are killed.
import { afterAll, beforeAll, test } from '@jest/globals';
import type { DatabaseServer } from '../../support/databases/database-server.js';
import { redisServer, redisUrl } from '../../support/databases/redis-server.js';
import { runScenario } from '../kill/kill-tests.js';
import { configured } from '../kill/storage-place.js';
import { scene } from '../program.js';
import { describeWith } from '../tools.js';
import { ExamplePackage } from './example-package.js';

const NAME = 'hexmq-storage-redis';
/** Each of the three victims, the broker, the server and both, two times. */
const ROUNDS = 6;

describeWith('redis_server', 'brokers with storage in Redis', () => {
  let server: DatabaseServer;

  beforeAll(async () => {
    server = await redisServer();
  });

  afterAll(() => server?.remove());

  test(
    'Redis storage loses no acknowledged message when the broker, the server or both are killed',
    () =>
      scene(async () => {
        const { cwd } = await ExamplePackage.install(NAME);
        const options = { url: redisUrl(server.port), prefix: 'killed:' };
        await runScenario({ args: configured(NAME, options), cwd, server }, ROUNDS);
      }),
    300_000,
  );
});
