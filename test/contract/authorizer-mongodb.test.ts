// The MongoDB authorizer, held to the contract of its port on a real server.
import { afterAll, describe, test } from '@jest/globals';
import type { Document } from 'mongodb';
import { authorizerContract } from 'hexmq/testkit';
import { createAuthorizer } from '../../adapters/auth/mongodb/index.js';
import { describeWithServer } from '../e2e/tools.js';
import { MongoDatabases } from './mongodb-databases.js';

const databases = await MongoDatabases.find();

afterAll(() => databases?.dispose());

describeWithServer(databases, 'authorization in MongoDB', (found) => {
  authorizerContract({
    name: 'mongodb',
    describe,
    test,
    sample: { clientId: 'meter-7', userName: 'ann' },
    factory: {
      create: async () => {
        const database = found.create();
        const users = [
          {
            _id: 'ann',
            permissions: { publish: ['devices/%c/#', '%u/out'], deny: { publish: ['devices/+/firmware'] } },
            roles: ['reader'],
          },
        ];
        await database.db.collection('users').insertMany(users as unknown as Document[]);
        await database.db
          .collection('roles')
          .insertOne({ _id: 'reader', permissions: { subscribe: ['plant/#'] } } as unknown as Document);
        return {
          authorizer: createAuthorizer({ url: database.url, database: database.name }),
          rulesLiveElsewhere: true,
          rewrite: async () => {
            await database.db
              .collection('roles')
              .updateOne({ _id: 'reader' as never }, { $set: { permissions: { subscribe: ['other/#'] } } });
          },
          dispose: () => database.drop(),
        };
      },
    },
  });
});
