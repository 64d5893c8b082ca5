// The options of every built-in adapter: it names everything that is wrong with them at once, not one mistake a start.
import { expect, test } from '@jest/globals';
import { VirtualClock } from 'hexmq/testkit';
import {
  AUTHENTICATION_ADAPTERS,
  AUTHORIZATION_ADAPTERS,
  STORAGE_ADAPTERS,
} from '../../../src/composition/adapter-table.js';
import { construct } from '../../../src/composition/plugins/construct.js';

const components = { clock: new VirtualClock(), emit: () => undefined } as never;

type Options = Readonly<Record<string, unknown>>;
type Creation = (options: Options) => Promise<() => unknown>;

const authenticator =
  (name: string): Creation =>
  async (options) => {
    const module = await AUTHENTICATION_ADAPTERS[name]?.load();
    return () => module?.createAuthenticator(options, components);
  };

const authorizer =
  (name: string): Creation =>
  async (options) => {
    const module = await AUTHORIZATION_ADAPTERS[name]?.load();
    return () => module?.createAuthorizer(options, components);
  };

const storage =
  (name: string): Creation =>
  async (options) => {
    const module = await STORAGE_ADAPTERS[name]?.load();
    return () => module?.createStorage(options, components);
  };

test.each<[string, Creation, Options, readonly string[]]>([
  ['storage file', storage('file'), { directory: 7, dir: 1 }, ['directory', 'dir']],
  ['storage mongodb', storage('mongodb'), { url: 'x', database: 'a/b', db: 1 }, ['url', 'database', 'db']],
  [
    'authenticator password-file',
    authenticator('password-file'),
    { unknownUsers: 'x', maxChecks: 0, rememberForMs: -1, file: 1 },
    ['path', 'unknownUsers', 'maxChecks', 'rememberForMs', 'file'],
  ],
  ['authenticator scram', authenticator('scram'), { path: 7, file: 1 }, ['path', 'file']],
  [
    'authenticator certificate',
    authenticator('certificate'),
    { identity: 'x', sanType: 'y', mustMatch: 'z', match: 1 },
    ['identity', 'sanType', 'mustMatch', 'match'],
  ],
  [
    'authenticator jwt',
    authenticator('jwt'),
    { algorithms: ['x'], tokenIn: 'y', claims: { user: 1, clientId: 2 }, secret: 'z', issuers: 1 },
    ['algorithms', 'tokenIn', 'claims.clientId', 'claims.user', 'issuers'],
  ],
  [
    'authenticator jwt with keys behind a URL',
    authenticator('jwt'),
    { algorithms: ['RS256'], jwksUrl: 'x', jwksMaxAgeMs: 0, jwksTimeoutMs: 0, jwks: 1 },
    ['jwksUrl', 'jwksMaxAgeMs', 'jwksTimeoutMs', 'jwks'],
  ],
  [
    'authenticator http',
    authenticator('http'),
    { url: 'x', contentType: 'y', body: { a: 1, b: '${nothing}' }, headers: { a: 1 }, timeoutMs: 0, cacheMax: 0, u: 1 },
    ['url', 'body.a', 'body.b', 'contentType', 'cacheMax', 'headers.a', 'timeoutMs', 'u'],
  ],
  [
    'authenticator mongodb',
    authenticator('mongodb'),
    { url: 'x', database: 'a/b', fields: { userName: '$', user: 1 }, maxChecks: 0, u: 1 },
    ['url', 'database', 'maxChecks', 'fields.userName', 'fields.user', 'u'],
  ],
  [
    'authorizer mongodb',
    authorizer('mongodb'),
    { url: 'x', timeoutMs: 0, collection: '$', u: 1 },
    ['url', 'database', 'timeoutMs', 'collection', 'u'],
  ],
  ['authorizer acl-file', authorizer('acl-file'), { paht: 'x' }, ['path', 'paht']],
])('%s names every wrong option at once', async (_name, load, options, keys) => {
  const create = await load(options);
  let problems: readonly string[] = [];
  try {
    construct('options', 'it', create);
  } catch (error) {
    ({ problems } = error as { problems: readonly string[] });
  }
  expect(problems.map((problem) => /^options: refused by it: ([\w.]+): /.exec(problem)?.[1])).toEqual(keys);
});
