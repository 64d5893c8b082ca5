// The tokens of people and programs that reach the administration over HTTP: a file with one line for each, which has
// the name for the log, the role, and a hash of the token. A token is random and long, so a fast hash keeps it.
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { statSync } from 'node:fs';
import { readRegularFileSync } from 'hexmq/ports';
import type { Actor, AdministrationRole } from 'hexmq/ports';

const FILE_BYTES_MAX = 1_048_576;
const PREFIX = 'sha256:';
const NAME = /^[\w.@-]{1,64}$/;
const HASH = /^sha256:[0-9a-f]{64}$/;
const TOKEN_BYTES = 32;

interface Token {
  readonly actor: Actor;
  readonly hash: Buffer;
}

export class Tokens {
  #tokens: readonly Token[] = [];

  constructor(readonly path: string) {}

  /** @throws Error naming the file, the line, what is wrong with it and what was expected; nothing has changed then. */
  read(): void {
    const { size } = statSync(this.path);
    if (size > FILE_BYTES_MAX)
      throw new Error(`${this.path} has ${size} bytes, expected a file of tokens of at most ${FILE_BYTES_MAX}`);
    this.#tokens = parseTokens(readRegularFileSync(this.path).toString('utf8'), this.path);
  }

  /** Who has this token. The time that it takes does not depend on the token. */
  find(presented: string): Actor | undefined {
    const hash = createHash('sha256').update(presented).digest();
    let found: Actor | undefined;
    for (const token of this.#tokens) if (timingSafeEqual(token.hash, hash)) found = token.actor;
    return found;
  }
}

/** @throws Error naming the first line that is wrong. */
export function parseTokens(text: string, path: string): readonly Token[] {
  const names = new Set<string>();
  return text.split(/\r?\n/).flatMap((line, index): Token[] => {
    if (line.trim() === '' || line.startsWith('#')) return [];
    const refuse = (problem: string): never => {
      throw new Error(`${path}, line ${index + 1}: ${problem}`);
    };
    const [name = '', role = '', hash = '', ...rest] = line.trim().split(/\s+/);
    if (rest.length > 0 || !NAME.test(name) || !HASH.test(hash))
      refuse('not valid, expected a name, a role and sha256:<64 hexadecimal digits>, as hexmq token writes them');
    if (role !== 'read' && role !== 'write') return refuse(`the role of ${name} is not valid, expected read or write`);
    if (names.has(name)) refuse(`${name} has a line already, expected one for each name`);
    names.add(name);
    return [{ actor: { name, role }, hash: Buffer.from(hash.slice(PREFIX.length), 'hex') }];
  });
}

export interface NewToken {
  /** To be shown once: the file has only its hash. */
  readonly token: string;
  /** For the file, without the end of the line. */
  readonly line: string;
}

/** @throws Error if the name is not valid. */
export function newToken(name: string, role: AdministrationRole): NewToken {
  if (!NAME.test(name))
    throw new Error(`the name ${JSON.stringify(name)} is not valid, expected 1 to 64 of: letters, digits, _ . @ -`);
  const token = `hexmq_${randomBytes(TOKEN_BYTES).toString('base64url')}`;
  return { token, line: `${name} ${role} ${PREFIX}${createHash('sha256').update(token).digest('hex')}` };
}
