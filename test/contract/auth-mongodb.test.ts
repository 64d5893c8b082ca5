// Users and roles in MongoDB on a real server: logins, permissions, invalid documents, and a server that fails.
import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createHash, pbkdf2Sync, scryptSync } from 'node:crypto';
import type { Document } from 'mongodb';
import { VirtualClock } from 'hexmq/testkit';
import type {
  AuthenticationRequest,
  AuthenticatorAnswer,
  Authenticator,
  AuthorizationRequest,
  Authorizer,
  Permissions,
} from 'hexmq/ports';
import { createAuthenticator, createAuthorizer } from '../../adapters/auth/mongodb/index.js';
import { describeWithServer } from '../e2e/tools.js';
import { MongoDatabases } from './mongodb-databases.js';
import type { MongoDatabase } from './mongodb-databases.js';

const found = await MongoDatabases.find();
const open: (Authenticator | Authorizer)[] = [];
let database: MongoDatabase;
let clock: VirtualClock;

afterEach(async () => {
  for (const one of open.splice(0)) await one.stop?.();
});
afterAll(() => found?.dispose());

const onServer = (name: string, body: () => void): void => {
  describeWithServer(found, name, (databases) => {
    beforeEach(() => {
      database = databases.create();
      clock = new VirtualClock();
    });
    afterEach(() => database.drop());
    body();
  });
};

/** The cheapest hash that is accepted. */
function hashOf(password: string): string {
  const salt = Buffer.from('a salt for tests');
  return `$scrypt$ln=4,r=8,p=1$${salt.toString('base64').replace(/=+$/, '')}$${scryptSync(password, salt, 32, { N: 16, r: 8, p: 1 }).toString('base64').replace(/=+$/, '')}`;
}

const put = async (collection: string, ...documents: Document[]): Promise<void> => {
  await database.db.collection(collection).insertMany(documents);
};

function authenticatorWith(options: object = {}): Authenticator {
  const authenticator = createAuthenticator({ url: database.url, database: database.name, ...options }, { clock });
  open.push(authenticator);
  return authenticator;
}

function authorizerWith(options: object = {}): Authorizer {
  const authorizer = createAuthorizer({ url: database.url, database: database.name, ...options });
  open.push(authorizer);
  return authorizer;
}

type Given = {
  readonly userName?: string | undefined;
  readonly password?: string | Uint8Array | undefined;
  readonly clientId?: string;
};

function requestWith({ clientId = 'meter', ...given }: Given = {}): AuthenticationRequest {
  const { userName, password } = { userName: 'ann', password: 'right', ...given };
  return {
    clientId: clientId as AuthenticationRequest['clientId'],
    protocolVersion: 4,
    userName,
    password: typeof password === 'string' ? Buffer.from(password) : password,
    listener: 'tcp',
    peer: { remoteAddress: '10.0.0.7:1' },
  };
}

const ask = async (authenticator: Authenticator, given: Given = {}): Promise<AuthenticatorAnswer> =>
  authenticator.authenticate(requestWith(given));
const denied = (detail: string, reason = 'bad-credentials') => ({
  decision: 'deny',
  reason,
  detail: `mongodb: ${detail}`,
});

