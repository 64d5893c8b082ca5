// The format of a password file: a line `user:hash` for each user. Parsing is all or nothing.
import { parsePasswordHash } from '../passwords/password-hash.js';
import type { PasswordHash } from '../passwords/password-hash.js';
import { readUserLines } from '../passwords/user-lines.js';

/** @throws Error, see `readUserLines`. */
export function parsePasswordFile(content: Buffer): Map<string, PasswordHash> {
  const users = new Map<string, PasswordHash>();
  const lineOf = new Map<string, number>();
  readUserLines(content, (userName, hash, line) => {
    if (userName === '') throw new Error('there is no user name before the colon, expected user:hash');
    const first = lineOf.get(userName);
    if (first !== undefined) throw new Error(`this user is also in line ${first}, expected one line for each`);
    lineOf.set(userName, line);
    users.set(userName, parsePasswordHash(hash));
  });
  return users;
}
