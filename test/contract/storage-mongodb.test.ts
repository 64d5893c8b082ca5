// MongoDB storage keeps the contract, on a real server.
//
// A crash in the contract's sense is made by closing the driver under the storage: what it was doing goes no further
// than the server has it.
import { afterAll, describe, test } from '@jest/globals';
import * as fastCheck from 'fast-check';
import { storageContract } from 'hexmq/testkit';
import { describeWithServer } from '../e2e/tools.js';
import { MongoDatabases } from './mongodb-databases.js';

const databases = await MongoDatabases.find();

afterAll(() => databases?.dispose());

describeWithServer(databases, 'storage in MongoDB', (found) => {
  storageContract({
    name: 'mongodb',
    describe,
    test,
    fastCheck,
    reopenTimeoutMs: 25_000,
    factory: { create: () => Promise.resolve(found.subject()) },
    model: { runs: 15 },
  });
});
