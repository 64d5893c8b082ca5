// The MongoDB authenticator, held to the contract of its port on a real server.
//
// An unknown user costs as much as the latest known one, and before the first known one as much as `hexmq passwd`
// hashes by default: hundreds of milliseconds of CPU each. So each authenticator first sees a user with a cheap hash.
import { afterAll, describe, test } from '@jest/globals';
import { scryptSync } from 'node:crypto';
import type { Document } from 'mongodb';
import type { AuthenticationRequest, ClientId } from 'hexmq/ports';
import { authenticatorContract, VirtualClock } from 'hexmq/testkit';
import { createAuthenticator } from '../../adapters/auth/mongodb/index.js';
import { describeWithServer } from '../e2e/tools.js';
import { MongoDatabases } from './mongodb-databases.js';

const PASSWORD = Buffer.from('correct horse battery staple');
const SALT = Buffer.from('a salt for tests');
const HASH = `$scrypt$ln=4,r=8,p=1$${SALT.toString('base64')}$${scryptSync(PASSWORD, SALT, 32, { N: 16, r: 8, p: 1 }).toString('base64')}`;

const LOGIN: AuthenticationRequest = {
  clientId: 'known' as ClientId,
  protocolVersion: 4,
  userName: 'ann',
  password: PASSWORD,
  listener: 'test',
  peer: { remoteAddress: '127.0.0.1:50000', ipAddress: '127.0.0.1' },
};

const databases = await MongoDatabases.find();
afterAll(() => databases?.dispose());

describeWithServer(databases, 'users in MongoDB keep the contract', (found) => {
  for (const unknownUsers of ['deny', 'abstain'] as const) {
    authenticatorContract({
      name: `mongodb, unknown users: ${unknownUsers}`,
      describe,
      test,
      factory: {
        create: async () => {
          const database = found.create();
          await database.db.collection('users').insertOne({ _id: 'ann', passwordHash: HASH } as Document);
          const authenticator = createAuthenticator(
            { url: database.url, database: database.name, unknownUsers },
            { clock: new VirtualClock() },
          );
          await authenticator.authenticate(LOGIN);
          return {
            authenticator,
            good: { userName: 'ann', password: PASSWORD },
            wrong: { userName: 'ann', password: Buffer.from('another') },
            unknown: { userName: 'carol', password: PASSWORD, answer: unknownUsers },
            dispose: () => database.drop(),
          };
        },
      },
    });
  }
});
