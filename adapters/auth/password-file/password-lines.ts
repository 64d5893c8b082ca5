// The format of a password file: a line `user:hash` for each user, empty lines, and comments that begin with `#`.
// Parsing is all or nothing.
import { parsePasswordHash } from '../passwords/password-hash.js';
import type { PasswordHash } from '../passwords/password-hash.js';

const PROBLEMS_SHOWN_MAX = 20;
const NEWLINE = 0x0a;

/** @throws Error that names the first 20 invalid lines and counts the rest. It never quotes a line. */
export function parsePasswordFile(content: Buffer): Map<string, PasswordHash> {
  const users = new Map<string, PasswordHash>();
  const lineOf = new Map<string, number>();
  const problems: string[] = [];
  let number = 0;
  for (const line of linesOf(content)) {
    number++;
    try {
      const entry = parseLine(line);
      if (entry === undefined) continue;
      const [userName, hash] = entry;
      const first = lineOf.get(userName);
      if (first !== undefined) throw new Error(`this user is also in line ${first}, expected one line for each`);
      lineOf.set(userName, number);
      users.set(userName, parsePasswordHash(hash));
    } catch (error) {
      problems.push(`line ${number}: ${(error as Error).message}`);
    }
  }
  if (problems.length === 0) return users;
  const more = problems.length - PROBLEMS_SHOWN_MAX;
  throw new Error(problems.slice(0, PROBLEMS_SHOWN_MAX).join('; ') + (more > 0 ? `; and ${more} more` : ''));
}

function parseLine(bytes: Buffer): readonly [userName: string, hash: string] | undefined {
  let line: string;
  try {
    line = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new Error('it is not UTF-8');
  }
  if (isIgnoredLine(line)) return undefined;
  const colon = line.indexOf(':');
  if (colon < 0) throw new Error('there is no colon, expected user:hash');
  const userName = line.slice(0, colon).trim();
  if (userName === '') throw new Error('there is no user name before the colon, expected user:hash');
  return [userName, line.slice(colon + 1).trim()];
}

export function isIgnoredLine(line: string): boolean {
  return line.trim() === '' || line.startsWith('#');
}

function* linesOf(content: Buffer): Generator<Buffer> {
  for (let from = 0; from < content.length;) {
    const newline = content.indexOf(NEWLINE, from);
    const to = newline < 0 ? content.length : newline;
    yield content.subarray(from, to);
    from = to + 1;
  }
}

/** Why a password file cannot contain this user name, or `undefined` if it can. */
export function userNameProblem(userName: string): string | undefined {
  if (userName === '') return 'it is empty';
  if (userName.includes(':')) return 'it contains a colon, which ends the user name in the file';
  if (/[\r\n\0]/.test(userName)) return 'it contains a line break or a null character';
  if (userName.trim() !== userName) return 'it begins or ends with a space';
  if (userName.startsWith('#')) return 'it begins with #, as comments do';
  return Buffer.byteLength(userName) > 65_535 ? 'it is longer than 65535 bytes, which no client can send' : undefined;
}
