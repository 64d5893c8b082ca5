// The password-file authenticator, held to the contract of its port.
import { describe, test } from '@jest/globals';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { authenticatorContract, VirtualClock } from 'hexmq/testkit';
import { PasswordFileEditor } from '../../adapters/auth/password-file/file-editing.js';
import { createAuthenticator } from '../../adapters/auth/password-file/index.js';

const PASSWORD = Buffer.from('correct horse battery staple');

for (const unknownUsers of ['deny', 'abstain'] as const) {
  for (const rememberForMs of [0, 60_000]) {
    authenticatorContract({
      name: `password-file, unknown users: ${unknownUsers}, ${rememberForMs === 0 ? 'remembering nothing' : 'remembering passwords'}`,
      describe,
      test,
      factory: {
        create: async () => {
          const directory = await mkdtemp(join(tmpdir(), 'hexmq-passwd-'));
          const path = join(directory, 'passwd');
          const file = await PasswordFileEditor.open(path);
          await file.set('alice', PASSWORD, 10);
          await file.set('bob', Buffer.from('another'), 10);
          await file.save();
          return {
            authenticator: createAuthenticator({ path, unknownUsers, rememberForMs }, { clock: new VirtualClock() }),
            good: { userName: 'alice', password: PASSWORD },
            wrong: { userName: 'alice', password: Buffer.from('another') },
            unknown: { userName: 'carol', password: PASSWORD, answer: unknownUsers },
            spoil: () => writeFile(path, 'alice:not hashed\n'),
            dispose: () => rm(directory, { recursive: true }),
          };
        },
      },
    });
  }
}
