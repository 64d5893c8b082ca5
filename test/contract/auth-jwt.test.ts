// The JWT authenticator, held to the contract of its port.
import { describe, test } from '@jest/globals';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import { authenticatorContract, VirtualClock } from 'hexmq/testkit';
import { createAuthenticator } from '../../adapters/auth/jwt/index.js';

const SECRET = 'a secret of at least thirty-two bytes';
const clock = new VirtualClock();

async function tokenBy(secret: string): Promise<Uint8Array> {
  const exp = clock.nowMs() / 1000 + 3600;
  return Buffer.from(
    await new SignJWT({ sub: 'ann', exp }).setProtectedHeader({ alg: 'HS256' }).sign(Buffer.from(secret)),
  );
}

authenticatorContract({
  name: 'jwt',
  describe,
  test,
  factory: {
    create: async () => {
      const directory = await mkdtemp(join(tmpdir(), 'hexmq-jwt-'));
      const secretFile = join(directory, 'secret');
      await writeFile(secretFile, SECRET);
      return {
        authenticator: createAuthenticator({ algorithms: ['HS256'], secretFile }, { clock }),
        good: { userName: 'any name', password: await tokenBy(SECRET) },
        userName: 'ann',
        wrong: { userName: 'ann', password: await tokenBy(`${SECRET}!`) },
        unknown: { userName: 'ann', password: Buffer.from('hunter2'), answer: 'abstain' },
        spoil: () => writeFile(secretFile, 'short'),
        dispose: () => rm(directory, { recursive: true }),
      };
    },
  },
});
