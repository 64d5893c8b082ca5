// The scram authenticator, held to the contract of its port for Authentication Methods.
import { describe, test } from '@jest/globals';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { authenticationMethodContract } from 'hexmq/testkit';
import type { MethodClient } from 'hexmq/testkit';
import { createAuthenticator } from '../../adapters/auth/scram/index.js';
import { newDecoy, scramSecrets } from '../../adapters/auth/scram/tools.js';
import { ScramClient } from '../clients/scram-client.js';
import type { ScramHash } from '../clients/scram-client.js';

const CLIENT_WITH = (hash: ScramHash, user: string, password: string) => (): MethodClient => {
  const client = new ScramClient({ hash, user, password });
  return {
    first: () => client.first(),
    answer: (challenge) => client.final(challenge ?? new Uint8Array()),
    accepts: (data) => client.trusts(data),
  };
};

for (const hash of ['sha256', 'sha512'] as const) {
  authenticationMethodContract({
    name: `scram, ${hash}`,
    describe,
    test,
    factory: {
      create: async () => {
        const directory = await mkdtemp(join(tmpdir(), 'hexmq-scram-'));
        const path = join(directory, 'scram');
        const secrets = await scramSecrets(Buffer.from('correct horse'), 4096);
        await writeFile(path, `:${newDecoy()}\n${secrets.map((secret) => `alice:${secret}\n`).join('')}`);
        return {
          authenticator: createAuthenticator({ path }),
          method: hash === 'sha256' ? 'SCRAM-SHA-256' : 'SCRAM-SHA-512',
          good: CLIENT_WITH(hash, 'alice', 'correct horse'),
          userName: 'alice',
          wrong: CLIENT_WITH(hash, 'alice', 'another'),
          unknown: CLIENT_WITH(hash, 'carol', 'correct horse'),
          dispose: () => rm(directory, { recursive: true }),
        };
      },
    },
  });
}
