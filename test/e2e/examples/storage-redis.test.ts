// The example hexmq-storage-redis, as its author builds and tests it.
import { afterAll, beforeAll, test } from '@jest/globals';
import type { DatabaseServer } from '../../support/databases/database-server.js';
import { redisServer, redisUrl } from '../../support/databases/redis-server.js';
import { scene } from '../program.js';
import { describeWith } from '../tools.js';
import { ExamplePackage } from './example-package.js';

/** Redis cannot show one moment while it goes on: the adapter has no snapshots. */
const LAWS_OF_SNAPSHOTS = 7;

describeWith('redis_server', 'the example of storage in Redis', () => {
  let server: DatabaseServer;

  beforeAll(async () => {
    server = await redisServer();
  });

  afterAll(() => server?.remove());

  test(
    'the Redis package compiles against the published entries of hexmq, and passes its own tests',
    () =>
      scene(async () => {
        const example = await ExamplePackage.install('hexmq-storage-redis');
        await example.passesItsTests({ HEXMQ_REDIS_URL: redisUrl(server.port) }, LAWS_OF_SNAPSHOTS);
      }),
    400_000,
  );
});
