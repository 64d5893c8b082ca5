// The adapter `scram`: validates its options.
import { OptionReader } from 'hexmq/ports';
import type { Authenticator } from 'hexmq/ports';
import { ScramAuthenticator } from './scram-authenticator.js';

/**
 * @throws TypeError that names the option, its value and what was expected; Error if the file is missing or invalid.
 */
export function createAuthenticator(options: unknown): Authenticator {
  const read = new OptionReader(options);
  const { path } = read.readAll({
    path: () => read.requireString('path', 'the path of a file made by hexmq passwd --scram'),
  });
  return new ScramAuthenticator(path);
}
