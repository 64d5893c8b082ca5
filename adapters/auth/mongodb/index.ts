// Users and roles in MongoDB, as a configuration asks for them: options are checked here, and nothing is connected to.
import { OptionReader } from 'hexmq/ports';
import type { Authenticator, Authorizer, Clock } from 'hexmq/ports';
import { Directory } from './directory.js';
import { MongoAuthenticator } from './mongo-authenticator.js';
import { MongoAuthorizer } from './mongo-authorizer.js';
import { PasswordChecks } from './password-checks.js';

/** @throws TypeError which names the option, its value unless it may be a secret, and what was expected. */
export function createAuthenticator(options: unknown, { clock }: { readonly clock: Clock }): Authenticator {
  const read = new OptionReader(options);
  const directory = directoryOf(read);
  const checks = new PasswordChecks(
    {
      maxChecks: read.integer('maxChecks', { min: 1, max: 64, fallback: 2 }),
      maxWaitingChecks: read.integer('maxWaitingChecks', { min: 0, max: 1_000_000, fallback: 10_000 }),
      rememberForMs: read.integer('rememberForMs', { min: 0, max: 86_400_000, fallback: 3_600_000 }),
    },
    clock,
  );
  const fields = read.mapping('fields');
  const settings = {
    collection: nameOf(read, 'collection', 'users'),
    unknownUsers: read.oneOf('unknownUsers', ['deny', 'abstain'], 'deny'),
    fields: {
      userName: nameOf(fields, 'userName', '_id'),
      passwordHash: nameOf(fields, 'passwordHash', 'passwordHash'),
      enabled: nameOf(fields, 'enabled', 'enabled'),
      clientIds: nameOf(fields, 'clientIds', 'clientIds'),
      permissions: fields.string('permissions') === undefined ? undefined : nameOf(fields, 'permissions', ''),
    },
  };
  fields.rejectUnknown();
  read.rejectUnknown();
  return new MongoAuthenticator(settings, directory, checks);
}

/** @throws TypeError as above. */
export function createAuthorizer(options: unknown): Authorizer {
  const read = new OptionReader(options);
  const directory = directoryOf(read);
  const fields = read.mapping('fields');
  const settings = {
    collection: nameOf(read, 'collection', 'users'),
    rolesCollection: nameOf(read, 'rolesCollection', 'roles'),
    fields: {
      userName: nameOf(fields, 'userName', '_id'),
      permissions: nameOf(fields, 'permissions', 'permissions'),
      roles: nameOf(fields, 'roles', 'roles'),
    },
  };
  fields.rejectUnknown();
  read.rejectUnknown();
  return new MongoAuthorizer(settings, directory);
}

function directoryOf(read: OptionReader): Directory {
  const expected = 'a connection string that begins with mongodb:// or mongodb+srv://';
  const url = read.requireSecret('url', expected);
  if (!/^mongodb(\+srv)?:\/\//.test(url)) read.refuse('url', `not valid, expected ${expected}`);
  const database = read.requireString('database', 'the name of a database');
  if (!/^[^/\\. "$*<>:|?\0]{1,63}$/.test(database))
    read.refuse('database', `${JSON.stringify(database)} is not valid, expected the name of a database`);
  const timeoutMs = read.integer('timeoutMs', { min: 1, max: 60_000, fallback: 3000 });
  try {
    return new Directory({ url, database, timeoutMs });
  } catch (error) {
    return read.refuse('url', (error as Error).message);
  }
}

/** Of a collection, or of a field at the top of a document. */
function nameOf(read: OptionReader, key: string, byDefault: string): string {
  const name = read.string(key, 'a name') ?? byDefault;
  if (name.startsWith('$') || /[.\0]/.test(name))
    read.refuse(key, `${JSON.stringify(name)} is not valid, expected a name without a dot, and without a leading $`);
  return name;
}
