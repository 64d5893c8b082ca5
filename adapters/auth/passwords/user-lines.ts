// Files of users: a line `user:secret` for each secret, empty lines, and comments that begin with `#`. What a secret
// looks like is up to the adapter.
const PROBLEMS_SHOWN_MAX = 20;
const NEWLINE = 0x0a;

/**
 * Reads all lines. @param read takes one secret; it throws an `Error` that says what is wrong with it. The user name
 * may be empty.
 * @throws Error that names the first 20 invalid lines and counts the rest. It never quotes a line.
 */
export function readUserLines(content: Buffer, read: (userName: string, secret: string, line: number) => void): void {
  const problems: string[] = [];
  let number = 0;
  for (const line of linesOf(content)) {
    number++;
    try {
      const entry = parseLine(line);
      if (entry !== undefined) read(...entry, number);
    } catch (error) {
      problems.push(`line ${number}: ${(error as Error).message}`);
    }
  }
  if (problems.length === 0) return;
  const more = problems.length - PROBLEMS_SHOWN_MAX;
  throw new Error(problems.slice(0, PROBLEMS_SHOWN_MAX).join('; ') + (more > 0 ? `; and ${more} more` : ''));
}

function parseLine(bytes: Buffer): [userName: string, secret: string] | undefined {
  let line: string;
  try {
    line = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new Error('it is not UTF-8');
  }
  if (isIgnoredLine(line)) return undefined;
  const colon = line.indexOf(':');
  if (colon < 0) throw new Error('there is no colon, expected user:hash');
  return [line.slice(0, colon).trim(), line.slice(colon + 1).trim()];
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

/** Why such a file cannot contain this user name, or `undefined` if it can. */
export function userNameProblem(userName: string): string | undefined {
  if (userName === '') return 'it is empty';
  if (userName.includes(':')) return 'it contains a colon, which ends the user name in the file';
  if (/[\r\n\0]/.test(userName)) return 'it contains a line break or a null character';
  if (userName.trim() !== userName) return 'it begins or ends with a space';
  if (userName.startsWith('#')) return 'it begins with #, as comments do';
  return Buffer.byteLength(userName) > 65_535 ? 'it is longer than 65535 bytes, which no client can send' : undefined;
}
