// Changes a file of passwords a line at a time: what it does not understand stays as it is, byte for byte. It is written whole, beside the old one,
// and put in its place, so that a broker never reads half of it.
import { readFile } from 'node:fs/promises';
import writeFileAtomic from 'write-file-atomic';
import { hashPassword } from '../passwords/password-hash.js';
import { isNoUser, userNameProblem } from './password-lines.js';

export { DEFAULT_COST, LEAST_COST, MOST_COST } from '../passwords/password-hash.js';
export { userNameProblem };

/** Of a new file. An old one keeps what it has, and its owner. */
const MODE = 0o600;

export class PasswordFileEditor {
  /** Each byte a character, so that what is no UTF-8 is kept as well. */
  readonly #lines: string[];

  private constructor(
    readonly path: string,
    readonly isNew: boolean,
    content: string,
  ) {
    this.#lines = content === '' ? [] : content.replace(/\n$/, '').split('\n');
  }

  /** A file that is not there is one without users. @throws Error of the system when it cannot be read. */
  static async open(path: string): Promise<PasswordFileEditor> {
    try {
      return new PasswordFileEditor(path, false, await readFile(path, 'latin1'));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      return new PasswordFileEditor(path, true, '');
    }
  }

  /** In the order of the file. */
  get userNames(): string[] {
    return this.#lines.flatMap((line) => userNameOf(line) ?? []);
  }

  /** @param cost as of `hashPassword`. */
  async set(userName: string, password: Uint8Array, cost: number): Promise<'added' | 'changed'> {
    const problem = userNameProblem(userName);
    if (problem !== undefined) throw new Error(`no file of passwords can have this user name: ${problem}`);
    const line = `${Buffer.from(userName).toString('latin1')}:${await hashPassword(password, cost)}`;
    const [at, ...others] = this.#linesOf(userName);
    if (at === undefined) {
      this.#lines.push(line);
      return 'added';
    }
    this.#lines[at] = line;
    this.#remove(others);
    return 'changed';
  }

  /** Whether there was such a user. */
  delete(userName: string): boolean {
    const found = this.#linesOf(userName);
    this.#remove(found);
    return found.length > 0;
  }

  /** @throws Error of the system; the old file is as it was then. */
  async save(): Promise<void> {
    const content = Buffer.from(this.#lines.map((line) => `${line}\n`).join(''), 'latin1');
    await writeFileAtomic(this.path, content, this.isNew ? { mode: MODE } : {});
  }

  #linesOf(userName: string): number[] {
    return this.#lines.flatMap((line, index) => (userNameOf(line) === userName ? [index] : []));
  }

  #remove(indexes: readonly number[]): void {
    for (const index of [...indexes].reverse()) this.#lines.splice(index, 1);
  }
}

function userNameOf(line: string): string | undefined {
  const text = Buffer.from(line, 'latin1').toString();
  const colon = text.indexOf(':');
  return isNoUser(text) || colon < 0 ? undefined : text.slice(0, colon).trim();
}
