// The HTTP authorizer, held to the contract of its port with a web server on this machine.
import { describe, test } from '@jest/globals';
import { authorizerContract, VirtualClock } from 'hexmq/testkit';
import { createAuthorizer } from '../../adapters/auth/http/index.js';
import { json, WebServer } from '../e2e/web-server.js';
import { temporaryFile } from '../support/temporary-file.js';

const RULES = {
  publish: ['devices/%c/#', '%u/out'],
  subscribe: ['plant/#'],
  deny: { publish: ['devices/+/firmware'] },
};
const OTHERS = { subscribe: ['other/#'] };

for (const cacheTtlMs of [0, 60_000]) {
  authorizerContract({
    name: `http, ${cacheTtlMs === 0 ? 'keeping no answers' : 'keeping answers'}`,
    describe,
    test,
    sample: { clientId: 'meter-7', userName: 'ann' },
    factory: {
      create: async () => {
        const headers = await temporaryFile('headers', 'X-Key: key\n');
        const web = await new WebServer().listen();
        let permissions: object = RULES;
        web.answer = (response, request) => {
          const { userName } = JSON.parse(request.body) as { userName?: string };
          json(
            request.headers['x-key'] !== 'key'
              ? { result: 'deny' }
              : userName === 'ann'
                ? { result: 'allow', permissions }
                : { result: 'ignore' },
          )(response, request);
        };
        return {
          authorizer: createAuthorizer(
            { url: web.url, headersFile: headers.path, cacheTtlMs, cacheNegativeTtlMs: cacheTtlMs },
            { clock: new VirtualClock() },
          ),
          rulesLiveElsewhere: true,
          rewrite: async (how) => {
            if (how === 'wrong') await headers.write('no header');
            else permissions = OTHERS;
          },
          dispose: async () => {
            await web.close();
            await headers.remove();
          },
        };
      },
    },
  });
}
