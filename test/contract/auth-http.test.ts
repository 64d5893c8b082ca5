// The HTTP authenticator, held to the contract of its port.
import { describe, test } from '@jest/globals';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { authenticatorContract, VirtualClock } from 'hexmq/testkit';
import { createAuthenticator } from '../../adapters/auth/http/index.js';
import { json, WebServer } from '../e2e/web-server.js';

const PASSWORD = Buffer.from('correct horse battery staple');

for (const cacheTtlMs of [0, 60_000]) {
  authenticatorContract({
    name: `http, ${cacheTtlMs === 0 ? 'keeping no answers' : 'keeping answers'}`,
    describe,
    test,
    factory: {
      create: async () => {
        const directory = await mkdtemp(join(tmpdir(), 'hexmq-http-'));
        const headersFile = join(directory, 'headers');
        await writeFile(headersFile, 'X-Key: key\n');
        const web = await new WebServer().listen();
        web.answer = (response, request) => {
          const { userName, password } = JSON.parse(request.body) as { userName?: string; password?: string };
          const result = userName !== 'ann' ? 'ignore' : password === String(PASSWORD) ? 'allow' : 'deny';
          json({ result, userName: 'Ann' })(response, request);
        };
        return {
          authenticator: createAuthenticator(
            { url: web.url, headersFile, cacheTtlMs, cacheNegativeTtlMs: cacheTtlMs },
            { clock: new VirtualClock() },
          ),
          good: { userName: 'ann', password: PASSWORD },
          userName: 'Ann',
          wrong: { userName: 'ann', password: Buffer.from('another') },
          unknown: { userName: 'carol', password: PASSWORD, answer: 'abstain' },
          spoil: () => writeFile(headersFile, 'no header'),
          dispose: async () => {
            await web.close();
            await rm(directory, { recursive: true });
          },
        };
      },
    },
  });
}
