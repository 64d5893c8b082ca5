// The file of SCRAM credentials: a line `user:credentials` for each user and method, and a line without a user name for
// the secret that the salts of unknown users are derived from. Parsing is all or nothing.
import { randomBytes } from 'node:crypto';
import { readUserLines } from '../passwords/user-lines.js';
import { METHODS, parseCredentials } from './credentials.js';
import type { Method, ScramCredentials } from './credentials.js';
import { prepared } from './prepared.js';

export interface CredentialsFile {
  readonly users: Readonly<Record<Method, ReadonlyMap<string, ScramCredentials>>>;
  /** `undefined` if the file has none. */
  readonly decoySecret: Buffer | undefined;
}

const DECOY = /^DECOY\$([A-Za-z0-9+/=]{40,})$/;
const DECOY_BYTES = 32;

export const newDecoy = (): string => `DECOY$${randomBytes(DECOY_BYTES).toString('base64')}`;

/** @throws Error, see `readUserLines`. */
export function parseCredentialsFile(content: Buffer): CredentialsFile {
  const users = Object.fromEntries(METHODS.map((method) => [method, new Map<string, ScramCredentials>()])) as Record<
    Method,
    Map<string, ScramCredentials>
  >;
  let decoySecret: Buffer | undefined;
  readUserLines(content, (name, secret) => {
    if (name === '') {
      const [, encoded] = DECOY.exec(secret) ?? [];
      if (encoded === undefined || decoySecret !== undefined)
        throw new Error('there is no user name before the colon, expected user:credentials');
      decoySecret = Buffer.from(encoded, 'base64');
      return;
    }
    const userName = prepared(name, 'stored');
    if (userName === undefined) throw new Error('its user name is not one that RFC 4013 (SASLprep) permits');
    const credentials = parseCredentials(secret);
    const { method } = credentials;
    if (users[method].has(userName)) throw new Error(`this user has ${method} already, expected one line for each`);
    users[method].set(userName, credentials);
  });
  return { users, decoySecret };
}
