// MongoDB storage as a configuration asks for it: checks the options and opens nothing.
import { OptionReader } from 'hexmq/ports';
import type { Storage } from 'hexmq/ports';
import { MongoStorage } from './mongo-storage.js';

export { clientFor } from './client.js';
export { MongoStorage } from './mongo-storage.js';
export type { MongoStorageLimits, MongoStorageOptions } from './mongo-storage.js';

const URL = 'a connection string that begins with mongodb:// or mongodb+srv://';
const DATABASE = 'the name of a database';

/**
 * @throws TypeError that names the option and what was expected. The message does not show the URL, which may hold a
 * password.
 */
export function createStorage(given: unknown): Storage {
  const options = new OptionReader(given);
  const { url, database } = options.readAll({ url: () => urlOf(options), database: () => databaseOf(options) });
  try {
    return new MongoStorage({ url, database });
  } catch {
    // The reason is left out: it quotes the URL.
    return options.refuse(
      'url',
      'not a connection string; percent-encode special characters in the user name and the password',
    );
  }
}

function urlOf(options: OptionReader): string {
  const url = options.requireString('url', URL);
  if (!/^mongodb(\+srv)?:\/\//.test(url)) options.refuse('url', `not valid, expected ${URL}`);
  return url;
}

function databaseOf(options: OptionReader): string {
  const database = options.requireString('database', DATABASE);
  if (!/^[^/\\. "$*<>:|?\0]{1,63}$/.test(database))
    options.refuse('database', `${JSON.stringify(database)} is not valid, expected ${DATABASE}`);
  return database;
}