onServer('users in MongoDB', () => {
  test('users in MongoDB are admitted with their passwords', async () => {
    await put(
      'users',
      { _id: 'ann', passwordHash: hashOf('right') } as Document,
      { _id: 'bob', passwordHash: hashOf("bob's"), enabled: true } as Document,
    );
    const authenticator = authenticatorWith();
    expect(await ask(authenticator)).toEqual({ decision: 'allow' });
    expect(await ask(authenticator, { userName: 'bob', password: "bob's" })).toEqual({ decision: 'allow' });
    for (const password of ['wrong', "bob's", '', undefined, 'right\0', 'righ', Uint8Array.of(0xff)]) {
      expect(await ask(authenticator, { password })).toEqual(denied('wrong password'));
    }
  });

  test('a client without a user name is left to others, and unknown users are denied or left to others', async () => {
    await put('users', { _id: 'ann', passwordHash: hashOf('right') } as Document);
    expect(await ask(authenticatorWith(), { userName: undefined })).toEqual({ decision: 'abstain' });
    expect(await ask(authenticatorWith(), { userName: 'carol' })).toEqual(denied('there is no such user'));
    const lenient = authenticatorWith({ unknownUsers: 'abstain' });
    expect(await ask(lenient, { userName: 'carol' })).toEqual({ decision: 'abstain' });
    expect(await ask(lenient, { password: 'wrong' })).toMatchObject({ decision: 'deny' });
  });

  test('hashes written by hexmq passwd and Mosquitto are accepted', async () => {
    const salt = Buffer.from('twelve bytes');
    await put(
      'users',
      // RFC 7914, section 12: the password "password" with the salt "NaCl".
      {
        _id: 'rfc',
        passwordHash:
          '$scrypt$ln=10,r=8,p=16$TmFDbA$/bq+HJ00cgB4VucZDQHp/nxq18vII3gw53N2Y0s3MWIurzDZLiKjiG/xCSedmDDaxyevuUqD7m2DYMvfoswGQA',
      } as Document,
      {
        _id: 'mosquitto',
        passwordHash: `$7$101$${salt.toString('base64')}$${pbkdf2Sync('password', salt, 101, 64, 'sha512').toString('base64')}`,
      } as Document,
      {
        _id: 'mosquitto-sha512',
        passwordHash: `$6$${salt.toString('base64')}$${createHash('sha512').update('password').update(salt).digest('base64')}`,
      } as Document,
    );
    const authenticator = authenticatorWith();
    for (const userName of ['rfc', 'mosquitto', 'mosquitto-sha512']) {
      expect(await ask(authenticator, { userName, password: 'password' })).toEqual({ decision: 'allow' });
      expect(await ask(authenticator, { userName, password: 'Password' })).toEqual(denied('wrong password'));
    }
  });

  test('a user may be disabled, limited to some client identifiers, or without a password', async () => {
    await put(
      'users',
      { _id: 'off', passwordHash: hashOf('right'), enabled: false } as Document,
      { _id: 'odd', passwordHash: hashOf('right'), enabled: 'yes' } as Document,
      { _id: 'held', passwordHash: hashOf('right'), clientIds: ['meter', 'gauge'] } as Document,
      { _id: 'mistaken', passwordHash: hashOf('right'), clientIds: 'meter' } as Document,
      { _id: 'bare' } as Document,
    );
    const authenticator = authenticatorWith();
    for (const userName of ['off', 'odd'])
      expect(await ask(authenticator, { userName })).toEqual(denied('the user is not enabled', 'not-authorized'));
    // Only a client with the right password learns that the user is disabled.
    expect(await ask(authenticator, { userName: 'off', password: 'wrong' })).toEqual(denied('wrong password'));
    expect(await ask(authenticator, { userName: 'held' })).toEqual({ decision: 'allow' });
    const elsewhere = denied('the Client Identifier is not in clientIds of the user', 'not-authorized');
    expect(await ask(authenticator, { userName: 'held', clientId: 'other' })).toEqual(elsewhere);
    expect(await ask(authenticator, { userName: 'mistaken' })).toEqual(elsewhere);
    expect(await ask(authenticator, { userName: 'bare', password: '' })).toEqual(denied('wrong password'));
  });

  test('users may be in another collection and other fields, which get an index', async () => {
    await put('people', {
      name: 'ann',
      hash: hashOf('right'),
      on: true,
      ids: ['meter'],
      may: { publish: ['%u/%c/#'] },
    });
    const fields = { userName: 'name', passwordHash: 'hash', enabled: 'on', clientIds: 'ids', permissions: 'may' };
    const authenticator = authenticatorWith({ collection: 'people', fields });
    expect(await ask(authenticator)).toEqual({
      decision: 'allow',
      permissions: {
        kind: 'rules',
        rules: [
          { effect: 'allow', actions: ['publish'], topicFilter: 'ann/meter/#', source: 'mongodb user ann, publish[0]' },
        ],
      },
    });
    expect(await database.db.collection('people').indexes()).toEqual(
      expect.arrayContaining([expect.objectContaining({ key: { name: 1 }, unique: true })]),
    );
  });

  test('missing permissions permit nothing, and invalid permissions deny the user', async () => {
    await put(
      'users',
      { _id: 'ann', passwordHash: hashOf('right') } as Document,
      { _id: 'bob', passwordHash: hashOf('right'), permissions: { publish: ['a#'] } } as Document,
    );
    const authenticator = authenticatorWith({ fields: { permissions: 'permissions' } });
    expect(await ask(authenticator)).toEqual({ decision: 'allow', permissions: { kind: 'rules', rules: [] } });
    expect(await ask(authenticator, { userName: 'bob' })).toEqual(
      denied('permissions of the user: publish[0] is not a valid Topic Filter', 'not-authorized'),
    );
    expect(await ask(authenticatorWith(), { userName: 'bob' })).toEqual({ decision: 'allow' });
  });

  test.each([
    [
      'a password',
      'hush-hush',
      'its password is not hashed, expected a hash that begins with $scrypt$, $argon2id$, $7$ or $6$',
    ],
    ['another scheme', '$2b$12$hushhushhushhushhushhO', 'its password is hashed in a way that is not supported'],
    [
      'a hash that takes too much memory',
      '$scrypt$ln=24,r=8,p=1$aHVzaA$aHVzaGh1c2hodXNoaHVzaA',
      'its hash costs too much',
    ],
    [
      'a hash without work',
      '$scrypt$ln=0,r=8,p=1$aHVzaA$aHVzaGh1c2hodXNoaHVzaA',
      'its hash costs too much, expected ln, r and p of at least 1',
    ],
    [
      'a hash with too many iterations',
      '$7$99999999$aHVzaA$aHVzaGh1c2hodXNoaHVzaA',
      'its hash has no valid number of iterations',
    ],
    ['a hash of nothing', '$7$101$aHVzaA$aA', 'its hash has 1 bytes, expected 64'],
  ])('a user with %s instead of a hash is a failure that the log explains', async (_what, passwordHash, problem) => {
    await put('users', { _id: 'ann', passwordHash } as Document);
    const error = await ask(authenticatorWith()).catch((reason: Error) => reason.message);
    expect(error).toContain(`the user "ann": ${problem}`);
    expect(error).not.toMatch(/hush|aHVz/);
  });

  test('a user name that occurs twice is a failure', async () => {
    // Before the unique index exists.
    await put('users', { name: 'ann', passwordHash: hashOf('right') }, { name: 'ann', passwordHash: hashOf('other') });
    await expect(ask(authenticatorWith({ fields: { userName: 'name' } }))).rejects.toThrow(
      /refuses the login or the query|several users/,
    );
  });

  test('a user name is looked up literally, whatever it contains', async () => {
    await put('users', { _id: 'ann', passwordHash: hashOf('right') } as Document);
    const authenticator = authenticatorWith();
    // An unknown user costs as much as the latest known one: this one makes the others cheap.
    expect(await ask(authenticator)).toEqual({ decision: 'allow' });
    for (const userName of ['{"$ne":null}', '$where', 'ann\n', 'ANN', '', 'n'.repeat(65_535)]) {
      expect(await ask(authenticator, { userName })).toEqual(denied('there is no such user'));
    }
  });

  test('a changed document takes effect at the next login', async () => {
    await put('users', { _id: 'ann', passwordHash: hashOf('right') } as Document);
    const authenticator = authenticatorWith();
    expect(await ask(authenticator)).toEqual({ decision: 'allow' });
    await database.db
      .collection('users')
      .updateOne({ _id: 'ann' as unknown as Document['_id'] }, { $set: { passwordHash: hashOf('new') } });
    expect(await ask(authenticator)).toEqual(denied('wrong password'));
    expect(await ask(authenticator, { password: 'new' })).toEqual({ decision: 'allow' });
    await database.db
      .collection('users')
      .updateOne({ _id: 'ann' as unknown as Document['_id'] }, { $set: { enabled: false } });
    expect(await ask(authenticator, { password: 'new' })).toEqual(denied('the user is not enabled', 'not-authorized'));
  });
});

