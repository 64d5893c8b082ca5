// MongoDB storage keeps the first promise whatever happens to the broker, to the server, or to both.
import { afterAll } from '@jest/globals';
import { killableMongoServer } from '../support/mongodb-server.js';
import { killTests } from './kill/kill-tests.js';
import { killableMongodbStorage } from './kill/storage-place.js';
import { describeWithServer } from './tools.js';

const server = await killableMongoServer();

afterAll(() => server?.stop());

describeWithServer(server, 'MongoDB storage, when the broker, the server or both are killed', (found) => {
  killTests(() => killableMongodbStorage(found));
});
