// The adapter `mongodb`, users and roles in collections: validates its options. Nothing is connected yet.
import { OptionReader } from 'hexmq/ports';
import type { Authenticator, Authorizer, Clock } from 'hexmq/ports';
import { PasswordVerifier, readVerifierLimits } from '../passwords/password-verifier.js';
import { Directory } from './directory.js';
import { MongoAuthenticator } from './mongo-authenticator.js';
import { MongoAuthorizer } from './mongo-authorizer.js';

/** @throws TypeError that names the option and what was expected, with the value unless it may be a secret. */
export function createAuthenticator(options: unknown, { clock }: { readonly clock: Clock }): Authenticator {
  const read = new OptionReader(options);
  const { directory, limits, ...settings } = read.readAll({
    directory: () => directoryOf(read),
    limits: () => readVerifierLimits(read),
    collection: () => nameOf(read, 'collection', 'users'),
    unknownUsers: () => read.oneOf('unknownUsers', ['deny', 'abstain'], 'deny'),
    fields: () => {
      const fields = read.mapping('fields');
      return fields.readAll({
        userName: () => nameOf(fields, 'userName', '_id'),
        passwordHash: () => nameOf(fields, 'passwordHash', 'passwordHash'),
        enabled: () => nameOf(fields, 'enabled', 'enabled'),
        clientIds: () => nameOf(fields, 'clientIds', 'clientIds'),
        permissions: () => (fields.string('permissions') === undefined ? undefined : nameOf(fields, 'permissions', '')),
      });
    },
  });
  return new MongoAuthenticator(settings, directory, new PasswordVerifier(limits, clock));
}

/** @throws TypeError that names the option and what was expected, with the value unless it may be a secret. */
export function createAuthorizer(options: unknown): Authorizer {
  const read = new OptionReader(options);
  const { directory, ...settings } = read.readAll({
    directory: () => directoryOf(read),
    collection: () => nameOf(read, 'collection', 'users'),
    rolesCollection: () => nameOf(read, 'rolesCollection', 'roles'),
    fields: () => {
      const fields = read.mapping('fields');
      return fields.readAll({
        userName: () => nameOf(fields, 'userName', '_id'),
        permissions: () => nameOf(fields, 'permissions', 'permissions'),
        roles: () => nameOf(fields, 'roles', 'roles'),
      });
    },
  });
  return new MongoAuthorizer(settings, directory);
}

function directoryOf(read: OptionReader): Directory {
  const expected = 'a connection string that begins with mongodb:// or mongodb+srv://';
  const settings = read.readEach({
    url: () => {
      const url = read.requireSecret('url', expected);
      if (!/^mongodb(\+srv)?:\/\//.test(url)) read.refuse('url', `not valid, expected ${expected}`);
      return url;
    },
    database: () => {
      const database = read.requireString('database', 'the name of a database');
      if (!/^[^/\\. "$*<>:|?\0]{1,63}$/.test(database))
        read.refuse('database', `${JSON.stringify(database)} is not valid, expected the name of a database`);
      return database;
    },
    timeoutMs: () => read.integer('timeoutMs', { min: 1, max: 60_000, fallback: 3000 }),
  });
  try {
    return new Directory(settings);
  } catch (error) {
    return read.refuse('url', (error as Error).message);
  }
}

/** The name of a collection, or of a top-level field. */
function nameOf(read: OptionReader, key: string, fallback: string): string {
  const name = read.string(key, 'a name') ?? fallback;
  if (name.startsWith('$') || /[.\0]/.test(name))
    read.refuse(key, `${JSON.stringify(name)} is not valid, expected a name without a dot, and without a leading $`);
  return name;
}