onServer('permissions in MongoDB', () => {
  const request: AuthorizationRequest = { ...requestWith(), permissions: undefined };
  const rules = (permissions: Permissions): string[] =>
    permissions.kind === 'allow-all'
      ? ['everything']
      : permissions.rules.map(({ effect, actions: [action], topicFilter }) => `${effect} ${action} ${topicFilter}`);
  const rulesOf = async (userName: string | undefined): Promise<string[]> =>
    rules(await authorizerWith().authorize({ ...request, userName }));

  test("the user's own rules come first, then those of its roles, denials first", async () => {
    await put('users', {
      _id: 'ann',
      permissions: { publish: ['%u/#'], deny: { publish: ['ann/x'] } },
      roles: ['reader', 'visitor', 'reader'],
    } as Document);
    await put(
      'roles',
      { _id: 'visitor', permissions: { subscribe: ['news'], deny: { subscribe: ['plant/secret'] } } } as Document,
      { _id: 'reader', permissions: { subscribe: ['plant/#'] } } as Document,
    );
    const permissions = await authorizerWith().authorize(request);
    expect(rules(permissions)).toEqual([
      'deny publish ann/x',
      'allow publish ann/#',
      'deny subscribe plant/secret',
      'allow subscribe plant/#',
      'allow subscribe news',
    ]);
    expect(permissions).toMatchObject({
      rules: [
        {},
        { source: 'mongodb user ann, publish[0]' },
        { source: 'mongodb role visitor, deny.subscribe[0]' },
        {},
        {},
      ],
    });
    expect(permissions).not.toHaveProperty('defaultEffect');
  });

  test('a missing user, a missing name and missing permissions give no rules', async () => {
    await put('users', { _id: 'ann' } as Document);
    for (const userName of ['ann', 'carol', undefined]) expect(await rulesOf(userName)).toEqual([]);
  });

  test('invalid permissions and a missing role are failures', async () => {
    await put(
      'users',
      { _id: 'bad', permissions: { publish: 'a' } } as Document,
      { _id: 'lost', roles: ['ghost'] } as Document,
      { _id: 'odd', roles: 'reader' } as Document,
      { _id: 'wrong', roles: ['broken'] } as Document,
    );
    await put('roles', { _id: 'broken', permissions: { publish: ['#/a'] } } as Document);
    await expect(rulesOf('bad')).rejects.toThrow(
      'permissions of the user bad: publish: expected a list of Topic Filters',
    );
    await expect(rulesOf('lost')).rejects.toThrow('the user "lost" has the role "ghost", which is not in roles');
    await expect(rulesOf('odd')).rejects.toThrow(
      'roles of the user "odd" is not valid, expected a list of up to 100 names',
    );
    await expect(rulesOf('wrong')).rejects.toThrow(
      'permissions of the role broken: publish[0] is not a valid Topic Filter',
    );
  });

  test('permissions may be in another collection and other fields', async () => {
    await put('people', { name: 'ann', may: { publish: ['a'] }, groups: ['g'] });
    await put('groups', { _id: 'g', may: { publish: ['b'] } } as Document);
    const options = {
      collection: 'people',
      rolesCollection: 'groups',
      fields: { userName: 'name', permissions: 'may', roles: 'groups' },
    };
    expect(rules(await authorizerWith(options).authorize(request))).toEqual(['allow publish a', 'allow publish b']);
  });
});

