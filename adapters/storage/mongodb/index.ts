// MongoDB storage as a configuration asks for it: checks the options and opens nothing.
import type { Storage } from 'hexmq/ports';
import { MongoStorage } from './mongo-storage.js';

export { clientFor } from './client.js';
export { MongoStorage } from './mongo-storage.js';
export type { MongoStorageLimits, MongoStorageOptions } from './mongo-storage.js';

const OPTIONS = ['url', 'database'];

/**
 * @throws TypeError if an option is unknown, missing or wrong. The message does not show the URL, which may hold a
 * password.
 */
export function createStorage(options: unknown): Storage {
  if (options !== undefined && options !== null && (typeof options !== 'object' || Array.isArray(options))) {
    throw new TypeError(
      `mongodb storage: options must be an object, got ${Array.isArray(options) ? 'a list' : typeof options}`,
    );
  }
  const given = (options ?? {}) as Readonly<Record<string, unknown>>;
  const unknownKey = Object.keys(given).find((key) => !OPTIONS.includes(key));
  if (unknownKey !== undefined)
    throw new TypeError(`mongodb storage: unknown option "${unknownKey}"; it takes url and database`);
  const { url, database } = given;
  if (typeof database !== 'string' || !/^[^/\\. "$*<>:|?\0]{1,63}$/.test(database)) {
    throw new TypeError(
      `mongodb storage: database must be the name of a database, got ${JSON.stringify(database) ?? 'none'}`,
    );
  }
  if (typeof url !== 'string' || !/^mongodb(\+srv)?:\/\//.test(url)) {
    throw new TypeError(
      'mongodb storage: url must be a connection string that begins with mongodb:// or mongodb+srv://',
    );
  }
  try {
    return new MongoStorage({ url, database });
  } catch {
    // The reason is left out: it quotes the URL.
    throw new TypeError(
      'mongodb storage: url is not a connection string; ' +
        'percent-encode special characters in the user name and the password',
    );
  }
}