describe('a missing MongoDB server', () => {
  const url = 'mongodb://ann:hush@127.0.0.1:1/?authSource=admin';

  test('a missing MongoDB server is a failure in time, whose message has no password', async () => {
    const authenticator = createAuthenticator(
      { url, database: 'hexmq', timeoutMs: 100 },
      { clock: new VirtualClock() },
    );
    const authorizer = createAuthorizer({ url, database: 'hexmq', timeoutMs: 100 });
    for (const question of [ask(authenticator), authorizer.authorize({ ...requestWith(), permissions: undefined })]) {
      const message = await Promise.resolve(question).then(
        () => 'answered',
        (error: Error) => error.message,
      );
      expect(message).toMatch(
        /^MongoDB at 127\.0\.0\.1:1\/hexmq cannot be reached, or does not answer \(.*ECONNREFUSED/,
      );
      expect(message).not.toContain('hush');
    }
    await Promise.all([authenticator.stop?.(), authorizer.stop?.()]);
  });
});

describe('options of mongodb', () => {
  const given = { url: 'mongodb://ann:hush@db', database: 'hexmq' };

  test.each<[string, unknown, string]>([
    [
      'no URL',
      { database: 'hexmq' },
      'url: missing, expected a connection string that begins with mongodb:// or mongodb+srv://',
    ],
    ['no database', { url: given.url }, 'database: missing, expected the name of a database'],
    [
      'another URL',
      { url: 'postgres://ann:hush@db' },
      'url: not valid, expected a connection string that begins with mongodb:// or mongodb+srv://',
    ],
    [
      'a URL that is none',
      { url: 'mongodb://ann:hush@', database: 'hexmq' },
      'url: not a valid MongoDB connection string',
    ],
    [
      'a URL with an unknown option',
      { url: 'mongodb://ann:hush@db/?tlss=hush', database: 'hexmq' },
      'url: not a valid MongoDB connection string',
    ],
    [
      'a variable that is not there',
      { url: '${ENV:NOT_IN_THE_ENVIRONMENT}' },
      'url: the environment variable NOT_IN_THE_ENVIRONMENT is not set',
    ],
    [
      'a database that is none',
      { ...given, database: 'a.b' },
      'database: "a.b" is not valid, expected the name of a database',
    ],
    [
      'a collection that is none',
      { ...given, collection: '$users' },
      'collection: "$users" is not valid, expected a name without a dot, and without a leading $',
    ],
    [
      'a field that is none',
      { ...given, fields: { userName: 'a.b' } },
      'fields.userName: "a.b" is not valid, expected a name',
    ],
    ['an unknown field', { ...given, fields: { name: 'a' } }, 'fields.name: unknown key, expected userName, '],
    [
      'a time out of range',
      { ...given, timeoutMs: 0 },
      'timeoutMs: 0 is out of range, expected a whole number from 1 to 60000',
    ],
    ['an unknown key', { ...given, timeout: 5 }, 'timeout: unknown key, expected url, database, timeoutMs'],
    ['no mapping', 'mongodb', '"mongodb" is not valid, expected a mapping of options'],
  ])('MongoDB options with %s are refused without contacting a server', (_what, options, message) => {
    for (const create of [
      () => createAuthenticator(options, { clock: new VirtualClock() }),
      () => createAuthorizer(options),
    ]) {
      expect(create).toThrow(message);
      expect(create).toThrow(expect.objectContaining({ message: expect.not.stringContaining('hush') }));
    }
  });
});
